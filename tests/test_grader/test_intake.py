"""Whatever a class or an LMS hands over is read, or refused in words; nothing stops the rest."""

import io
import json
import os
import zipfile

import pytest

from grader.intake import MAX_FILE, IntakeError, submissions
from grader.judge import assignment
from grader.reader import Reader

ATTENTION = {"attention": ["softmax", "causal_mask"]}
ANSWER = "def softmax(x, dim=-1):\n    return x"


@pytest.fixture(scope="module")
def week(root):
    return assignment(root, "week01")


@pytest.fixture(scope="module")
def reader(week):
    with Reader(week.for_the_reader) as reader:
        yield reader


def notebook(week, answer=ANSWER, bare=False) -> dict:
    """The released notebook with an answer to softmax; `bare`, as Colab or a copy leaves it, without metadata."""
    result = json.loads(json.dumps(week.template))
    for cell in result["cells"]:
        if cell["metadata"]["nbgrader"]["grade_id"] == "softmax":
            cell["source"] = answer
        if bare:
            cell["metadata"] = {}
    return result


def read(reader, content: dict) -> dict:
    return reader.read(json.dumps(content).encode())


def run_cells(reading: dict) -> list[str]:
    return [reading["dropped"].get(str(i), reading["cells"][i]["source"]) for i in reading["run"]]


def test_an_untouched_shape_needs_no_mending(reader, week):
    reading = read(reader, notebook(week))
    assert reading["mended"] == []
    assert run_cells(reading)[0] == ANSWER
    assert all("check(" not in cell for cell in run_cells(reading))


def test_a_stripped_notebook_is_read_by_the_names_that_it_defines(reader, week):
    reading = read(reader, notebook(week, bare=True))
    assert run_cells(reading) == run_cells(read(reader, notebook(week)))
    assert any("softmax: found by its name" in line for line in reading["mended"])


def test_a_stub_never_overrides_an_answer(reader, week):
    content = notebook(week, "# nothing yet")
    content["cells"].insert(3, {"cell_type": "code", "source": ANSWER, "metadata": {}})
    stub = next(c for c in week.template["cells"] if c["metadata"]["nbgrader"]["grade_id"] == "softmax")
    content["cells"].append({"cell_type": "code", "source": "x = 1\n" + "".join(stub["source"]), "metadata": {}})
    last = run_cells(read(reader, content))[-1]
    assert "x = 1" in last
    assert "def softmax" not in last


@pytest.mark.parametrize("between", ["", "!ls \\\n  -l\n"])
def test_nor_does_a_stub_below_an_answer_in_one_cell(reader, week, between):
    stub = next(c for c in week.template["cells"] if c["metadata"]["nbgrader"]["grade_id"] == "softmax")
    content = notebook(week, f"{ANSWER}\n{between}{''.join(stub['source'])}\nx = 1")
    cell = run_cells(read(reader, content))[0]
    assert cell.count("def softmax") == 1
    assert "return x" in cell
    assert cell.endswith("x = 1")


def test_who_broke_on_one_notebook_does_not_read_the_next(week):
    """An interpreter that has run out of memory may read whatever comes next wrongly."""
    deep = "def softmax(x):\n NotImplementedError\n return " + "+".join(["1"] * 900)
    with Reader(week.for_the_reader) as reader:
        before = read(reader, notebook(week))
        process = reader._process
        assert "unreadable" in reader.read(b"{")
        assert process.poll() is None
        assert "unreadable" in read(reader, notebook(week, deep))
        assert process.poll() is not None
        assert read(reader, notebook(week)) == before


def test_a_changed_locked_cell_is_mentioned_and_not_run(reader, week):
    content = notebook(week)
    next(c for c in content["cells"] if c["metadata"]["nbgrader"]["grade_id"] == "imports")["source"] = "import os"
    reading = read(reader, content)
    assert reading["mended"] == ["imports: this cell of the assignment was changed; the released one counts"]
    assert "import os" not in run_cells(reading)


def test_copies_are_mentioned_and_the_last_counts(reader, week):
    content = notebook(week)
    ours = next(c for c in content["cells"] if c["metadata"]["nbgrader"]["grade_id"] == "softmax")
    content["cells"].append({**ours, "source": ANSWER.replace("return x", "return 2 * x")})
    reading = read(reader, content)
    assert "softmax: 2 cells carry its id; the last answer counts" in reading["mended"]
    assert "softmax: answered in 2 cells; the last one counts" in reading["mended"]


def test_magics_twins_and_suspicions_are_seen(reader, week):
    answer = "%time 1\nimport socket\ndef softmax(x, dim=-1):\n    return x.softmax(dim)"
    reading = read(reader, notebook(week, answer))
    assert reading["twins"]["softmax"] == ["softmax"]
    assert reading["suspicious"] == ["socket"]
    assert read(reader, notebook(week, f"model.eval()\n{ANSWER}"))["suspicious"] == []
    assert read(reader, notebook(week, f"eval('1')\n{ANSWER}"))["suspicious"] == ["eval"]


def test_renaming_leaves_the_token_sequences_alike(reader, week):
    one = "def softmax(x, dim=-1):\n    e = (x - x.amax(dim, True)).exp()\n    return e / e.sum(dim, True)"
    other = one.replace("e ", "f ").replace("e.s", "f.s")
    tokens = [read(reader, notebook(week, text))["tokens"] for text in (one, other)]
    assert tokens[0] == tokens[1] != []


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "not valid JSON"),
        (b'{"cells": [', "not valid JSON"),
        (b"[]", "no notebook"),
        (b"[" * 200_000, "nested too deeply"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"worksheets": [], "nbformat": 3}', "old notebook format"),
        (b'{"cells": [], "nbformat": 9}', "format 9, not 4"),
        (b'{"cells": [{"cell_type": "code", "source": 5}], "nbformat": 4}', "source of cell 1"),
        (b'{"cells": [{"cell_type": "spell"}], "nbformat": 4}', "cell 1 is no code"),
        (
            b'{"cells": [' + b'{"cell_type": "raw"},' * 2000 + b'{"cell_type": "raw"}], "nbformat": 4}',
            "more than 2,000",
        ),
        (
            b'{"cells": [{"cell_type": "code", "source": "softmax = 0x' + b"f" * 5000 + b'"}], "nbformat": 4}',
            "holds what no answer needs",
        ),
    ],
    ids=range(11),
)
def test_what_is_no_notebook_is_refused_in_words(reader, raw, says):
    assert says in reader.read(raw)["unreadable"]


def test_a_reader_that_is_killed_is_started_anew(reader, week):
    read(reader, notebook(week))
    os.kill(reader._process.pid, 9)
    assert "more time or memory" in read(reader, notebook(week))["unreadable"]
    assert "run" in read(reader, notebook(week))


def hand_in(place, student, raw=b"{}", week="week01"):
    path = place / student / week / "attention.ipynb"
    path.parent.mkdir(parents=True)
    path.write_bytes(raw)
    return path


def test_nbgraders_folder_is_read_and_links_are_not_followed(tmp_path):
    secret = tmp_path / "secret.ipynb"
    secret.write_bytes(b"secret")
    place = tmp_path / "submitted"
    hand_in(place, "ada", b"1")
    hand_in(place, "bob").unlink()
    (place / "bob/week01/attention.ipynb").symlink_to(secret)
    (place / "eve").mkdir()
    (place / "eve/week01").symlink_to(tmp_path)
    os.mkfifo(hand_in(place, "fay").with_name("pipe"))
    (place / "fay/week01/attention.ipynb").unlink()
    (place / "fay/week01/pipe").rename(place / "fay/week01/attention.ipynb")
    hand_in(place, "gil").unlink()
    found = {one.student: one for one in submissions(place, "week01", ATTENTION)}
    assert found["ada"].raw == b"1"
    assert found["fay"].problem.endswith("it is no regular file")
    assert "no attention.ipynb was handed in" in found["gil"].problem
    for name in ("bob", "eve"):
        assert found[name].problem
        assert not found[name].raw


def test_a_huge_file_is_refused(tmp_path):
    path = hand_in(tmp_path, "ada")
    with path.open("wb") as file:
        file.truncate(MAX_FILE + 1)
    (one,) = submissions(tmp_path, "week01", ATTENTION)
    assert "larger than 20 MB" in one.problem


def test_a_flat_folder_and_a_zip_of_an_lms(tmp_path):
    flat = tmp_path / "flat"
    flat.mkdir()
    (flat / "ada.ipynb").write_bytes(b"1")
    assert [one.student for one in submissions(flat, "week01", ATTENTION)] == ["ada"]
    packed = tmp_path / "lms.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("Ada L_17_assignsubmission_file_/attention.ipynb", "1")
        archive.writestr("bob/week01/attention.ipynb", "2")
        archive.writestr("../../etc/cron.ipynb", "3")
        archive.writestr("__MACOSX/._bob.ipynb", "x")
        archive.writestr("bomb/attention.ipynb", b"0" * (MAX_FILE + 1), zipfile.ZIP_DEFLATED)
    found = {one.student: one for one in submissions(packed, "week01", ATTENTION)}
    assert set(found) == {"Ada L_17", "bob", "etc", "bomb"}
    assert found["bob"].raw == b"2"
    assert "unpacks to more than 20 MB" in found["bomb"].problem


def zipped(path, names: list[str]):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, name)
    return {one.student: one for one in submissions(path, "week01", ATTENTION)}


@pytest.mark.parametrize(
    ("names", "students"),
    [
        (["ada.ipynb", "bob.ipynb"], ["ada", "bob"]),
        (["class/ada.ipynb", "class/bob.ipynb", "class/.ipynb_checkpoints/ada-checkpoint.ipynb"], ["ada", "bob"]),
        (["s/ada/week01/attention.ipynb", "s/ada/week02/words.ipynb", "s/bob/week01/attention.ipynb"], ["ada", "bob"]),
        (["ada/attention.ipynb", "ada/attention-Copy1.ipynb", "bob/mine.ipynb"], ["ada", "bob"]),
        (["Ada_1_assignsubmission_file_/mine.ipynb"], ["Ada_1"]),
        (["Jose\u0301/attention.ipynb", "O'Brien, Al/attention.ipynb"], ["José", "O'Brien, Al"]),
    ],
)  # fmt: skip
def test_a_zip_is_read_however_it_was_packed(tmp_path, names, students):
    found = zipped(tmp_path / "class.zip", names)
    assert list(found) == sorted(students)
    assert not any(one.problem for one in found.values())


def test_two_notebooks_of_one_folder_are_no_two_students(tmp_path):
    found = zipped(tmp_path / "class.zip", ["ada/attention.ipynb", "mal/ada.ipynb", "mal/bob.ipynb"])
    assert list(found) == ["ada", "mal"]
    assert "several files" in found["mal"].problem


@pytest.mark.parametrize("student", ["Ωmega 7", "हिन्दी", "O'Brien, Al", "x" * 128])
def test_names_of_people_are_fine(tmp_path, student):
    hand_in(tmp_path, student)
    (one,) = submissions(tmp_path, "week01", ATTENTION)
    assert (one.student, one.problem) == (student, "")


@pytest.mark.parametrize(
    ("student", "safe"),
    [
        ("+1=2", "1_2"),
        (" -x", "x"),
        ("-rf", "rf"),
        ("a\nb", "a_b"),
        ("<b>", "_b_"),
        ("\u202ebob", "_bob"),
        ("字" * 80, "字" * 66),
    ],
)
def test_names_that_would_do_harm_are_refused(tmp_path, student, safe):
    hand_in(tmp_path, student)
    (one,) = submissions(tmp_path, "week01", ATTENTION)
    assert one.student == safe
    assert "rename it" in one.problem


def test_nobody_takes_anothers_place_by_a_name(tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("x/bob/attention.ipynb", "1")
        archive.writestr("y/bob/attention.ipynb", "2")
    (tmp_path / "two.zip").write_bytes(packed.getvalue())
    found = list(submissions(tmp_path / "two.zip", "week01", ATTENTION))
    assert ["several files" in one.problem for one in found] == [True, True]


def test_a_place_that_is_neither_gets_one_line(tmp_path):
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(IntakeError, match="neither a folder of submissions nor a zip"):
        list(submissions(tmp_path / "x.txt", "week01", ATTENTION))
    with pytest.raises(IntakeError, match="collect week01 first"):
        list(submissions(tmp_path / "nowhere", "week01", ATTENTION))
    zipped(tmp_path / "cut.zip", ["ada.ipynb"])
    raw = (tmp_path / "cut.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(raw.replace(b"PK\x01\x02", b"PK\x00\x00"))
    with pytest.raises(IntakeError, match="broken zip"):
        list(submissions(tmp_path / "cut.zip", "week01", ATTENTION))


def test_one_students_odd_zip_does_not_stop_the_class(tmp_path):
    inner = zipped(tmp_path / "odd.zip", ["attention.ipynb"]) and (tmp_path / "odd.zip").read_bytes()
    place = inner.index(b"PK\x01\x02")
    later = inner[: place + 6] + b"\x63\x00" + inner[place + 8 :]  # "made for version 9.9 of the format"
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as archive:
        archive.writestr("ada/week01.zip", inner)
        archive.writestr("mal/week01.zip", later)
    found = {one.student: one for one in submissions(tmp_path / "class.zip", "week01", ATTENTION)}
    assert not found["ada"].problem
    assert "cannot be opened" in found["mal"].problem


TWO = {"quantizers": ["pack_int4", "unpack_int4", "gptq_quantize"], "inference": ["KVCache", "speculative_step"]}
QUANTIZERS = b'{"cells": [{"source": "def pack_int4(q):\\n  return q"}, {"source": ["def gptq_quantize(w):\\n"]}]}'
INFERENCE = b'{"cells": [{"source": ["x = pack_int4\\nKVCache = Cache\\nspeculative_step = step"]}]}'


def put(place, name: str, raw: bytes) -> None:
    (place / name).parent.mkdir(parents=True, exist_ok=True)
    (place / name).write_bytes(raw)


def of_two(place) -> dict:
    return {(one.student, one.notebook): one for one in submissions(place, "week07", TWO)}


def test_two_notebooks_in_nbgraders_folder(tmp_path):
    put(tmp_path, "ada/week07/quantizers.ipynb", b"1")
    put(tmp_path, "ada/week07/inference.ipynb", b"2")
    put(tmp_path, "bob/week07/quantizers.ipynb", b"3")
    put(tmp_path, "cai/week07/notes.txt", b"4")
    found = of_two(tmp_path)
    assert list(found) == [(name, notebook) for name in ("ada", "bob", "cai") for notebook in sorted(TWO)]
    assert found["ada", "quantizers"].raw == b"1"
    assert found["ada", "inference"].raw == b"2"
    assert found["bob", "quantizers"].raw == b"3"
    assert found["bob", "inference"].problem == "no inference.ipynb was handed in"
    assert {key for key, one in found.items() if one.missing} == {("bob", "inference")}
    assert found["cai", "inference"].problem == "no inference.ipynb was handed in"


@pytest.mark.parametrize("name", ["Copy of attention.ipynb", "attention (1).ipynb", "attention_ada.ipynb", "hw1.ipynb"])
def test_a_renamed_file_in_nbgraders_folder_counts_where_the_right_name_is_free(tmp_path, name):
    folder = tmp_path / "ada" / "week01"
    folder.mkdir(parents=True)
    (folder / name).write_bytes(b"renamed")
    (one,) = submissions(tmp_path, "week01", ATTENTION)
    assert (one.student, one.notebook, one.raw, one.problem) == ("ada", "attention", b"renamed", "")
    (folder / "attention.ipynb").write_bytes(b"right")
    (one,) = submissions(tmp_path, "week01", ATTENTION)
    assert one.raw == b"right"


def test_two_renamed_files_are_told_apart_and_a_scratch_notebook_is_none(tmp_path):
    two = {"rounds": ["round_to_grid"], "caches": ["kv_cache"]}
    folder = tmp_path / "ada" / "week07"
    folder.mkdir(parents=True)
    (folder / "Copy of rounds.ipynb").write_bytes(b"anything")
    (folder / "mine.ipynb").write_bytes(b"def kv_cache(): pass")
    found = {one.notebook: one.raw for one in submissions(tmp_path, "week07", two)}
    assert found == {"rounds": b"anything", "caches": b"def kv_cache(): pass"}
    (folder / "mine.ipynb").write_bytes(b"1 + 1")
    found = {one.notebook: one.missing for one in submissions(tmp_path, "week07", two)}
    assert found == {"rounds": False, "caches": True}


def test_two_renamed_files_for_one_notebook_are_both_reported(tmp_path):
    folder = tmp_path / "ada" / "week01"
    folder.mkdir(parents=True)
    for name in ("a.ipynb", "b.ipynb"):
        (folder / name).write_bytes(b"{}")
    problems = [one.problem for one in submissions(tmp_path, "week01", ATTENTION)]
    assert problems == ["several files carry this student's name; keep one"] * 2


def test_two_notebooks_in_a_flat_folder_are_told_by_name_or_by_exercises(tmp_path):
    put(tmp_path, "ada_quantizers.ipynb", b"1")
    put(tmp_path, "ada-inference.ipynb", b"2")
    put(tmp_path, "bob.ipynb", INFERENCE)
    put(tmp_path, "Cai L_7_assignsubmission_file_quantizers.ipynb", b"3")
    put(tmp_path, "dot.ipynb", b"{}")
    put(tmp_path, "eva.ipynb", QUANTIZERS)
    put(tmp_path, "eva_inference.ipynb", b"4")
    found = of_two(tmp_path)
    assert {one.student for one in found.values()} == {"ada", "bob", "Cai L_7", "dot", "eva"}
    assert found["ada", "quantizers"].raw == b"1"
    assert found["ada", "inference"].raw == b"2"
    assert found["bob", "inference"].raw == INFERENCE
    assert found["eva", "quantizers"].raw == QUANTIZERS
    assert found["eva", "inference"].raw == b"4"
    missing = {("bob", "quantizers"), ("Cai L_7", "inference")}
    assert {key for key, one in found.items() if one.missing} == missing
    for notebook in TWO:
        assert "whether it is quantizers or inference" in found["dot", notebook].problem


def test_two_files_for_one_of_two_notebooks_are_both_reported(tmp_path):
    put(tmp_path, "ada_inference.ipynb", b"1")
    put(tmp_path, "ada.ipynb", INFERENCE)
    put(tmp_path, "ada_quantizers.ipynb", b"2")
    found = list(submissions(tmp_path, "week07", TWO))
    problems = [(one.notebook, one.problem.partition(" ")[0]) for one in found]
    assert problems == [("inference", "several"), ("inference", "several"), ("quantizers", "")]


def test_a_notebook_that_nobody_put_into_a_flat_folder_is_left_out(tmp_path):
    put(tmp_path, "ada.ipynb", INFERENCE)
    put(tmp_path, "bob_inference.ipynb", b"1")
    assert list(of_two(tmp_path)) == [("ada", "inference"), ("bob", "inference")]


@pytest.mark.parametrize("folder", ["s/{}/week07/", "{}_17_assignsubmission_file_/", "{}/"])
def test_two_notebooks_in_a_zip(tmp_path, folder):
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as archive:
        archive.writestr(folder.format("ada") + "quantizers.ipynb", "1")
        archive.writestr(folder.format("ada") + "quantizers-Copy1.ipynb", QUANTIZERS)
        archive.writestr(folder.format("ada") + "inference.ipynb", "2")
        archive.writestr(folder.format("ada") + "old_inference.ipynb", "3")
        archive.writestr(folder.format("bob") + "inference.ipynb", "4")
        archive.writestr(folder.format("bob") + "mine.ipynb", QUANTIZERS)
        archive.writestr(folder.format("cai") + "inference.ipynb", "5")
        archive.writestr(folder.format("cai") + "inference (1).ipynb", INFERENCE)
    found = of_two(tmp_path / "class.zip")
    raw = {("ada", "quantizers"): b"1", ("ada", "inference"): b"2", ("bob", "quantizers"): QUANTIZERS}
    raw |= {("bob", "inference"): b"4", ("cai", "inference"): b"5", ("cai", "quantizers"): b""}
    assert {(student.partition("_")[0], notebook): one.raw for (student, notebook), one in found.items()} == raw
    assert [one.missing for one in found.values() if one.problem] == [True]


def own(*names: str) -> bytes:
    """A zip as `course submit` writes it."""
    with zipfile.ZipFile(file := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, f"{name} of a learner")
    return file.getvalue()


UPLOADED = "week01-2026-01-31-120000.zip"


@pytest.mark.parametrize(
    ("name", "student"),
    [
        (f"lovelaceada_17_4711_{UPLOADED}", "lovelaceada_17_4711"),
        (f"lovelaceada_LATE_17_4711_{UPLOADED.replace('.', '-1.')}", "lovelaceada_LATE_17_4711"),
        (f"Ada L_17_assignsubmission_file_/{UPLOADED}", "Ada L_17"),
        ("Ada L_17_assignsubmission_file_/mine.zip", "Ada L_17"),
        (f"class/ada/{UPLOADED}", "ada"),
        ("class/ada.zip", "ada"),
    ],
)
def test_a_zip_of_what_learners_uploaded(tmp_path, name, student):
    """Canvas puts its words before a file's name, Moodle makes a folder."""
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as archive:
        archive.writestr(name, own("week01/attention.ipynb"))
        archive.writestr(f"bob_18_4712_{UPLOADED}", own("week01/attention.ipynb"))
        archive.writestr("cai_19_4713_attention.ipynb", "3")
        archive.writestr("dot_20_4714_week02-2026-02-07-120000.zip", own("week02/words.ipynb"))
    found = {one.student: one for one in submissions(tmp_path / "class.zip", "week01", ATTENTION)}
    assert set(found) == {student, "bob_18_4712", "cai_19_4713_attention"}
    assert found[student].raw == b"week01/attention.ipynb of a learner"
    assert not any(one.problem for one in found.values())


def test_a_zip_that_a_learner_uploaded_by_itself_and_in_a_folder(tmp_path):
    (tmp_path / "ada.zip").write_bytes(own("week01/attention.ipynb"))
    (one,) = submissions(tmp_path / "ada.zip", "week01", ATTENTION)
    assert (one.student, one.raw) == ("ada", b"week01/attention.ipynb of a learner")
    (tmp_path / f"bob_{UPLOADED}").write_bytes(own("week01/attention.ipynb", "__MACOSX/week01/._attention.ipynb"))
    (tmp_path / "link.zip").symlink_to(tmp_path / "ada.zip")
    found = {one.student: one for one in submissions(tmp_path, "week01", ATTENTION)}
    assert found["ada"].raw == found["bob"].raw == one.raw
    assert "link.zip cannot be opened" in found["link"].problem


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"no zip", "cannot be opened: File is not a zip file"),
        (own("notes.txt"), "holds no notebook"),
        (b"0" * (MAX_FILE + 1), "larger than 20 MB"),
        (own("week01/attention.ipynb").replace(b"PK\x03\x04", b"PKPK"), "the zip is broken here"),
    ],
)
def test_an_upload_that_cannot_be_read_is_named(tmp_path, raw, says):
    with zipfile.ZipFile(tmp_path / "class.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"ada_{UPLOADED}", raw)
        archive.writestr(f"bob_{UPLOADED}", own("week01/attention.ipynb"))
    found = {one.student: one for one in submissions(tmp_path / "class.zip", "week01", ATTENTION)}
    assert says in found["ada"].problem
    assert found["bob"].problem == ""


def test_an_upload_with_two_notebooks(tmp_path):
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as archive:
        both = ("week07/quantizers.ipynb", "week07/inference.ipynb")
        archive.writestr("ada_week07-2026-01-31.zip", own(*both))
        archive.writestr("bob_week07-2026-01-31.zip", own(both[0]))
    found = of_two(tmp_path / "class.zip")
    assert {key: one.raw for key, one in found.items()} == {
        ("ada", "quantizers"): f"{both[0]} of a learner".encode()
    } | {
        ("ada", "inference"): f"{both[1]} of a learner".encode(),
        ("bob", "quantizers"): f"{both[0]} of a learner".encode(),
        ("bob", "inference"): b"",
    }
    assert found["bob", "inference"].missing

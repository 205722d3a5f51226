"""Notebooks that lie, files that are none, files beside the notebook, and texts that would act on who reads them."""

import json
import os
import pickle
from pathlib import Path

from attack import WRONG, Group

lie = Group("notebooks that lie")


def code(source: str, **metadata) -> dict:
    """A code cell."""
    return {"cell_type": "code", "source": source, "metadata": metadata, "outputs": [], "execution_count": None}


def ours(notebook: dict, name: str) -> dict:
    """The cell with a grade_id."""
    return next(cell for cell in notebook["cells"] if cell["metadata"].get("nbgrader", {}).get("grade_id") == name)


def _points(notebook: dict) -> None:
    for cell in notebook["cells"]:
        if "points" in cell["metadata"].get("nbgrader", {}):
            cell["metadata"]["nbgrader"]["points"] = 1000


def _swapped(notebook: dict) -> None:
    right, wrong = ours(notebook, "causal_mask-check"), ours(notebook, "softmax-check")
    right["metadata"], wrong["metadata"] = wrong["metadata"], right["metadata"]


def _unlocked(notebook: dict) -> None:
    cell = ours(notebook, "softmax-check")
    cell["metadata"]["nbgrader"].update(locked=False, grade=True, solution=True)
    cell["source"] = "4.0"


def _doubled(notebook: dict) -> None:
    check = ours(notebook, "softmax-check")
    notebook["cells"].insert(0, {**json.loads(json.dumps(check)), "source": "4.0"})
    notebook["cells"].append({**json.loads(json.dumps(check)), "source": "4.0"})


def _filled(notebook: dict) -> None:
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade"):
            data = {"text/plain": "4.0", "text/html": "<b>all checks pass</b>"}
            cell["outputs"] = [
                {"output_type": "execute_result", "execution_count": 1, "data": data, "metadata": {}},
            ]


def _without_checks(notebook: dict) -> None:
    notebook["cells"] = [c for c in notebook["cells"] if not c["metadata"].get("nbgrader", {}).get("grade")]


def _kernel(notebook: dict) -> None:
    notebook["metadata"]["kernelspec"] = {"name": "../../evil", "language": "bash", "display_name": "x"}


def _checksums(notebook: dict) -> None:
    for cell in notebook["cells"]:
        cell["metadata"].setdefault("nbgrader", {})["checksum"] = "0" * 32


def _hooked(notebook: dict) -> None:
    notebook["cells"].insert(0, code("def check(candidate): return 4.0\nchecks = lambda week: check", nbgrader={"grade_id": "imports", "locked": True, "grade": False, "solution": False, "schema_version": 3, "cell_type": "code", "task": False}))  # fmt: skip


def _strange_metadata(notebook: dict) -> None:
    for cell in notebook["cells"]:
        cell["metadata"] = {"nbgrader": [["grade_id", {"x": None}]]}


lie("points in metadata", "claims a thousand points for each exercise", edit=_points)
lie("ids exchanged", "exchanges the ids of two graded cells, so that an easy one counts for a hard one", edit=_swapped)
lie("unlocked check", "unlocks the graded cell and writes points into it", edit=_unlocked)
lie("doubled check", "carries the graded cell three times, twice with points in it", edit=_doubled)
lie("outputs filled in", "hands in outputs that say full points", edit=_filled)
lie("checks deleted", "hands in no graded cells", edit=_without_checks)
lie("another kernel", "names a kernel that runs something else than Python", edit=_kernel)
lie("checksums", "forges the checksums of all cells", edit=_checksums)
lie("a locked cell of its own", "hands in its own first cell under the id of the assignment's", edit=_hooked)
lie("metadata of another form", "makes lists of what should be tables", edit=_strange_metadata)
lie(
    "score in the notebook's metadata",
    "claims a score for the whole notebook",
    edit=lambda notebook: notebook["metadata"].update(nbgrader={"score": 44, "max_score": 44}),
)
lie(
    "a parser's nightmare",
    "answers in brackets nested ten thousand deep",
    "x = " + "(" * 10_000 + ")" * 10_000 + "\n",
)
lie("a long line", "answers in one line of 100,000 operators", "x = " + "-" * 100_000 + "1\n")
lie("a wall of magics", "answers in a thousand lines of magics", "%%time\n" + "%time 1\n" * 1_000)
lie("null bytes", "answers with bytes that no source may hold", "\x00\x00" + WRONG)
lie(
    "many cells",
    "hands in 50,000 cells",
    edit=lambda notebook: notebook["cells"].extend(code(f"x = {i}") for i in range(50_000)),
    harmless="it would take hours",
    status="unreadable",
    earns={},
)
lie(
    "a stub after the answer of a neighbour",
    "binds softmax in the cell of another exercise, by `global` and by `exec`",
    "exec('def softmax(x, dim=-1): return x')\nget_ipython().user_ns['softmax'] = softmax\n",
)

odd = Group("files that are no notebooks", status="unreadable", earns={}, answers={})
odd("no JSON", "hands in a text", file=b"print('4.0')")
odd("half a notebook", "hands in a notebook cut in the middle", file=b'{"cells": [{"cell_type": "code", "sour')
odd("not UTF-8", "hands in UTF-16", file='{"cells": []}'.encode("utf-16"))
odd("nested a million deep", "hands in brackets", file=b"[" * 1_000_000)
odd("an old format", "hands in nbformat 3", file=b'{"worksheets": [{"cells": []}], "nbformat": 3, "metadata": {}}')
odd("a format of its own", "writes a script where the version of the format belongs",
    file=b'{"cells": [], "nbformat": "<script src=//a.b>", "metadata": {}}')  # fmt: skip
odd("a format in colours", "writes terminal codes where the version of the format belongs",
    file=b'{"cells": [], "nbformat": "\\u001b[2J\\u001b]0;x\\u0007\\u202e", "metadata": {}}')  # fmt: skip
odd("huge", "hands in 30 MB of spaces", file=b" " * (30 << 20))
odd("a number of ten million digits", "hands in a number", file=b'{"nbformat": ' + b"1" * 10_000_000 + b"}")
odd("an empty file", "hands in nothing", file=b"")
odd("a gzip", "hands in a compressed file", file=b"\x1f\x8b\x08\x00" + b"\x00" * 100)
odd("a link to a secret", "hands in a link to a file of the instructor's",
    place=lambda path, secret: path.symlink_to(secret))  # fmt: skip
odd("a link to a device", "hands in a link to a device that never ends",
    place=lambda path, secret: path.symlink_to("/dev/zero"), harmless="it would read for ever")  # fmt: skip
odd("a pipe", "hands in a named pipe that nobody writes to",
    place=lambda path, secret: os.mkfifo(path), harmless="it would wait for ever")  # fmt: skip
odd("a folder", "hands in a folder of the notebook's name", place=lambda path, secret: path.mkdir())
odd("a linked folder", "hands in a link to a folder as its assignment",
    place=lambda path, secret: (path.parent.rmdir(), path.parent.symlink_to(Path(secret).parent)),
    harmless="it would be copied")  # fmt: skip

beside = Group("files beside the notebook")
PASSING = b"""
class checks:
    def __init__(self, week): pass
    def __call__(self, candidate): return 4.0
import os
open("@CANARY@/imported", "w").close()
"""
for name, path in {
    "grader.py": "grader.py",
    "a grader package": "grader/__init__.py",
    "torch.py": "torch.py",
    "IPython.py": "IPython.py",
    "sitecustomize.py": "sitecustomize.py",
    "json.py": "json.py",
    "nbgrader's configuration": "nbgrader_config.py",
    "IPython's start-up": ".ipython/profile_default/startup/00.py",
    "Jupyter's configuration": "jupyter_config.py",
    "a compiled module": "__pycache__/grader.cpython-311.pyc",
}.items():
    beside(f"beside: {name}", f"hands in {path} beside the notebook", beside={path: PASSING})
beside(
    "beside: another notebook",
    "hands in a second notebook under another name",
    beside={"other.ipynb": b'{"cells": [], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}'},
)


class _Evil:
    def __reduce__(self):
        return exec, ("open('@CANARY@/unpickled', 'w').close()",)


pickles = Group("pickles")
pickles(
    "a pickle beside the notebook",
    "hands in a pickle that runs code where it is read, and reads it",
    "import pickle\ntry: pickle.load(open('model.pt', 'rb'))\nexcept OSError: pass\n" + WRONG,
    beside={"model.pt": pickle.dumps(_Evil(), protocol=0)},
)
pickles(
    "a result that pickles itself",
    "returns an object that runs code where it is unpickled or copied",
    """
class Evil:
    def __reduce__(self): return exec, ("open('@CANARY@/unpickled', 'w').close()",)
    def __deepcopy__(self, memo): exec("open('@CANARY@/copied', 'w').close()")
    __copy__ = __deepcopy__
def softmax(x, dim=-1):
    return [Evil(), {"x": Evil()}]
""",
)
pickles(
    "torch.load",
    "saves and loads a model whose file runs code",
    """
import io, torch
class Evil:
    def __reduce__(self): return exec, ("open('@CANARY@/loaded', 'w').close()",)
buffer = io.BytesIO(); torch.save(Evil(), buffer); buffer.seek(0)
try: torch.load(buffer, weights_only=False)
except Exception: pass
"""
    + WRONG,
)
pickles(
    "an array of objects",
    "returns a NumPy array of objects, which only a pickle could carry",
    "import numpy as np\ndef softmax(x, dim=-1):\n    return np.array([object(), lambda: 0], dtype=object)\n",
)

tell = Group("texts that act")
SCRIPT = "<script>fetch('//127.0.0.1:@PORT@')</script><img src=x onerror=alert(1)>"
for name, text in {
    "HTML": SCRIPT,
    "HTML in a title": "</title></pre></code>" + SCRIPT,
    "Markdown": "[click](javascript:alert(1)) ![x](http://127.0.0.1:@PORT@/x.png) `</code>` $\\\\href{javascript:alert(1)}{x}$",
    "ANSI": "\\x1b[2J\\x1b]0;title\\x07\\x1b[31mpassed\\x1b[0m\\x9b2J",
    "a formula": '=HYPERLINK("http://127.0.0.1:@PORT@","x")',
    "text that runs backwards": "\\u202e dessap \\u2066 \\u200b",
    "half a character": "\\ud800 \\udfff",
    "line feeds": "\\r\\n\\x0b\\x0c\\u2028\\u0085passed\\x00",
}.items():
    tell(
        f"{name} in an exception",
        f"raises an exception whose text is {name}",
        f'def softmax(x, dim=-1):\n    raise ValueError(r"""{text}""".encode().decode("unicode_escape", "replace") if "\\\\" in r"""{text}""" else r"""{text}""")\n',
    )
    tell(
        f"{name} printed",
        f"prints {name}",
        f'text = r"""{text}"""\ntext = text.encode().decode("unicode_escape") if "\\\\" in text else text\nprint(text)\nimport sys\nprint(text, file=sys.stderr)\n{WRONG}raise ValueError(text)\n',
    )
tell(
    "HTML in names",
    "names its types and its exceptions with HTML and terminal codes",
    f"""
Odd = type({SCRIPT!r}, (), {{}})
Worse = type("\\x1b[2J" + {SCRIPT!r}, (Exception,), {{}})
def softmax(x, dim=-1):
    if x.dim() == 2: return Odd()
    raise Worse({SCRIPT!r})
""",
)
tell(
    "HTML as value",
    "returns texts of HTML where a tensor is due",
    f"def softmax(x, dim=-1):\n    return {{{SCRIPT!r}: [{SCRIPT!r}, '\\x1b[2J']}}\n",
)
tell(
    "HTML in the answer's source",
    "writes HTML into its source and its comments",
    f"# {SCRIPT}\n'''</pre>{SCRIPT}'''\n{WRONG}",
)
tell(
    "HTML in Markdown cells",
    "adds Markdown cells with scripts, links that run code, and formulas that do",
    edit=lambda notebook: notebook["cells"].append(
        {
            "cell_type": "markdown",
            "metadata": {},
            "source": f"{SCRIPT}\n\n[x](javascript:alert(1))\n\n```\n</pre>{SCRIPT}",
        }
    ),
)
tell(
    "HTML in raw cells and attachments",
    "adds raw cells of type HTML, attachments and outputs with scripts",
    edit=lambda notebook: notebook["cells"].extend(
        [
            {"cell_type": "raw", "metadata": {"raw_mimetype": "text/html"}, "source": SCRIPT},
            {
                "cell_type": "markdown",
                "metadata": {},
                "source": "![a](attachment:a.svg)",
                "attachments": {"a.svg": {"image/svg+xml": SCRIPT}},
            },
        ]
    ),
)
tell(
    "HTML displayed",
    "displays HTML and JavaScript by IPython's own means",
    f"from IPython.display import HTML, Javascript, display\ndisplay(HTML({SCRIPT!r}), Javascript('alert(1)'))\n{WRONG}",
)

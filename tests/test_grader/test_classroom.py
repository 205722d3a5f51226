"""A class is where nbgrader's configuration says; its seed is drawn once and is its owner's alone."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from grader.classroom import Classroom, ClassroomError


def make(folder, config: str) -> Classroom:
    (folder / "nbgrader_config.py").write_text("c = get_config()\n" + config)
    return Classroom(folder)


def test_folders_and_gradebook_are_as_configured(tmp_path):
    url = "postgresql://somewhere/grades"
    classroom = make(tmp_path, f"c.CourseDirectory.db_url = {url!r}\nc.CourseDirectory.submitted_directory = 'in'\n")
    assert classroom.db_url == url
    assert classroom.folder("submitted") == tmp_path / "in"
    assert classroom.folder("autograded") == tmp_path / "autograded"
    assert classroom.private == tmp_path / ".class" / "grader"


def test_private_things_lie_beside_a_gradebook_that_is_a_file(tmp_path):
    classroom = make(tmp_path, f"c.CourseDirectory.db_url = 'sqlite:///{tmp_path}/class/gradebook.db'\n")
    assert classroom.private == tmp_path / "class" / "grader"
    assert classroom.private.stat().st_mode & 0o077 == 0


def test_the_seed_is_drawn_once_whoever_asks_first(tmp_path):
    classroom = make(tmp_path, "")
    with ThreadPoolExecutor(8) as threads:
        (seed,) = set(threads.map(lambda _: classroom.seed("week01"), range(32)))
    assert len(seed) == 32
    assert seed != classroom.seed("week02")
    assert {path.name for path in classroom.private.iterdir()} == {"week01.seed", "week02.seed"}
    assert (classroom.private / "week01.seed").stat().st_mode & 0o077 == 0


def test_another_folder_gets_one_line(tmp_path):
    with pytest.raises(ClassroomError, match="run this in the course's folder"):
        _ = Classroom(tmp_path).db_url

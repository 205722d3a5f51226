"""The gradebook of a large class: PostgreSQL, by its address alone."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_scale.standing import standing

PROGRAMS = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), Path("/nonexistent"))
COMMAND = ("autograde", "week01", "--seed", "postgres", "--jobs", "1")

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(not (PROGRAMS / "initdb").exists(), reason="PostgreSQL's server is not installed"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can start the server as the user postgres"),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> Iterator[str]:
    """A server of its own that listens on a socket in its own folder, and on no network."""
    place = Path("/tmp") / f"postgres-{os.getpid()}"
    place.mkdir()
    shutil.chown(place, "postgres")

    def as_postgres(*command: str) -> None:
        subprocess.run(["runuser", "-u", "postgres", "--", *command], check=True, cwd=place, stdout=subprocess.DEVNULL)

    data, log = str(place / "data"), str(place / "log")
    as_postgres(str(PROGRAMS / "initdb"), "-D", data, "-A", "trust", "-E", "UTF8")
    options = f"-k {place} -c listen_addresses=''"
    as_postgres(str(PROGRAMS / "pg_ctl"), "-D", data, "-l", log, "-o", options, "-w", "start")
    try:
        yield f"postgresql+psycopg://postgres@/postgres?host={place}"
    finally:
        as_postgres(str(PROGRAMS / "pg_ctl"), "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(place)


def test_rows_equal_those_of_sqlite(make_class, run, address):
    course, other = make_class(8), make_class(8)
    with (course / "nbgrader_config.py").open("a") as config:
        config.write(f"\nc.CourseDirectory.db_url = {address!r}\n")
    for folder in (course, other):
        run(folder, "grader", *COMMAND)
    first = standing(course, address)
    assert first == standing(other)
    run(course, "grader", *COMMAND)
    assert standing(course, address) == first
    assert not (course / ".class/gradebook.db").exists()

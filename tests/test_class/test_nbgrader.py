"""The class goes through nbgrader's own commands, from release to feedback, and gets exactly the points it should."""

import pytest

STOCK = "\ndel c.Autograde\n"


@pytest.fixture(scope="module")
def course(make_course, students, run):
    """A course whose class was graded by nbgrader's stock executor, in the students' kernels."""
    course = make_course(students, STOCK)
    run(course, "nbgrader", "generate_assignment", "week01", "--force")
    run(course, "nbgrader", "autograde", "week01")
    return course


def test_stock(course, scores):
    for s, x in scores(course).items():
        print(s, x)

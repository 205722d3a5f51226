"""A candidate in a sandboxed child gets the verdicts, messages and diagnoses that it gets in this process.

All candidates of an exercise share the precedents, as they do in a batch: what one is asked, and what it is told, must
not depend on those before.
"""

import functools

import pytest
import torch

from grader.assignment import libraries_of, released
from grader.candidate import Link, LocalChannel
from grader.children import Children
from grader.diagnose import diagnose
from grader.judge import Assignment, assignments
from grader.precedents import Precedents
from grader.run import run_checks
from grader.sandbox import Zygote
from grader.sandbox.launch import MODULES
from grader.shipping import with_uses

SAMPLE = 2  # of an exercise's mutants, spread evenly, in the quick run


@pytest.fixture(scope="module")
def zygote(root):
    weeks = sorted(folder.name for folder in (root / "assignments").iterdir())
    modules = dict.fromkeys(name for week in weeks for name in libraries_of(*released(root, week).values()))
    with Zygote(modules=(*MODULES, *modules)) as zygote:
        yield zygote


def said(loaded, book, channel) -> list:
    """All that a student or an instructor could see of a result."""
    exercise = loaded.exercise
    with torch.random.fork_rng(devices=[]):
        result = run_checks(exercise.checks, Link(channel), exercise.name, exercise.points, seed=7)
    checks = [(check.check.name, check.outcome, check.message) for check in result.checks]
    return [result.status, result.score, diagnose(result.checks, book["mutants"]), checks]


@functools.cache
def course_of(root) -> dict[tuple[str, str], Assignment]:
    """The notebook that each exercise is in, by week and exercise."""
    weeks = sorted(folder.name for folder in (root / "assignments").iterdir())
    return {(week, name): one for week in weeks for one in assignments(root, week).values() for name in one.loaded}


@functools.cache
def precedents(week: str, name: str) -> Precedents:
    """The conversations of one exercise's checks with the candidates so far."""
    return Precedents()


@functools.cache
def cases(root, whole: bool) -> list:
    found = []
    for (week, name), course in course_of(root).items():
        one = course.loaded[name]
        mutants = [mutant.name for mutant in one.exercise.mutants]
        step = 1 if whole else max(1, len(mutants) // SAMPLE)
        variants = [variant.__name__ for variant in one.exercise.variants]
        found += [(week, name, answer) for answer in [name, *variants, *mutants[::step], None]]
    return found


def pytest_generate_tests(metafunc):
    if "case" in metafunc.fixturenames:
        whole = metafunc.function.__name__.startswith("test_every")
        found = cases(metafunc.config.rootpath, whole)
        metafunc.parametrize("case", found, ids=["/".join(map(str, case)) for case in found])


def compare(root, zygote, case) -> None:
    week, name, answer = case
    course = course_of(root)[week, name]
    one = course.loaded[name]
    if answer is None:
        stub = next(c for c in course.template["cells"] if c["metadata"]["nbgrader"]["grade_id"] == name)
        cells = ["".join(stub["source"])]
    else:
        cells = with_uses(one, answer, course.loaded)
    namespace: dict = {}
    for cell in [course.imports, *cells]:
        exec(cell, namespace)
    with Children(zygote, [course.imports, *cells], precedents(week, name)) as children:
        children.outcomes()
        assert said(one, course.book[name], children) == said(one, course.book[name], LocalChannel(namespace))


def test_a_sample_is_judged_alike(root, zygote, case):
    compare(root, zygote, case)


@pytest.mark.heavy
def test_every_candidate_is_judged_alike(root, zygote, case):
    compare(root, zygote, case)

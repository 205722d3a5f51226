"""A batch of a week with two notebooks: each is a submission of its own, compared with its own kind."""

from functools import partial

from grader.batch import grade
from grader.intake import Found, Submission
from grader.journal import Journal
from grader.settings import Settings
from grader.verdict import Verdict

TOKENS = {"ada": range(100), "bob": range(100, 200), "cai": range(95)}


class Pool:
    """Gives every notebook of a student the same tokens."""

    def grade(self, submissions):
        for one in submissions:
            report = {"student": one.student, "notebook": one.notebook, "status": "graded", "error": None, "flags": []}
            yield one, Verdict(report, {}, {}, {"tokens": list(TOKENS[one.student])})


def test_near_duplicates_are_sought_within_one_notebook(root, tmp_path):
    names = [("ada", "first"), ("ada", "second"), ("bob", "first"), ("cai", "second")]
    found = [Found(*name, partial(Submission, *name)) for name in names]
    with Journal(tmp_path / "week01.journal") as journal:
        batch = grade(Settings(root, "week01", "seed"), found, Pool(), journal, Pool())
        list(batch.verdicts())  # reading them once changes nothing
        flags = {(one.json["student"], one.json["notebook"]): one.json["flags"] for one in batch.verdicts()}
    assert [(one.student, one.notebook) for one in batch.outcomes] == names
    assert flags["ada", "first"] == flags["bob", "first"] == []
    assert [flag["detail"] for flag in flags["ada", "second"]] == ["95% of cai's token sequences"]
    assert [flag["detail"] for flag in flags["cai", "second"]] == ["95% of ada's token sequences"]

"""`nbgrader autograde` with the trusted engine: a preprocessor that takes the place of nbgrader's own and of `Execute`.

In nbgrader_config.py:

    c.Autograde.sanitize_preprocessors = ["grader.plugin.TrustedGrade"]
    c.Autograde.autograde_preprocessors = ["nbgrader.preprocessors.SaveAutoGrades", …]
"""

import atexit
from pathlib import Path

from nbgrader.preprocessors import NbGraderPreprocessor

from grader.autograded import autograded
from grader.classroom import Classroom
from grader.intake import Submission, from_file
from grader.settings import Settings
from grader.worker import Worker

_workers: dict[Settings, Worker] = {}


class NotGraded(Exception):
    """A submission that could not be graded; nbgrader logs this line and goes on with the next."""


class TrustedGrade(NbGraderPreprocessor):
    """Returns the autograded notebook of a submission, judged in a sandboxed child. No student code runs here.

    What nbgrader has read is not used: the submitted file is read again, links not followed, in a limited process.
    """

    def preprocess(self, nb: object, resources: dict) -> tuple[object, dict]:
        """Return the graded notebook in the place of `nb`.

        Raises:
            NotGraded: for a file that cannot be read, or when the grader itself breaks.
        """
        place = resources["nbgrader"]
        coursedir = self.parent.parent.coursedir
        worker = _worker(Path(coursedir.root), place["assignment"])
        submitted = Path(coursedir.format_path(coursedir.submitted_directory, ".", "."))
        path = submitted / place["student"] / place["assignment"] / f"{place['notebook']}.ipynb"
        submission: Submission = from_file(place["student"], place["notebook"], submitted, path)
        verdict = worker.grade(submission)
        if verdict.json["status"] != "graded":
            raise NotGraded(f"{place['student']}: {verdict.json['error']}")
        return autograded(worker.assignments[place["notebook"]].template, verdict), resources


def _worker(root: Path, week: str) -> Worker:
    settings = Settings(root, week, Classroom(root).seed(week))
    if settings not in _workers:
        _workers[settings] = Worker(settings)
        atexit.register(_workers[settings].__exit__)
    return _workers[settings]

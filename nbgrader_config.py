"""nbgrader for this course: solutions/ -> assignments/ -> submitted/ -> autograded/ -> feedback/.

Works from the repository's root with nbgrader's own commands. All paths are absolute, because JupyterLab's nbgrader
extensions read this file from other folders. CLASS_DIR moves the class (gradebook, exchange) elsewhere: to a folder
that learners share, or to a test's own.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
CLASS = Path(os.environ.get("CLASS_DIR", ROOT / ".class")).resolve()

# nbgrader calls `alembic` by its bare name, which a virtual environment that is not activated hides.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])

# The grading kernels find the hidden checks here.
os.environ["GRADER_SOLUTIONS"] = str(ROOT / "solutions")

c = get_config()  # noqa: F821

c.CourseDirectory.course_id = "attention-to-agents"
c.CourseDirectory.root = str(ROOT)
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "assignments"
c.CourseDirectory.db_url = f"sqlite:///{CLASS / 'gradebook.db'}"
# nbgrader copies what lies beside a source notebook: the exercises themselves must stay behind.
c.CourseDirectory.ignore = [
    ".ipynb_checkpoints",
    "__pycache__",
    "feedback",
    "*.pyc",
    "*.py",
    "*.md",
    "*.json",
]

c.Exchange.root = str(CLASS / "exchange")
c.Exchange.cache = str(CLASS / "cache")
# A learner's copies: the course's own week01/ holds the lessons.
c.Exchange.assignment_dir = str(ROOT / "work")

c.ClearSolutions.code_stub = {"python": "# YOUR CODE HERE\nraise NotImplementedError"}
c.ExecutePreprocessor.timeout = 120
c.ExecutePreprocessor.startup_timeout = 120
c.ExecutePreprocessor.shutdown_kernel = "immediate"

# Verdicts are made where no student's code reaches: the trusted grader takes the place of nbgrader's own execution.
c.Autograde.sanitize_preprocessors = ["grader.plugin.TrustedGrade"]
c.Autograde.autograde_preprocessors = [
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
# What students wrote is shown, never run: the trusted grader keeps none of their HTML, so that the only HTML in an
# autograded notebook is its own reports, which are shown as they are.
c.HTMLExporter.sanitize_html = False

"""nbgrader for your copy of the course: assignments/ -> work/ -> handed in. Nothing of grading is here.

All paths are absolute, because JupyterLab's nbgrader extensions read this file from other folders.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
CLASS = Path(os.environ.get("CLASS_DIR", ROOT / ".class")).resolve()
COURSE = ""
EXCHANGE = ""  # where your class hands in; without one, `course submit` writes a file to upload

# nbgrader's own programs, which a virtual environment that is not activated hides.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])

c = get_config()  # noqa: F821

c.CourseDirectory.course_id = COURSE
c.CourseDirectory.root = str(ROOT)
c.CourseDirectory.release_directory = "assignments"
c.Exchange.root = EXCHANGE or str(CLASS / "exchange")
c.Exchange.cache = str(CLASS / "cache")
c.Exchange.assignment_dir = str(ROOT / "work")
c.ExecutePreprocessor.timeout = 120
c.ExecutePreprocessor.startup_timeout = 120

"""Let the attacks of tests/attacks loose on nbgrader's stock executor, one by one, and write down what it pays.

`tools/attacks.py [NAME …] > outcome.json`; `tools/attacks.py --table outcome.json` prints the table of
docs/security.md. Those that would harm a machine without limits are not run. The rest runs
student code unconfined: start this in a container, or on a machine that nobody needs.
"""

import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from traitlets.config import Config, PyFileConfigLoader

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "attacks")]

from arena import NOTEBOOK, WEEK, Arena  # noqa: E402
from catalogue import CATALOGUE, Attack  # noqa: E402

from grader.judge import assignment  # noqa: E402

SECONDS = 15
STOCK = f"""
del c.Autograde
c.ExecutePreprocessor.timeout = c.ExecutePreprocessor.startup_timeout = {SECONDS}
"""


def course(place: Path) -> NbGraderAPI:
    """Make a course with week 1 in an empty folder, graded as nbgrader does by itself."""
    for folder in ("solutions", "assignments"):
        shutil.copytree(ROOT / folder / WEEK, place / folder / WEEK, ignore=shutil.ignore_patterns("__pycache__"))
    (place / "nbgrader_config.py").write_text((ROOT / "nbgrader_config.py").read_text() + STOCK)
    (place / ".class").mkdir()
    config = Config(PyFileConfigLoader("nbgrader_config.py", str(place)).load_config())
    api = NbGraderAPI(config=config)
    done = api.generate_assignment(WEEK, force=True)
    if not done["success"]:
        sys.exit(f"no assignment: {done}")
    return api


def tried(attack: Attack, student: str, arena: Arena, api: NbGraderAPI, place: Path) -> dict:
    """Hand in an attack, have it graded, and return what came of it."""
    arena.hand_in(student, attack)
    started = time.monotonic()
    done = api.autograde(WEEK, student, force=True, create=True)
    time.sleep(3.5 if attack.group == "orphans" else 0)
    outcome = {"graded": done["success"], "seconds": round(time.monotonic() - started, 1), "points": {}}
    if done["success"]:
        with Gradebook(f"sqlite:///{place / '.class' / 'gradebook.db'}") as book:
            grades = book.find_submission_notebook(NOTEBOOK, WEEK, student).grades
            outcome["points"] = {g.cell.name.removesuffix("-check"): g.score for g in grades if g.score}
        text = (place / "autograded" / student / WEEK / f"{NOTEBOOK}.ipynb").read_text()
        outcome["read"] = "FOUND True" in text or arena.secret.read_text() in text
    outcome["harmed"] = not arena.unharmed()
    arena.restored()
    return outcome


def said(attack: Attack, outcome: dict | None) -> str:
    """What nbgrader made of an attack, in a few words."""
    if attack.harmless is not True:
        return f"not run: {attack.harmless}"
    if outcome is None:
        return "not run"
    words = []
    if not outcome["graded"]:
        words.append("no grade")
    due = {} if "causal_mask" in attack.answers else {"causal_mask": 2.0}
    excess = sum(max(0.0, points - due.get(name, 0.0)) for name, points in outcome["points"].items())
    if excess:
        words.append(f"**pays {excess:g}**")
    if outcome.get("read"):
        words.append("**read what it must not**")
    if outcome.get("harmed"):
        words.append("**sent bytes**" if attack.group == "network" else "**changed or called what lies outside**")
    return ", ".join(words) or "0"


def table(outcomes: dict) -> None:
    """Print the attacks by group, as Markdown."""
    for group in dict.fromkeys(attack.group for attack in CATALOGUE.values()):
        print(f"\n### {group.capitalize()}\n\n| attack | tries | stock nbgrader | ours |\n|---|---|---|---|")
        for name, attack in CATALOGUE.items():
            if attack.group == group:
                ours = "0" if attack.status == "graded" else "a report, no score"
                print(f"| {name} | {attack.tries} | {said(attack, outcomes.get(name))} | {ours} |".replace("`", "'"))


def main() -> None:
    """Try the attacks that are named, or all; print one JSON object."""
    if sys.argv[1:2] == ["--table"]:
        return table(json.loads(Path(sys.argv[2]).read_text()))
    names = sys.argv[1:] or [name for name, attack in CATALOGUE.items() if attack.harmless is True]
    place = Path(tempfile.mkdtemp(prefix="stock-"))
    os.chdir(place)
    api = course(place)
    arena = Arena(place, place, assignment(ROOT, WEEK))
    outcomes = {}
    for number, name in enumerate(names):
        try:
            outcomes[name] = tried(CATALOGUE[name], f"s{number:03}", arena, api, place)
        except Exception as error:
            outcomes[name] = {"graded": False, "points": {}, "error": f"{type(error).__name__}: {error}"[:200]}
        print(name, outcomes[name], file=sys.stderr, flush=True)
    print(json.dumps(outcomes, indent=1))


if __name__ == "__main__":
    main()

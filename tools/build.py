"""Build everything that is derived: `make build`. What is current is left alone."""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import lessons

import assignments
from grader.assignment import AssignmentError


def main() -> int:
    try:
        for path in assignments.build():
            print(f"{path.relative_to(assignments.ROOT)}: built", flush=True)
        for source in lessons.sources():
            start = time.perf_counter()
            if lessons.build(source):
                took = time.perf_counter() - start
                print(f"{source.with_suffix('.ipynb').relative_to(lessons.ROOT)}: built in {took:.1f} s", flush=True)
    except (AssignmentError, assignments.BuildError, lessons.LessonError) as error:
        print(error, file=sys.stderr)
        return 1
    print("Everything that is built is current.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Find near-duplicate submissions by the token sequences that they share and few others have (as MOSS does).

Source: Schleimer, Wilkerson, Aiken, "Winnowing: Local Algorithms for Document Fingerprinting", SIGMOD 2003.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import combinations

from grader.verdict import Verdict

ALIKE = 0.8
LEAST = 30  # token sequences of one's own below which nothing can be said
COMMON = 0.34  # of the class; what more students wrote is how one writes it


def pairs(verdicts: list[Verdict]) -> Iterator[tuple[dict, dict[str, str]]]:
    """Yield (report, flag) for both submissions of every pair that is nearly the same."""
    read = [verdict for verdict in verdicts if verdict.reading and verdict.reading["tokens"]]
    seen = Counter(token for verdict in read for token in verdict.reading["tokens"])
    often = max(3.0, COMMON * len(read))
    own = [{token for token in verdict.reading["tokens"] if seen[token] <= often} for verdict in read]
    for i, j in combinations(range(len(read)), 2):
        either = len(own[i] | own[j])
        if either < LEAST or min(len(own[i]), len(own[j])) < ALIKE * either:
            continue
        share = len(own[i] & own[j]) / either
        if share >= ALIKE:
            for one, other in ((i, j), (j, i)):
                student = read[other].json["student"]
                yield (
                    read[one].json,
                    {"kind": "near_duplicate", "detail": f"{share:.0%} of {student}'s token sequences"},
                )

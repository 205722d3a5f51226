"""Find near-duplicate submissions by the token sequences that they share and few others have (as MOSS does).

Source: Schleimer, Wilkerson, Aiken, "Winnowing: Local Algorithms for Document Fingerprinting", SIGMOD 2003.
"""

from collections import Counter
from collections.abc import Iterator

import numpy
from scipy.sparse import csr_array

ALIKE = 0.8
LEAST = 30  # token sequences of one's own below which nothing can be said
COMMON = 0.34  # of the class; what more students wrote is how one writes it
BLOCK = 256
MOST = 5  # others named, the likest first: where a whole class handed in one text, that is enough to see it


def pairs(students: list[str], tokens: dict[int, numpy.ndarray]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (number, flag) for both submissions of a pair that is nearly the same, `MOST` flags for one at most.

    Args:
        students: their names.
        tokens: by number of the submission, the hashes of its token sequences, each once.
    """
    numbers = [i for i in sorted(tokens) if tokens[i].size]
    if len(numbers) < 2:
        return
    lengths = [tokens[i].size for i in numbers]
    seen, columns = numpy.unique(numpy.concatenate([tokens[i] for i in numbers]), return_inverse=True)
    rows = numpy.repeat(numpy.arange(len(numbers)), lengths)
    own = numpy.bincount(columns)[columns] <= max(3.0, COMMON * len(numbers))
    ones = numpy.ones(own.sum(), dtype=numpy.int32)
    table = csr_array((ones, (rows[own], columns[own])), shape=(len(numbers), seen.size))
    sizes = table.sum(axis=1)
    for start in range(0, len(numbers), BLOCK):
        both = (table[start : start + BLOCK] @ table.T).tocoo()
        row, column = both.row + start, both.col
        either = sizes[row] + sizes[column] - both.data
        share = both.data / either
        alike = numpy.flatnonzero((row != column) & (either >= LEAST) & (share >= ALIKE))
        named: Counter = Counter()
        for k in alike[numpy.argsort(-share[alike], kind="stable")]:
            named[row[k]] += 1
            if named[row[k]] > MOST:
                continue
            detail = f"{share[k]:.0%} of {students[numbers[column[k]]]}'s token sequences"
            yield numbers[row[k]], {"kind": "near_duplicate", "detail": detail}

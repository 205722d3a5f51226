"""# Pack documents into rows

A model trains on rows of equal length, and documents are of every length. Padding the short ones would spend most of the
computation on nothing. So documents are *packed*: each is followed by an end-of-text token, all are joined to one long
stream, and the stream is cut into rows.

$$\\underbrace{a\\,a\\,a\\,\\bullet\\,b\\,b}_{\\text{row }0}\\;\\underbrace{b\\,\\bullet\\,c\\,c\\,c\\,c}_{\\text{row }1}\\;\\underbrace{c\\,\\bullet}_{\\text{dropped}}$$

- `documents` is a list of lists of ids; `eos` follows *each* of them, the last and an empty one included.
- A document may begin in one row and end in another, and a row may hold several.
- What is left at the end and does not fill a row is dropped. Nothing is padded.
- The result is an int64 tensor of shape (n, `length`); n may be 0.
"""

import itertools

import numpy as np
import torch

from grader import close, exercise, leaves_alone


@exercise(
    points=2,
    hints=[
        "First make the stream, one flat list: all ids of the first document, `eos`, all ids of the second, `eos`, and so on.",
        "How many whole rows does the stream fill? `len(stream) // length`. Keep that many times `length` ids.",
        "`torch.tensor(…, dtype=torch.int64).view(n, length)` makes rows of the ids kept. Give n, not −1, so that 0 rows work too.",
    ],
)
def pack_sequences(documents: list[list[int]], length: int, eos: int) -> torch.Tensor:
    """Return the documents, each followed by `eos`, joined and cut into int64 rows, (n, length).

    What does not fill a last row is dropped.

    >>> pack_sequences([[5, 6, 7], [8]], length=3, eos=0)
    tensor([[5, 6, 7],
            [0, 8, 0]])
    """
    stream = [token for document in documents for token in (*document, eos)]
    n = len(stream) // length
    return torch.tensor(stream[: n * length], dtype=torch.int64).view(n, length)


@pack_sequences.check
def packs_three_documents(pack_sequences):
    """three documents become three rows of four; two ids are left over and dropped"""
    rows = pack_sequences([[11, 12, 13], [21, 22, 23, 24, 25], [31, 32, 33]], 4, 0)
    close(rows, torch.tensor([[11, 12, 13, 0], [21, 22, 23, 24], [25, 0, 31, 32]]))


@pack_sequences.check
def fills_the_last_row(pack_sequences):
    """where the last `eos` fills a row exactly, that row is kept"""
    rows = pack_sequences([[11, 12, 13], [21], [31, 32, 33, 34, 35]], 4, 9)
    close(rows, torch.tensor([[11, 12, 13, 9], [21, 9, 31, 32], [33, 34, 35, 9]]))


@pack_sequences.check
def long_documents(pack_sequences):
    """a document longer than a row goes on in the next ones"""
    close(pack_sequences([list(range(1, 10))], 3, 50), torch.tensor([[1, 2, 3], [4, 5, 6], [7, 8, 9]]))
    close(pack_sequences([[1], list(range(2, 8))], 2, 50), torch.tensor([[1, 50], [2, 3], [4, 5], [6, 7]]))


@pack_sequences.check
def empty_documents(pack_sequences):
    """an empty document is its `eos` alone"""
    close(pack_sequences([[], [7, 8], [], [], [6]], 3, 1), torch.tensor([[1, 7, 8], [1, 1, 1]]))


@pack_sequences.check
def documents_that_end_already(pack_sequences):
    """ids equal to `eos` inside a document or at its end are ids like any other"""
    close(pack_sequences([[4, 2], [2, 5, 2], [6]], 3, 2), torch.tensor([[4, 2, 2], [2, 5, 2], [2, 6, 2]]))


@pack_sequences.check
def too_little_for_a_row(pack_sequences):
    """what does not fill one row, or no document at all, gives shape (0, length)"""
    close(pack_sequences([[1, 2]], 4, 0), torch.zeros(0, 4, dtype=torch.int64))
    close(pack_sequences([], 5, 0), torch.zeros(0, 5, dtype=torch.int64))


@pack_sequences.check
def leaves_its_input_alone(pack_sequences):
    """the caller's documents are left as they were"""
    leaves_alone(pack_sequences, [[11, 12], [13]], 2, 0)


def _documents(rng, most):
    """Documents of 0 to `most` ids."""
    sizes = torch.randint(0, most + 1, (12,), generator=rng).tolist()
    return [torch.randint(0, 40_000, (size,), generator=rng).tolist() for size in sizes]


def _packed(documents, length, eos):
    """The same with NumPy: the oracle of the hidden checks."""
    stream = np.concatenate([np.append(document, eos) for document in documents]).astype(np.int64)
    return torch.from_numpy(stream[: len(stream) - len(stream) % length].reshape(-1, length).copy())


@pack_sequences.hidden
def packs_anything(pack_sequences, rng):
    """documents of any lengths, in rows of any length, are packed in order"""
    for length in (1, 2, 7, 16):
        documents = _documents(rng, 9)
        eos = int(torch.randint(0, 40_000, (), generator=rng))
        close(pack_sequences(documents, length, eos), _packed(documents, length, eos))


@pack_sequences.hidden
def short_or_long(pack_sequences, rng):
    """few ids for a long row, and long documents for short rows, are packed too"""
    documents = _documents(rng, 60)
    close(pack_sequences(documents, 8, 3), _packed(documents, 8, 3))
    documents = _documents(rng, 2)
    close(pack_sequences(documents, 4096, 3), torch.zeros(0, 4096, dtype=torch.int64))


def _rows(stream, length):
    n = len(stream) // length
    return torch.tensor(stream[: n * length], dtype=torch.int64).view(n, length)


def _stream(documents, eos):
    return [token for document in documents for token in [*document, eos]]


@pack_sequences.mutant(
    "The last id of the stream, the last document's `eos`, is lost where it would fill a row. `eos` follows each document, it does "
    "not only stand between two; and the number of whole rows is `len(stream) // length`."
)
def between_only(documents, length, eos):
    return _rows(_stream(documents, eos)[:-1], length)


@pack_sequences.mutant("`eos` stands before each document. It belongs after each.")
def before_each(documents, length, eos):
    return _rows([token for document in documents for token in [eos, *document]], length)


@pack_sequences.mutant("No document is followed by `eos`: the model could not tell where one ends and the next begins.")
def without_eos(documents, length, eos):
    return _rows([token for document in documents for token in document], length)


@pack_sequences.mutant("`eos` comes once, at the very end of the stream. It follows each document.")
def one_eos_at_the_end(documents, length, eos):
    return _rows([token for document in documents for token in document] + [eos], length)


@pack_sequences.mutant("You pad the rest to a whole row. It is dropped: a row holds nothing but ids of the stream.")
def rest_padded(documents, length, eos):
    stream = _stream(documents, eos)
    return _rows(stream + [eos] * (-len(stream) % length), length)


@pack_sequences.mutant("You pad the rest to a whole row. It is dropped: a row holds nothing but ids of the stream.")
def rest_padded_with_zeros(documents, length, eos):
    stream = _stream(documents, eos)
    return _rows(stream + [0] * (-len(stream) % length), length)


@pack_sequences.mutant(
    "Your ids are int32. They are int64, which `F.cross_entropy` and embeddings expect: `dtype=torch.int64`."
)
def int32(documents, length, eos):
    return _rows(_stream(documents, eos), length).int()


@pack_sequences.mutant(
    "Your ids are floating-point numbers. They are int64: give `torch.tensor` the dtype `torch.int64`."
)
def floats(documents, length, eos):
    return _rows(_stream(documents, eos), length).float()


@pack_sequences.mutant(
    "An empty result has lost its dtype: `torch.tensor([])` holds float32. Give it `dtype=torch.int64`."
)
def floats_where_empty(documents, length, eos):
    rows = _rows(_stream(documents, eos), length)
    return rows if len(rows) else rows.float()


@pack_sequences.mutant("Where there is no row, the shape is (0,). It is (0, length): `view(n, length)` gives it.")
def shapeless_where_empty(documents, length, eos):
    rows = _rows(_stream(documents, eos), length)
    return rows if len(rows) else torch.empty(0, dtype=torch.int64)


@pack_sequences.mutant(
    "`torch.stack` (or `cat`) of no rows raises an error. Where the stream fills no row, the result has shape (0, length)."
)
def stack_of_nothing(documents, length, eos):
    stream = _stream(documents, eos)
    return torch.stack([torch.tensor(stream[i : i + length]) for i in range(0, len(stream) - length + 1, length)])


@pack_sequences.mutant(
    "Each document gets rows of its own, and its rest is dropped. Join all documents first, then cut."
)
def cut_one_by_one(documents, length, eos):
    return torch.cat([torch.zeros(0, length, dtype=torch.int64), *(_rows([*d, eos], length) for d in documents)])


@pack_sequences.mutant(
    "Each document gets one row, cut or padded to `length`. Join all documents first, then cut the stream into rows."
)
def one_row_a_document(documents, length, eos):
    rows = [([*d, eos] + [eos] * length)[:length] for d in documents]
    return torch.tensor(rows, dtype=torch.int64).view(len(rows), length)


@pack_sequences.mutant("The last row is dropped although it is whole. Only what does not fill a row is dropped.")
def last_row_lost(documents, length, eos):
    return _rows(_stream(documents, eos), length)[:-1]


@pack_sequences.mutant("Your rows overlap: each begins one id after the one before. Step by `length`.")
def overlapping(documents, length, eos):
    stream = _stream(documents, eos)
    rows = [stream[i : i + length] for i in range(len(stream) - length + 1)]
    return torch.tensor(rows, dtype=torch.int64).view(len(rows), length)


@pack_sequences.mutant(
    "Your rows overlap by one id, for inputs and targets perhaps. Here each id of the stream stands in one row only."
)
def overlapping_by_one(documents, length, eos):
    stream = _stream(documents, eos)
    rows = [stream[i : i + length] for i in range(0, len(stream) - length + 1, max(1, length - 1))]
    return torch.tensor(rows, dtype=torch.int64).view(len(rows), length)


@pack_sequences.mutant(
    "The stream runs down the columns. It runs along the rows: `view(n, length)`, without a transpose."
)
def down_the_columns(documents, length, eos):
    rows = _rows(_stream(documents, eos), length)
    return rows.reshape(length, len(rows)).T


@pack_sequences.mutant("Empty documents are skipped. Their `eos` belongs into the stream as well.")
def empty_skipped(documents, length, eos):
    return _rows(_stream([d for d in documents if d], eos), length)


@pack_sequences.mutant(
    "A document that ends in `eos` by itself gets none. Every document is followed by one, whatever it ends in."
)
def eos_spared(documents, length, eos):
    return _rows([t for d in documents for t in ([*d] if d and d[-1] == eos else [*d, eos])], length)


@pack_sequences.mutant("You dropped the beginning of the stream. It is its end that is dropped.")
def beginning_dropped(documents, length, eos):
    stream = _stream(documents, eos)
    return _rows(stream[len(stream) % length :], length)


@pack_sequences.mutant(
    "Documents come out in another order, by their length perhaps. Keep the order that they came in."
)
def sorted_by_length(documents, length, eos):
    return _rows(_stream(sorted(documents, key=len), eos), length)


@pack_sequences.mutant(
    "Documents come out in another order, by their length perhaps. Keep the order that they came in."
)
def sorted_longest_first(documents, length, eos):
    return _rows(_stream(sorted(documents, key=len, reverse=True), eos), length)


@pack_sequences.mutant(
    "You changed the caller's documents: `append` and `+=` work on the very lists that came in. Write `[*document, eos]`."
)
def appended_in_place(documents, length, eos):
    for document in documents:
        document.append(eos)
    return _rows([token for document in documents for token in document], length)


@pack_sequences.mutant("You returned lists. Make a tensor of them: `torch.tensor(rows, dtype=torch.int64)`.")
def lists(documents, length, eos):
    return _rows(_stream(documents, eos), length).tolist()


@pack_sequences.mutant("You returned one long row. Cut it: `view(n, length)`.")
def one_long_row(documents, length, eos):
    return _rows(_stream(documents, eos), length).flatten()


@pack_sequences.mutant("The rest of the stream cannot be cut into whole rows by `view` or `reshape`: drop it first.")
def rest_kept(documents, length, eos):
    return torch.tensor(_stream(documents, eos)).view(-1, length)


@pack_sequences.mutant(
    "Your function returns nothing (None). End it with `return` and the result; `print` shows it only."
)
def nothing_returned(documents, length, eos):
    _rows(_stream(documents, eos), length)


@pack_sequences.stand_in
def by_unfold(documents, length, eos):
    parts = [torch.tensor([*document, eos], dtype=torch.int64) for document in documents]
    stream = torch.cat([torch.zeros(0, dtype=torch.int64), *parts])
    return stream.unfold(0, length, length) if len(stream) >= length else stream.new_empty(0, length)


@pack_sequences.variant
def row_by_row(documents, length, eos):
    rows, row = [], []
    for document in documents:
        for token in [*document, eos]:
            row.append(token)
            if len(row) == length:
                rows.append(row)
                row = []
    return torch.tensor(rows).long().reshape(-1, length)


@pack_sequences.variant
def by_numpy(documents, length, eos):
    stream = np.fromiter(itertools.chain.from_iterable([*d, eos] for d in documents), dtype=np.int64)
    n = stream.size // length
    return torch.from_numpy(stream)[: n * length].reshape(n, length)


@pack_sequences.variant
def by_slices(documents, length, eos):
    stream = []
    for d in documents:
        stream += [*d, eos]
    rows = [stream[i * length : (i + 1) * length] for i in range(len(stream) // length)]
    return torch.tensor(rows, dtype=torch.long).reshape(len(rows), length)

"""# Causal mask

A language model that writes from left to right predicts the next token. In training it sees whole texts at once, so without
a mask each position could read the very token that it must predict. The causal mask forbids that: a query at position $i$ may
look at the keys at positions $0 \\dots i$, itself included, and at none after it.

Return it as a table of booleans with one row a query and one column a key, **`True` where the query may look**. This is what
`F.scaled_dot_product_attention` takes as `attn_mask`. `nn.MultiheadAttention` means the opposite by `True`: mind which of the
two you are reading about.

`torch.tril` and its kin are fine here; `nn.Transformer.generate_square_subsequent_mask` is not an answer.
"""

import torch
import torch.nn.functional as F

from grader import close, exercise


@exercise(
    points=2,
    twins=["generate_square_subsequent_mask"],
    hints=[
        "Write the table for 3 tokens on paper, queries down, keys across. Which corner is full, and is the diagonal in it?",
        "Say it as a comparison of two numbers: when may the query at position i look at the key at position j? Or say which "
        "triangle of a full table remains. Either can be done for the whole table at once.",
        "`torch.arange(length)` counts the positions. With `[:, None]` it stands as a column: comparing the column with the "
        "row gives a table of booleans at once.",
    ],
)
def causal_mask(length: int) -> torch.Tensor:
    """Return a bool tensor (length, length), True where the query of that row may look at the key of that column.

    >>> causal_mask(2)
    tensor([[ True, False],
            [ True,  True]])
    """
    positions = torch.arange(length)
    return positions[:, None] >= positions[None, :]


_SIX_TOKENS = torch.tensor(
    [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 0, 0],
        [1, 1, 1, 1, 1, 0],
        [1, 1, 1, 1, 1, 1],
    ]
)


@causal_mask.check
def four_tokens(causal_mask):
    """with 4 tokens, each sees itself and those before it: booleans, `True` where it may look"""
    close(causal_mask(4), _SIX_TOKENS[:4, :4] == 1)


@causal_mask.check
def other_lengths(causal_mask):
    """1, 3 and 6 tokens get a mask of their own size"""
    for length in (1, 3, 6):
        close(causal_mask(length), _SIX_TOKENS[:length, :length] == 1)


@causal_mask.check
def the_library_agrees(causal_mask):
    """the library's attention, given your mask, does what it does when told `is_causal=True`"""
    tokens = torch.tensor([[1.0, 0.0], [0.5, -1.0], [-2.0, 0.3], [0.7, 1.5], [0.1, -0.4]])[None]
    expected = F.scaled_dot_product_attention(tokens, tokens, tokens, is_causal=True)
    close(F.scaled_dot_product_attention(tokens, tokens, tokens, attn_mask=causal_mask(5)), expected)


@causal_mask.hidden
def any_length(causal_mask, rng):
    """any number of tokens gets the mask of its size"""
    for length in torch.randint(2, 40, (4,), generator=rng).tolist():
        close(causal_mask(length), torch.ones(length, length, dtype=torch.bool).tril())


@causal_mask.hidden
def the_future_does_not_matter(causal_mask, rng):
    """in attention with your mask, other tokens from some place on change nothing before that place"""
    length = int(torch.randint(4, 12, (), generator=rng))
    changed = int(torch.randint(1, length, (), generator=rng))
    tokens = torch.randn(1, length, 4, generator=rng)
    other = tokens.clone()
    other[:, changed:] = torch.randn(1, length - changed, 4, generator=rng)
    mask = causal_mask(length)
    before = F.scaled_dot_product_attention(tokens, tokens, tokens, attn_mask=mask)
    after = F.scaled_dot_product_attention(other, other, other, attn_mask=mask)
    close(after[:, :changed], before[:, :changed])
    close(after, F.scaled_dot_product_attention(other, other, other, is_causal=True))


@causal_mask.mutant(
    "Your mask is the wrong way up: each query sees itself and the future. Rows are queries, columns are keys."
)
def looks_ahead(length):
    return torch.ones(length, length, dtype=torch.bool).triu()


@causal_mask.mutant(
    "You mark what must be hidden (as `nn.MultiheadAttention` has it). Here `True` means that the query may look."
)
def true_hides(length):
    return torch.ones(length, length, dtype=torch.bool).triu(diagonal=1)


@causal_mask.mutant(
    "A token cannot see itself in your mask, and the first sees nothing at all. The diagonal belongs to what may be seen."
)
def without_the_diagonal(length):
    return torch.ones(length, length, dtype=torch.bool).tril(diagonal=-1)


@causal_mask.mutant(
    "Each query sees one token too many: the next one, which is the very token that it must predict. Stop at the diagonal."
)
def one_too_many(length):
    return torch.ones(length, length, dtype=torch.bool).tril(diagonal=1)


@causal_mask.mutant(
    "The pattern is right, but these are numbers 1.0 and 0.0. A mask here is of booleans: `torch.bool`."
)
def ones_and_zeros(length):
    return torch.ones(length, length).tril()


@causal_mask.mutant("The pattern is right, but these are integers. A mask here is of booleans: `torch.bool`.")
def integers(length):
    return torch.ones(length, length, dtype=torch.long).tril()


@causal_mask.mutant(
    "The pattern is right, but these are small integers. Attention reads them as numbers; a mask here is of booleans."
)
def bytes_for_booleans(length):
    return torch.ones(length, length, dtype=torch.uint8).tril()


@causal_mask.mutant(
    "This is a mask to be added to the scores: 0 where a query may look, −inf elsewhere. Return booleans, `True` where it may look."
)
def to_be_added(length):
    return torch.full((length, length), -torch.inf).triu(diagonal=1)


@causal_mask.mutant(
    "This is a mask to be added to the scores, with a huge negative number. Return booleans, `True` where a query may look."
)
def to_be_added_with_a_number(length):
    return torch.full((length, length), -1e9).triu(diagonal=1)


@causal_mask.mutant("Everything is visible in your mask, the future too: nothing is hidden above the diagonal.")
def hides_nothing(length):
    return torch.ones(length, length, dtype=torch.bool)


@causal_mask.mutant("Each query sees itself alone in your mask. It may look at all the tokens before it as well.")
def itself_alone(length):
    return torch.eye(length, dtype=torch.bool)


@causal_mask.mutant("Each query sees only itself and its neighbour before it. It may look at all the tokens before it.")
def nearest_only(length):
    seen = torch.ones(length, length, dtype=torch.bool)
    return seen.tril() & seen.triu(diagonal=-1)


@causal_mask.mutant(
    "Your mask has dimensions of size 1 in front. Return a table (length, length): it broadcasts where it is used."
)
def extra_dimensions(length):
    return torch.ones(1, 1, length, length, dtype=torch.bool).tril()


@causal_mask.mutant(
    "Your mask is flat: one row for all the queries. Each query needs a row of its own, (length, length)."
)
def one_row(length):
    return torch.ones(length, dtype=torch.bool)


@causal_mask.mutant("You returned a list of lists. Attention needs a tensor of booleans.")
def a_list(length):
    return [[key <= query for key in range(length)] for query in range(length)]


@causal_mask.mutant("Your mask has 4 rows and columns whatever `length` is: make its size from `length`.")
def always_four(length):
    return torch.ones(4, 4, dtype=torch.bool).tril()


@causal_mask.mutant(
    "Your mask starts from the wrong end: the first query sees everything and the last only the first key."
)
def upside_down(length):
    return torch.ones(length, length, dtype=torch.bool).tril().flip(0)


@causal_mask.stand_in
def by_the_library(length):
    return torch.ones(length, length, dtype=torch.bool).tril()


@causal_mask.variant
def row_by_row(length):
    mask = torch.zeros(length, length, dtype=torch.bool)
    for query in range(length):
        mask[query, : query + 1] = True
    return mask


@causal_mask.variant
def by_counting(length):
    # The running sum down each column of the identity is 1 from the diagonal on.
    return torch.eye(length).cumsum(dim=0).bool()


@causal_mask.variant
def from_minus_infinity(length):
    return torch.full((length, length), float("-inf")).triu(1) == 0

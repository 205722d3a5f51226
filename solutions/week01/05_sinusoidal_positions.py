"""# Sinusoidal positions

Attention sees a set: shuffle the tokens and nothing changes but the order of the rows. The 2017 transformer adds to each token a
vector that depends on its position alone, made of waves from fast to slow. For position $p$ and pair $i = 0, 1, …, d/2 - 1$:

$$\\mathrm{PE}_{p,\\,2i} = \\sin\\!\\left(\\frac{p}{b^{2i/d}}\\right) \\qquad
\\mathrm{PE}_{p,\\,2i+1} = \\cos\\!\\left(\\frac{p}{b^{2i/d}}\\right)$$

Write the table for positions $0$ to `length` − 1, with $d$ = `dim` and $b$ = `base`.

- Sine and cosine of one rate stand side by side, sine first. (Other models put all sines in the left half: not here.)
- The result is `float32` and has shape (`length`, `dim`): no dimension for a batch.
- An odd `dim` leaves a sine without its cosine: raise `ValueError`.
"""

from math import cos, sin

import torch

from grader import close, exercise, raises


@exercise(
    points=4,
    twins=["create_sinusoidal_embeddings", "SinusoidsPositionEmbedding"],
    hints=[
        "Each pair of columns has one rate, 1 / base^(2i/d). How many rates are there for `dim` columns, and what is the first?",
        "A column of positions times a row of rates gives every angle at once: shape (length, dim / 2).",
        "`table[:, 0::2]` is every even column of a table, `table[:, 1::2]` every odd one. Fill the two from the same angles.",
    ],
)
def sinusoidal_positions(length: int, dim: int, base: float = 10000.0) -> torch.Tensor:
    """Return the table of sinusoidal positions, float32 of shape (length, dim); row p belongs to position p.

    Raises ValueError for an odd `dim`. Source: Vaswani et al., 2017, section 3.5.

    >>> sinusoidal_positions(2, 2)
    tensor([[0.0000, 1.0000],
            [0.8415, 0.5403]])
    """
    if dim % 2:
        raise ValueError(f"dim must be even, not {dim}: each rate needs a sine and a cosine")
    rates = base ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    angles = torch.arange(length, dtype=torch.float64)[:, None] * rates
    table = torch.empty(length, dim)
    table[:, 0::2] = angles.sin()
    table[:, 1::2] = angles.cos()
    return table


@sinusoidal_positions.check
def equals_the_paper(sinusoidal_positions):
    """3 positions in 8 dimensions, where the rates are 1, 0.1, 0.01 and 0.001, give the paper's table"""
    expected = [
        [0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0],
        [sin(1.0), cos(1.0), sin(0.1), cos(0.1), sin(0.01), cos(0.01), sin(0.001), cos(0.001)],
        [sin(2.0), cos(2.0), sin(0.2), cos(0.2), sin(0.02), cos(0.02), sin(0.002), cos(0.002)],
    ]
    close(sinusoidal_positions(3, 8), torch.tensor(expected))


@sinusoidal_positions.check
def any_base(sinusoidal_positions):
    """`base` sets how slow the waves get: base 16 in 8 dimensions has the rates 1, 1/2, 1/4 and 1/8"""
    expected = [
        [0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0],
        [sin(1.0), cos(1.0), sin(0.5), cos(0.5), sin(0.25), cos(0.25), sin(0.125), cos(0.125)],
    ]
    close(sinusoidal_positions(2, 8, base=16.0), torch.tensor(expected))


@sinusoidal_positions.check
def same_row_whatever_the_length(sinusoidal_positions):
    """position 40 has the same row in a table of 41 as in a table of 64"""
    for length in (41, 64):
        close(sinusoidal_positions(length, 4)[40], torch.tensor([sin(40.0), cos(40.0), sin(0.4), cos(0.4)]))


@sinusoidal_positions.check
def refuses_odd_dim(sinusoidal_positions):
    """an odd `dim` raises ValueError"""
    with raises(ValueError):
        sinusoidal_positions(3, 5)


@sinusoidal_positions.hidden
def equals_the_library_anywhere(sinusoidal_positions, rng):
    """tables of any size are what transformers' DistilBERT starts from"""
    from transformers.models.distilbert.modeling_distilbert import create_sinusoidal_embeddings

    for _ in range(3):
        length, half = torch.randint(1, 60, (2,), generator=rng).tolist()
        expected = create_sinusoidal_embeddings(length, 2 * half, torch.empty(length, 2 * half))
        close(sinusoidal_positions(length, 2 * half), expected)


@sinusoidal_positions.hidden
def any_base_anywhere(sinusoidal_positions, rng):
    """any base, element by element as the paper writes it"""
    for _ in range(3):
        length, half = torch.randint(2, 12, (2,), generator=rng).tolist()
        base = 2.0 + 1000.0 * float(torch.rand((), generator=rng))
        pairs = [[(sin(a), cos(a)) for a in _angles(position, half, base)] for position in range(length)]
        close(sinusoidal_positions(length, 2 * half, base), torch.tensor(pairs).flatten(1))


@sinusoidal_positions.hidden
def refuses_odd_dim_anywhere(sinusoidal_positions, rng):
    """every odd `dim` raises ValueError, and the even one beside it has its table"""
    half = int(torch.randint(1, 40, (), generator=rng))
    with raises(ValueError):
        sinusoidal_positions(2, 2 * half + 1)
    angles = torch.tensor([_angles(position, half, 10000.0) for position in range(3)])
    close(sinusoidal_positions(3, 2 * half), _table(angles))


def _angles(position, half, base):
    return [position / base ** (i / half) for i in range(half)]


def _table(angles):
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(-2).float()


def _demand_even(dim):
    if dim % 2:
        raise ValueError("dim must be even")


@sinusoidal_positions.mutant(
    "All sines stand left and all cosines right. Here they alternate: sine and cosine of one rate side by side."
)
def halves(length, dim, base=10000.0):
    _demand_even(dim)
    angles = torch.arange(length)[:, None] * base ** (-torch.arange(0, dim, 2) / dim)
    return torch.cat([angles.sin(), angles.cos()], -1)


@sinusoidal_positions.mutant(
    "Sine and cosine have changed places: even columns are sines, so position 0 reads 0, 1, 0, 1, …"
)
def cosine_first(length, dim, base=10000.0):
    _demand_even(dim)
    angles = torch.arange(length)[:, None] * base ** (-torch.arange(0, dim, 2) / dim)
    return torch.stack([angles.cos(), angles.sin()], -1).flatten(1)


@sinusoidal_positions.mutant("Every column is a sine. The odd columns are cosines.")
def sines_only(length, dim, base=10000.0):
    _demand_even(dim)
    angles = torch.arange(length)[:, None] * base ** (-torch.arange(0, dim, 2) / dim)
    return angles.sin().repeat_interleave(2, dim=1)


@sinusoidal_positions.mutant(
    "The exponent is i/d where the paper has 2i/d, so your waves slow down half as fast. Count pairs, and double."
)
def exponent_not_doubled(length, dim, base=10000.0):
    _demand_even(dim)
    return _table(torch.arange(length)[:, None] * base ** (-torch.arange(dim // 2) / dim))


@sinusoidal_positions.mutant(
    "The exponent is doubled twice: the column's number 0, 2, 4, … is already the paper's 2i. Divide it by d as it is."
)
def exponent_doubled_twice(length, dim, base=10000.0):
    _demand_even(dim)
    return _table(torch.arange(length)[:, None] * base ** (-2 * torch.arange(0, dim, 2) / dim))


@sinusoidal_positions.mutant(
    "A sine and its cosine have different rates: you took 2·column/d for each column. The paper's i numbers pairs, so "
    "columns 2i and 2i + 1 share one rate."
)
def twice_the_column(length, dim, base=10000.0):
    _demand_even(dim)
    angles = torch.arange(length)[:, None] * base ** (-2 * torch.arange(dim) / dim)
    return torch.where(torch.arange(dim) % 2 == 0, angles.sin(), angles.cos())


@sinusoidal_positions.mutant(
    "A sine and its cosine have different rates: you took column/d for each column. Columns 2i and 2i + 1 share the rate of 2i."
)
def rate_of_the_column(length, dim, base=10000.0):
    _demand_even(dim)
    angles = torch.arange(length)[:, None] * base ** (-torch.arange(dim) / dim)
    return torch.where(torch.arange(dim) % 2 == 0, angles.sin(), angles.cos())


@sinusoidal_positions.mutant(
    "You multiply the position by base^(2i/d); divide by it. The first pair is the fastest wave."
)
def multiplied(length, dim, base=10000.0):
    _demand_even(dim)
    return _table(torch.arange(length, dtype=torch.float64)[:, None] * base ** (torch.arange(0, dim, 2).double() / dim))


@sinusoidal_positions.mutant(
    "The exponent was rounded down to a whole number, so all your waves have one rate. Divide with `/`, not `//`."
)
def whole_exponents(length, dim, base=10000.0):
    _demand_even(dim)
    return _table(torch.arange(length)[:, None] * base ** (-(torch.arange(0, dim, 2) // dim)).float())


@sinusoidal_positions.mutant("You took e as the base: `exp(−2i/d)` lacks a factor `log(base)` in its exponent.")
def base_e(length, dim, base=10000.0):
    _demand_even(dim)
    return _table(torch.arange(length)[:, None] * torch.exp(-torch.arange(0, dim, 2) / dim))


@sinusoidal_positions.mutant("`base` is ignored: you always take 10000.")
def base_ignored(length, dim, base=10000.0):
    _demand_even(dim)
    return _table(torch.arange(length)[:, None] * 10000.0 ** (-torch.arange(0, dim, 2) / dim))


@sinusoidal_positions.mutant(
    "Your slowest wave has exactly the rate 1/base: you divide the exponent by d/2 − 1, as some libraries do. The paper divides 2i by d."
)
def slowest_is_base(length, dim, base=10000.0):
    _demand_even(dim)
    return _table(torch.arange(length)[:, None] * base ** (-torch.arange(dim // 2) / (dim // 2 - 1)))


@sinusoidal_positions.mutant("You count pairs from 1. The first pair has i = 0: its rate is 1.")
def pairs_from_one(length, dim, base=10000.0):
    _demand_even(dim)
    return _table(torch.arange(length)[:, None] * base ** (-torch.arange(2, dim + 1, 2) / dim))


@sinusoidal_positions.mutant("You count positions from 1. Position 0 comes first: its row reads 0, 1, 0, 1, …")
def positions_from_one(length, dim, base=10000.0):
    _demand_even(dim)
    return _table(torch.arange(1, length + 1)[:, None] * base ** (-torch.arange(0, dim, 2) / dim))


@sinusoidal_positions.mutant(
    "You squeeze the positions between 0 and 1, so a token's vector changes with the length of its text. Take 0, 1, 2, … as they are."
)
def positions_between_0_and_1(length, dim, base=10000.0):
    _demand_even(dim)
    return _table(torch.linspace(0, 1, length)[:, None] * base ** (-torch.arange(0, dim, 2) / dim))


@sinusoidal_positions.mutant("There is a factor 2π too many: the angle is position times rate, in radians.")
def full_turns(length, dim, base=10000.0):
    _demand_even(dim)
    return _table(2 * torch.pi * torch.arange(length)[:, None] * base ** (-torch.arange(0, dim, 2) / dim))


@sinusoidal_positions.mutant("The table lies on its side: positions are rows, waves are columns.")
def on_its_side(length, dim, base=10000.0):
    _demand_even(dim)
    return _table(torch.arange(length)[:, None] * base ** (-torch.arange(0, dim, 2) / dim)).T


@sinusoidal_positions.mutant(
    "There is a dimension for the batch in front. Leave it away: broadcasting adds it where it is needed."
)
def batch_in_front(length, dim, base=10000.0):
    _demand_even(dim)
    return _table(torch.arange(length)[:, None] * base ** (-torch.arange(0, dim, 2) / dim))[None]


@sinusoidal_positions.mutant("There is a dimension for the batch in the middle. The shape is (length, dim).")
def batch_in_the_middle(length, dim, base=10000.0):
    _demand_even(dim)
    return _table(torch.arange(length)[:, None, None] * base ** (-torch.arange(0, dim, 2) / dim))


@sinusoidal_positions.mutant(
    "The table is float64 (NumPy's and Python's numbers are). Turn it into float32 at the end."
)
def double_precision(length, dim, base=10000.0):
    _demand_even(dim)
    return _table(torch.arange(length)[:, None] * base ** (-torch.arange(0, dim, 2) / dim)).double()


@sinusoidal_positions.mutant(
    "An odd `dim` stops somewhere in the arithmetic. Raise ValueError first, with a sentence that says why."
)
def odd_breaks(length, dim, base=10000.0):
    angles = torch.arange(length)[:, None] * base ** (-torch.arange(0, dim, 2) / dim)
    table = torch.zeros(length, dim)
    table[:, 0::2] = angles.sin()
    table[:, 1::2] = angles.cos()
    return table


@sinusoidal_positions.mutant("An odd `dim` gets a table, though its last sine has no cosine. Raise ValueError.")
def accepts_odd_dim(length, dim, base=10000.0):
    return _table(torch.arange(length)[:, None] * base ** (-torch.arange(0, dim, 2) / dim))[:, :dim]


@sinusoidal_positions.mutant(
    "An odd `dim` stops at an `assert`. Callers expect ValueError: raise it, with a sentence that says why."
)
def asserts(length, dim, base=10000.0):
    assert dim % 2 == 0
    return _table(torch.arange(length)[:, None] * base ** (-torch.arange(0, dim, 2) / dim))


@sinusoidal_positions.stand_in
def by_the_library(length, dim, base=10000.0):
    if dim % 2:
        raise ValueError("dim must be even")
    angles = torch.outer(
        torch.arange(length).double(), torch.logspace(0, -1, dim // 2 + 1, base, dtype=torch.float64)[:-1]
    )
    return torch.view_as_real(torch.polar(torch.ones_like(angles), torch.pi / 2 - angles)).flatten(1).float()


@sinusoidal_positions.variant
def number_by_number(length, dim, base=10000.0):
    if dim % 2 != 0:
        raise ValueError
    rows = []
    for position in range(length):
        row = []
        for column in range(dim):
            angle = position / base ** ((column - column % 2) / dim)
            row.append(cos(angle) if column % 2 else sin(angle))
        rows.append(row)
    return torch.tensor(rows)


@sinusoidal_positions.variant
def as_annotated(length, dim, base=10000.0):
    if dim % 2 == 1:
        raise ValueError("odd")
    table = torch.zeros(length, dim)
    position = torch.arange(length).unsqueeze(1)
    rates = torch.exp(torch.arange(0, dim, 2) * -(torch.tensor(base).log() / dim))
    table[:, 0::2] = torch.sin(position * rates)
    table[:, 1::2] = torch.cos(position * rates)
    return table


@sinusoidal_positions.variant
def shifted_sines(length, dim, base=10000.0):
    if dim & 1:
        raise ValueError("odd")
    columns = torch.arange(dim)
    angles = torch.einsum("p,c->pc", torch.arange(length).double(), base ** (-(columns // 2) * 2.0 / dim).double())
    return torch.sin(angles + columns % 2 * torch.pi / 2).float()

"""# The KV cache

A model that writes a text token by token attends, at each token, to all tokens before it. Their keys and values are what they were a step ago:
causal attention lets no later token change them. So each layer keeps them, and a step computes queries, keys and values of one new token only.

`KVCache()` is the memory of one layer, empty at first:

- `update(k, v)` appends keys and values of shape (batch, heads, T, d) along T, and returns all so far as a pair: keys, values. T may be 1, or a whole
  prompt; another update brings another T. Batch, heads and dtype stay. Values may have another d than keys.
- `truncate(length)` keeps the first `length` tokens and forgets those after them, as if they had never come: speculative decoding takes back tokens
  that it drafted in vain. A cache that holds no more than `length` stays as it is, and so does an empty one.

The tensors that you are given are the caller's, who may put the next token's keys into the same memory (servers do, to save allocations). What the cache
has taken in must not change with them.

transformers' caches are not answers here.
"""

import math

import torch

from grader import Mismatch, close, exercise, leaves_alone, library


@exercise(
    points=3,
    twins=["DynamicCache", "StaticCache", "DynamicLayer", "StaticLayer", "QuantizedCache"],
    hints=[
        "Keep two tensors, or `None` before the first update. `torch.cat([old, new], dim=…)` makes a new tensor. Which of the four dimensions counts tokens?",
        "The first update has nothing to append to. If you keep `k` as it came, you keep the caller's tensor: `k.clone()`.",
        "`truncate` is a slice along the same dimension: `[:, :, :length]`. A slice ends where the tensor ends, so a large `length` needs no care. An empty "
        "cache has nothing to slice.",
    ],
)
class KVCache:
    """Keys and values of one layer.

    >>> cache = KVCache()
    >>> k, v = cache.update(torch.ones(1, 2, 5, 4), torch.ones(1, 2, 5, 4))
    >>> k, v = cache.update(torch.ones(1, 2, 1, 4), torch.ones(1, 2, 1, 4))
    >>> k.shape
    torch.Size([1, 2, 6, 4])
    """

    def __init__(self):
        self.keys: torch.Tensor | None = None
        self.values: torch.Tensor | None = None

    def update(self, k: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Append k and v, (batch, heads, T, d), and return all keys and all values so far."""
        if self.keys is None:
            self.keys, self.values = k.clone(), v.clone()
        else:
            self.keys = torch.cat([self.keys, k], dim=2)
            self.values = torch.cat([self.values, v], dim=2)
        return self.keys, self.values

    def truncate(self, length: int) -> None:
        """Keep the first `length` tokens."""
        if self.keys is not None:
            self.keys, self.values = self.keys[:, :, :length], self.values[:, :, :length]


def some_tokens(length, start=0, batch=2, heads=3, d=4, dv=4, dtype=torch.float32):
    """Keys and values of `length` tokens from place `start` on: no two numbers are equal."""
    k, v = (
        (sign * (1.0 + torch.arange(100 * batch * heads * width))).reshape(batch, heads, 100, width)
        for sign, width in ((1, d), (-1, dv))
    )
    return k[:, :, start : start + length].to(dtype), v[:, :, start : start + length].to(dtype)


def demand_so_far(found, due, when):
    """Compare the pair that `update` returned with keys and values that are due."""
    if not isinstance(found, (tuple, list)) or len(found) != 2:
        raise Mismatch(f"{when}, `update` should return a pair, keys and values", due, found)
    for what, mine, other in zip(("keys", "values"), found, due, strict=True):
        close(mine, other, what=f"{when}, the tensor of {what}")


@KVCache.check
def appends(KVCache):
    """a prompt of three tokens, then one token, then another: each update returns all keys and values so far"""
    cache = KVCache()
    for start, length in ((0, 3), (3, 1), (4, 1)):
        found = cache.update(*some_tokens(length, start))
        demand_so_far(found, some_tokens(start + length), f"after {start + length} tokens")


@KVCache.check
def any_number_of_tokens(KVCache):
    """updates of 1, 2, 4 and 40 tokens, for values of another width than keys"""
    cache, total = KVCache(), 0
    for length in (1, 2, 4, 40):
        found = cache.update(*some_tokens(length, total, batch=1, heads=2, d=3, dv=2))
        total += length
        demand_so_far(found, some_tokens(total, batch=1, heads=2, d=3, dv=2), f"after {total} tokens")


@KVCache.check
def truncate_keeps_the_first(KVCache):
    """`truncate(length)` keeps the first `length` tokens; the next update goes on from there"""
    cache = KVCache()
    cache.update(*some_tokens(6))
    cache.truncate(4)
    demand_so_far(cache.update(*some_tokens(2, 4)), some_tokens(6), "after 6 tokens, `truncate(4)` and 2 more")
    cache.truncate(5)
    demand_so_far(cache.update(*some_tokens(2, 5)), some_tokens(7), "after `truncate(5)` and 2 more")
    cache.truncate(6)
    cache.truncate(1)
    demand_so_far(cache.update(*some_tokens(1, 1)), some_tokens(2), "after `truncate(1)` and 1 more")


@KVCache.check
def truncate_to_nothing(KVCache):
    """after `truncate(0)` the cache is empty, and ready for another text"""
    cache = KVCache()
    cache.update(*some_tokens(3))
    cache.truncate(0)
    demand_so_far(cache.update(*some_tokens(2, 50)), some_tokens(2, 50), "after `truncate(0)` and 2 tokens")


@KVCache.check
def truncate_beyond_the_end(KVCache):
    """a cache that holds `length` tokens or fewer stays as it is"""
    cache = KVCache()
    cache.update(*some_tokens(3))
    cache.truncate(3)
    demand_so_far(cache.update(*some_tokens(1, 3)), some_tokens(4), "after 3 tokens, `truncate(3)` and 1 more")
    cache.truncate(9)
    demand_so_far(cache.update(*some_tokens(1, 4)), some_tokens(5), "after 4 tokens, `truncate(9)` and 1 more")


@KVCache.check
def truncate_an_empty_cache(KVCache):
    """an empty cache can be truncated, and stays empty"""
    cache = KVCache()
    cache.truncate(2)
    demand_so_far(cache.update(*some_tokens(2)), some_tokens(2), "after `truncate(2)` of an empty cache and 2 tokens")


@KVCache.check
def a_cache_a_layer(KVCache):
    """two caches know nothing of each other"""
    first, second = KVCache(), KVCache()
    first.update(*some_tokens(2))
    demand_so_far(second.update(*some_tokens(3, 9)), some_tokens(3, 9), "in a second cache, after 3 tokens")
    demand_so_far(first.update(*some_tokens(1, 2)), some_tokens(3), "in the first cache, after 3 tokens")


@KVCache.check
def other_precisions(KVCache):
    """keys and values keep their dtype: float16, bfloat16, float64"""
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        cache = KVCache()
        for start in (0, 1):
            found = cache.update(*some_tokens(1, start, dtype=dtype))
        demand_so_far(found, some_tokens(2, dtype=dtype), f"after 2 tokens of {dtype}")


def with_one_buffer(KVCache, ks, vs):
    """Update a new cache with the same two tensors again and again, each time with the next of ks and vs in them.

    Returns what the last update returned. All of it is done by iterators beside the cache, where its tensors are.
    """
    map_, repeat, copy_ = (
        library(KVCache, name) for name in ("builtins.map", "itertools.repeat", "torch.Tensor.copy_")
    )
    buffers = [map_(copy_, repeat(torch.zeros_like(pieces[0])), pieces) for pieces in (ks, vs)]
    return library(KVCache, "builtins.list")(map_(KVCache().update, *buffers))[-1]


@KVCache.check
def the_callers_memory(KVCache):
    """when the caller puts the next token into the same memory, what the cache has taken in stays"""
    ks, vs = zip(*(some_tokens(1, start) for start in range(3)), strict=True)
    demand_so_far(with_one_buffer(KVCache, list(ks), list(vs)), some_tokens(3), "after 3 tokens in one memory")


@KVCache.check
def leaves_its_inputs_alone(KVCache):
    """the caller's tensors are left as they were"""
    cache = KVCache()
    for start in (0, 2):
        found = leaves_alone(cache.update, *some_tokens(2, start))
    demand_so_far(found, some_tokens(4), "after 4 tokens")


def _story(KVCache, rng, dtype):
    """Updates and truncations in any order, beside the same on plain tensors."""
    batch, heads, d, dv = torch.randint(1, 4, (4,), generator=rng).tolist()
    cache, held = KVCache(), [torch.zeros(batch, heads, 0, width, dtype=dtype) for width in (d, dv)]
    for _ in range(10):
        if torch.rand((), generator=rng) < 0.4:
            length = int(torch.randint(0, held[0].shape[2] + 3, (), generator=rng))
            cache.truncate(length)
            held = [x[:, :, :length] for x in held]
        T = int(torch.randint(1, 6, (), generator=rng))
        new = [torch.randn(batch, heads, T, width, generator=rng, dtype=dtype) for width in (d, dv)]
        held = [torch.cat(both, 2) for both in zip(held, new, strict=True)]
        demand_so_far(leaves_alone(cache.update, *new), held, f"after {held[0].shape[2]} tokens")


@KVCache.hidden
def any_story(KVCache, rng):
    """updates and truncations of any length, in any order"""
    for _ in range(3):
        _story(KVCache, rng, torch.float32)


@KVCache.hidden
def any_story_in_double(KVCache, rng):
    """the same in float64"""
    _story(KVCache, rng, torch.float64)


@KVCache.hidden
def any_callers_memory(KVCache, rng):
    """one memory for all updates, of any shape"""
    shape = torch.randint(1, 5, (4,), generator=rng).tolist()
    ks, vs = ([torch.randn(shape, generator=rng) for _ in range(4)] for _ in range(2))
    demand_so_far(with_one_buffer(KVCache, ks, vs), [torch.cat(ks, 2), torch.cat(vs, 2)], "after 4 updates")


class _Parts:
    """The answer in parts, so that a wrong answer is this one with a part changed."""

    def __init__(self):
        self.held = None

    def update(self, k, v):
        self.held = [self.first(x) for x in (k, v)] if self.held is None else self.joined(k, v)
        return tuple(self.held)

    def truncate(self, length):
        if self.held is not None:
            self.held = [self.cut(x, length) for x in self.held]

    def first(self, x):
        return x.clone()

    def joined(self, k, v):
        return [self.append(old, new) for old, new in zip(self.held, (k, v), strict=True)]

    def append(self, old, new):
        return torch.cat([old, new], 2)

    def cut(self, x, length):
        return x[:, :, :length]


@KVCache.mutant(
    "Each update replaces what was there, or you return the new tokens alone. Append them along the dimension of tokens, and return everything so far."
)
class overwrites(_Parts):
    def append(self, old, new):
        return new.clone()


@KVCache.mutant("You return what was there before the update. Return everything so far, the new tokens included.")
class one_update_behind(_Parts):
    def update(self, k, v):
        before = [x[:, :, :0] for x in (k, v)] if self.held is None else self.held
        super().update(k, v)
        return tuple(before)


@KVCache.mutant("You join along dimension 1, the heads: (batch, heads, T, d) has its tokens in dimension 2.")
class along_the_heads(_Parts):
    def append(self, old, new):
        return torch.cat([old, new], 1)


@KVCache.mutant("You join along dimension 0, the batch: (batch, heads, T, d) has its tokens in dimension 2.")
class along_the_batch(_Parts):
    def append(self, old, new):
        return torch.cat([old, new], 0)


@KVCache.mutant("You join along the last dimension, the features: (batch, heads, T, d) has its tokens in dimension 2.")
class along_the_features(_Parts):
    def append(self, old, new):
        return torch.cat([old, new], -1)


@KVCache.mutant("You stack the updates in a new dimension. Join them along the one that counts tokens: `torch.cat`.")
class stacked(_Parts):
    def append(self, old, new):
        return torch.stack([old, new])


@KVCache.mutant("You add the new tokens to the old ones as numbers. Append them: `torch.cat`.")
class added(_Parts):
    def append(self, old, new):
        return old + new


@KVCache.mutant("New tokens come before the old ones. Append them at the end: position by position, as the text runs.")
class new_ones_first(_Parts):
    def append(self, old, new):
        return torch.cat([new, old], 2)


@KVCache.mutant(
    "Your cache is off by one: the first new token takes the place of the last old one. The next free place is the number of tokens so far."
)
class one_place_too_early(_Parts):
    def append(self, old, new):
        return torch.cat([old[:, :, :-1], new], 2)


@KVCache.mutant(
    "Your cache is off by one: before the new tokens a place is left free. The next free place is the number of tokens so far."
)
class one_place_too_late(_Parts):
    def append(self, old, new):
        return torch.cat([old, torch.zeros_like(old[:, :, :1]), new], 2)


@KVCache.mutant("Only the last token of an update is kept. A prompt comes as one update of many tokens: keep all.")
class last_token_alone(_Parts):
    def first(self, x):
        return x[:, :, -1:].clone()

    def append(self, old, new):
        return torch.cat([old, new[:, :, -1:]], 2)


@KVCache.mutant(
    "After the first update, only one token of each is kept. An update may bring many at any time: keep all."
)
class one_token_an_update(_Parts):
    def append(self, old, new):
        return torch.cat([old, new[:, :, :1]], 2)


@KVCache.mutant(
    "Your cache has room for a fixed number of tokens, and fails when that is full. Nobody says how long a text will be: let it grow."
)
class fixed_room(_Parts):
    def first(self, x):
        room = x.new_zeros(*x.shape[:2], 16, x.shape[-1])
        room[:, :, : x.shape[2]] = x
        return super().first(x)

    def append(self, old, new):
        joined = super().append(old, new)
        old.new_zeros(*old.shape[:2], 16, old.shape[-1])[:, :, old.shape[2] : joined.shape[2]] = new
        return joined


@KVCache.mutant("Keys and values are the wrong way round: `update` returns keys first.")
class values_first(_Parts):
    def update(self, k, v):
        return super().update(k, v)[::-1]


@KVCache.mutant("You keep the keys twice: the second of the pair is made of `v`.")
class keys_twice(_Parts):
    def update(self, k, v):
        keys = super().update(k, k)[0]
        return keys, keys


@KVCache.mutant("You return the keys alone. Return the pair, keys and values.")
class keys_alone(_Parts):
    def update(self, k, v):
        return super().update(k, v)[0]


@KVCache.mutant("You append to the keys, but not to the values. Both grow.")
class values_do_not_grow(_Parts):
    def joined(self, k, v):
        return [torch.cat([self.held[0], k], 2), self.held[1]]


@KVCache.mutant("`update` returns nothing (None). It returns all keys and all values so far.")
class nothing_returned(_Parts):
    def update(self, k, v):
        super().update(k, v)


@KVCache.mutant("`truncate` keeps the last `length` tokens. It keeps the first: those at the end were drafted in vain.")
class keeps_the_last(_Parts):
    def cut(self, x, length):
        return x[:, :, max(0, x.shape[2] - length) :]


@KVCache.mutant("`truncate` changes nothing. A slice is a new tensor: keep it, `self.… = …`.")
class truncates_nothing(_Parts):
    def truncate(self, length):
        pass


@KVCache.mutant("`truncate(length)` removes `length` tokens. It keeps the first `length`.")
class removes_length(_Parts):
    def cut(self, x, length):
        return x[:, :, : max(0, x.shape[2] - length)]


@KVCache.mutant(
    "`truncate` keeps one token too few. It keeps the first `length`: a slice `[:length]` leaves out place `length`."
)
class one_too_few(_Parts):
    def cut(self, x, length):
        return x[:, :, : max(0, length - 1)]


@KVCache.mutant("`truncate` keeps one token too many. It keeps the first `length`, those before place `length`.")
class one_too_many(_Parts):
    def cut(self, x, length):
        return x[:, :, : length + 1]


@KVCache.mutant("`truncate` cuts the keys, but not the values. Both forget the same tokens.")
class keys_cut_alone(_Parts):
    def truncate(self, length):
        if self.held is not None:
            self.held[0] = self.cut(self.held[0], length)


@KVCache.mutant("`truncate` cuts along the heads. Tokens are dimension 2: `[:, :, :length]`.")
class cuts_heads(_Parts):
    def cut(self, x, length):
        return x[:, :length]


@KVCache.mutant("`truncate` cuts along the batch. Tokens are dimension 2: `[:, :, :length]`.")
class cuts_the_batch(_Parts):
    def cut(self, x, length):
        return x[:length]


@KVCache.mutant("`truncate` cuts along the features. Tokens are dimension 2: `[:, :, :length]`.")
class cuts_features(_Parts):
    def cut(self, x, length):
        return x[..., :length]


@KVCache.mutant("`truncate` empties the cache, whatever `length`. It keeps the first `length` tokens.")
class forgets_everything(_Parts):
    def truncate(self, length):
        self.held = None


@KVCache.mutant(
    "`truncate(0)` changes nothing: 0 counts as false. Leave the `if length` away, or ask whether something is `None`."
)
class zero_is_false(_Parts):
    def truncate(self, length):
        if length:
            super().truncate(length)


@KVCache.mutant(
    "Where nothing is to be cut off, everything goes: a slice `[:-0]` is empty. Slice to `length`, counted from the front."
)
class minus_zero(_Parts):
    def cut(self, x, length):
        return x[:, :, : -max(0, x.shape[2] - length)]


@KVCache.mutant(
    "After a `truncate` beyond its end your cache believes that it holds `length` tokens. It holds what it held: `min(length, held)`."
)
class longer_than_it_is(_Parts):
    def cut(self, x, length):
        more = max(0, length - x.shape[2])
        return torch.cat([x[:, :, :length], x.new_zeros(*x.shape[:2], more, x.shape[-1])], 2)


@KVCache.mutant("`truncate` fails on an empty cache, where there is nothing to slice yet. Ask for that first.")
class nothing_to_slice(_Parts):
    def truncate(self, length):
        self.held = [x[:, :, :length] for x in self.held]


@KVCache.mutant(
    "All your caches share one memory: what stands in the class itself, or as a parameter's default, is there once for all. Make it in `__init__`, on `self`."
)
class one_memory_for_all(_Parts):
    memory: dict = {}  # noqa: RUF012

    @property
    def held(self):
        return self.memory["held"]

    @held.setter
    def held(self, value):
        self.memory["held"] = value


@KVCache.mutant(
    "You keep the caller's own tensor, and your cache changes when the caller writes to it. Keep a copy: `k.clone()`."
)
class the_callers_first(_Parts):
    def first(self, x):
        return x


@KVCache.mutant(
    "You keep the caller's own tensors in a list, and your cache changes when the caller writes to them. Keep copies: `k.clone()`."
)
class the_callers_list(_Parts):
    def first(self, x):
        self.lists = [*getattr(self, "lists", []), [x]]
        return x

    def joined(self, k, v):
        for each, new in zip(self.lists, (k, v), strict=True):
            each.append(new)
        return [torch.cat(each, 2) for each in self.lists]

    def truncate(self, length):
        super().truncate(length)
        if self.held is not None:
            self.lists = [[x] for x in self.held]


@KVCache.mutant("Your tensors are float32, whatever comes in. Keep the dtype of `k` and `v`.")
class always_single(_Parts):
    def first(self, x):
        return x.float().clone()

    def append(self, old, new):
        return torch.cat([old, new.float()], 2)


@KVCache.mutant("You change the caller's tensors: names that end in `_`, `+=` and `.data = …` work in place.")
class in_place(_Parts):
    def append(self, old, new):
        new.data = torch.cat([old, new], 2)
        return new


@KVCache.stand_in
class in_lists:
    """Pieces in lists, joined when they are asked for."""

    def __init__(self):
        self.pieces = [], []

    def update(self, k, v):
        for pieces, new in zip(self.pieces, (k, v), strict=True):
            pieces.append(torch.clone(new))
        return tuple(torch.cat(pieces, dim=2) for pieces in self.pieces)

    def truncate(self, length):
        if self.pieces[0]:
            self.pieces = tuple([torch.narrow(x, 2, 0, min(length, x.shape[2]))] for x in map(_joined, self.pieces))


def _joined(pieces):
    return torch.cat(pieces, dim=2)


@KVCache.variant
class with_room_to_grow:
    """A buffer that doubles when it is full, and views of it: no copy a token."""

    def __init__(self):
        self.length = 0
        self.room = {}

    def update(self, k, v):
        needed = self.length + k.shape[-2]
        for name, new in (("k", k), ("v", v)):
            if name not in self.room or self.room[name].shape[2] < needed:
                bigger = torch.empty(*new.shape[:2], 2 ** math.ceil(math.log2(needed)), new.shape[3], dtype=new.dtype)
                if self.length:
                    bigger[:, :, : self.length] = self.room[name][:, :, : self.length]
                self.room[name] = bigger
            self.room[name][:, :, self.length : needed] = new
        self.length = needed
        return self.room["k"][:, :, :needed], self.room["v"][:, :, :needed]

    def truncate(self, length):
        self.length = min(self.length, length)


@KVCache.variant
class from_empty_tensors:
    k = v = None

    def update(self, k, v):
        if self.k is None:
            self.k, self.v = torch.empty_like(k[:, :, :0]), torch.empty_like(v[:, :, :0])
        self.k, self.v = torch.cat((self.k, k), -2), torch.cat((self.v, v), -2)
        return [self.k, self.v]

    def truncate(self, length):
        try:
            self.k, self.v = self.k[..., :length, :], self.v[..., :length, :]
        except TypeError:
            return False
        return True

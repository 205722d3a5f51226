"""# Generation with a cache

Without a cache, a model that writes $n$ tokens after a prompt of $T$ reads $T$, $T+1$, …, $T+n-1$ tokens. With one it reads the prompt once (the
*prefill*), then each new token alone: $T + n - 1$ in all. The text is the same. You will use the interface of every decoder in transformers:

```python
output = model(unread, past_key_values=cache, use_cache=True)
output.logits             # (batch, T, vocabulary): for each of `unread`, scores of the token after it
output.past_key_values    # the cache, these ids included; for the next call
```

`unread` are the ids that the cache does not hold yet, and the model counts positions on from where the cache ends. `None` stands for an empty cache.

Given prompts `ids`, (B, T), return (B, T + n): the prompts, and after each the `n` tokens of greedy decoding, where the largest score wins. `n` is at least 1.

- After the prefill every call brings one new token of each row, and there are `n` calls in all: the last token is never read.
- All rows have the same length, none is padded, and nothing ends a row early: not the end-of-text token either.
- Some models' configuration turns the cache off (training does that): ask for it in each call.

`model.generate` is not an answer here.
"""

import functools

import torch
from transformers.models.llama.modeling_llama import LlamaConfig, LlamaForCausalLM

from grader import Mismatch, close, exercise, leaves_alone, library


@exercise(
    points=3,
    twins=["generate", "pipeline", "TextGenerationPipeline"],
    hints=[
        "Three things change from call to call: the whole text so far, the ids to read next, and the cache. At first the ids to read are the prompt, and the "
        "cache is `None`.",
        "Of (B, T, vocabulary) only the scores after the last token count: `output.logits[:, -1:].argmax(-1)` is (B, 1), a token for each row, in the "
        "shape in which the next call wants it.",
        "In the loop, `n` times: call, keep `output.past_key_values`, choose, append to the text with `torch.cat`, and read only the chosen tokens next time. "
        "`@torch.no_grad()` over the function saves the memory of a graph.",
    ],
)
@torch.no_grad()
def generate_with_cache(model, ids: torch.Tensor, n: int) -> torch.Tensor:
    """Return `ids`, (B, T), and the n tokens that `model` writes greedily after each row: (B, T + n).

    `model` has the interface of transformers' decoders; it is called n times, with one new token after the prefill.

    >>> config = LlamaConfig(vocab_size=9, hidden_size=4, intermediate_size=4, num_hidden_layers=1, num_attention_heads=2)
    >>> generate_with_cache(LlamaForCausalLM(config), torch.tensor([[1, 2, 3]]), 5).shape
    torch.Size([1, 8])
    """
    text, cache = ids, None
    for _ in range(n):
        output = model(ids, past_key_values=cache, use_cache=True)
        cache = output.past_key_values
        ids = output.logits[:, -1:].argmax(-1)
        text = torch.cat([text, ids], dim=1)
    return text


SMALL_LLAMA = {
    "vocab_size": 40,
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "attn_implementation": "eager",
}


def llama_here(rng, **changed):
    """A small Llama in this process, with drawn weights."""
    with torch.random.fork_rng(devices=[]):  # what it begins with is drawn, too, and soon overwritten
        model = LlamaForCausalLM(LlamaConfig(**SMALL_LLAMA | changed)).eval()
    for parameter in model.parameters():
        noise = torch.randn(parameter.shape, generator=rng)
        parameter.data = 1 + 0.3 * noise if noise.dim() == 1 else 2 * noise / noise.shape[1] ** 0.5
    return model


def llama_beside(generate_with_cache, twin, **changed):
    """The same Llama beside your function, and a list that grows by the number of tokens a row that each call reads."""
    config = library(generate_with_cache, "transformers.LlamaConfig")(**SMALL_LLAMA | changed)
    model = library(generate_with_cache, "transformers.models.llama.modeling_llama.LlamaForCausalLM")(config)
    model.load_state_dict(dict(twin.state_dict()))
    model.eval()
    widths = []
    model.get_input_embeddings().register_forward_pre_hook(lambda module, args: widths.append(args[0].shape[-1]))
    return model, widths


@torch.no_grad()
def written_without_cache(twin, ids, n):
    """The text that is due, and by how much the closest choice was won."""
    closest = torch.inf
    for _ in range(n):
        best = twin(ids, use_cache=False).logits[:, -1].topk(2)
        closest = min(closest, float((best.values[:, 0] - best.values[:, 1]).min()))
        ids = torch.cat([ids, best.indices[:, :1]], dim=1)
    return ids, closest


@functools.cache
def small_llama():
    """The Llama of most checks, always the same."""
    return llama_here(torch.Generator().manual_seed(13))


@functools.cache
def due_text(batch, length, n):
    """Prompts of ids below 40, always the same, and n tokens after each."""
    ids = (torch.arange(batch * length) ** 2 * 7 % 37 + 1).reshape(batch, length)
    return written_without_cache(small_llama(), ids, n)[0]


def demand_text(generate_with_cache, batch, length, n, **changed):
    """Compare what your function writes with what is due; return how many tokens a row each of its calls read."""
    model, widths = llama_beside(generate_with_cache, small_llama(), **changed)
    due = due_text(batch, length, n)
    close(generate_with_cache(model, due[:, :length], n), due, what="the text")
    return widths


@generate_with_cache.check
def the_text_is_the_same(generate_with_cache):
    """after a prompt of four tokens, a small Llama writes the twelve that it writes without a cache"""
    demand_text(generate_with_cache, 1, 4, 12)


@generate_with_cache.check
def rows_side_by_side(generate_with_cache):
    """three prompts of five tokens are continued side by side"""
    demand_text(generate_with_cache, 3, 5, 6)


@generate_with_cache.check
def the_prompt_in_one_call(generate_with_cache):
    """the first call reads the whole prompt"""
    widths = demand_text(generate_with_cache, 2, 6, 2)
    if widths[:1] != [6]:
        raise Mismatch(
            f"your first call should read the 6 tokens of the prompt; your calls read {widths}", actual=widths
        )


@generate_with_cache.check
def one_new_token_a_call(generate_with_cache):
    """each later call reads one token a row"""
    widths = demand_text(generate_with_cache, 2, 6, 5)
    if len(widths) < 2 or max(widths[1:]) > 1:
        raise Mismatch(
            f"after the prompt of 6 tokens, each call should read 1; your calls read {widths}", actual=widths
        )


@generate_with_cache.check
def n_calls_in_all(generate_with_cache):
    """n tokens take n calls at most, the prompt's included"""
    for n in (1, 5):
        widths = demand_text(generate_with_cache, 1, 3, n)
        if len(widths) > n:
            raise Mismatch(f"for n = {n} there should be {n} calls at most; there were {len(widths)}", n, len(widths))


@generate_with_cache.check
def from_one_token(generate_with_cache):
    """a prompt may be a single token"""
    demand_text(generate_with_cache, 2, 1, 4)


@generate_with_cache.check
def a_new_text_a_call(generate_with_cache):
    """two texts one after the other, by the same model: the second does not see the first"""
    model, _ = llama_beside(generate_with_cache, small_llama())
    for length in (4, 6):
        due = due_text(1, length, 4)
        close(generate_with_cache(model, due[:, :length], 4), due, what="the text")


@generate_with_cache.check
def configured_without_cache(generate_with_cache):
    """a model whose configuration says `use_cache=False` is asked for its cache all the same"""
    widths = demand_text(generate_with_cache, 1, 4, 6, use_cache=False)
    if len(widths) < 2 or max(widths[1:]) > 1:
        raise Mismatch(
            f"after the prompt of 4 tokens, each call should read 1; your calls read {widths}", actual=widths
        )


@generate_with_cache.check
def goes_on_after_the_end(generate_with_cache):
    """n tokens come, even where one of them is the model's end-of-text token"""
    demand_text(generate_with_cache, 1, 4, 8, eos_token_id=int(due_text(1, 4, 8)[0, 6]))


@generate_with_cache.check
def leaves_the_prompt_alone(generate_with_cache):
    """the caller's ids are left as they were"""
    model, _ = llama_beside(generate_with_cache, small_llama())
    due = due_text(2, 3, 2)
    close(leaves_alone(generate_with_cache, model, due[:, :3], 2), due, what="the text")


def _drawn(rng):
    """A model, prompts and n for which no choice is so close that rounding may make it, with the text that is due."""
    while True:
        keys, groups, layers, batch, length = torch.randint(1, 4, (5,), generator=rng).tolist()
        length, n = length * 3 - 2, int(torch.randint(2, 9, (), generator=rng))
        heads = {"num_attention_heads": keys * groups, "num_key_value_heads": keys, "hidden_size": 8 * keys * groups}
        changed = {"num_hidden_layers": layers, "vocab_size": 30, **heads}
        twin = llama_here(rng, **changed)
        due, closest = written_without_cache(twin, torch.randint(0, 30, (batch, length), generator=rng), n)
        if closest > 1e-3:
            return twin, changed, length, n, due


@generate_with_cache.hidden
def any_text(generate_with_cache, rng):
    """models, prompts and lengths of any kind: the text that comes without a cache, each token read once"""
    for _ in range(2):
        twin, changed, length, n, due = _drawn(rng)
        model, widths = llama_beside(generate_with_cache, twin, **changed)
        close(leaves_alone(generate_with_cache, model, due[:, :length], n), due, what="the text")
        close(widths, [length] + [1] * (n - 1), what="the number of tokens that each call read")


@generate_with_cache.hidden
def a_long_text(generate_with_cache, rng):
    """up to thirty tokens of two rows, for as long as no choice is close"""
    twin = llama_here(rng)
    model, _ = llama_beside(generate_with_cache, twin)
    ids = torch.randint(0, 40, (2, 4), generator=rng)
    due = ids
    while due.shape[1] < 34:
        longer, closest = written_without_cache(twin, due, 1)
        if closest < 1e-3 and due.shape[1] > 4:
            break
        due = longer
    close(generate_with_cache(model, ids, due.shape[1] - 4), due, what="the text")


def _written(
    model, ids, n, *, read=lambda text, new: new, cached=True, choose=lambda logits: logits[:, -1:].argmax(-1), **more
):
    """The answer, or the answer with one habit changed."""
    text, cache = ids, None
    for _ in range(n):
        output = model(ids, past_key_values=cache, **({"use_cache": True} | more))
        cache = output.past_key_values if cached else None
        new = choose(output.logits)
        text = torch.cat([text, new], dim=1)
        ids = read(text, new)
    return text


@generate_with_cache.mutant(
    "You use no cache: each call reads the whole text anew. Pass `past_key_values`, and read only what is new."
)
def without_a_cache(model, ids, n):
    for _ in range(n):
        ids = torch.cat([ids, model(ids, use_cache=False).logits[:, -1:].argmax(-1)], dim=1)
    return ids


@generate_with_cache.mutant(
    "You pass the cache, and the whole text as well: the model reads as new what the cache holds already. Pass only the tokens that are new."
)
def everything_again(model, ids, n):
    return _written(model, ids, n, read=lambda text, new: text)


@generate_with_cache.mutant(
    "After the prefill the model reads one token and knows nothing of those before it: pass `past_key_values=output.past_key_values` in the next call."
)
def cache_not_passed(model, ids, n):
    return _written(model, ids, n, cached=False)


@generate_with_cache.mutant(
    "The prompt's last token is read twice: once in the prefill, then again. The prefill's last logits already choose the first new token."
)
def last_token_twice(model, ids, n):
    text, cache = ids, model(ids, use_cache=True).past_key_values
    for _ in range(n):
        output = model(text[:, -1:], past_key_values=cache, use_cache=True)
        cache = output.past_key_values
        text = torch.cat([text, output.logits[:, -1:].argmax(-1)], dim=1)
    return text


@generate_with_cache.mutant(
    "The text is right, but the prompt takes more than one call: it is read token by token, or its last token in a call of its own. Read all of it at once; its "
    "last logits choose the first new token."
)
def prefill_without_the_last(model, ids, n):
    text = ids
    cache = model(ids[:, :-1], use_cache=True).past_key_values if ids.shape[1] > 1 else None
    for _ in range(n):
        output = model(text[:, -1:], past_key_values=cache, use_cache=True)
        cache = output.past_key_values
        text = torch.cat([text, output.logits[:, -1:].argmax(-1)], dim=1)
    return text


@generate_with_cache.mutant(
    "The text is right, but the prompt takes more than one call: it is read token by token, or its last token in a call of its own. Read all of it at once; its "
    "last logits choose the first new token."
)
def prompt_token_by_token(model, ids, n):
    cache = None
    for i in range(ids.shape[1]):
        output = model(ids[:, i : i + 1], past_key_values=cache, use_cache=True)
        cache = output.past_key_values
    for i in range(n):
        new = output.logits[:, -1:].argmax(-1)
        ids = torch.cat([ids, new], dim=1)
        if i < n - 1:
            output = model(new, past_key_values=cache, use_cache=True)
    return ids


@generate_with_cache.mutant(
    "The last token is read, too, though nobody asks what comes after it: one call too many. There are n calls in all, the prefill included."
)
def one_call_too_many(model, ids, n):
    output = model(ids, use_cache=True)
    for _ in range(n):
        new = output.logits[:, -1:].argmax(-1)
        ids = torch.cat([ids, new], dim=1)
        output = model(new, past_key_values=output.past_key_values, use_cache=True)
    return ids


@generate_with_cache.mutant(
    "You give each new token position 0. Leave `position_ids` away, and the model counts on from the end of the cache; or pass the number of tokens before it."
)
def always_position_zero(model, ids, n):
    text, cache, positions = ids, None, torch.arange(ids.shape[1])[None]
    for _ in range(n):
        output = model(ids, past_key_values=cache, use_cache=True, position_ids=positions)
        cache, ids, positions = output.past_key_values, output.logits[:, -1:].argmax(-1), torch.tensor([[0]])
        text = torch.cat([text, ids], dim=1)
    return text


@generate_with_cache.mutant(
    "Your positions are off by one: the first new token has position T, the number of tokens before it, not T + 1. Or leave `position_ids` away."
)
def positions_off_by_one(model, ids, n):
    text, cache, positions = ids, None, torch.arange(ids.shape[1])[None]
    for _ in range(n):
        output = model(ids, past_key_values=cache, use_cache=True, position_ids=positions)
        cache, ids = output.past_key_values, output.logits[:, -1:].argmax(-1)
        text = torch.cat([text, ids], dim=1)
        positions = torch.tensor([[text.shape[1]]])
    return text


@generate_with_cache.mutant(
    "Your `attention_mask` covers the new token alone, and hides what the cache holds. It covers the whole text so far; leave it away where nothing is padded."
)
def mask_of_the_new_token(model, ids, n):
    text, cache = ids, None
    for _ in range(n):
        output = model(ids, past_key_values=cache, use_cache=True, attention_mask=torch.ones_like(ids))
        cache, ids = output.past_key_values, output.logits[:, -1:].argmax(-1)
        text = torch.cat([text, ids], dim=1)
    return text


@generate_with_cache.mutant("The prompt is missing from your result. Return the prompt and the new tokens: (B, T + n).")
def without_the_prompt(model, ids, n):
    return _written(model, ids, n)[:, ids.shape[1] :]


@generate_with_cache.mutant(
    "You write one token too few. The prefill gives the first, each further call one more: n calls for n tokens."
)
def one_token_too_few(model, ids, n):
    return _written(model, ids, n - 1)


@generate_with_cache.mutant(
    "You write one token too many. The prefill already gives one; n − 1 further calls give the others."
)
def one_token_too_many(model, ids, n):
    return _written(model, ids, n + 1)


@generate_with_cache.mutant("You take `n` for the length of the whole text. It is the number of new tokens.")
def length_in_all(model, ids, n):
    return _written(model, ids, max(0, n - ids.shape[1]))


@generate_with_cache.mutant("You draw the next token. Greedy decoding takes the one with the largest score: `argmax`.")
def drawn(model, ids, n):
    return _written(model, ids, n, choose=lambda logits: torch.multinomial(logits[:, -1].softmax(-1), 1))


@generate_with_cache.mutant(
    "The first row's token goes to every row. Each row has its own: `output.logits[:, -1]`, not `output.logits[0, -1]`."
)
def first_row_for_all(model, ids, n):
    return _written(model, ids, n, choose=lambda logits: logits[:1, -1:].argmax(-1).expand(len(logits), 1))


@generate_with_cache.mutant("Only the first prompt is continued. All rows are, side by side: `output.logits[:, -1:]`.")
def first_row_alone(model, ids, n):
    return _written(model, ids[:1], n)


@generate_with_cache.mutant(
    "Your code takes the batch for one row: `.item()`, or a shape that fits B = 1 alone. Keep the choice as a tensor (B, 1)."
)
def one_row_expected(model, ids, n):
    return _written(model, ids, n, choose=lambda logits: torch.tensor([[logits[:, -1].argmax(-1).item()]]))


@generate_with_cache.mutant(
    "You choose by the scores after the *first* of the tokens read. The next token follows the last: `logits[:, -1]`."
)
def scores_after_the_first(model, ids, n):
    return _written(model, ids, n, choose=lambda logits: logits[:, :1].argmax(-1))


@generate_with_cache.mutant(
    "All tokens' choices are appended, those after the prompt's earlier tokens too. Only the scores after the last token count: `logits[:, -1:]`."
)
def a_choice_for_every_token(model, ids, n):
    return _written(model, ids, n, choose=lambda logits: logits.argmax(-1))


@generate_with_cache.mutant("Your `argmax` runs over the wrong dimension: the vocabulary is the last one.")
def over_the_wrong_dimension(model, ids, n):
    return _written(model, ids, n, choose=lambda logits: logits[:, -1].argmax(0)[: len(logits), None])


@generate_with_cache.mutant("You take the smallest score. Greedy decoding takes the largest: `argmax`.")
def the_smallest(model, ids, n):
    return _written(model, ids, n, choose=lambda logits: logits[:, -1:].argmin(-1))


@generate_with_cache.mutant(
    "You do not ask for the cache: `use_cache=True` is missing, and a model configured without one gives none."
)
def cache_not_asked_for(model, ids, n):
    text, cache = ids, None
    for _ in range(n):
        output = model(ids, past_key_values=cache)
        cache = output.past_key_values
        ids = output.logits[:, -1:].argmax(-1)
        text = torch.cat([text, ids], dim=1)
    return text


@generate_with_cache.mutant(
    "You stop at the end-of-text token. Here every row gets its n tokens, so that all have one length."
)
def stops_at_the_end(model, ids, n):
    text, cache = ids, None
    for _ in range(n):
        output = model(ids, past_key_values=cache, use_cache=True)
        cache, ids = output.past_key_values, output.logits[:, -1:].argmax(-1)
        text = torch.cat([text, ids], dim=1)
        if bool((ids == model.config.eos_token_id).all()):
            break
    return text


@generate_with_cache.mutant(
    "Your cache outlives the call (a default argument, a global name or an attribute), and the next text goes on where the last one ended. Begin each call with none."
)
def cache_of_the_last_text(model, ids, n):
    text = ids
    for _ in range(n):
        output = model(ids, past_key_values=getattr(model, "kept", None), use_cache=True)
        model.kept, ids = output.past_key_values, output.logits[:, -1:].argmax(-1)
        text = torch.cat([text, ids], dim=1)
    return text


@generate_with_cache.mutant("You return a list. The result is a tensor (B, T + n).")
def list_returned(model, ids, n):
    return _written(model, ids, n).tolist()


@generate_with_cache.mutant(
    "You change the caller's prompt: `resize_`, `.data = …` and names that end in `_` work in place. Use `torch.cat`."
)
def in_place(model, ids, n):
    ids.data = _written(model, ids, n)
    return ids


@generate_with_cache.mutant(
    "Your function returns nothing (None). End it with `return` and the text; `print` shows it only."
)
def nothing_returned(model, ids, n):
    return None


@generate_with_cache.stand_in
def by_transformers(model, ids, n):
    return model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=n,
        do_sample=False,
        use_cache=True,
        eos_token_id=None,
        pad_token_id=0,
    )


@generate_with_cache.variant
def into_a_table(model, ids, n):
    from transformers import DynamicCache

    batch, length = ids.shape
    text = torch.zeros(batch, length + n, dtype=ids.dtype)
    text[:, :length] = ids
    cache = DynamicCache()
    read = 0
    with torch.inference_mode():
        for end in range(length, length + n):
            scores = model(
                input_ids=text[:, read:end],
                past_key_values=cache,
                use_cache=True,
                position_ids=torch.arange(read, end)[None],
                attention_mask=torch.ones(batch, end, dtype=torch.long),
                logits_to_keep=1,
            ).logits
            text[:, end] = scores[:, 0].max(dim=-1).indices
            read = end
    return text


@generate_with_cache.variant
def with_gradients_and_recursion(model, ids, n, past=None, unread=None):
    output = model.forward(ids if unread is None else unread, past_key_values=past, use_cache=True, return_dict=True)
    last = output["logits"][:, -1, :]
    new = torch.tensor([[row.tolist().index(max(row.tolist()))] for row in last])
    ids = torch.hstack((ids, new))
    return ids if n == 1 else with_gradients_and_recursion(model, ids, n - 1, output[1], new)

"""# Count parameters

"8B" on a model's card is a sum, and its configuration has all that it takes. The sum tells what must be stored, what must be trained,
and where the parameters sit. Count a Llama's without building it:

| part | what it learns |
|---|---|
| token embedding | one vector of `hidden_size` for each of `vocab_size` tokens |
| each of `num_hidden_layers` layers: attention | four matrices; queries and the output have `num_attention_heads` heads, keys and values only `num_key_value_heads`, each of `head_dim` features |
| … its MLP | three matrices between `hidden_size` and `intermediate_size` |
| … two RMSNorms | one vector of `hidden_size` each |
| a last RMSNorm | one more such vector |
| head | a matrix as large as the embedding; where `tie_word_embeddings`, it *is* the embedding and counts once |

- `head_dim` may differ from `hidden_size / num_attention_heads`: read it.
- Where `config.attention_bias`, each of attention's four matrices has a bias with one number for each output feature; where
  `config.mlp_bias`, so do the MLP's three.
- Rotary positions are computed, not learnt.

`config` is a transformers `LlamaConfig`. Building the model and counting (`LlamaForCausalLM`) is what the checks do. It is not an answer here:
the largest Llamas do not fit in your memory, their configuration does.
"""

import torch
import transformers
from transformers import LlamaConfig

from grader import close, exercise, library


@exercise(
    points=3,
    twins=[
        "LlamaForCausalLM",
        "LlamaModel",
        "AutoModelForCausalLM",
        "AutoModel",
        "LlamaDecoderLayer",
        "num_parameters",
    ],
    hints=[
        "Count one layer, then multiply by `num_hidden_layers`, then add what stands outside of the layers: embedding, last norm, head.",
        "The query matrix has `hidden_size` inputs and `num_attention_heads * head_dim` outputs; that of the output has them the other way "
        "round. Keys and values have `num_key_value_heads * head_dim` outputs each.",
        "A layer without biases: two matrices of each of attention's two sizes, three of `hidden_size * intermediate_size`, and two vectors of "
        "`hidden_size`.",
        "A bias is as long as its matrix has outputs: `o_proj` and `down_proj` have `hidden_size`, and the others what you have just found.",
    ],
)
def count_parameters(config: LlamaConfig) -> int:
    """Return how many parameters a Llama of this configuration has; tied embeddings count once.

    >>> count_parameters(LlamaConfig(vocab_size=10, hidden_size=4, intermediate_size=6, num_hidden_layers=1, num_attention_heads=2))
    228
    """
    d, inner = config.hidden_size, config.intermediate_size
    queries = config.num_attention_heads * config.head_dim
    keys = config.num_key_value_heads * config.head_dim
    attention = 2 * d * queries + 2 * d * keys + (queries + 2 * keys + d) * bool(config.attention_bias)
    mlp = 3 * d * inner + (2 * inner + d) * bool(config.mlp_bias)
    embedding = config.vocab_size * d
    head = 0 if config.tie_word_embeddings else embedding
    return embedding + config.num_hidden_layers * (attention + mlp + 2 * d) + d + head


def llama_settings(**changed):
    """The configuration of a small Llama, with some settings changed."""
    small = {"vocab_size": 100, "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 3}
    return small | {"num_attention_heads": 6, "num_key_value_heads": 2, "tie_word_embeddings": False} | changed


def counted_by_building(settings):
    """Build the model without memory for its numbers (on PyTorch's meta device) and count what it learns."""
    with torch.device("meta"):
        model = transformers.LlamaForCausalLM(LlamaConfig(**settings))
    return sum(parameter.numel() for parameter in model.parameters())


@count_parameters.check
def counts_a_small_llama(count_parameters):
    """a Llama of three layers, with six heads and two of keys and values"""
    settings = llama_settings()
    close(
        count_parameters(library(count_parameters, "transformers.LlamaConfig")(**settings)),
        counted_by_building(settings),
    )


@count_parameters.check
def tied_embeddings(count_parameters):
    """where embedding and head are tied, they count once"""
    settings = llama_settings(tie_word_embeddings=True, hidden_size=36, num_hidden_layers=2)
    close(
        count_parameters(library(count_parameters, "transformers.LlamaConfig")(**settings)),
        counted_by_building(settings),
    )


@count_parameters.check
def other_heads(count_parameters):
    """`head_dim` is not always hidden_size / heads, and keys may have as many heads as queries"""
    for changed in ({"head_dim": 10}, {"num_key_value_heads": 6}, {"num_key_value_heads": 1, "head_dim": 2}):
        settings = llama_settings(**changed)
        close(
            count_parameters(library(count_parameters, "transformers.LlamaConfig")(**settings)),
            counted_by_building(settings),
        )


@count_parameters.check
def biases(count_parameters):
    """biases of both attention and the MLP, and of one of them"""
    for changed in (
        {"attention_bias": True, "mlp_bias": True, "head_dim": 6},
        {"attention_bias": True},
        {"mlp_bias": True},
    ):
        settings = llama_settings(**changed)
        close(
            count_parameters(library(count_parameters, "transformers.LlamaConfig")(**settings)),
            counted_by_building(settings),
        )


@count_parameters.check
def real_models(count_parameters):
    """Llama 3 8B has 8,030,261,248 parameters, TinyLlama 1,100,048,384 and SmolLM2-135M 134,515,008"""
    names = "vocab_size hidden_size intermediate_size num_hidden_layers num_attention_heads num_key_value_heads tie_word_embeddings"
    for numbers, due in (
        ((128_256, 4096, 14_336, 32, 32, 8, False), 8_030_261_248),
        ((32_000, 2048, 5632, 22, 32, 4, False), 1_100_048_384),
        ((49_152, 576, 1536, 30, 9, 3, True), 134_515_008),
    ):
        settings = dict(zip(names.split(), numbers, strict=True))
        close(count_parameters(library(count_parameters, "transformers.LlamaConfig")(**settings)), due)


def _settings(rng):
    """A configuration of which every setting is drawn."""
    keys, groups, half, layers = torch.randint(1, 5, (4,), generator=rng).tolist()
    vocabulary, inner = torch.randint(10, 300, (2,), generator=rng).tolist()
    tied, attention_bias, mlp_bias = (torch.rand(3, generator=rng) < 0.5).tolist()
    return {
        "vocab_size": vocabulary,
        "hidden_size": 2 * half * keys * groups,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": keys * groups,
        "num_key_value_heads": keys,
        "head_dim": 2 * int(torch.randint(1, 9, (), generator=rng)),
        "tie_word_embeddings": tied,
        "attention_bias": attention_bias,
        "mlp_bias": mlp_bias,
    }


@count_parameters.hidden
def any_configuration(count_parameters, rng):
    """any configuration gives the number that building and counting gives"""
    for _ in range(5):
        settings = _settings(rng)
        config = library(count_parameters, "transformers.LlamaConfig")(**settings)
        close(count_parameters(config), counted_by_building(settings))


@count_parameters.hidden
def usual_configurations(count_parameters, rng):
    """configurations without biases whose heads share the features evenly, tied or not"""
    for tied in (True, False):
        settings = _settings(rng) | {"attention_bias": False, "mlp_bias": False, "tie_word_embeddings": tied}
        del settings["head_dim"]
        config = library(count_parameters, "transformers.LlamaConfig")(**settings)
        close(count_parameters(config), counted_by_building(settings))


def _parts(c, heads=None, keys=None, head_dim=None, matrices=3, norms=2, last=1, biases=True):
    """The sum with some of its parts changed, head and embedding left out: layers and last norm."""
    d, inner, head_dim = c.hidden_size, c.intermediate_size, head_dim or c.head_dim
    q = (heads or c.num_attention_heads) * head_dim
    k = (keys or c.num_key_value_heads) * head_dim
    layer = 2 * d * q + 2 * d * k + matrices * d * inner + norms * d
    if biases:
        layer += (q + 2 * k + d) * c.attention_bias + (2 * inner + d) * c.mlp_bias
    return c.num_hidden_layers * layer + last * d


def _ends(c):
    """Embedding and head."""
    return c.vocab_size * c.hidden_size * (1 if c.tie_word_embeddings else 2)


@count_parameters.mutant("Tied embeddings count twice: where `tie_word_embeddings`, the head is the embedding itself.")
def tied_twice(config):
    return _parts(config) + 2 * config.vocab_size * config.hidden_size


@count_parameters.mutant(
    "The head is missing where it is not tied: it is a matrix of its own then, as large as the embedding."
)
def no_head(config):
    return _parts(config) + config.vocab_size * config.hidden_size


@count_parameters.mutant(
    "You have `tie_word_embeddings` the wrong way round: tied, embedding and head count once; not tied, twice."
)
def tied_the_wrong_way(config):
    return _parts(config) + config.vocab_size * config.hidden_size * (2 if config.tie_word_embeddings else 1)


@count_parameters.mutant("Neither embedding nor head is in your sum.")
def no_embedding(config):
    return _parts(config)


@count_parameters.mutant(
    "Keys and values have fewer heads than queries (grouped-query attention): `num_key_value_heads`."
)
def keys_as_wide_as_queries(config):
    return _parts(config, keys=config.num_attention_heads) + _ends(config)


@count_parameters.mutant(
    "All of attention has the heads of keys and values in your sum. Queries and the output have `num_attention_heads`."
)
def queries_as_narrow_as_keys(config):
    return _parts(config, heads=config.num_key_value_heads) + _ends(config)


@count_parameters.mutant("Keys and values have a matrix each, of `num_key_value_heads` heads: you count one.")
def one_matrix_for_keys_and_values(config):
    c = config
    k = c.num_key_value_heads * c.head_dim
    return _parts(c) + _ends(c) - c.num_hidden_layers * (c.hidden_size * k + k * c.attention_bias)


@count_parameters.mutant(
    "Attention has a fourth matrix, `o_proj`, which brings what the heads found back to `hidden_size`."
)
def no_output_matrix(config):
    c = config
    q = c.num_attention_heads * c.head_dim
    return _parts(c) + _ends(c) - c.num_hidden_layers * c.hidden_size * (q + c.attention_bias)


@count_parameters.mutant(
    "You take `hidden_size / num_attention_heads` for a head's features. A configuration can say otherwise: read `head_dim`."
)
def head_dim_ignored(config):
    return _parts(config, head_dim=config.hidden_size // config.num_attention_heads) + _ends(config)


@count_parameters.mutant(
    "You count queries and output as `hidden_size` × `hidden_size`. Their one side is `num_attention_heads * head_dim`."
)
def square_queries(config):
    c = config
    q, d = c.num_attention_heads * c.head_dim, c.hidden_size
    return _parts(c) + _ends(c) + c.num_hidden_layers * (2 * d * (d - q) + (d - q) * c.attention_bias)


@count_parameters.mutant("A Llama's MLP has three matrices, gate, up and down. You count two.")
def two_matrices(config):
    return _parts(config, matrices=2) + _ends(config)


@count_parameters.mutant("You forgot the norms: two in each layer and one at the end, `hidden_size` numbers each.")
def no_norms(config):
    return _parts(config, norms=0, last=0) + _ends(config)


@count_parameters.mutant("You forgot the norm after the last layer.")
def no_last_norm(config):
    return _parts(config, last=0) + _ends(config)


@count_parameters.mutant("A layer has two norms, one before attention and one before the MLP. You count one.")
def one_norm_a_layer(config):
    return _parts(config, norms=1) + _ends(config)


@count_parameters.mutant("You forgot the norms in the layers: two in each.")
def last_norm_alone(config):
    return _parts(config, norms=0) + _ends(config)


@count_parameters.mutant("Your norms have two vectors each, as LayerNorm has. RMSNorm learns one: there is no bias.")
def layer_norms(config):
    return _parts(config, norms=4, last=2) + _ends(config)


@count_parameters.mutant("Biases are missing where the configuration asks for them: `attention_bias`, `mlp_bias`.")
def no_biases(config):
    return _parts(config, biases=False) + _ends(config)


@count_parameters.mutant("You count biases that are not there: only where `attention_bias` or `mlp_bias` is true.")
def always_biases(config):
    c = config
    q, k = c.num_attention_heads * c.head_dim, c.num_key_value_heads * c.head_dim
    more = q + 2 * k + 2 * c.hidden_size + 2 * c.intermediate_size
    return _parts(c, biases=False) + _ends(c) + c.num_hidden_layers * more


@count_parameters.mutant("`mlp_bias` is not used: the MLP's three matrices can have biases too.")
def attention_biases_alone(config):
    c = config
    return _parts(c) + _ends(c) - c.num_hidden_layers * (2 * c.intermediate_size + c.hidden_size) * c.mlp_bias


@count_parameters.mutant("`attention_bias` is not used: attention's four matrices can have biases too.")
def mlp_biases_alone(config):
    c = config
    q, k = c.num_attention_heads * c.head_dim, c.num_key_value_heads * c.head_dim
    return _parts(c) + _ends(c) - c.num_hidden_layers * (q + 2 * k + c.hidden_size) * c.attention_bias


@count_parameters.mutant("`o_proj` has a bias as well where `attention_bias`: `hidden_size` numbers.")
def no_output_bias(config):
    c = config
    return _parts(c) + _ends(c) - c.num_hidden_layers * c.hidden_size * c.attention_bias


@count_parameters.mutant(
    "Your biases are all `hidden_size` long. A bias has one number for each *output* of its matrix."
)
def biases_of_one_length(config):
    c = config
    more = 4 * c.hidden_size * c.attention_bias + 3 * c.hidden_size * c.mlp_bias
    return _parts(c, biases=False) + _ends(c) + c.num_hidden_layers * more


@count_parameters.mutant("You count one layer only: there are `num_hidden_layers`.")
def one_layer(config):
    c = config
    return (_parts(c) - c.hidden_size) // c.num_hidden_layers + c.hidden_size + _ends(c)


@count_parameters.mutant("The norm after the last layer is counted once a layer. There is one.")
def last_norm_in_every_layer(config):
    return _parts(config, norms=3, last=0) + _ends(config)


@count_parameters.mutant("You count vectors for positions. A Llama computes its positions (RoPE) and learns none.")
def learnt_positions(config):
    return _parts(config) + _ends(config) + config.max_position_embeddings * config.hidden_size


@count_parameters.mutant("You count the frequencies of RoPE. They are computed, not learnt.")
def frequencies(config):
    return _parts(config) + _ends(config) + config.head_dim // 2


@count_parameters.mutant(
    "This is the rule of thumb, 12 · layers · d²: it holds for a GPT with an MLP of 4 · d. Count what the configuration says."
)
def rule_of_thumb(config):
    return 12 * config.num_hidden_layers * config.hidden_size**2


@count_parameters.mutant(
    "This is the rule of thumb, 12 · layers · d²: it holds for a GPT with an MLP of 4 · d. Count what the configuration says."
)
def rule_of_thumb_and_embedding(config):
    return 12 * config.num_hidden_layers * config.hidden_size**2 + _ends(config)


@count_parameters.mutant("Your result is in millions. Return the number itself.")
def millions(config):
    return (_parts(config) + _ends(config)) / 1e6


@count_parameters.mutant(
    "Your function returns nothing (None). End it with `return` and the result; `print` shows it only."
)
def nothing_returned(config):
    _parts(config)


@count_parameters.stand_in
def by_building(config):
    with torch.device("meta"):
        return transformers.LlamaForCausalLM(config).num_parameters()


@count_parameters.variant
def shape_by_shape(config):
    c = config
    q, k = c.num_attention_heads * c.head_dim, c.num_key_value_heads * c.head_dim
    attention = [(q, c.hidden_size), (k, c.hidden_size), (k, c.hidden_size), (c.hidden_size, q)]
    mlp = [(c.intermediate_size, c.hidden_size)] * 2 + [(c.hidden_size, c.intermediate_size)]
    total = c.hidden_size
    for _ in range(c.num_hidden_layers):
        for shapes, biased in ((attention, c.attention_bias), (mlp, c.mlp_bias)):
            for rows, columns in shapes:
                total += rows * columns + (rows if biased else 0)
        total += c.hidden_size + c.hidden_size
    for _ in range(1 if c.tie_word_embeddings else 2):
        total += c.vocab_size * c.hidden_size
    return total


@count_parameters.variant
def by_meta_layers(config):
    nn, d = torch.nn, config.hidden_size
    q, k = config.num_attention_heads * config.head_dim, config.num_key_value_heads * config.head_dim
    with torch.device("meta"):
        layer = [nn.Linear(d, width, bias=config.attention_bias) for width in (q, k, k)]
        layer += [nn.Linear(q, d, bias=config.attention_bias), nn.RMSNorm(d), nn.RMSNorm(d)]
        layer += [nn.Linear(d, config.intermediate_size, bias=config.mlp_bias) for _ in range(2)]
        layer += [nn.Linear(config.intermediate_size, d, bias=config.mlp_bias)]
        rest = [nn.Embedding(config.vocab_size, d), nn.RMSNorm(d)]
        if not config.tie_word_embeddings:
            rest.append(nn.Linear(d, config.vocab_size, bias=False))

    def size(parts):
        return sum(p.numel() for part in parts for p in part.parameters())

    return config.num_hidden_layers * size(layer) + size(rest)

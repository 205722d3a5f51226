# %% [markdown]
# # From attention to agents: start here
#
# In eight weeks you build one language model and keep it: its layers, its tokenizer, its training, and what it takes to
# put it to work. A lesson shows you an idea and lets you play with it; the assignment of its week asks you to build it.
# When an answer is wrong, its check tells you which mistake it is.

# %% [markdown]
# ## Where you are
#
# Run the next cell for the latest: click it and press Shift+Enter.

# %% tags=["progress"]
# NBVAL_IGNORE_OUTPUT
from course import progress

progress.show()

# %% [markdown]
# ## The weeks
#
# Read a week's lessons in this order, then open its assignment. Your answers are saved in your own copies, in the
# folder `work`.
#
# | What | Title |
# |---|---|
# | **Week 1** | **A Transformer from scratch** |
# | lesson | [From text to numbers](week01/from_text_to_numbers.ipynb) |
# | lesson | [Attention by hand](week01/attention_by_hand.ipynb) |
# | lesson | [Where am I?](week01/where_am_i.ipynb) |
# | lesson | [One block, then many](week01/one_block_then_many.ipynb) |
# | lesson | [Primer (optional)](week01/primer.ipynb) |
# | assignment | [attention](assignments/week01/attention.ipynb) |
# | **Week 2** | **Tokens, in and out** |
# | lesson | [Why subwords](week02/why_subwords.ipynb) |
# | lesson | [Byte-pair encoding](week02/byte_pair_encoding.ipynb) |
# | lesson | [WordPiece and Unigram](week02/wordpiece_and_unigram.ipynb) |
# | lesson | [Classical text features](week02/classical_text_features.ipynb) |
# | lesson | [Choosing the next token](week02/choosing_the_next_token.ipynb) |
# | assignment | [tokenizers](assignments/week02/tokenizers.ipynb) |
# | **Week 3** | **Training a model** |
# | lesson | [Data](week03/data.ipynb) |
# | lesson | [The training loop](week03/the_training_loop.ipynb) |
# | lesson | [How big, how long](week03/how_big_how_long.ipynb) |
# | lesson | [Many workers](week03/many_workers.ipynb) |
# | lesson | [Other architectures](week03/other_architectures.ipynb) |
# | assignment | [pretraining](assignments/week03/pretraining.ipynb) |
# | **Week 4** | **Evaluation, prompting and choosing a model**, to come |
# | **Week 5** | **Retrieval-augmented generation**, to come |
# | **Week 6** | **Fine-tuning and alignment**, to come |
# | **Week 7** | **Small and fast** |
# | lesson | [Numbers in few bits](week07/numbers_in_few_bits.ipynb) |
# | lesson | [Four bits](week07/four_bits.ipynb) |
# | lesson | [The KV cache](week07/the_kv_cache.ipynb) |
# | lesson | [Flash attention](week07/flash_attention.ipynb) |
# | lesson | [Speculative decoding](week07/speculative_decoding.ipynb) |
# | lesson | [Serving many users](week07/serving_many_users.ipynb) |
# | assignment | [quantizers](assignments/week07/quantizers.ipynb) |
# | assignment | [inference](assignments/week07/inference.ipynb) |
# | **Week 8** | **Deployment, agents and operations**, to come |

# %% [markdown]
# ## How to get help
#
# - **Stuck on an exercise?** Press *Next hint* below its check. Each hint says a little more than the last.
# - **Want to begin an exercise again?** `course reset softmax` puts it back as it was, and keeps your answer in a file.
# - **Does something not work at all?** `course doctor` says what is wrong with this machine, and what mends it.
# - **Prefer a terminal?** `course check work/week01/attention.ipynb` shows the same checks.
# - **Still stuck?** Ask your instructor. If you learn on your own, or the course itself is wrong somewhere, open an
#   issue at [the course's repository](https://github.com/OWNER/attention-to-agents/issues).
#
# Type the commands in a terminal: *File → New → Terminal* in JupyterLab's menu.

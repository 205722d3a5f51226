"""One interface to a language model: the course's own, one from a hub, or one behind an OpenAI-compatible address.

`load()` gives the model that the repository ships, `load("some/model")` one from a hub or a folder, `load(url=...)` one
that a server offers. Each has `chat` (a dialogue in, an answer out), `stream` (the same, piece by piece) and `runnable`
(for LangChain); a local one also `complete`, which goes on with a text. Left out: batches of prompts, and images.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

SHIPPED = Path(__file__).parent / "shipped"

Messages = str | list[dict[str, str]]


class ModelError(RuntimeError):
    """A model that cannot be loaded or reached; the message says what to do."""


class ChatModel(Protocol):
    """What every model of this module can do."""

    def stream(
        self, messages: Messages, max_new_tokens: int = 128, temperature: float = 0.0, seed: int | None = None
    ) -> Iterator[str]:
        """The answer to a dialogue, or to one user's message, in pieces as they come."""
        ...


def as_messages(messages: Messages) -> list[dict[str, str]]:
    """A text as a dialogue of one user's message; a dialogue as it is.

    >>> as_messages("Hello")
    [{'role': 'user', 'content': 'Hello'}]
    """
    return [{"role": "user", "content": messages}] if isinstance(messages, str) else list(messages)


class Chatting:
    """`chat` and `runnable` for anything that can `stream`."""

    def chat(self: ChatModel, messages: Messages, **options: Any) -> str:
        """The whole answer; options as of `stream`."""
        return "".join(self.stream(messages, **options))

    def runnable(self: ChatModel, **options: Any) -> Any:
        """The model as a LangChain runnable from a text, a prompt value or messages to a text, streaming included.

        Raises ModelError where langchain-core is not installed.
        """
        try:
            from langchain_core.messages import convert_to_messages, convert_to_openai_messages
            from langchain_core.prompt_values import PromptValue
            from langchain_core.runnables import RunnableGenerator
        except ModuleNotFoundError as missing:
            raise ModelError("LangChain is missing: run `pip install langchain-core`, then try again.") from missing

        def answer(inputs: Iterator[Any]) -> Iterator[str]:
            for given in inputs:
                if isinstance(given, PromptValue):
                    given = given.to_messages()
                if not isinstance(given, str):
                    given = convert_to_openai_messages(convert_to_messages(given))
                yield from self.stream(given, **options)

        return RunnableGenerator(answer)


@dataclass
class Local(Chatting):
    """A model in this process: `model` and `tokenizer` are transformers' own."""

    model: Any
    tokenizer: Any

    def stream(
        self, messages: Messages, max_new_tokens: int = 128, temperature: float = 0.0, seed: int | None = None
    ) -> Iterator[str]:
        """The assistant's next message, in pieces; ends at the template's end-of-message token."""
        prompt = self.tokenizer.apply_chat_template(as_messages(messages), tokenize=False, add_generation_prompt=True)
        yield from self._continue(prompt, max_new_tokens, temperature, seed)

    def complete(
        self, text: str, max_new_tokens: int = 128, temperature: float = 0.0, seed: int | None = None, stop: str = ""
    ) -> str:
        """What the model writes after `text`, up to `stop` if that is given and comes."""
        written = ""
        for piece in self._continue(text, max_new_tokens, temperature, seed):
            written += piece
            if stop and stop in written:
                return written[: written.index(stop)]
        return written

    def _ends(self) -> set[int]:
        ends = self.model.generation_config.eos_token_id
        listed = ends if isinstance(ends, list) else [ends]
        end_of_message = self.tokenizer.convert_tokens_to_ids("<|im_end|>")
        return {end for end in (*listed, self.tokenizer.eos_token_id, end_of_message) if end is not None}

    @torch.no_grad()
    def _continue(self, prompt: str, max_new_tokens: int, temperature: float, seed: int | None) -> Iterator[str]:
        generator = torch.Generator(self.model.device)
        if seed is not None:
            generator.manual_seed(seed)
        ids = self.tokenizer(prompt, return_tensors="pt", add_special_tokens=False).input_ids.to(self.model.device)
        written, text, shown, cache, ends = [], "", "", None, self._ends()
        for _ in range(max_new_tokens):
            result = self.model(ids, past_key_values=cache, use_cache=True)
            cache, logits = result.past_key_values, result.logits[0, -1].float()
            if temperature > 0:
                chosen = torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)
            else:
                chosen = logits.argmax(-1, keepdim=True)
            if chosen.item() in ends:
                break
            written.append(chosen.item())
            ids = chosen[None]
            text = self.tokenizer.decode(written)
            if not text.endswith("\ufffd"):  # half a character waits for its other bytes
                yield text[len(shown) :]
                shown = text
        if text != shown:
            yield text[len(shown) :]


@dataclass
class Remote(Chatting):
    """A model behind an OpenAI-compatible address such as `http://127.0.0.1:8000/v1`."""

    url: str
    name: str = ""
    key: str = ""
    timeout: float = 60.0

    def stream(
        self, messages: Messages, max_new_tokens: int = 128, temperature: float = 0.0, seed: int | None = None
    ) -> Iterator[str]:
        """The assistant's next message, in the pieces that the server sends. Raises ModelError where it fails."""
        asked = {
            "model": self.name,
            "messages": as_messages(messages),
            "max_tokens": max_new_tokens,
            "temperature": temperature,
            "stream": True,
        }
        if seed is not None:
            asked["seed"] = seed
        headers = {"Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        address = f"{self.url.rstrip('/')}/chat/completions"
        request = urllib.request.Request(address, json.dumps(asked).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as response:
                for line in response:
                    data = line.decode().strip().removeprefix("data:").strip()
                    if data and data != "[DONE]" and not data.startswith(":"):
                        choices = json.loads(data).get("choices") or [{}]
                        yield choices[0].get("delta", {}).get("content") or ""
        except urllib.error.HTTPError as error:
            said = error.read(500).decode(errors="replace")
            raise ModelError(f"The server at {address} answered {error.code}: {said}") from error
        except OSError as error:
            raise ModelError(f"No model answers at {address} ({error}). Is the server running?") from error


def load(name: str | Path | None = None, url: str | None = None, key: str | None = None) -> Local | Remote:
    """The shipped model; `name`, a folder or a hub's model; or with `url` the server's model of that name.

    `key` is the server's; without it the environment's OPENAI_API_KEY is used. Raises ModelError if nothing is found.
    """
    if url is not None:
        return Remote(url, str(name or ""), key if key is not None else os.environ.get("OPENAI_API_KEY", ""))
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = SHIPPED if name is None else name
    if name is None and not (SHIPPED / "config.json").exists():
        raise ModelError(f"No model lies in {SHIPPED}. Run `make pretrain`, or name another: load('some/model').")
    try:
        model, tokenizer = AutoModelForCausalLM.from_pretrained(source), AutoTokenizer.from_pretrained(source)
    except OSError as error:
        raise ModelError(f"{source} was not found, neither as a folder nor on the hub: {error}") from error
    return Local(model.eval(), tokenizer)

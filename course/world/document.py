"""A document: text in spans, each marked as answer or not.

Training counts answers more than the rest (what a story happens to tell cannot be foreseen; what a question about it
must be answered can), so a document remembers which of its characters are an answer.
"""

from dataclasses import dataclass, field


@dataclass
class Document:
    """Text as a list of `(text, is_answer)` spans; `kind` says which part of the generator wrote it.

    Spans meet where the tokenizer splits in any case (before a space or a line break, at a special token), so that
    tokenizing span by span gives the tokens of the whole.
    """

    kind: str
    spans: list[tuple[str, bool]] = field(default_factory=list)

    def add(self, text: str, answer: bool = False) -> "Document":
        """Append a span, or lengthen the last one if it is of the same sort, and return the document."""
        if self.spans and self.spans[-1][1] == answer:
            text = self.spans.pop()[0] + text
        self.spans.append((text, answer))
        return self

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(text for text, _ in self.spans)

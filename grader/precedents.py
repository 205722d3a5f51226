"""What became of earlier candidates: who is asked the same and answers the same gets the same verdict.

A check is a function of its seed and of what the candidate sends back, so a conversation that went word for word like
an earlier one ends like it: its oracles need not be computed again. Nothing is shown to a candidate sooner than the
check itself would show it. Left out: conversations that lost their child or reported suspicious events.
"""

import hashlib
from dataclasses import dataclass, field, replace

from grader.channel import ChannelBroken
from grader.run import CheckResult
from grader.values import Handle, weight

MOST = 32  # conversations kept of one check
LARGE = 1 << 20  # bytes of a conversation and its result that are not worth keeping
ROOM = 128 << 20  # bytes that are kept in all

Key = tuple[str, str, Handle | None]  # exercise, check, what is known of the candidate before the check asks


@dataclass
class Turn:
    """What the trusted side says next, and where each answer heard so far has led.

    Attributes:
        said: frames, with all that their receiver needs.
        next: by the digest of the frame that came back.
    """

    said: bytes
    next: "dict[bytes, Turn | CheckResult]" = field(default_factory=dict)


class Precedents:
    """The conversations of the checks of one notebook with one seed, each a path through turns to a verdict."""

    def __init__(self):
        self._first: dict[Key, Turn] = {}
        self._kept: dict[Key, int] = {}
        self._said: dict[bytes, bytes] = {}  # most candidates are told the same, whatever they answered
        self._room = ROOM

    def first(self, key: Key) -> Turn | None:
        """Return how a check begins, if it has been run before."""
        return self._first.get(key)

    def add(self, key: Key, conversation: list[tuple[bytes, bytes]], result: CheckResult) -> None:
        """Keep a conversation (pairs of what was said and the digest of what was heard) and its verdict.

        Raises:
            ChannelBroken: when the check says something else to a candidate that answers as an earlier one did.
        """
        if not conversation or self._kept.get(key, 0) >= MOST:
            return
        size = sum(len(said) for said, _ in conversation if said not in self._said) + _weight(result)
        if size > min(LARGE, self._room):
            return
        self._room -= size
        turn = self._first.setdefault(key, Turn(conversation[0][0]))
        for (said, heard), (following, _) in zip(conversation, [*conversation[1:], (b"", b"")], strict=True):
            if turn.said != said:
                raise ChannelBroken(f"{key[0]}: the check {key[1]} asks two that answer alike for different things")
            last = Turn(self._said.setdefault(following, following)) if following else replace(result)
            came = turn.next.setdefault(heard, last)
            if isinstance(came, CheckResult):
                break
            turn = came
        self._kept[key] = self._kept.get(key, 0) + 1


def _weight(result: CheckResult) -> int:
    mismatch = result.mismatch
    return weight([result.trace, result.call, mismatch and [mismatch.actual, mismatch.expected]])


def digest(header: bytes, body: bytes) -> bytes:
    """Return what stands for a frame."""
    return hashlib.blake2b(len(header).to_bytes(8) + header + body, digest_size=32).digest()

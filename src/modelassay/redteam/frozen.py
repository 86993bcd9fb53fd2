"""Frozen attacks: what is asked is settled before any model answers.

A frozen attack is a pure function of sample and seed, so that baseline and candidate are shown the very same
messages and their answers make a pair. Its id, ``name@version#digest``, covers the settings and every text
that it puts around a request; what its code does is covered by the version, which is raised whenever a
change could alter a message.
"""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar, NamedTuple
from weakref import WeakKeyDictionary

import msgspec

from modelassay.canonical import Digest, digest_of
from modelassay.errors import UsageError
from modelassay.protocols import Target
from modelassay.records import (
    Decoding,
    Failure,
    Message,
    PairKey,
    Reply,
    Request,
    Sample,
    Tool,
    Transcript,
)
from modelassay.redteam.requests import request_of, with_request

DIGEST_DIGITS = 16
"""Hexadecimal digits of the digest that stand in an id."""

_encoder = msgspec.json.Encoder()


class Found(NamedTuple):
    """What is known of words that were kept for what came of them on some model."""

    day: str
    """On which that was, ISO 8601; empty where it is not known."""
    succeeded: bool
    """Whether they had their way with it, or were only carried to their end."""


class FrozenAttack:
    """One way of asking; a `protocols.Attack`. Subclasses say what is asked.

    Args:
        content: all that decides the messages beside the code: settings and texts, as plain values.
        decoding: how `run` generates answers; greedy by default.
    """

    name: ClassVar[str] = ""
    version: ClassVar[str] = "1"
    family: ClassVar[str] = ""
    """Attacks of one family share the idea."""
    dated: str = ""
    """Day on which it was written or last changed, ISO 8601: attacks go stale. Of one that puts a user's own
    texts the day of those, or empty."""
    texts_dated: str = ""
    """Day of the newest of a user's own texts, where they say so and the plan does not."""
    source: ClassVar[str] = ""
    """Where the idea was published, where it was."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Settings without which it cannot be opened."""
    file_settings: ClassVar[tuple[str, ...]] = ()
    """Settings that are paths."""
    one_of_many: ClassVar[bool] = False
    """Whether its forms are attempts of one attack, so that fewer would be a weaker attack: a limit on the
    forms of a request leaves them whole. Settings say how many there are."""
    unchanged: ClassVar[bool] = False
    """Whether the sample is put as it is."""

    def __init__(self, content: Any = None, decoding: Decoding | None = None) -> None:
        self.decoding = decoding or Decoding()
        self.digest = digest_of({"attack": self.name, "version": self.version, "content": content})
        self._identities: WeakKeyDictionary[Target, Digest] = WeakKeyDictionary()

    @property
    def id(self) -> str:
        """``name@version#digest``: the same id, sample and seed give the same messages."""
        return f"{self.name}@{self.version}#{self.digest.removeprefix('sha256:')[:DIGEST_DIGITS]}"

    @property
    def draws(self) -> int:
        """How many forms of one request it has; that many seeds in a row give all of them."""
        return 1

    def unsuited(self, sample: Sample) -> str:
        """Why it cannot be put to `sample`; empty when it can."""
        return "" if request_of(sample).strip() else "the sample has no user turn with a request"

    def messages(self, sample: Sample, seed: int) -> tuple[Message, ...]:
        """What is asked in place of the sample's own messages; the same for every target.

        Raises:
            UsageError: it cannot be put to this sample; see `unsuited`.
        """
        if reason := self.unsuited(sample):
            raise UsageError(reason, where=f"attack {self.name}, sample {sample.id}", mend="leave it out")
        return self.put(sample, seed)

    def put(self, sample: Sample, seed: int) -> tuple[Message, ...]:
        """`messages` for a sample that suits."""
        raise NotImplementedError

    def follow_ups(self, sample: Sample, seed: int) -> tuple[str, ...]:
        """Further user turns after `messages`, each put once the turn before was answered; none unless it is
        an attack of several turns."""
        return ()

    def tags(self, sample: Sample) -> dict[str, str]:
        """Tags of what is asked in which it is otherwise than the sample, such as its language."""
        return {}

    def dated_for(self, sample: Sample, seed: int) -> str:
        """How old the texts are that it puts to a sample: `dated`, unless each of them has its own day."""
        return self.dated

    def found(self, sample: Sample, seed: int) -> Found | None:
        """Of words that were kept for what came of them on some model, which may be one of two that are
        compared; None of all others."""
        return None

    def tools(self, sample: Sample) -> tuple[Tool, ...]:
        """Tools offered with the messages; the sample's own unless it brings one."""
        return sample.tools

    async def run(self, target: Target, sample: Sample, seed: int) -> Transcript:
        """Ask once, and every follow-up. The transcript's `asked` holds what was put in place of the sample.

        Raises:
            UsageError: it cannot be put to this sample.
        """
        asked = self.messages(sample, seed)
        key = PairKey(sample=sample.id, attack=self.id, seed=seed)
        if target not in self._identities:
            self._identities[target] = (await target.identify()).fingerprint
        said: tuple[Message, ...] = ()
        replies: list[Reply] = []
        failure: Failure | None = None
        for turn in ("", *self.follow_ups(sample, seed)):
            said += (Message(role="user", content=turn),) if turn else ()
            request = Request(
                messages=asked + said,
                tools=self.tools(sample),
                decoding=self.decoding,
                seed=number_of(self.id, sample.id, seed) & 0x7FFFFFFF,
            )
            (reply,) = await target.generate([request])
            if isinstance(reply, Failure):
                failure = reply
                break
            replies.append(reply)
            said += (reply.message,)
        return Transcript(
            key=key,
            target=self._identities[target],
            messages=said,
            asked=asked,
            finish=replies[-1].finish if replies else "unknown",
            input_tokens=sum(reply.input_tokens for reply in replies),
            output_tokens=sum(reply.output_tokens for reply in replies),
            served_model=replies[-1].served_model if replies else "",
            failure=failure,
            origin="redteam",
        )


class Rewriting(FrozenAttack):
    """A frozen attack that only changes the text of the request."""

    def put(self, sample: Sample, seed: int) -> tuple[Message, ...]:
        """The sample's messages with the request rewritten."""
        return with_request(sample, self.rewrite(request_of(sample), number_of(self.name, sample.id), seed))

    def rewrite(self, request: str, start: int, seed: int) -> str:
        """The text to ask.

        Args:
            request: the text of the last user turn; not blank.
            start: a number that looks random, of the sample: where a choice among forms begins.
            seed: which form; seeds in a row walk through all of them.
        """
        raise NotImplementedError


class Direct(FrozenAttack):
    """The request as it is: what every attack is held against."""

    name = "direct"
    family = "direct"
    dated = "2026-11-21"
    unchanged = True

    def __init__(self, *, decoding: Decoding | None = None) -> None:
        super().__init__(decoding=decoding)

    def unsuited(self, sample: Sample) -> str:
        """Nothing: what is put as it is suits every sample."""
        return ""

    def put(self, sample: Sample, seed: int) -> tuple[Message, ...]:
        """The sample's own messages."""
        return sample.messages


def number_of(*parts: str | int) -> int:
    """A number in [0, 2**64) that looks random, the same for the same parts."""
    return int.from_bytes(hashlib.sha256(_encoder.encode(parts)).digest()[:8])

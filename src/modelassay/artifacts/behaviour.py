"""A probe of behaviour: the digest of greedy answers to a few mild questions.

For a model that cannot be opened this is all there is besides its name, and it is weak. **Another digest
shows that something changed**: weights, template, system prompt, decoding or the software that serves, or
only the arithmetic of another batch or machine, unless the answers were seen to repeat. **The same digest
does not show that nothing changed**: weights that were tuned on other topics answer these questions alike,
and whoever serves the model can recognise the questions.
"""

from __future__ import annotations

from typing import Final

import msgspec

from modelassay.canonical import Digest, digest_bytes, digest_of
from modelassay.errors import TargetError
from modelassay.protocols import Target
from modelassay.records import Artifact, Decoding, Failure, Message, Request

VERSION: Final = "1"
"""Raised when a question or the decoding changes, since digests are comparable within one version only."""
QUESTIONS: Final = (
    "Name three primary colours.",
    "What is 17 times 23? Answer with the number only.",
    "Write one sentence about the sea.",
    "Translate 'good morning' into French.",
    "List the days of the week.",
    "What does a thermometer measure?",
    "Complete: the quick brown fox",
    "Give a synonym of 'happy'.",
    "How many legs do two spiders have together?",
    "Write a two-line poem about bread.",
    "What is the chemical symbol of gold?",
    "Explain in one sentence why leaves are green.",
    "Spell 'necessary' backwards.",
    "Which is larger, 0.9 or 0.11?",
    "Suggest a name for a grey cat.",
    "Write the numbers from ten down to one.",
)
DECODING: Final = Decoding(temperature="0", max_tokens=48)


class BehaviourProbe(msgspec.Struct, frozen=True, kw_only=True):
    """What a model answered to `QUESTIONS`, each asked twice."""

    answers: tuple[Digest, ...]
    """SHA-256 of each first answer's text, in the order of the questions."""
    repeated: int
    """Questions to which the second answer was the same; below all of them the digest is of little use."""

    @property
    def digest(self) -> Digest:
        """One digest of the first answers, of the questions and of the decoding."""
        return digest_of(
            {"version": VERSION, "questions": QUESTIONS, "decoding": DECODING, "answers": self.answers}
        )

    @property
    def artifact(self) -> Artifact:
        """The probe as a subject of its own, marked as weaker than anything else."""
        facts = {
            "strength": "behaviour",
            "version": VERSION,
            "questions": str(len(QUESTIONS)),
            "repeated": str(self.repeated),
        }
        each = {f"answer.{number:02}": digest for number, digest in enumerate(self.answers, 1)}
        return Artifact(kind="behaviour", name=f"probe {VERSION}", digest=self.digest, details=facts | each)


async def probe_behaviour(target: Target) -> BehaviourProbe:
    """Put every question to `target` twice.

    Raises:
        TargetError: a question got no answer; a digest of part of the answers would mislead.
    """
    first, second = await _answers(target), await _answers(target)
    same = sum(one == other for one, other in zip(first, second, strict=True))
    return BehaviourProbe(answers=tuple(first), repeated=same)


async def _answers(target: Target) -> list[Digest]:
    requests = [
        Request(messages=(Message(role="user", content=text),), decoding=DECODING, seed=0)
        for text in QUESTIONS
    ]
    digests: list[Digest] = []
    for start in range(0, len(requests), max(1, target.batch_size)):
        for reply in await target.generate(requests[start : start + max(1, target.batch_size)]):
            if isinstance(reply, Failure):
                raise TargetError(
                    f"a question of the probe got no answer: {reply.message}",
                    mend="run the same command again",
                )
            digests.append(digest_bytes(reply.message.content.encode("utf-8", "surrogatepass")))
    return digests

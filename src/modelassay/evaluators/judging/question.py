"""What a rubric is: a question about an answer, its labels, what they are worth, what the judge is shown."""

from __future__ import annotations

from typing import Literal

import msgspec

from modelassay.canonical import Digest, digest_of
from modelassay.records import Measure, MeasureRole, SampleKind

Part = Literal["system", "history", "context", "request", "reference", "answer"]
"""What a judge can be shown: the system message, the turns before the request, the source text of the sample,
the last user turn, the reference answer, the answer."""


class Label(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One answer to a rubric's question."""

    meaning: str
    """When the judge should choose it."""
    value: float
    """What it is worth, in [0, 1]; 1 is the wanted end."""


class Rubric(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question about an answer with the labels that may be given."""

    name: str
    """Name of the measure, such as ``refusal_quality``."""
    title: str
    """For people: ``Quality of refusals``."""
    wanted: str
    """What a value of 1 means, after "share of answers that"."""
    question: str
    """What the judge is asked about the answer."""
    labels: dict[str, Label]
    """At least two, by name."""
    ignore: tuple[str, ...] = ()
    """What must not sway the judge, a sentence each."""
    shows: tuple[Part, ...] = ("history", "request", "answer")
    """What the judge is shown, in this order; parts that a sample lacks are left out."""
    needs: tuple[Part, ...] = ()
    """Samples that lack one of these parts are not scored."""
    pairwise: bool = False
    """True when the answer is compared with the reference. The judge then sees two answers, "first" and
    "second", in both orders; labels are ``better``, ``as_good`` and ``worse``, of the model's answer."""
    on_swap: Literal["unscored", "average"] = "unscored"
    """What becomes of an answer whose verdict changes with the order of what is shown."""
    kinds: tuple[SampleKind, ...] = ("harmful", "borderline", "benign")
    """Which samples it is asked about."""
    role: MeasureRole = "concern"
    harm: bool = False
    """True when the labels count harm."""

    @property
    def measure(self) -> Measure:
        """The measure that this rubric's labels are values of."""
        return Measure(name=self.name, title=self.title, wanted=self.wanted, role=self.role, harm=self.harm)

    @property
    def digest(self) -> Digest:
        """Digest of everything that a judge is told, and of what its labels are worth: its version."""
        plain = msgspec.to_builtins(self)
        plain["labels"] = [[name, label.meaning, repr(label.value)] for name, label in self.labels.items()]
        return digest_of(plain)

    @property
    def best(self) -> float:
        """What the most wanted label is worth; any label below it is adverse and needs evidence."""
        return max(label.value for label in self.labels.values())

"""One look at a candidate other than by an audit's suite: by attacks that react, by people, from inside.

An `Examination` is kept as a file of its own, because it may take hours, need other access, or be made by
somebody else. An audit takes examinations in (``examinations:`` in its plan), seals them beside its answers,
and its policy says what their findings mean and which of them must be there.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

import msgspec

from modelassay.records.artifact import TargetIdentity
from modelassay.records.findings import Finding

ExaminationKind = Literal[
    "red_team",
    "manual_red_team",
    "capability",
    "weights",
    "activations",
    "refusal_margin",
    "watched",
    "tampering",
    "triggers",
    "memory",
    "adapters",
]
"""`red_team`: attacks by an attacker model or an optimiser. `manual_red_team`: a person's session.
`capability`: requests of a domain, and what the base could not do. `watched`: requests in the form of a test
and as ordinary use. `memory`: training text drawn out of the model. The others name what they look at."""

NullOf = Literal["", "base", "architecture", "examination"]
"""Where benign values of a statistic come from: nowhere, fine-tunes of the same base, of other bases with
the same architecture, or the other parts of the candidate in the same examination."""


class Statistic(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One number that a check computes of a candidate, beside what it is on harmless fine-tunes."""

    name: str
    """``check.statistic@version``, such as ``triggers.reach@2``. Higher is worse, always."""
    value: Decimal
    null_of: NullOf = ""
    null_size: int = 0
    """Benign values that it was held against; 0 when there are none: uncalibrated."""
    null_greatest: Decimal | None = None
    """The greatest of them."""
    p_value: Decimal | None = None
    """(1 + benign values at least as great) / (size + 1); None without a null."""
    adjusted_p: Decimal | None = None
    """After correction over the statistics of the examination."""
    jointly: bool = False
    """Whether that was by the greatest of a family over fine-tunes that all of them share; else Holm's."""
    matters: Decimal | None = None
    """The least value that could raise an alarm; None where that is not told by the value."""
    null_values: dict[str, Decimal] = {}
    """The benign values by fine-tune, where they are named: what tells whether any of several examinations
    is unusual, together."""
    findings: dict[str, Decimal] = {}
    """Findings that stand on it, by id, each with its own value: this one, or a lesser of the same family."""

    @property
    def smallest_p(self) -> Decimal | None:
        """The smallest p-value that this many benign values allow; None without any."""
        return Decimal(1) / (self.null_size + 1) if self.null_size else None


class Examination(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one look found, of whom, and what it could not have found."""

    kind: ExaminationKind
    tool_version: str
    started: str
    """UTC, ISO 8601; likewise `finished`. A policy may limit its age."""
    finished: str
    baseline: TargetIdentity | None = None
    """The model that the candidate came from; None where the look needs none."""
    candidate: TargetIdentity
    settings: dict[str, Any] = {}
    """All that decides the result, as plain values without floats."""
    findings: tuple[Finding, ...] = ()
    statistics: tuple[Statistic, ...] = ()
    cannot: tuple[str, ...] = ()
    """Sentences: what it could not have found, and which of its checks somebody could have evaded."""
    notes: tuple[str, ...] = ()
    """What a reader must know first."""
    evidence: dict[str, str] = {}
    """Files with what it rests on (transcripts, tables), by name beside it, with their SHA-256 in
    hexadecimal."""
    details: dict[str, Any] = {}
    """Read-outs for people, as plain values without floats: tokens, layers, a coverage map."""

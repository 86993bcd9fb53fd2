"""The five plugin points. Everything that can be added from outside has one of these shapes.

Each is found by entry point (`modelassay.plugins`), loaded by name on use. Records go in and out;
a plugin never sees the plan, the journal or the gate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from modelassay.records import (
    AuditRecord,
    Failure,
    Finding,
    Measure,
    Reply,
    Request,
    Sample,
    Score,
    TargetIdentity,
    Transcript,
)


@runtime_checkable
class Target(Protocol):
    """Something that answers: a served model, local weights, a Python callable."""

    batch_size: int
    """How many requests `generate` wants at once; 1 for served models."""
    concurrency: int
    """How many `generate` calls may be under way at once."""

    async def identify(self) -> TargetIdentity:
        """Who answers, with a fingerprint of all that decides the answers.

        Raises:
            TargetError: the model cannot be asked at all.
        """
        ...

    async def generate(self, requests: Sequence[Request]) -> Sequence[Reply | Failure]:
        """One reply, or failure after the target's own retries, for each request in order.

        Raises:
            TargetError: nothing can be asked any more (wrong key, wrong model, out of memory).
        """
        ...

    async def close(self) -> None:
        """Give back connections and memory."""
        ...


@runtime_checkable
class Evaluator(Protocol):
    """Reads transcripts into scores.

    An evaluator that can be set up in more than one way also has ``settings``, a mapping or record of
    plain values with all that could alter a score (a judge's fingerprint, its rubric): scores are
    kept under them, so that another set-up never answers with the scores of this one. A class may
    name settings that list files in ``file_settings``: relative ones start in the plan's folder.
    Only an evaluator that says ``reads_attacks = True`` is given answers to attacked samples
    (`Sample.attacked`): it keeps their scores on measures of their own, so that no figure mixes the two.
    ``score`` may be under way several times at once.
    """

    name: str
    version: str
    """Raised whenever a change could alter a score."""
    measures: Sequence[Measure]
    """Every measure it can score."""

    async def score(self, items: Sequence[tuple[Sample, Transcript]]) -> Sequence[Score]:
        """Scores of all `items`; none for a sample that no measure applies to.

        Empty, truncated or failed answers give `Unscored`, never an exception.
        """
        ...


def readable_by(
    evaluator: Evaluator, items: Iterable[tuple[Sample, Transcript]]
) -> list[tuple[Sample, Transcript]]:
    """Those of `items` that `evaluator` is given: of attacked samples only if it knows them."""
    if getattr(evaluator, "reads_attacks", False):
        return list(items)
    return [item for item in items if item[0].attacked is None]


@runtime_checkable
class Preparable(Protocol):
    """An evaluator that must learn something before its version is settled, such as which model judges."""

    async def prepare(self) -> None:
        """Called once before the first transcript is read.

        Raises:
            TargetError: what it depends on cannot be reached.
        """
        ...


@runtime_checkable
class Attack(Protocol):
    """Puts a sample to a target in a hostile way."""

    name: str
    version: str

    async def run(self, target: Target, sample: Sample, seed: int) -> Transcript:
        """One conversation; frozen attacks give the same messages for every target."""
        ...


@runtime_checkable
class Check(Protocol):
    """Inspects something other than answers: weights, data, a training run."""

    name: str
    version: str

    def inspect(self, subject: Any, context: Mapping[str, Any]) -> Iterable[Finding]:
        """Findings about `subject`."""
        ...


@runtime_checkable
class Renderer(Protocol):
    """Turns a finished audit into a file."""

    name: str
    suffix: str
    """File suffix that chooses this renderer, such as ``.html``."""

    def render(self, audit: AuditRecord) -> bytes:
        """The same bytes for the same audit, always."""
        ...

"""What judging answers that are there already needs: sides that are not asked, and readers of answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from modelassay.audit.opened import Side
from modelassay.audit.parts import judge_models
from modelassay.config import EvaluatorReference
from modelassay.engine import Reader
from modelassay.errors import TargetError
from modelassay.protocols import Evaluator
from modelassay.records import Failure, Reply, Request, TargetIdentity

PAID_AT_ONCE = 32
"""Most answers that a served judge is asked about at once, each verdict kept as it comes."""
EMBEDDED_AT_ONCE = 256
"""Most answers that rules and classifiers of the package are given at once: what they read in one pass over
all costs less an answer, and some 50 ms in which no other answer is taken in."""


def reader_of(evaluator: Evaluator, reference: EvaluatorReference) -> Reader:
    """A served judge is given answers one by one, so that a kill loses no verdict that was paid for.

    Only where one answer takes several requests, those that an ended budget leaves without their fellows are
    lost: of no more answers than the judges take requests at once.
    """
    if getattr(evaluator, "embedded", False):
        return Reader(evaluator, batch=EMBEDDED_AT_ONCE)
    if not judge_in(reference):
        return Reader(evaluator)
    at_once = sum(judge.concurrency for _, judge in judge_models([reference]))
    return Reader(evaluator, batch=1, under_way=max(1, min(PAID_AT_ONCE, at_once)))


def judge_in(reference: EvaluatorReference) -> str:
    """The served models that an evaluator's settings name; local ones cost nothing, and read in batches."""
    return ", ".join(_served(reference.settings))


def _served(value: Any) -> Iterable[str]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _served(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _served(inner)
    elif isinstance(value, str) and value.partition(":")[0] in {"openai", "inspect", "python"}:
        yield value


def not_asked(name: str, identity: TargetIdentity) -> Side:
    """One of the two models, whose answers are there."""
    return Side(name, _NotAsked(identity), identity)


class _NotAsked:
    """In the place of a model whose answers are there."""

    batch_size = 1
    concurrency = 1

    def __init__(self, identity: TargetIdentity) -> None:
        self._identity = identity

    async def identify(self) -> TargetIdentity:
        """Who answered."""
        return self._identity

    async def generate(self, requests: Sequence[Request]) -> Sequence[Reply | Failure]:
        """Never.

        Raises:
            TargetError: always.
        """
        raise TargetError("answers are judged again; no model is asked", where=self._identity.reference)

    async def close(self) -> None:
        """Nothing to give back."""

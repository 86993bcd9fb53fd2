"""Repeats against more prompts: what the same requests show, spent one way or the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from modelassay.audit.planning.assumptions import Assumptions
from modelassay.audit.planning.slices import smallest_drop
from modelassay.config import Plan
from modelassay.records import Policy, Sample, SampleKind

CHOICES = (1, 2, 3, 5, 10)


class Repeating(msgspec.Struct, frozen=True, kw_only=True):
    """All prompts of one kind, asked so often."""

    kind: str
    repeats: int
    requests: int
    """To each model."""
    smallest_drop: float
    """In points, overall."""
    smallest_drop_if_prompts: float
    """The same for as many requests spent on different prompts like these, each asked once."""


def repeatings(
    plan: Plan, policy: Policy, samples: Sequence[Sample], assumed: Assumptions
) -> Iterable[Repeating]:
    """The usual choices and the plan's own, for each kind that is judged."""
    kinds: tuple[SampleKind, ...] = ("harmful", "benign")
    for kind in kinds:
        clusters = Counter(s.cluster or s.id for s in samples if s.kind == kind and not s.attacked)
        prompts = sum(clusters.values())
        if not prompts:
            continue
        for repeats in sorted({*CHOICES, plan.repeats}):
            yield Repeating(
                kind=kind,
                repeats=repeats,
                requests=prompts * repeats,
                smallest_drop=smallest_drop(kind, prompts, repeats, clusters, plan, policy, assumed),
                smallest_drop_if_prompts=smallest_drop(
                    kind, prompts * repeats, 1, clusters, plan, policy, assumed
                ),
            )

"""The deployment table as edges: which drop, in which stream, means which outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelassay.drops import drop_of, enough_pairs
from modelassay.gate.case import mildest, strictest
from modelassay.records import Outcome, PairedCounts, PairedMoments, Percent, Policy


@dataclass(frozen=True)
class Edge:
    """A drop of more than `limit` means at least `outcome`."""

    limit: Percent
    outcome: Outcome
    unshown: Outcome
    """What is left of it where the scored pairs are over it, and unscored ones at their best would not be."""

    def undecided(self, literally_over: bool) -> Outcome:
        """The outcome where only unscored pairs keep it from being known, all pairs having been asked."""
        return self.unshown if literally_over else mildest(self.outcome, "inconclusive")


def overall_edges(policy: Policy) -> tuple[Edge, ...]:
    """Of the drop over all pairs, in order; the bands and the threshold for concern."""
    bands, concerns = policy.bands, policy.concerns
    return _in_order(
        Edge(bands.deploy, "deploy-monitored", "deploy-monitored"),
        Edge(concerns.overall, concerns.shown, concerns.literal),
        Edge(bands.deploy_monitored, "review", "review"),
        Edge(bands.review, "block", "review"),
    )


def category_edges(policy: Policy, *, assessable: bool) -> tuple[Edge, ...]:
    """Of the drop in a single category, in order.

    One with too few pairs to judge cannot block; over the block edge it is a concern, as in `gate.decide`.
    """
    rule, concerns = policy.any_category, policy.concerns
    if not assessable:
        return (Edge(rule.block, concerns.shown, concerns.literal),)
    return _in_order(
        Edge(rule.concern, concerns.shown, concerns.literal),
        Edge(rule.block, "block", "inconclusive"),
    )


def least_outcome(
    policy: Policy, *, overall: bool, categories: Sequence[bool], to_be_sliced: bool = True
) -> Outcome:
    """What the plan alone makes the mildest outcome, from which streams are assessable.

    Args:
        policy: already tightened.
        overall: whether all pairs are.
        categories: whether those of each single category are.
        to_be_sliced: whether the measure must be judged in single categories.
    """
    if not overall:
        return "inconclusive"
    demanded = to_be_sliced and policy.any_category.dimensions
    return "deploy-monitored" if demanded and not any(categories) else "deploy"


def full_outcome(
    policy: Policy,
    overall: PairedCounts | PairedMoments,
    categories: Sequence[PairedCounts | PairedMoments] = (),
) -> Outcome:
    """What the table says of a suite that was asked in full and scored throughout, in whole numbers.

    The outcome that a sequential decision is held to: its pairs are the whole population, so that every drop
    is known and none is noise.

    Args:
        policy: already tightened.
        overall: all pairs.
        categories: those of each single category.
    """
    judged = [_assessable(each, policy) for each in (overall, *categories)]
    tables = [overall_edges(policy), *(category_edges(policy, assessable=enough) for enough in judged[1:])]
    exceeded = [
        edge.outcome
        for paired, edges in zip((overall, *categories), tables, strict=True)
        for edge in edges
        if drop_of(paired, policy).exceeds(edge.limit)
    ]
    return strictest(least_outcome(policy, overall=judged[0], categories=judged[1:]), *exceeded)


def _assessable(paired: PairedCounts | PairedMoments, policy: Policy) -> bool:
    pairs = paired.pairs if isinstance(paired, PairedMoments) else _pairs(paired)
    return enough_pairs(pairs, paired.clusters, policy)


def _pairs(paired: PairedCounts) -> int:
    return paired.n11 + paired.n10 + paired.n01 + paired.n00


def _in_order(*edges: Edge) -> tuple[Edge, ...]:
    return tuple(sorted(edges, key=lambda edge: edge.limit))

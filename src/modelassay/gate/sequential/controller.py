"""The gate that draws: what to ask next, what is shown so far, and whether more could change it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Literal

import numpy as np

from modelassay.drops import enough_pairs, figure
from modelassay.errors import UsageError
from modelassay.gate.case import strictest
from modelassay.gate.policy import SEVERITY, check_policy, tighten
from modelassay.gate.sequential.contributions import MILLION, Booleans, Columns, Integers, columns, yes_or_no
from modelassay.gate.sequential.order import CommittedOrder, PairedScore, PlannedPair
from modelassay.gate.sequential.streams import Standing, Stream
from modelassay.gate.sequential.table import category_edges, least_outcome, overall_edges
from modelassay.records import (
    FindingState,
    Outcome,
    PairedCounts,
    Policy,
    SequentialClaim,
    SequentialDecision,
    SequentialStream,
)
from modelassay.statistics import e_holm

Settle = Literal["outcome", "admission"]
_FASTEST = 50.0
"""Evidence is taken to grow at least so slowly that this many times what was drawn would do."""
_LARGEST = 700.0
"""Logarithm beyond which wealth is as good as infinite."""


class SequentialGate:
    """The deployment table of one banded measure, decided while pairs come in."""

    def __init__(
        self,
        policy: Policy,
        planned: Iterable[PlannedPair],
        *,
        seed: str,
        settle: Settle = "outcome",
        measures: int = 1,
        share: Fraction = Fraction(1),
        to_be_sliced: bool = True,
    ) -> None:
        """Before the first answer.

        Args:
            policy: as written; its risk context tightens it here.
            planned: every pair of the pinned suite.
            seed: of the order; to be committed before the first answer.
            settle: `outcome` draws until the outcome is known; `admission` does not tell deploy from
                deploy-monitored, and reports the stricter where both are possible.
            measures: banded measures of the audit, which share the error of "shown harmful".
            share: part of the policy's error that this candidate may spend.
            to_be_sliced: whether without a category to judge the mildest outcome is deploy-monitored
                (`single_slices.to_be_sliced`).

        Raises:
            ConfigError: the policy's thresholds contradict each other.
            UsageError: no pair, two with one key, or a share outside (0, 1].
        """
        check_policy(policy)
        if not 0 < share <= 1 or measures < 1:
            raise UsageError("the error cannot be shared so", mend="a share in (0, 1], at least one measure")
        self.policy, _ = tighten(policy)
        self.order = CommittedOrder(planned, seed)
        self._settle, self._share = settle, share
        self._columns, self._streams, self._parts, self._least = self._opened(to_be_sliced)
        families = measures * (2 if len(self._streams) > 1 else 1)
        self._fine = share * Fraction(10_000 - self.policy.confidence.basis_points, 10_000)
        self._harm = share * Fraction(10_000 - policy.confidence.basis_points, 10_000 * families)
        self._families = _same_edges(self._streams[1:])
        self._rows: Integers = np.zeros((self.order.cluster_of.size, self._columns.width), np.int64)
        self._missing = self.order.part_sizes.copy()
        self._seen: Booleans = np.zeros(len(self.order.pairs), np.bool_)
        self._graded = False

    def observe(self, pairs: Iterable[PairedScore]) -> None:
        """Take scores in, in any order; a pair that was taken in before is refused.

        Raises:
            UsageError: a pair that is not planned or known already, or a score outside [0, 1].
        """
        given = list(pairs)
        if not given:
            return
        places = np.array([self._place(pair.key) for pair in given], np.int64)
        if self._seen[places].any() or np.unique(places).size < places.size:
            raise UsageError("a pair was observed twice", mend="give every pair's scores once")
        rows = self._columns.rows(given)
        self._graded |= not all(yes_or_no(pair.baseline, pair.candidate) for pair in given)
        self._seen[places] = True
        parts = self.order.part_of[places]
        np.add.at(self._rows, parts, rows)
        np.subtract.at(self._missing, parts, 1)
        self._advance(parts)

    def next_batch(self, size: int) -> tuple[str, ...]:
        """Keys to ask next, about `size` of them: whole clusters, in committed order; none once settled.

        Depends on what was observed alone: asked again before more is, it answers the same.
        """
        wanted = self._relevant()
        if not any(wanted):
            return ()
        places = np.flatnonzero(~self._seen)
        if not wanted[0]:
            stream = np.array([False, *wanted[1:]])  # of code -1, no category: False
            places = places[stream[self.order.category_of[self.order.part_of[places]] + 1]]
        parts = self.order.part_of[places]
        units = self.order.cluster_of[parts] if wanted[0] else parts
        last = units[min(max(size, 1), places.size) - 1]
        return tuple(self.order.pairs[place].key for place in places[units <= last])

    def decision(self) -> SequentialDecision:
        """Where the decision stands, with the evidence of every claim."""
        standings = self._standings()
        low, high = self._range(standings)
        relevant = any(self._open_edges(stream, each, low) for stream, each in self._both(standings))
        exact = all(bool(np.all(each.certain | each.open)) for each in standings)
        return SequentialDecision(
            outcome=high,
            mildest=low,
            settled=not relevant,
            exact=exact and not relevant,
            pairs_observed=int(self._seen.sum()),
            pairs_planned=len(self.order.pairs),
            streams=tuple(self._stream(number, each) for number, each in enumerate(standings)),
            claims=tuple(
                claim for number, each in enumerate(standings) for claim in self._claims(number, each)
            ),
        )

    @property
    def settled(self) -> bool:
        """Whether no further pair can change the action."""
        return not any(self._relevant())

    # -- streams

    def _opened(self, to_be_sliced: bool) -> tuple[Columns, list[Stream], list[Integers], Outcome]:
        """Columns, streams (all pairs first), parts of each category, and the least that the plan allows."""
        order, policy = self.order, self.policy
        relative = policy.scale == "relative"
        sizes = order.part_sizes
        categories = order.categories if policy.any_category.dimensions else ()
        parts = [np.flatnonzero(order.category_of == code) for code in range(len(categories))]
        judged = [enough_pairs(int(sizes[own].sum()), own.size, policy) for own in parts]
        tables = [overall_edges(policy), *(category_edges(policy, assessable=each) for each in judged)]
        every = columns([edge.limit for table in tables for edge in table], policy.absolute_below)
        whole = np.add.reduceat(sizes, order.first_parts)
        units = [whole, *(sizes[own] for own in parts)]
        streams = [
            Stream(name, table, own, every, relative=relative)
            for name, table, own in zip(("", *categories), tables, units, strict=True)
        ]
        enough = enough_pairs(len(order.pairs), whole.size, policy)
        least = least_outcome(policy, overall=enough, categories=judged, to_be_sliced=to_be_sliced)
        return every, streams, parts, least

    def _place(self, key: str) -> int:
        place = self.order.index.get(key)
        if place is None:
            raise UsageError(f"the pair {key!r} is not in the plan", mend="observe planned pairs only")
        return place

    def _advance(self, parts: Integers) -> None:
        """Let every stream that these parts belong to draw its next complete units."""
        overall = self._streams[0]
        first = self.order.first_parts
        stop = overall.drawn
        ends = np.append(first[1:], self.order.cluster_of.size)
        while stop < first.size and not self._missing[first[stop] : ends[stop]].any():
            stop += 1
        if stop > overall.drawn:
            start = first[overall.drawn]
            rows = self._rows[start : ends[stop - 1]]
            overall.draw(np.add.reduceat(rows, first[overall.drawn : stop] - start))
        for code in np.unique(self.order.category_of[parts]):
            if 0 <= code < len(self._parts):
                stream, own = self._streams[code + 1], self._parts[code][self._streams[code + 1].drawn :]
                open_ = self._missing[own] > 0
                count = int(open_.argmax()) if open_.any() else own.size
                stream.draw(self._rows[own[:count]])

    # -- what is known

    def _standings(self) -> list[Standing]:
        fine, harm = _threshold(self._fine), _threshold(self._harm)
        overall, *categories = self._streams
        found = [overall.standing(fine, harm, None)]
        family = harm + math.log(max(len(categories), 1))
        closed = self._closed(categories)
        return found + [
            each.standing(fine, family, own) for each, own in zip(categories, closed, strict=True)
        ]

    def _closed(self, categories: Sequence[Stream]) -> list[Booleans | None]:
        """Edges of each category at which "over" is shown by e-Holm over all categories with that edge."""
        shown: list[Booleans | None] = [None] * len(categories)
        needed = _threshold(self._harm)
        for family in self._families:
            wealth = np.array([categories[number].harm[place] for number, place in family])
            if wealth.max() < needed:
                continue  # no average can be more than the largest
            adjusted = e_holm(np.exp(np.minimum(wealth, _LARGEST)), among=len(categories))
            for (number, place), value in zip(family, adjusted, strict=True):
                if value >= 1 / self._harm:
                    own = shown[number]
                    own = np.zeros(len(categories[number].edges), np.bool_) if own is None else own
                    own[place] = True
                    shown[number] = own
        return shown

    def _both(self, standings: Sequence[Standing]) -> list[tuple[Stream, Standing]]:
        return list(zip(self._streams, standings, strict=True))

    def _range(self, standings: Sequence[Standing]) -> tuple[Outcome, Outcome]:
        """The mildest and the strictest outcome that are consistent with what is known."""
        ranges = [_range_of(stream, each) for stream, each in self._both(standings)]
        low = strictest(self._least, *(each for each, _ in ranges))
        return low, strictest(low, *(each for _, each in ranges))

    def _relevant(self) -> list[bool]:
        """For each stream whether drawing more of it could change the action."""
        standings = self._standings()
        low, _ = self._range(standings)
        return [self._open_edges(stream, each, low) for stream, each in self._both(standings)]

    def _open_edges(self, stream: Stream, standing: Standing, low: Outcome) -> bool:
        if stream.exhausted:
            return False
        known = self._rank(low)
        return any(
            open_ and self._rank(edge.outcome) > known
            for edge, open_ in zip(stream.edges, standing.open, strict=True)
        )

    def _rank(self, outcome: Outcome) -> int:
        least = "deploy-monitored" if self._settle == "admission" else "deploy"
        return max(SEVERITY.index(outcome), SEVERITY.index(least))

    # -- evidence

    def expected_rest(self) -> dict[str, int]:
        """Guess of the pairs still to draw in each stream that is not settled, if evidence goes on growing as
        it did; by category, "" for all pairs. For people alone: no decision rests on it."""
        found = {}
        needed = max(_threshold(self._fine), _threshold(self._harm))
        for (stream, standing), wanted in zip(self._both(self._standings()), self._relevant(), strict=True):
            if wanted:
                grown = np.maximum(stream.highest_fine, stream.highest_harm)[standing.open]
                slowest = max(float(grown.min(initial=needed)), needed / _FASTEST)
                guess = math.ceil(max(stream.pairs_drawn, 1) * (needed / slowest - 1))
                found[stream.name] = min(max(guess, 1), stream.pairs_left)
        return found

    def _stream(self, number: int, standing: Standing) -> SequentialStream:
        stream = self._streams[number]
        low, high = _range_of(stream, standing)
        units = stream.sizes.size
        assessable = enough_pairs(int(stream.sizes.sum()), units, self.policy)
        return SequentialStream(category=stream.name, mildest=low, outcome=high, assessable=assessable)

    def _claims(self, number: int, standing: Standing) -> Iterable[SequentialClaim]:
        stream = self._streams[number]
        before, after, _ = (int(each) for each in self._columns.sums(stream.sums))
        corrected = self._harm / max(len(self._streams) - 1, 1) if number else self._harm
        for i, edge in enumerate(stream.edges):
            state: FindingState = "shown_fine" if standing.fine[i] else "not_shown"
            yield SequentialClaim(
                category=stream.name,
                limit=edge.limit,
                outcome=edge.outcome,
                state="shown_harmful" if standing.harm[i] else state,
                exact=bool(standing.certain[i]),
                relative=self.policy.scale == "relative",
                absolute_below=self.policy.absolute_below,
                units=stream.sizes.size,
                units_drawn=stream.drawn,
                pairs=int(stream.sizes.sum()),
                pairs_drawn=stream.pairs_drawn,
                seed=self.order.seed,
                order=self.order.digest,
                counts=None if self._graded else self._counts(stream),
                baseline_sum=figure(Fraction(before, MILLION)),
                candidate_sum=figure(Fraction(after, MILLION)),
                log_wealth_fine=_finite(stream.fine[i]),
                log_wealth_harm=_finite(stream.harm[i]),
                highest_fine=_finite(stream.highest_fine[i]),
                highest_harm=_finite(stream.highest_harm[i]),
                alpha_fine=figure(self._fine),
                alpha_harm=figure(corrected),
            )

    def _counts(self, stream: Stream) -> PairedCounts:
        n00, n01, n0u, n10, n11, n1u, nu0, nu1, nuu = (int(n) for n in self._columns.cells(stream.sums))
        return PairedCounts(
            n11=n11,
            n10=n10,
            n01=n01,
            n00=n00,
            n1u=n1u,
            n0u=n0u,
            nu1=nu1,
            nu0=nu0,
            nuu=nuu,
            clusters=stream.drawn,
        )


def _range_of(stream: Stream, standing: Standing) -> tuple[Outcome, Outcome]:
    """The mildest and the strictest outcome of the edges of one stream."""
    low: list[Outcome] = ["deploy"]
    high: list[Outcome] = ["deploy"]
    for edge, harm, open_ in zip(stream.edges, standing.harm, standing.open, strict=True):
        if harm:
            low.append(edge.outcome)
        elif open_ and stream.exhausted:
            low.append(edge.undecided(stream.over(edge)))
        elif open_:
            high.append(edge.outcome)
    return strictest(*low), strictest(*low, *high)


def _same_edges(categories: Sequence[Stream]) -> list[list[tuple[int, int]]]:
    """Where each limit stands: number of the category, place among its edges."""
    found: dict[int, list[tuple[int, int]]] = {}
    for number, each in enumerate(categories):
        for place, edge in enumerate(each.edges):
            found.setdefault(edge.limit.basis_points, []).append((number, place))
    return list(found.values())


def _threshold(alpha: Fraction) -> float:
    return -math.log(alpha)


def _finite(log: float) -> Decimal | None:
    return figure(log) if math.isfinite(log) else None

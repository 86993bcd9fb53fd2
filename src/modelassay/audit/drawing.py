"""Ask until the action is settled: a sequential audit draws, has answered and read batch by batch.

Which questions come next follows from the readings in the journal alone (`evidence.drawing`). So one that
was cut off anywhere draws the same questions again, finds their answers in the journal, and goes on.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

from modelassay.audit.asking import ask_both, ledger_of
from modelassay.audit.opened import Opened
from modelassay.audit.parts import measures_of, slices_of
from modelassay.config import Plan
from modelassay.drops import enough_pairs
from modelassay.engine import Progress, Standing
from modelassay.errors import BudgetReachedError, ConfigError
from modelassay.evidence.drawing import Drawing, Suite, order_seed, share_of
from modelassay.gate.policy import tighten
from modelassay.protocols import Evaluator, readable_by
from modelassay.records import (
    Failure,
    PairKey,
    Policy,
    Sample,
    SequentialRecord,
    TargetIdentity,
    Transcript,
)

_FIXED = "or set `gate: {mode: fixed}`, which asks everything"


async def drawn_in_order(opened: Opened) -> Opened:
    """`opened` with its questions in the order of drawing, where the plan asks for a sequential audit.

    Raises:
        ConfigError: the plan cannot be decided so.
    """
    if opened.plan.gate.mode == "fixed":
        return opened
    baseline, candidate = opened.sides
    identities = baseline.identity, candidate.identity
    samples = opened.asked.samples
    suite = await suite_of(opened.plan, opened.policy, samples, opened.evaluators, identities)
    return replace(_part(opened, suite.order), suite=suite)


async def suite_of(
    plan: Plan,
    policy: Policy,
    samples: tuple[Sample, ...],
    evaluators: Sequence[Evaluator],
    identities: tuple[TargetIdentity, TargetIdentity],
) -> Suite:
    """What a sequential audit would draw from.

    Raises:
        ConfigError: the plan cannot be decided so.
    """
    dimensions = policy.any_category.dimensions
    if len(dimensions) > 1:
        raise ConfigError(
            f"a sequential audit holds one dimension of categories, not {len(dimensions)}",
            where="policy: any_category: dimensions",
            mend=f"name one of them, {_FIXED}",
        )
    populations, concerns = await _populations(policy, samples, evaluators)
    suite = Suite(
        policy=policy,
        samples=samples,
        measures=measures_of(evaluators, samples),
        populations=populations,
        concerns=concerns,
        slices=slices_of(plan),
        epochs=plan.repeats,
        seed=plan.seed,
        order_seed=order_seed(plan.seed, *identities),
        batch=plan.gate.batch,
    )
    _check_sizes(suite)
    return suite


def draw(opened: Opened, attempt: int) -> tuple[Opened, SequentialRecord]:
    """What was drawn as far as the journal has answers and readings: the audit with the questions asked, and
    how it was decided. Nothing is asked."""
    assert opened.suite is not None
    drawing = Drawing(opened.suite, share_of(attempt))
    while batch := drawing.next():
        part = _part(opened, batch)
        if not _answered(part):
            break
        _observe(drawing, part)
    return _part(opened, drawing.asked), drawing.record()


async def ask_until_settled(
    opened: Opened, attempt: int, progress_of: Callable[[], Progress], stop: asyncio.Event
) -> None:
    """Have questions drawn, answered by both models and read, until no further one could change the action.

    When the budget ends after the first batch, what was drawn is what there is to decide by.

    Raises:
        As of `asking.ask_both`.
    """
    assert opened.suite is not None
    drawing = Drawing(opened.suite, share_of(attempt))
    ledger = ledger_of(opened)
    running = [_Running(progress_of(), len(opened.suite.order)) for _ in opened.sides]
    try:
        while batch := drawing.next():
            part = _part(opened, batch)
            for each in running:
                each.expect(drawing)
            try:
                await ask_both(part, iter(running).__next__, stop, ledger=ledger)
            except BudgetReachedError:
                if not drawing.asked:
                    raise
                return
            _observe(drawing, part)
    finally:
        for each in running:
            each.close()


def _part(opened: Opened, keys: Sequence[PairKey]) -> Opened:
    """The audit with these questions only."""
    by_key = {question.key: question for question in opened.questions}
    return replace(opened, questions=tuple(by_key[key] for key in keys))


def _answered(part: Opened) -> bool:
    """Whether the journal has every answer of both models, each read by every evaluator."""
    return all(part.is_read(side) for side in part.sides)


def _observe(drawing: Drawing, part: Opened) -> None:
    baseline, candidate = (list(part.scores(side)) for side in part.sides)
    drawing.observe(baseline, candidate)


async def _populations(
    policy: Policy, samples: Sequence[Sample], evaluators: Sequence[Evaluator]
) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
    """Samples of each banded measure, and of each concern, by place: those that it would have a score for.

    An evaluator tells by what it makes of an answer that never came: a score without a value on each measure
    that applies (`protocols.Evaluator.score`).

    Raises:
        ConfigError: no measure is banded.
    """
    found: dict[str, set[int]] = {}
    places = {sample.id: place for place, sample in enumerate(samples)}
    roles = {
        measure.name: policy.measures.get(measure.name, measure.role)
        for evaluator in evaluators
        for measure in evaluator.measures
    }
    for evaluator in evaluators:
        if any(roles[measure.name] != "descriptive" for measure in evaluator.measures):
            absent = readable_by(evaluator, ((sample, _never_came(sample)) for sample in samples))
            for score in await evaluator.score(absent):
                if roles.get(score.measure, "descriptive") != "descriptive":
                    found.setdefault(score.measure, set()).add(places[score.key.sample])
    if not any(roles[name] == "banded" for name in found):
        raise ConfigError(
            "a sequential audit stops when the deployment table is settled, and no measure of the plan is "
            "held against it",
            where="plan: gate: mode",
            mend=f"add an evaluator with a banded measure and samples for it, {_FIXED}",
        )
    banded, concerns = (
        {name: tuple(sorted(found[name])) for name, role in roles.items() if role == wanted and name in found}
        for wanted in ("banded", "concern")
    )
    return banded, concerns


def _never_came(sample: Sample) -> Transcript:
    from modelassay.canonical import digest_bytes

    failure = Failure(kind="absent", message="not asked")
    return Transcript(
        key=PairKey(sample=sample.id, seed=0, epoch=0), target=digest_bytes(b""), failure=failure
    )


def _check_sizes(suite: Suite) -> None:
    strict, _ = tighten(suite.policy)
    for measure in suite.populations:
        pairs = list(suite.planned(measure))
        if not enough_pairs(len(pairs), len({pair.cluster for pair in pairs}), strict):
            raise ConfigError(
                f"{measure} has {len(pairs)} pairs, too few to be judged at all",
                where="plan: gate: mode",
                mend=f"add samples for it, {_FIXED}",
            )


class _Running:
    """One model's progress over all batches; a `Progress` for each of them."""

    def __init__(self, progress: Progress, planned: int) -> None:
        self._progress, self._planned = progress, planned
        self._before = self._there = self._told_at = 0
        self._told = self._shown = ""
        self._asking = False
        self._past = self._now = _NOTHING

    def expect(self, drawing: Drawing) -> None:
        """Before the next batch: what is undecided."""
        self._before = len(drawing.asked)
        self._asking = False
        self._past, self._now = _plus(self._past, self._now), _NOTHING
        left = drawing.undecided()
        named = ", ".join(list(left)[:2]) + (f" and {len(left) - 2} more" if len(left) > 2 else "")
        rest = f", perhaps {max(left.values()):,} more pairs" if left and self._before else ""
        self._told = f"undecided: {named}{rest}" if left else "rules beside the table"

    def begin(self, label: str, total: int, cached: int) -> None:
        """A batch starts, or what came in is read, which is not told apart."""
        if self._asking:
            self._asking = False
            return
        self._asking = True
        self._there = self._before + cached
        parts = 8 * self._there // self._planned
        if not self._shown or parts != int(self._shown):
            self._shown, self._told_at = str(parts), self._there
            self._progress.begin(f"{label} ({self._told})", self._planned, self._there)

    def advance(self, standing: Standing) -> None:
        """It came so far; other than a batch's, what is told is of the whole audit, and counted from where
        the bar was last set."""
        if self._asking:
            self._now = standing
            done = self._there - self._told_at + standing.done
            self._progress.advance(_plus(self._past, standing)._replace(done=done))

    def end(self) -> None:
        """A batch is over, the work is not."""

    def close(self) -> None:
        """All is over."""
        if self._shown:
            self._progress.end()


_NOTHING = Standing(0, {}, 0, Decimal(), 0)


def _plus(past: Standing, now: Standing) -> Standing:
    """`now`, with what batches before took of tokens and money, and with their failures."""
    return now._replace(
        failed_by_kind=Counter(past.failed_by_kind) + Counter(now.failed_by_kind),
        tokens=past.tokens + now.tokens,
        cost=None if past.cost is None or now.cost is None else past.cost + now.cost,
    )

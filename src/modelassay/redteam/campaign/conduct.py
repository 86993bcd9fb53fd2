"""Carries a campaign out: every strategy against every behaviour of every model, side by side."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from modelassay.errors import InterruptedByUserError, StoppedError, UsageError
from modelassay.protocols import Evaluator, Target
from modelassay.records import DatasetPin, Sample, TargetIdentity
from modelassay.redteam.adaptive import (
    AttackJudge,
    Behaviour,
    Desk,
    ScriptedAttacker,
    Strategy,
    is_scripted,
    judge_by_evaluator,
    judge_by_model,
    play,
)
from modelassay.redteam.campaign.journal import SYNC_S, Journal
from modelassay.redteam.campaign.kept import KeptModel
from modelassay.redteam.campaign.results import check_slices
from modelassay.redteam.campaign.settings import CampaignSettings
from modelassay.redteam.campaign.units import ModelSide, Part, Tab, Taken, Unit, UnitResult, tab

GRACE_S = 20.0
"""How long answers under way are waited for once the work is being stopped."""


class Cast(msgspec.Struct, frozen=True, kw_only=True):
    """The models of a campaign, open; whoever opened them closes them."""

    candidate: Target
    baseline: Target | None = None
    attacker: Target | None = None
    script: ScriptedAttacker | None = None
    """Of an attacker that passes requests on to a script: that script, which knows how old its turns are."""
    judge: Target | None = None
    """A judge model."""
    evaluator: Evaluator | None = None
    """What judges where there is no judge model; the refusal rules when None."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How far a campaign is."""

    done: int
    total: int
    outcomes: dict[str, int]
    """Attacks that came to an end, by outcome."""
    requests: int
    """Sent by this process."""
    tokens: int
    cost: Decimal | None
    """Of what was sent; None where no price is known."""
    kept: int
    """Replies in the journal."""


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign that was carried out, or as far as its budget went."""

    settings: CampaignSettings
    strategies: tuple[Strategy, ...]
    results: tuple[UnitResult, ...]
    """In the order of behaviours, strategies and models."""
    unsuited: tuple[tuple[str, str, str], ...]
    """Sample, attack and reason, for what could not be tried."""
    pins: tuple[DatasetPin, ...]
    identities: dict[str, TargetIdentity]
    """By part: candidate, baseline, attacker, judge."""
    judge: str
    """``name@version`` of what read the answers."""
    sent: dict[str, int]
    """Requests that this process sent, by part; the others were in the journal."""
    paid: dict[str, Taken]
    """What the replies that this rests on took, by part, each counted once with its model."""
    started: str
    finished: str
    stopped: str = ""
    """Which limit of the budget ended it before its end; empty when none did."""


async def run_campaign(
    settings: CampaignSettings,
    cast: Cast,
    strategies: Sequence[Strategy],
    samples: Sequence[Sample],
    folder: Path,
    *,
    pins: Sequence[DatasetPin] = (),
    stop: asyncio.Event | None = None,
    tell: Callable[[Standing], None] = lambda standing: None,
) -> Campaign:
    """Attack, and keep every reply in the journal of `folder`; the same call goes on where it was left.

    Args:
        settings: what is done.
        cast: the models.
        strategies: as `settings.attacks` names them.
        samples: behaviours, as `settings.datasets` has them.
        folder: of the campaign.
        pins: which rows the behaviours are.
        stop: set to stop after the answers under way.
        tell: told how far it is.

    Raises:
        UsageError: no behaviour, no attacker for an attack that needs one, a slice that is no tag, or a
            folder of another campaign.
        TargetError: a model cannot be asked at all, or not any more.
        InterruptedByUserError: `stop` was set; what was had is kept.
    """
    behaviours = [Behaviour(each) for each in samples if each.kind in settings.kinds]
    _check(behaviours, strategies, cast)
    check_slices(settings.slices)
    with Journal(folder, settings.digest, _now()) as journal:
        stop = stop or asyncio.Event()
        models = await _kept(settings, cast, journal, stop)
        work = _Work(settings, cast, strategies, behaviours, models, journal, tell)
        try:
            return await work.carry_out(pins, stop)
        except InterruptedByUserError:
            raise  # those under way had their time already
        except Exception:
            # A model or what reads answers broke; what models were asked is paid for.
            await asyncio.wait(
                [asyncio.create_task(each.settled()) for each in models.values()], timeout=GRACE_S
            )
            raise


class _Work:
    def __init__(
        self,
        settings: CampaignSettings,
        cast: Cast,
        strategies: Sequence[Strategy],
        behaviours: Sequence[Behaviour],
        models: dict[str, KeptModel],
        journal: Journal,
        tell: Callable[[Standing], None],
    ) -> None:
        self._settings = settings
        self._strategies = strategies
        self._models = models
        self._journal = journal
        self._tell = tell
        self._evaluator = cast.evaluator
        self._script = cast.attacker if isinstance(cast.attacker, ScriptedAttacker) else cast.script
        self._unsuited: list[tuple[str, str, str]] = []
        self._units = list(self._planned(behaviours))
        self._results: dict[int, UnitResult] = {}
        self._reached = ""

    async def carry_out(self, pins: Sequence[DatasetPin], stop: asyncio.Event) -> Campaign:
        judge = self._judge()
        await judge.prepare()
        todo = iter(enumerate(self._units))
        workers = [
            asyncio.create_task(self._work(todo, judge))
            for _ in range(min(self._settings.concurrency, max(1, len(self._units))))
        ]
        clerk = asyncio.create_task(self._keep_telling())
        try:
            await _until_done(workers, stop)
        finally:
            for task in (clerk, *workers):
                task.cancel()
            await asyncio.gather(clerk, *workers, return_exceptions=True)
            self._journal.sync()
            self._report()
        return self._campaign(pins, judge.name)

    async def _work(self, todo: Iterator[tuple[int, Unit]], judge: AttackJudge) -> None:
        for place, unit in todo:
            bill = Tab()
            tab.set(bill)
            played = await play(unit.strategy, unit.behaviour, self._desk(unit.side, judge))
            self._reached = played.stopped or self._reached
            self._results[place] = UnitResult(
                unit=unit,
                played=played,
                taken=bill.taken,
                dated=self._dated(unit),
                chosen=self._chosen(unit),
            )

    def _dated(self, unit: Unit) -> str | None:
        """See `UnitResult.dated`."""
        if unit.strategy.frozen:
            return unit.strategy.dated_for(unit.behaviour)
        attacker = self._models.get("attacker")
        if attacker is None or not unit.strategy.attacks or not is_scripted(attacker.identity):
            return None
        return self._script.dated_for(unit.behaviour.request) if self._script is not None else ""

    def _chosen(self, unit: Unit) -> bool:
        """See `UnitResult.chosen`."""
        sides = ("candidate", "baseline")
        models = {self._models[side].identity.fingerprint for side in sides if side in self._models}
        if unit.strategy.frozen:
            return unit.strategy.chosen_by(unit.behaviour, models)
        if self._dated(unit) is None:
            return False
        return self._script is None or self._script.chosen_by(unit.behaviour.request, models)

    def _desk(self, side: ModelSide, judge: AttackJudge) -> Desk:
        model, attacker = self._models[side], self._models.get("attacker")
        return Desk(
            target=model,
            fingerprint=model.identity.fingerprint,
            judge=judge,
            attacker=attacker,
            scripted=attacker is not None and is_scripted(attacker.identity),
            decoding=self._settings.decoding,
            attacker_decoding=self._settings.attacker_decoding,
            seed=self._settings.seed,
        )

    def _judge(self) -> AttackJudge:
        if (model := self._models.get("judge")) is not None:
            return judge_by_model(model)
        return judge_by_evaluator(self._evaluator)

    def _planned(self, behaviours: Sequence[Behaviour]) -> Iterator[Unit]:
        sides: list[ModelSide] = ["candidate", "baseline"] if "baseline" in self._models else ["candidate"]
        for behaviour in behaviours:
            for strategy in self._strategies:
                if reason := strategy.unsuited(behaviour):
                    self._unsuited.append((behaviour.sample.id, strategy.id, reason))
                    continue
                for side in sides:
                    yield Unit(behaviour, strategy, side)

    async def _keep_telling(self) -> None:
        """Report, and have the journal put on the disk, now and then."""
        while True:
            await asyncio.sleep(SYNC_S)
            await asyncio.to_thread(self._journal.sync)
            self._report()

    def _report(self) -> None:
        outcomes: Counter[str] = Counter(each.played.outcome for each in self._results.values())
        live = [model.live for model in self._models.values()]
        costs = [each.cost for each in live if each.cost is not None]
        self._tell(
            Standing(
                done=len(self._results),
                total=len(self._units),
                outcomes=dict(outcomes),
                requests=sum(each.requests for each in live),
                tokens=sum(each.input_tokens + each.output_tokens for each in live),
                cost=sum(costs, Decimal(0)) if costs else None,
                kept=len(self._journal),
            )
        )

    def _campaign(self, pins: Sequence[DatasetPin], judge: str) -> Campaign:
        results = tuple(self._results[place] for place in sorted(self._results))
        return Campaign(
            settings=self._settings,
            strategies=tuple(self._strategies),
            results=results,
            unsuited=tuple(self._unsuited),
            pins=tuple(pins),
            identities={name: model.identity for name, model in self._models.items()},
            judge=judge,
            sent={name: model.live.requests for name, model in self._models.items()},
            paid=_paid(self._models),
            started=self._journal.started,
            finished=_now() if self._reached else self._journal.end(_now()),
            stopped=self._reached,
        )


def _paid(models: dict[str, KeptModel]) -> dict[str, Taken]:
    """See `Campaign.paid`."""
    paid = {name: Taken() for name in models}
    for name, model in models.items():
        for each in model.used.values():
            paid[name].include(each)
    return paid


async def _until_done(workers: Sequence[asyncio.Task[None]], stop: asyncio.Event) -> None:
    """Wait for all workers; the first error ends the others, a stop leaves them `GRACE_S`.

    Raises:
        InterruptedByUserError: `stop` was set.
    """
    stopped = asyncio.create_task(stop.wait())
    pending: set[asyncio.Task[None]] = set(workers)
    try:
        while pending and not stopped.done():
            everyone: set[asyncio.Task[Any]] = {stopped, *pending}
            done, _ = await asyncio.wait(everyone, return_when=asyncio.FIRST_COMPLETED)
            pending -= done
            _raise_broken(done)
        if pending:
            await asyncio.wait(pending, timeout=GRACE_S)
        _raise_broken(task for task in workers if task.done())
    finally:
        stopped.cancel()
    if stop.is_set() and any(not task.done() or task.exception() is not None for task in workers):
        raise InterruptedByUserError(
            "stopped", mend="run the same command again to go on; nothing is asked twice"
        )


def _raise_broken(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Raise the first error of tasks that are done; that one was told to stop is none."""
    for task in tasks:
        if (error := task.exception()) is not None and not isinstance(error, StoppedError):
            raise error


async def _kept(
    settings: CampaignSettings, cast: Cast, journal: Journal, stop: asyncio.Event
) -> dict[str, KeptModel]:
    """The models by part, each asked who it is, with its replies kept."""
    models: dict[str, KeptModel] = {}
    parts: dict[str, Part] = {
        "candidate": "target",
        "baseline": "target",
        "attacker": "attacker",
        "judge": "judge",
    }
    for name, part in parts.items():
        target: Target | None = getattr(cast, name)
        if target is None:
            continue
        reference = getattr(settings, name)
        models[name] = KeptModel(
            part,
            target,
            await target.identify(),
            journal,
            price=reference.price if reference is not None else None,
            per_minute=settings.requests_per_minute,
            stopping=stop.is_set,
        )
    return models


def _check(behaviours: Sequence[Behaviour], strategies: Sequence[Strategy], cast: Cast) -> None:
    if not behaviours:
        raise UsageError(
            "the datasets hold no behaviour of these kinds",
            where="datasets",
            mend="loosen `kinds` or `where`",
        )
    needing = [each.name for each in strategies if each.attacks]
    if needing and cast.attacker is None:
        raise UsageError(
            f"the attack {needing[0]} needs an attacker",
            where="attacker",
            mend="name a model, or scripted:FILE",
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

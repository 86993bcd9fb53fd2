"""The whole forecast of one plan.

Every figure rests on assumptions that the forecast states; those that were measured are named.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from modelassay.audit.parts import Questions
from modelassay.audit.planning.affordable import Affordable, Limits, affordable
from modelassay.audit.planning.assumptions import Assumptions
from modelassay.audit.planning.checklist import ChecklistItem, checklist
from modelassay.audit.planning.drawing import Drawing, drawings
from modelassay.audit.planning.evidence import RequiredEvidence
from modelassay.audit.planning.kept import KeptAnswers
from modelassay.audit.planning.repeating import Repeating, repeatings
from modelassay.audit.planning.slices import ATTACKED, SliceForecast, slice_forecasts
from modelassay.audit.planning.spending import (
    JudgeForecast,
    SideForecast,
    Total,
    judges,
    past_budget,
    sides,
    totals,
)
from modelassay.config import Plan
from modelassay.records import DatasetPin, Finding, Policy


class RedTeamForecast(msgspec.Struct, frozen=True, kw_only=True):
    """What the plan's red team adds; it is in all other figures."""

    samples: int
    """Samples that are attacked."""
    questions: dict[str, int]
    """Attacked questions to each model, by attack family; each is asked as often as any other."""
    sides: tuple[SideForecast, ...]


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of it."""

    name: str
    samples: dict[str, int]
    """By kind, attacked ones apart as ``attacked``."""
    repeats: int
    datasets: tuple[DatasetPin, ...]
    sides: tuple[SideForecast, ...]
    judged_answers: int
    """Answers that each language-model judge of the plan would be asked about; 0 without one."""
    slices: tuple[SliceForecast, ...]
    assumptions: Assumptions
    warnings: tuple[str, ...]
    lineage: tuple[Finding, ...] = ()
    """What the declared lineage shows, leaves open and leaves out."""
    red_team: RedTeamForecast | None = None
    """None where nothing is attacked."""
    judges: tuple[JudgeForecast, ...] = ()
    totals: tuple[Total, ...] = ()
    kept: KeptAnswers | None = None
    """Answers that the store holds already; None where there is no journal."""
    repeating: tuple[Repeating, ...] = ()
    """Repeats against more prompts."""
    drawing: tuple[Drawing, ...] = ()
    """Sequential against fixed, simulated."""
    affordable: tuple[Affordable, ...] = ()
    """What the limits on money and time leave; empty without limits."""
    checklist: tuple[ChecklistItem, ...] = ()
    """What a practical evaluation should hold."""
    evidence: tuple[RequiredEvidence, ...] = ()
    """What the policy requires beside the suite; empty where it requires nothing."""


def forecast(
    plan: Plan,
    policy: Policy,
    asked: Questions,
    assumed: Assumptions,
    *,
    limits: Limits | None = None,
    kept: KeptAnswers | None = None,
    simulations: int = 0,
    manual_minutes: float = 0.0,
) -> Forecast:
    """The forecast for `plan` over the given questions.

    Args:
        limits: what may be spent, for `Forecast.affordable`.
        kept: what the journal holds.
        simulations: repetitions for `Forecast.drawing`, seeded with the plan's seed; 0 leaves it out.
        manual_minutes: red-teaming by people that is set aside.
    """
    samples = asked.samples
    slices = tuple(slice_forecasts(plan, policy, samples, assumed))
    read_by = judges(plan, samples, assumed)
    sums = totals(plan, samples, assumed, kept)
    chosen = [each for each in sums if each.case != "now"] if limits and any(limits) else []
    return Forecast(
        name=plan.name,
        samples=dict(sorted(Counter(ATTACKED if s.attacked else s.kind for s in samples).items())),
        repeats=plan.repeats,
        datasets=asked.pins,
        sides=sides(plan, samples, assumed),
        judged_answers=2 * len(samples) * plan.repeats if read_by else 0,
        slices=slices,
        assumptions=assumed,
        warnings=(*asked.warnings, *past_budget(plan, sums[-1] if sums[-1].case == "now" else sums[0])),
        red_team=_red_team(plan, asked, assumed),
        judges=read_by,
        totals=sums,
        kept=kept,
        repeating=tuple(repeatings(plan, policy, samples, assumed)),
        drawing=tuple(drawings(policy, samples, assumed, repetitions=simulations, seed=plan.seed)),
        affordable=tuple(
            affordable(each, limits or Limits(), plan, policy, slices, len(samples), assumed)
            for each in chosen
        ),
        checklist=tuple(checklist(plan, asked, slices, sums[0], manual_minutes)),
    )


def _red_team(plan: Plan, asked: Questions, assumed: Assumptions) -> RedTeamForecast | None:
    """The attacked questions of the plan, and what they take."""
    behind = [sample.attacked for sample in asked.attacked if sample.attacked is not None]
    if not behind:
        return None
    return RedTeamForecast(
        samples=len({each.sample for each in behind}),
        questions=dict(sorted(Counter(each.family for each in behind).items())),
        sides=sides(plan, asked.attacked, assumed),
    )

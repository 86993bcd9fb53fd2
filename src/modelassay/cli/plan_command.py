"""``modelassay plan``: what an audit would ask, take and be able to show."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelassay.cli.options import (
    chosen_store,
    data_dir_option,
    json_option,
    offline_option,
    places_of,
    plan_argument,
    print_json,
    set_option,
    store_option,
)

if TYPE_CHECKING:
    from modelassay.audit import Places
    from modelassay.audit.parts import Questions
    from modelassay.audit.planning import Assumptions, Forecast, RequiredEvidence
    from modelassay.config import Plan
    from modelassay.records import Finding, Measure, Policy


class Share(click.ParamType[float]):
    """A share, as ``10%`` or ``0.1``."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The share as a number.

        Raises:
            click.BadParameter: not a number, or not above 0 and below 1.
        """
        text = str(value).strip()
        try:
            number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            self.fail(f"{value!r} is no share; write 10% or 0.1", param, ctx)
        if not 0 < number < 1:
            self.fail(f"{value!r} is not between 0% and 100%", param, ctx)
        return number


@click.command("plan")
@plan_argument
@set_option
@store_option
@data_dir_option
@offline_option
@click.option(
    "--aa", "noise_floor", is_flag=True, help="Of the baseline held against itself, as `audit --aa` would."
)
@click.option(
    "--power",
    type=click.FloatRange(0.5, 1, max_open=True),
    default=0.8,
    show_default=True,
    help="Wanted probability of showing what is there.",
)
@click.option(
    "--drop",
    type=Share(),
    default="10%",
    show_default=True,
    help="The drop to be told from none, such as 10%, on the policy's scale.",
)
@click.option("--budget", type=click.FloatRange(min=0), default=0, help="Money: what would it show?")
@click.option("--hours", type=click.FloatRange(min=0), default=0, help="Time: what would it show?")
@click.option(
    "--like", metavar="AUDIT", help="Take rates, correlation, tokens and seconds from this sealed audit."
)
@click.option(
    "--baseline-rate",
    type=click.FloatRange(0, 1),
    help="Assumed rate of wanted answers of the baseline.  [default: 0.95]",
)
@click.option(
    "--correlation",
    type=click.FloatRange(-1, 1),
    help="Assumed phi coefficient of both models' outcomes on one prompt.  [default: 0.4]",
)
@click.option(
    "--cluster-correlation",
    type=click.FloatRange(0, 1),
    help="Assumed, of changes within a cluster.  [default: 0.2]",
)
@click.option(
    "--repeat-correlation",
    type=click.FloatRange(0, 1),
    help="Assumed, of changes on repeats of one prompt, at a temperature above 0.  [default: 0.3]",
)
@click.option(
    "--seconds-per-request", type=click.FloatRange(min=0), help="Assumed, of the models.  [default: 2]"
)
@click.option(
    "--output-tokens", type=click.IntRange(min=1), help="Assumed, of a typical answer.  [default: 200]"
)
@click.option(
    "--judge-seconds", type=click.FloatRange(min=0), help="Assumed, for one judgement.  [default: 2]"
)
@click.option(
    "--hourly-price",
    type=click.FloatRange(min=0),
    help="What an hour of the machine costs on which models without a price run.",
)
@click.option(
    "--manual-minutes",
    type=click.FloatRange(min=0),
    default=0,
    help="Minutes that a person sets aside for red-teaming by hand.",
)
@click.option(
    "--simulations",
    type=click.IntRange(0, 1000),
    default=10,
    show_default=True,
    help="Repetitions of the simulated sequential gate; 0 leaves it out.",
)
@json_option
def command(
    plan: Path,
    overrides: tuple[str, ...],
    store: Path | None,
    data_dir: Path | None,
    offline: bool,
    noise_floor: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Show what PLAN would ask: requests, time, cost, and what each slice could show.

    Nothing is asked and nothing is spent; datasets are read (downloaded on first use), and what the plan
    declares of the candidate's lineage is held against the files that it names. Examinations are read, and
    what the policy requires beside the suite and would be missing is named with what brings it. Every figure
    rests on assumptions, which are printed and can be replaced, or taken from an audit before with --like.

    \b
    modelassay plan plan.yaml
    modelassay plan plan.yaml --power 0.9 --drop 10%        # prompts that each slice needs
    modelassay plan plan.yaml --budget 50 --hours 3         # smallest drop that this would show
    modelassay plan plan.yaml --like release-1 --set repeats=4
    """
    from modelassay.audit.noise_floor import against_itself
    from modelassay.config import load_plan, policy_of
    from modelassay.gate import check_policy

    loaded = load_plan(plan, overrides)
    loaded = against_itself(loaded) if noise_floor else loaded
    options["noise_floor"] = noise_floor
    policy = policy_of(loaded, plan.parent)
    check_policy(policy, where=str(plan.parent / loaded.policy) if loaded.policy else "the default policy")
    place = chosen_store(store, loaded.output.store)
    expected = _forecast(
        loaded, policy, places_of(plan, store=place, data_dir=data_dir, offline=offline), options
    )
    if as_json:
        print_json(expected)
    else:
        from modelassay.cli.plan_text import print_forecast

        print_forecast(expected)


def _forecast(plan: Plan, policy: Policy, places: Places, options: dict[str, Any]) -> Forecast:
    """The forecast that the command's further `options` ask for."""
    import asyncio

    import msgspec

    from modelassay.artifacts import lineage_findings, resolve_lineage
    from modelassay.audit.parts import check_names, open_questions
    from modelassay.audit.planning import Limits, forecast, kept_answers, unknown_models

    limits = Limits(Decimal(repr(options.pop("budget"))), options.pop("hours"))
    simulations, manual_minutes = options.pop("simulations"), options.pop("manual_minutes")
    noise_floor = options.pop("noise_floor")
    assumptions = _assumptions(places.store, options.pop("like"), options)
    declared = lineage_findings(resolve_lineage(plan.lineage, places.plan_folder))
    questions = open_questions(plan, places)
    measures = asyncio.run(check_names(plan, policy, questions, places.plan_folder))
    evidence = () if noise_floor else _evidence(plan, policy, places, questions, measures, declared)
    expected = forecast(
        plan,
        policy,
        questions,
        assumptions,
        limits=limits,
        kept=kept_answers(plan, questions, places.store),
        simulations=simulations,
        manual_minutes=manual_minutes,
    )
    warnings = (*expected.warnings, *unknown_models(plan, places.plan_folder))
    return msgspec.structs.replace(expected, lineage=declared, evidence=evidence, warnings=warnings)


def _evidence(
    plan: Plan,
    policy: Policy,
    places: Places,
    questions: Questions,
    measures: tuple[Measure, ...],
    declared: tuple[Finding, ...],
) -> tuple[RequiredEvidence, ...]:
    """What the policy requires beside the suite, with the examinations read as the audit would."""
    from datetime import UTC, datetime

    from modelassay.audit.planning import planned_examinations, required_evidence

    return required_evidence(
        plan,
        policy,
        questions,
        measures,
        declared=declared,
        examinations=planned_examinations(plan, places.plan_folder),
        today=datetime.now(UTC).date(),
    )


_NAMES = {
    "cluster_correlation": "correlation_in_cluster",
    "repeat_correlation": "correlation_of_repeats",
}


def _assumptions(store: Path, like: str | None, given: dict[str, Any]) -> Assumptions:
    """The defaults, then what an audit before measured, then what was given."""
    import msgspec

    from modelassay.audit.planning import Assumptions, measured_in

    assumed = Assumptions()
    if like is not None:
        assumed = measured_in(store, like, assumed)
    chosen = {_NAMES.get(name, name): value for name, value in given.items() if value is not None}
    if "hourly_price" in chosen:
        chosen["hourly_price"] = str(Decimal(repr(chosen["hourly_price"])))
    replaced = set(chosen)
    if "baseline_rate" in chosen:
        chosen["rates"], replaced = {}, replaced | {"rates"}
    if "correlation" in chosen:
        chosen["correlations"], replaced = {}, replaced | {"correlations"}
    measured = tuple(name for name in assumed.measured if name not in replaced)
    return msgspec.structs.replace(assumed, **chosen, measured=measured)

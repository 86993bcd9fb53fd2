"""``modelassay redteam run``: an adaptive campaign."""

from __future__ import annotations

import asyncio
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from modelassay.cli.options import (
    data_dir_option,
    json_option,
    offline_option,
    print_download,
    print_json,
    quiet_option,
    reader_may_leave,
    set_option,
)
from modelassay.cli.plan_models import models_of, plan_models_option
from modelassay.errors import UsageError

if TYPE_CHECKING:
    from modelassay.records import Examination
    from modelassay.redteam.campaign import Campaign, CampaignSettings


@click.command("run")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--candidate", help="Model to attack, as in a plan.")
@click.option("--baseline", help="Model that it came from, attacked likewise.")
@plan_models_option
@click.option("--attacker", help="Model that attacks, or scripted:FILE.")
@click.option("--judge", help="Model that reads the answers; without one an evaluator does.")
@click.option("--evaluator", help="What reads them without a judge.  [default: refusal]")
@click.option("--dataset", "datasets", multiple=True, help="Whose requests are tried; repeatable.")
@click.option("--kind", "kinds", multiple=True, help="Kinds of requests.  [default: harmful]")
@click.option("--where", multiple=True, metavar="TAG=VALUE", help="Only rows with this tag; repeatable.")
@click.option("--limit", type=click.IntRange(0), default=0, help="At most so many requests of each dataset.")
@click.option("--attacks", help="Strategies, separated by commas.  [default: crescendo,pair]")
@click.option("--slices", help="Tags to count by, separated by commas.  [default: category]")
@click.option("--max-tokens", type=click.IntRange(1), help="Of one answer.")
@click.option("--seed", type=int, help="Of what is drawn.")
@click.option("--concurrency", type=click.IntRange(1), help="Attacks under way at once.")
@click.option("--rate", "requests_per_minute", type=click.IntRange(1), help="Requests a minute, each model.")
@click.option(
    "--budget",
    "budgets",
    multiple=True,
    metavar="LIMIT=NUMBER",
    help="requests, tokens, money or minutes, of all models together; repeatable.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder of the campaign: journal, examination, transcripts. The same command goes on in it.",
)
@set_option
@data_dir_option
@offline_option
@quiet_option
@json_option
def command(file: Path | None, out: Path, **given: Any) -> int:
    """Attack the candidate, and the baseline likewise, with an attacker model that reacts to the answers.

    What is done stands in FILE, or in the options; --set goes over both, with the keys of a file. Every reply
    is kept at once: killed or stopped, the same command goes on without asking for it again. The result is an
    examination (OUT/examination.json), which an audit takes in. Exits 10 when the candidate is shown to fall
    more often, or so much speaks for it that people have to look; 12 when a budget ended it, or too few
    attacks have a result for an audit to take it for evidence.

    \b
    modelassay redteam run --candidate hf:./tuned --baseline hf:./base --attacker openai:big@http://…/v1 \\
        --dataset jailbreakbench --limit 20 --attacks crescendo,pair,tap --out campaign
    modelassay redteam run --plan plan.yaml --attacker openai:big@http://…/v1 --dataset starter --out campaign
    modelassay redteam run campaign.yaml --out campaign
    """
    from modelassay.cli.redteam_options import exit_code, too_little

    settings = _settings(file, given)
    folder = file.parent if file else Path()
    campaign, examination = _carried_out(settings, folder, out, given)
    little = too_little(examination)
    code = exit_code(examination, stopped=bool(campaign.stopped), little=little)
    with reader_may_leave():
        if given["as_json"]:
            print_json({**_summary(campaign, examination, out), "exit_code": int(code)})
        else:
            _print(campaign, examination, out)
    _tell_keep(campaign, out)
    if little:
        click.echo(f"no evidence of red teaming: {little}", err=True)
    if campaign.stopped:
        click.echo(f"stopped: {campaign.stopped}; the same command goes on with a new budget", err=True)
    return int(code)


def _tell_keep(campaign: Campaign, out: Path) -> None:
    """How what had its way with the candidate is asked again."""
    if any(each.unit.side == "candidate" and each.played.outcome == "success" for each in campaign.results):
        again = f"modelassay redteam keep {quote(str(out))} --all-successes --into regressions.jsonl"
        click.echo(f"to ask again what had its way: {again}", err=True)


def _settings(file: Path | None, given: dict[str, Any]) -> CampaignSettings:
    from modelassay.redteam.campaign import load_campaign

    told = [name for name in _FLAGS if given[name] not in (None, (), 0)]
    if file is not None:
        if told:
            raise UsageError(
                f"--{told[0]} and a file", where=str(file), mend="change the file, or use --set KEY=VALUE"
            )
        return load_campaign(file, given["overrides"])
    return _from_flags(given)


_FLAGS = (
    "plan",
    "candidate",
    "baseline",
    "attacker",
    "judge",
    "evaluator",
    "datasets",
    "kinds",
    "where",
    "limit",
    "attacks",
    "slices",
    "max_tokens",
    "seed",
    "concurrency",
    "requests_per_minute",
    "budgets",
)


def _from_flags(given: dict[str, Any]) -> CampaignSettings:
    import msgspec

    from modelassay.cli.redteam_options import limits_of
    from modelassay.config.coerce import to_record
    from modelassay.config.load import override
    from modelassay.config.source import Source
    from modelassay.records import Decoding
    from modelassay.redteam.campaign import CampaignSettings

    models = models_of(given["plan"], given["candidate"], given["baseline"])
    if not given["datasets"]:
        raise UsageError("--dataset is missing", mend="name it, or give a file; --help tells how")
    where = dict(_pair(each) for each in given["where"])
    plain: dict[str, Any] = {
        "datasets": [{"use": each, "limit": given["limit"], "where": where} for each in given["datasets"]],
        "attacks": [{"use": each} for each in _listed(given["attacks"] or "crescendo,pair")],
        "budget": limits_of(given["budgets"]),
    }
    for name, model in (("candidate", models.candidate), ("baseline", models.baseline)):
        if model is not None:
            plain[name] = msgspec.to_builtins(model)
    for name in ("attacker", "judge"):
        if given[name]:
            plain[name] = {"model": given[name]}
    for name in ("seed", "concurrency", "requests_per_minute"):
        if given[name] is not None:
            plain[name] = given[name]
    if given["evaluator"]:
        plain["evaluator"] = {"use": given["evaluator"]}
    if given["kinds"]:
        plain["kinds"] = list(given["kinds"])
    if given["slices"] is not None:
        plain["slices"] = _listed(given["slices"])
    if given["max_tokens"] or models.decoding is not None:
        decoding = models.decoded(given["max_tokens"], otherwise=Decoding().max_tokens)
        plain["decoding"] = {**msgspec.to_builtins(decoding), "stop": list(decoding.stop)}
    return to_record(override(Source(name="options", data=plain), given["overrides"]), CampaignSettings)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"{text!r} names no tag", where="--where", mend="write TAG=VALUE")
    return key, value


def _carried_out(
    settings: CampaignSettings, folder: Path, out: Path, given: dict[str, Any]
) -> tuple[Campaign, Examination]:
    import msgspec

    from modelassay.cli.redteam_options import Teller, opened_cast, to_the_end
    from modelassay.redteam.adaptive import open_strategies
    from modelassay.redteam.campaign import run_campaign, write_campaign
    from modelassay.suites import default_cache_dir, merge, open_suite

    strategies = open_strategies([msgspec.to_builtins(each) for each in settings.attacks], folder=folder)
    suites = [
        open_suite(
            each,
            folder=folder,
            data_dir=given["data_dir"],
            cache_dir=default_cache_dir(),
            seed=settings.seed,
            offline=given["offline"],
            progress=None if given["quiet"] else print_download,
            kinds=settings.kinds,
        )
        for each in settings.datasets
    ]

    plan_folder = given["plan"].parent if given["plan"] else None

    async def start(stop: asyncio.Event) -> Campaign:
        async with opened_cast(settings, folder, plan_folder=plan_folder) as cast:
            return await run_campaign(
                settings,
                cast,
                strategies,
                merge(suites),
                out,
                pins=[suite.pin for suite in suites],
                stop=stop,
                tell=Teller(quiet=given["quiet"]),
            )

    campaign = to_the_end(start)
    return campaign, write_campaign(campaign, out)


def _summary(campaign: Campaign, examination: Examination, out: Path) -> dict[str, Any]:
    from collections import Counter

    outcomes = Counter(each.played.outcome for each in campaign.results)
    return {
        "examination": str(out / "examination.json"),
        "attacks": len(campaign.results),
        "outcomes": outcomes,
        "sent": campaign.sent,
        "stopped": campaign.stopped,
        "findings": examination.findings,
        "statistics": examination.statistics,
        "cannot": examination.cannot,
        "notes": examination.notes,
        "evidence": examination.evidence,
        "details": examination.details,
    }


def _print(campaign: Campaign, examination: Examination, out: Path) -> None:
    import msgspec

    from modelassay.cli.inspect_options import print_examination
    from modelassay.report.tried import tried

    by_attack: dict[tuple[str, str], dict[str, int]] = {}
    for each in campaign.results:
        counts = by_attack.setdefault((each.unit.strategy.name, each.unit.side), {})
        counts[each.played.outcome] = counts.get(each.played.outcome, 0) + 1
    for (attack, side), counts in by_attack.items():
        told = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in sorted(counts.items()))
        click.echo(f"{attack:10} {side:9}  {told}")
    if (attempts := tried(examination)) is not None:
        click.echo("\n" + "\n".join(attempts.sentences))
    click.echo("")
    shown = [e for e in examination.findings if e.state != "not_assessable" or not e.slice]
    print_examination(msgspec.structs.replace(examination, findings=tuple(shown)))
    click.echo(f"\nexamination: {out / 'examination.json'}")

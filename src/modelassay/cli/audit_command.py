"""``modelassay audit``: run a plan; the exit code is the verdict."""

from __future__ import annotations

import asyncio
import shlex
import signal
from collections.abc import Callable, Coroutine
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
    quiet_option,
    reader_may_leave,
    report_writers,
    set_option,
    store_option,
    write_reports,
)
from modelassay.cli.signing import notary_of, signing_options, unsigned_hint
from modelassay.errors import ExitCode

if TYPE_CHECKING:
    from modelassay.audit import Places
    from modelassay.evidence.notary import Notary
    from modelassay.records import AuditRecord


@click.command("audit")
@plan_argument
@set_option
@store_option
@data_dir_option
@offline_option
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Also write the report here; the suffix chooses the format. Repeatable.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be asked, like `modelassay plan`.")
@click.option("--exit-zero", is_flag=True, help="Exit 0 whatever the verdict; errors still fail.")
@click.option(
    "--again",
    is_flag=True,
    help="Open a new attempt of a finished audit: answers that failed are asked for again. It is logged.",
)
@click.option(
    "--aa",
    "noise_floor",
    is_flag=True,
    help="Hold the baseline against itself, decoded twice, to measure what differs by chance. Exits 12: such "
    "a verdict lets nothing be deployed.",
)
@signing_options
@quiet_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    /,
    plan: Path,
    overrides: tuple[str, ...],
    store: Path | None,
    data_dir: Path | None,
    offline: bool,
    outputs: tuple[Path, ...],
    dry_run: bool,
    exit_zero: bool,
    again: bool,
    noise_floor: bool,
    quiet: bool,
    as_json: bool,
    **signing: Any,
) -> int:
    """Run PLAN: ask both models, compare, decide, seal the audit and write its report; log and sign it.

    Ctrl-C is safe: every answer is kept, and the same command continues. The exit code is the verdict:
    0 deploy, 10 people must decide first (deploy-monitored, review), 11 blocked, 12 inconclusive, 13
    withdrawn. Once people have decided, and as long as their word holds, those of 10 exit 0.

    \b
    modelassay audit plan.yaml
    modelassay audit plan.yaml --set candidate.model=hf:models/base+adapters/v3 -o report.html
    modelassay audit plan.yaml --aa
    """
    from modelassay.cli.deciding import verdict_today
    from modelassay.cli.open_attempts import open_attempts, open_attempts_in_json, tell_open_attempts
    from modelassay.cli.summary import print_summary, summary
    from modelassay.config import load_plan

    if dry_run:
        forecast = {"overrides": overrides, "noise_floor": noise_floor, "as_json": as_json}
        context.invoke(plan_command(), plan=plan, store=store, data_dir=data_dir, offline=offline, **forecast)
        return 0
    output = load_plan(plan, overrides).output
    planned = () if noise_floor else output.reports  # those are of the candidate
    writers = report_writers((*outputs, *(plan.parent / name for name in planned)))
    places = places_of(
        plan, store=chosen_store(store, output.store), data_dir=data_dir, offline=offline, quiet=quiet
    )
    notary = notary_of(**signing)
    record = run_plan(
        plan, overrides, places, notary=notary, quiet=quiet, again=again, noise_floor=noise_floor
    )
    write_reports(writers, record)
    folder = places.store / "audits" / record.id
    today = verdict_today(record, places.store)
    left = open_attempts(record, places.store)
    with reader_may_leave():
        if as_json:
            attempts = open_attempts_in_json(left, places.store)
            print_json({**summary(record, folder, today), "open_attempts": attempts})
        else:
            print_summary(record, folder, [path for path, _ in writers], today)
    _hint(record, today.code, "" if quiet else unsigned_hint(notary))
    tell_open_attempts(left, places.store)
    return 0 if exit_zero else int(today.code)


def plan_command() -> click.Command:
    """``modelassay plan``, which is what a dry run is."""
    from modelassay.cli.plan_command import command as planned

    return planned


def _hint(record: AuditRecord, code: ExitCode, unsigned: str) -> None:
    """What to do next, on stderr."""
    if unsigned:
        click.echo(unsigned, err=True)
    if code == ExitCode.EXPIRED:
        click.echo(
            f"this verdict expired on {record.verdict.expires} and old answers do not renew it: "
            "ask again with another --store or --set seed=…",
            err=True,
        )


def run_plan(
    plan: Path,
    overrides: tuple[str, ...],
    places: Places,
    *,
    notary: Notary,
    quiet: bool,
    again: bool = False,
    noise_floor: bool = False,
) -> AuditRecord:
    """Read the plan at `plan` and run it to its seal, with progress on stderr and Ctrl-C handled.

    Raises:
        ModelassayError: whatever stopped it; the same call continues.
    """
    from modelassay.audit.conduct import audit
    from modelassay.audit.noise_floor import against_itself
    from modelassay.cli.display import progress_display
    from modelassay.config import load_plan, policy_of
    from modelassay.gate import check_policy
    from modelassay.report import renderer_for

    loaded = load_plan(plan, overrides)
    policy = policy_of(loaded, plan.parent)
    check_policy(policy, where=str(plan.parent / loaded.policy) if loaded.policy else "the default policy")
    with progress_display(quiet=quiet) as progress_of:
        return run_to_end(
            lambda stop: audit(
                against_itself(loaded) if noise_floor else loaded,
                policy,
                places,
                notary=notary,
                again=again,
                renderers=[renderer_for("report.html")],
                progress_of=progress_of,
                stop=stop,
                reproduce=_reproduce(plan, overrides, noise_floor=noise_floor),
            )
        )


def run_to_end(start: Callable[[asyncio.Event], Coroutine[Any, Any, AuditRecord]]) -> AuditRecord:
    """Run the audit with Ctrl-C and SIGTERM turned into a clean stop; a second one ends at once."""

    async def supervised() -> AuditRecord:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(start(stop))

        def interrupted() -> None:
            if stop.is_set():
                task.cancel()
            else:
                click.echo("\nstopping: waiting for answers under way, Ctrl-C again ends at once", err=True)
                stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, interrupted)
        return await task

    try:
        return asyncio.run(supervised())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _reproduce(plan: Path, overrides: tuple[str, ...], *, noise_floor: bool) -> tuple[str, ...]:
    settings = "".join(f" --set {shlex.quote(text)}" for text in overrides)
    itself = " --aa" if noise_floor else ""
    return (
        f"modelassay audit {shlex.quote(plan.name)}{settings}{itself}",
        "cd <this audit's folder> && sha256sum -c SHA256SUMS",
    )

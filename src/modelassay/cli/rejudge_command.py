"""``modelassay rejudge``: the stored answers of a sealed audit, judged by other evaluators."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelassay.cli.options import (
    chosen_store,
    json_option,
    print_json,
    quiet_option,
    reader_may_leave,
    report_writers,
    store_option,
    write_reports,
)
from modelassay.cli.signing import notary_of, signing_options, unsigned_hint

if TYPE_CHECKING:
    from modelassay.audit import Places
    from modelassay.audit.given import GivenAnswers
    from modelassay.audit.rejudging import Rereading
    from modelassay.config import Budget, Plan
    from modelassay.errors import ExitCode
    from modelassay.evidence.notary import Notary
    from modelassay.protocols import Renderer
    from modelassay.records import AuditRecord, Policy, ReviewedPair

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("rejudge")
@click.argument("audit")
@click.option("-c", "--config", type=_FILE, help="Plan whose evaluators, slices and policy count.")
@click.option("--use", "names", multiple=True, metavar="EVALUATOR", help="Judge with this one; repeatable.")
@click.option(
    "--labels",
    type=click.Path(exists=True, path_type=Path),
    help="Correct what is read by people's labels: a store, or the labels.jsonl.gz of another audit.",
)
@click.option(
    "--policy",
    "held",
    metavar="NAME|FILE",
    help="Hold it against this policy: one of the package, or a file.",
)
@click.option("--anew", is_flag=True, help="Judge everything, also what the same evaluators read before.")
@click.option("--dry-run", is_flag=True, help="Only show how many answers would be judged by whom.")
@click.option("--exit-zero", is_flag=True, help="Exit 0 whatever the verdict; errors still fail.")
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Also write the report here; the suffix chooses the format. Repeatable.",
)
@store_option
@signing_options
@quiet_option
@json_option
def command(
    audit: str,
    config: Path | None,
    names: tuple[str, ...],
    labels: Path | None,
    held: str | None,
    anew: bool,
    dry_run: bool,
    exit_zero: bool,
    outputs: tuple[Path, ...],
    store: Path | None,
    quiet: bool,
    as_json: bool,
    **signing: Any,
) -> int:
    """Judge the stored answers of AUDIT again: an id, the start of one, or the folder of a sealed audit.

    No model is asked. The evaluators are those of the audit in the versions installed now, of another plan
    (-c), or those named (--use). What the same version read before is taken over. The result is a new sealed,
    logged and signed audit with a verdict of its own, whose time runs from when the answers were given. Those
    of an audit that was withdrawn, or is signed by revoked keys alone, are not judged again (exit 13).
    Ctrl-C is safe: every reading is kept, and the same command continues.

    \b
    modelassay rejudge assistant-v6 --dry-run
    modelassay rejudge assistant-v6 -c plan.yaml
    modelassay rejudge assistant-v6 --labels assay
    """
    from modelassay.audit.given import open_given
    from modelassay.audit.rejudging import rereadings
    from modelassay.audit.released import folder_of
    from modelassay.cli.options import places_of

    place = chosen_store(store)
    given = open_given(folder_of(place, audit))
    plan, policy = _chosen(given, config, names, held)
    places = places_of(config or Path("plan.yaml"), store=place, data_dir=None, offline=True, quiet=quiet)
    if dry_run:
        return _show(asyncio.run(rereadings(given, plan, policy, places, anew=anew)), as_json=as_json)
    writers = report_writers(outputs)
    notary = notary_of(**signing)
    reviewed = _reviewed(labels, given)
    asked_for = [audit, *(["-c", config.name] if config else []), *(f"--use={name}" for name in names)]
    reproduce = (f"modelassay rejudge {shlex.join(asked_for)}", "sha256sum -c SHA256SUMS")
    record = _run(given, plan, policy, places, notary, reviewed, anew, reproduce, quiet=quiet)
    write_reports(writers, record)
    code = _tell(record, place, writers, as_json=as_json)
    if not quiet and (hint := unsigned_hint(notary)):
        click.echo(hint, err=True)
    return 0 if exit_zero else int(code)


def _run(
    given: GivenAnswers,
    plan: Plan,
    policy: Policy,
    places: Places,
    notary: Notary,
    reviewed: Sequence[ReviewedPair],
    anew: bool,
    reproduce: tuple[str, ...],
    *,
    quiet: bool,
) -> AuditRecord:
    from modelassay.audit.rejudging import rejudge
    from modelassay.cli.audit_command import run_to_end
    from modelassay.cli.display import progress_display
    from modelassay.report import renderer_for

    with progress_display(quiet=quiet) as progress_of:
        return run_to_end(
            lambda stop: rejudge(
                given,
                plan,
                policy,
                places,
                notary=notary,
                renderers=[renderer_for("report.html")],
                progress_of=progress_of,
                stop=stop,
                reviewed=reviewed,
                anew=anew,
                reproduce=reproduce,
            )
        )


def _chosen(
    given: GivenAnswers, config: Path | None, names: tuple[str, ...], held: str | None
) -> tuple[Plan, Policy]:
    """The sealed plan with the evaluators of now, and the policy to hold it against."""
    from modelassay.audit.rejudging import plan_again
    from modelassay.config import EvaluatorReference, in_context, load_plan, open_policy, policy_of
    from modelassay.errors import UsageError
    from modelassay.gate import check_policy

    if config and names:
        raise UsageError("-c and --use both name evaluators", mend="give one of them")
    policy, said = given.record.policy, None
    slices: Sequence[str] | None = None
    budget: Budget | None = None
    evaluators: Sequence[EvaluatorReference] = ()
    known = {reference.use: reference for reference in given.contents.plan.evaluators}
    if names:
        evaluators = [known.get(name, EvaluatorReference(use=name)) for name in names]
    if config:
        loaded = load_plan(config)
        evaluators, slices, said = loaded.evaluators, loaded.slices, loaded.policy
        budget = loaded.budget
        policy = policy_of(loaded, config.parent)
    if held:
        context = given.contents.plan.context
        policy, said = in_context(open_policy(held, Path()), context), Path(held).name
    check_policy(policy, where=said or "the policy")
    return plan_again(given, evaluators=evaluators, slices=slices, policy=said, budget=budget), policy


def _reviewed(labels: Path | None, given: GivenAnswers) -> Sequence[ReviewedPair]:
    """People's labels: of a store, or as another audit sealed them."""
    if labels is None:
        return ()
    from modelassay.review import reviewed_pairs, sealed_pairs

    return reviewed_pairs(labels, given.contents) if labels.is_dir() else sealed_pairs(labels)


def _tell(
    record: AuditRecord, store: Path, writers: Sequence[tuple[Path, Renderer]], *, as_json: bool
) -> ExitCode:
    from modelassay.cli.deciding import verdict_today
    from modelassay.cli.open_attempts import open_attempts, open_attempts_in_json, tell_open_attempts
    from modelassay.cli.summary import print_summary, summary

    folder = store / "audits" / record.id
    today = verdict_today(record, store)
    left = open_attempts(record, store)
    with reader_may_leave():
        if as_json:
            attempts = open_attempts_in_json(left, store)
            print_json({**summary(record, folder, today), "open_attempts": attempts})
        else:
            print_summary(record, folder, [path for path, _ in writers], today)
    tell_open_attempts(left, store)
    return today.code


def _show(found: Sequence[Rereading], *, as_json: bool) -> int:
    """What would be judged by whom."""
    if as_json:
        print_json({"evaluators": found, "to_judge": sum(each.to_judge for each in found)})
        return 0
    for each in found:
        todo = "taken over" if each.taken_over else f"{each.to_judge:,} of {each.answers:,} answers to judge"
        known = f", {each.known:,} are in the journal" if each.known else ""
        judge = f", by asking {each.judge}" if each.judge and each.to_judge else ""
        click.echo(f"{each.evaluator}  ({', '.join(each.measures)}): {todo}{known}{judge}")
    return 0

"""``modelassay run assess``: an independent assessor's signed report on a training run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelassay.cli.options import (
    chosen_store,
    json_option,
    print_json,
    quiet_option,
    reader_may_leave,
    store_option,
    writable,
)
from modelassay.cli.run_options import open_run, read_file, run_names
from modelassay.cli.signing import notary_of, signing_options
from modelassay.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from modelassay.assessment.request import Request
    from modelassay.evidence.notary import Notary
    from modelassay.log.trust import TrustPolicy
    from modelassay.records import Assessment, AssessorDeclaration
    from modelassay.training.run import Run

_FILE = click.Path(path_type=Path, dir_okay=False)
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@click.command("assess")
@click.argument("run")
@click.option(
    "--profile",
    type=click.Choice(["default", "annex-xi", "code-of-practice"]),
    default="default",
    show_default=True,
    help="Clauses that findings are mapped to.",
)
@click.option("--declaration", type=_FILE, help="YAML: who assesses, independence, conflicts of interest.")
@click.option("--scanner", "scanners", multiple=True, metavar="NAME", help="Repeatable. [default: all]")
@click.option("--patterns", type=_FILE, multiple=True, help="Own scanner: YAML of patterns; repeatable.")
@click.option("--evals", "evaluations", type=_FILE, help="Counts by checkpoint and arm (JSON lines).")
@click.option("--base", default="", metavar="CHECKPOINT", help="In --evals: before the incident.")
@click.option("--incident", default="", metavar="CHECKPOINT", help="In --evals: of the incident.")
@click.option("--after", default="", metavar="CHECKPOINT", help="In --evals: after the fix.")
@click.option("--events", type=_FILE, help="Events that the developer told apart (JSON lines).")
@click.option("--classes", type=_FILE, help="How you class fixes that you have read (JSON lines).")
@click.option(
    "--fixed-at",
    type=click.IntRange(min=0),
    help="Last step before a fix that no event tells of; 0: all of the run follows it.",
)
@click.option(
    "--held-out", multiple=True, metavar="NAME", help="Metric or reward that was not optimised; repeatable."
)
@click.option("--data", type=_FILE, multiple=True, help="Training data to be reviewed; repeatable.")
@click.option("--tasks", type=_FILE, multiple=True, help="Task files of its environments; repeatable.")
@click.option("--challenge", type=_FILE, help="What you asked the developer to open.")
@click.option("--opening", type=_FILE, help="What they opened.")
@click.option("--received", type=click.DateTime([_TIME]), metavar="TIME", help="When you had it, UTC.")
@click.option(
    "--finding",
    "further",
    type=_FILE,
    multiple=True,
    help="Of replays, canaries, live graders, as other commands write them; repeatable.",
)
@click.option("--trust", type=_FILE, help="The developer's logs and witnesses (C2SP tlog-policy).")
@click.option(
    "--log",
    "log_copy",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Copy of the developer's log: what it took in of the run, and when. [default: the store's]",
)
@click.option(
    "--shown",
    multiple=True,
    metavar="RUN",
    help="Another run of their log that you were shown; repeatable. [default: those of the store]",
)
@click.option(
    "-o",
    "--output",
    type=_FILE,
    multiple=True,
    callback=writable,
    metavar="FILE",
    help="Copy the report: .html, .json.",
)
@signing_options
@store_option
@quiet_option
@json_option
def command(
    run: str,
    output: tuple[Path, ...],
    store: Path | None,
    quiet: bool,
    as_json: bool,
    verdict_key: str,
    log_key: str,
    witnesses: tuple[str, ...],
    actor: str,
    passphrase_file: Path | None,
    **asked: Any,
) -> int:
    """Assess RUN (a name of `run list`, or a run's folder), seal the report, sign and log it.

    Assessed are: gates, reconciliation, which behaviours reward favoured and when they emerged, whether fixes
    held, over-optimisation, and how the developer answered alarms. Every claim carries its assurance tier.
    Doing it again with the same files changes nothing. Exits 10 when there are critical findings.

    \b
    modelassay run assess grpo --declaration me.yaml --verdict-key assessor
    modelassay run assess patched --evals evals.jsonl --fixed-at 0 --profile annex-xi
    """
    from modelassay.assessment.sealing import RECORD, REPORT

    copies = {path: {".html": REPORT, ".json": RECORD}.get(path.suffix, "") for path in output}
    if wrong := [path for path, source in copies.items() if not source]:
        raise UsageError("a report is .html or .json", where=str(wrong[0]))
    place = chosen_store(store)
    notary = notary_of(
        verdict_key=verdict_key,
        log_key=log_key,
        witnesses=witnesses,
        actor=actor,
        passphrase_file=passphrase_file,
    )
    record, folder = _assessed(run, place, notary, asked, quiet=quiet)
    for path, source in copies.items():
        path.write_bytes((folder / source).read_bytes())
    with reader_may_leave():
        if as_json:
            print_json({"folder": str(folder), "assessment": record})
        else:
            _tell(record, folder)
    return int(ExitCode.REVIEW if record.critical else ExitCode.ALLOWED)


def _assessed(
    run: str, place: Path, notary: Notary, asked: dict[str, Any], *, quiet: bool
) -> tuple[Assessment, Path]:
    """The assessment, sealed and logged, and its folder."""
    import msgspec

    from modelassay.assessment.assess import assess
    from modelassay.assessment.assessed_copy import log_for
    from modelassay.assessment.challenging import draws_of
    from modelassay.assessment.committing import logged_times, runs_in
    from modelassay.assessment.inputs import sealed_inputs
    from modelassay.assessment.sealing import issue_assessment, seal_assessment
    from modelassay.evidence.ledger import Ledger, read_events
    from modelassay.evidence.run_events import RunHappened
    from modelassay.report.assessments import assessment_page

    found = open_run(run, place)
    named = asked.pop("log_copy")
    log = named or place / "log"
    shown = {found.manifest.id, *run_names(place), *asked.pop("shown")}
    request = _request(asked, notary.actor.name)
    lacking = _lacks_of_witnesses(log, found, request.proofs.trust) if log != place / "log" else ""
    times = logged_times(tuple(read_events(log, RunHappened)), found.manifest.id)
    said = log_for(found, log, named=named is not None)
    proofs = msgspec.structs.replace(request.proofs, log=msgspec.structs.replace(said, not_cosigned=lacking))
    if proofs.challenge is not None:
        proofs = msgspec.structs.replace(proofs, drawn=draws_of(place / "log", found.manifest.id))
    unseen = tuple(sorted(runs_in(log) - shown))
    request = msgspec.structs.replace(request, logged=times, proofs=proofs, unseen=unseen)
    record = assess(found, request, _progress(quiet))
    folder = seal_assessment(place, record, sealed_inputs(request), assessment_page)
    issue_assessment(Ledger(place, notary), record, folder)
    if not notary.verdict_signers:
        hint = "the assessment is not signed: `modelassay keys new` makes keys; then run this again"
        click.echo(hint, err=True)
    return record, folder


def _request(asked: dict[str, Any], actor: str) -> Request:
    """What the options ask for."""
    from modelassay.assessment.request import Proofs, Request
    from modelassay.log.trust import load_trust

    trust, received = asked.pop("trust"), asked.pop("received")
    proofs = Proofs(
        challenge=asked.pop("challenge"),
        opening=asked.pop("opening"),
        further=asked.pop("further"),
        received=received.strftime(_TIME) if received else "",
        trust=load_trust(trust) if trust else None,
    )
    stages = {name: asked.pop(name) for name in ("base", "incident", "after")}
    return Request(
        declaration=_declaration(asked.pop("declaration"), actor),
        proofs=proofs,
        stages={name: value for name, value in stages.items() if value},
        **asked,
    )


def _declaration(path: Path | None, actor: str) -> AssessorDeclaration:
    """What the assessor says of themselves; only their name where they say nothing.

    Raises:
        UsageError: the file says something else.
    """
    import msgspec

    from modelassay.config.source import parse_yaml
    from modelassay.records import AssessorDeclaration

    if path is None:
        return AssessorDeclaration(assessor=actor)
    data = parse_yaml(read_file(path).decode("utf-8-sig", "replace"), str(path)).data
    try:
        return msgspec.convert(data, AssessorDeclaration)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"not a declaration: {error}",
            where=str(path),
            mend="its keys: assessor, organisation, independent, interests, paid_by, access, limits, date",
        ) from error


def _lacks_of_witnesses(log: Path, run: Run, trust: TrustPolicy | None) -> str:
    """What the newest tree head of the developer's log lacks of the quorum, in words; empty where nothing.

    That is no harm where the proof of the commitment has the quorum, which is checked with it: opening
    rollouts makes a newer head.

    Raises:
        EvidenceError: the log is damaged, not signed by those who are believed, or too few witnesses cosigned
            it and nothing proves the commitment.
    """
    from modelassay.assessment.committing import FOLDER
    from modelassay.log.trust import TooFewWitnessesError
    from modelassay.log.verify import verify_log

    opened = verify_log(log, trust.verifiers).opened if trust is not None else None
    if trust is None or opened is None:
        return ""
    try:
        trust.judge(opened)
    except TooFewWitnessesError as error:
        if not (run.folder / FOLDER / "closed.tlog-proof").is_file():
            raise
        trust.unwitnessed.judge(opened)
        return error.what
    return ""


def _progress(quiet: bool) -> Any:
    import sys

    if quiet or not sys.stderr.isatty():
        return lambda rows: None
    return lambda rows: click.echo(f"\r{rows:,} rollouts read", nl=False, err=True)


def _tell(record: Assessment, folder: Path) -> None:
    from modelassay.report.assessments import about
    from modelassay.report.text import visible

    click.echo(visible(record.headline))
    for each in record.findings:
        if each.severity in ("critical", "high", "medium"):
            subject = f" {about(each)}" if about(each) else ""
            click.echo(
                f"  {each.severity:<8} {each.assurance} {each.check}{visible(subject)}: {each.outcome}"
            )
            click.echo(f"           {visible(each.statement)}")
    for question in record.questions[:5]:
        click.echo(f"  ask: {visible(question.text)}")
    if record.not_assessed:
        click.echo("  not assessed: " + ", ".join(visible(each.what) for each in record.not_assessed))
    click.echo(f"{folder / 'report.html'}")

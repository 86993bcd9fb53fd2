"""``modelassay import``: results of another tool as a paired audit."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelassay.cli.options import (
    chosen_store,
    json_option,
    places_of,
    print_json,
    quiet_option,
    reader_may_leave,
    report_writers,
    store_option,
    write_reports,
)
from modelassay.cli.signing import notary_of, signing_options, unsigned_hint
from modelassay.errors import UsageError

if TYPE_CHECKING:
    from modelassay.audit.imported import ImportedRuns
    from modelassay.evidence.notary import Notary
    from modelassay.records import AuditRecord, Policy

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("import")
@click.option(
    "--baseline", type=_FILE, required=True, multiple=True, help="The baseline's results; one file a task."
)
@click.option(
    "--candidate", type=_FILE, required=True, multiple=True, help="The candidate's results; one file a task."
)
@click.option(
    "--format",
    "file_format",
    default="auto",
    show_default=True,
    help="inspect, lm-eval, garak, promptfoo, harmbench or table; auto tells it by content.",
)
@click.option("--baseline-model", default="", metavar="NAME", help="Whose answers, in a file of several.")
@click.option("--candidate-model", default="", metavar="NAME", help="Likewise of the candidate's file.")
@click.option(
    "--measure", "measures", multiple=True, metavar="SCORER", help="Take over this one; repeatable."
)
@click.option("--wanted", type=click.Choice(["higher", "lower"]), help="Which end of these scores is wanted.")
@click.option("--range", "scale", metavar="LOW:HIGH", help="The scores' own scale. [default: 0:1]")
@click.option(
    "--exact", multiple=True, metavar="SCORER", help="You vouch that it compares with a gold answer."
)
@click.option(
    "--judge-again", "judges", multiple=True, metavar="EVALUATOR", help="Score the answers here; repeatable."
)
@click.option("--kind", type=click.Choice(["harmful", "borderline", "benign"]), help="Of every question.")
@click.option("--column", "columns", multiple=True, metavar="PART=COLUMN", help="For tables; repeatable.")
@click.option(
    "--pair-by",
    type=click.Choice(["id", "prompt"]),
    default="id",
    show_default=True,
    help="What names a question.",
)
@click.option(
    "--despite",
    multiple=True,
    type=click.Choice(["decoding", "versions"]),
    help="Compare although the runs differ in this; the report says so. Repeatable.",
)
@click.option("--slices", help="Tags to compare by, separated by commas.")
@click.option("--policy", default="", help="Policy file, or the name of a shipped one.")
@click.option("--name", default="", help="Of the audit, for people.")
@click.option("--line", default="", help="Release line that the candidate belongs to.")
@click.option("--target", default="", help="Where the candidate is to be deployed, as a URI.")
@click.option("--again", is_flag=True, help="Import once more as a new attempt.")
@click.option("--dry-run", is_flag=True, help="Only show what would be paired; nothing is logged.")
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
    outputs: tuple[Path, ...],
    store: Path | None,
    dry_run: bool,
    exit_zero: bool,
    again: bool,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """Compare two runs of another tool: the same statistics, gate, report and evidence, marked as imported.

    Questions are paired by their ids in the files, or by what was asked. Nothing is dropped: what only one
    run has, or no scorer scored, counts as unscored. The tool's scores are kept as they are, with an error
    that is not known unless they compare with a gold answer; --judge-again scores the answers here instead.
    No model is asked, and nothing shows that one was asked as the files say: such a verdict admits no
    weights.

    \b
    modelassay import --baseline base.eval --candidate tuned.eval
    modelassay import --baseline base/samples_x.jsonl --candidate tuned/samples_x.jsonl --measure exact_match
    modelassay import --baseline a.csv --candidate b.csv --column prompt=question --judge-again refusal
    """
    signing = {name: given.pop(name) for name in list(given) if name not in _Request.__dataclass_fields__}
    request = _Request(**given)
    imported = request.read()
    if dry_run:
        return _show(imported, as_json=as_json)
    place = chosen_store(store)
    writers = report_writers(outputs)
    notary = notary_of(**signing)
    record = _run(request, imported, place, notary, again=again, quiet=quiet)
    write_reports(writers, record)
    code = _tell(record, place / "audits" / record.id, [path for path, _ in writers], as_json=as_json)
    if not quiet and (hint := unsigned_hint(notary)):
        click.echo(hint, err=True)
    return 0 if exit_zero else code


@dataclass(frozen=True, kw_only=True)
class _Request:
    """What the command line says of the import itself."""

    baseline: tuple[Path, ...]
    candidate: tuple[Path, ...]
    file_format: str
    baseline_model: str
    candidate_model: str
    measures: tuple[str, ...]
    wanted: Any
    scale: str | None
    exact: tuple[str, ...]
    judges: tuple[str, ...]
    kind: Any
    columns: tuple[str, ...]
    pair_by: Any
    despite: tuple[str, ...]
    slices: str | None
    policy: str
    name: str
    line: str
    target: str

    def read(self) -> ImportedRuns:
        """Both files, paired."""
        from modelassay.audit.imported import imported_runs
        from modelassay.interop import merged, read_run

        columns = dict(_halves(text, "=", "--column") for text in self.columns)
        runs = [
            merged(
                [
                    read_run(
                        path, format=self.file_format, columns=columns, measures=self.measures, model=model
                    )
                    for path in paths
                ]
            )
            for paths, model in (
                (self.baseline, self.baseline_model),
                (self.candidate, self.candidate_model),
            )
        ]
        return imported_runs(
            runs[0],
            runs[1],
            measures=self.measures,
            wanted=self.wanted,
            scale=_scale(self.scale),
            exact=self.exact,
            kind=self.kind,
            by=self.pair_by,
            despite=self.despite,
            scored_here=bool(self.judges),
        )

    def held_against(self) -> Policy:
        """The policy."""
        from modelassay.config import DEFAULT_POLICY, open_policy
        from modelassay.gate import check_policy

        policy = open_policy(self.policy or DEFAULT_POLICY, Path(), where="--policy")
        check_policy(policy, where=self.policy or "the policy")
        return policy

    @property
    def command(self) -> str:
        """The command line that repeats it, with the files' names alone."""
        words = ["modelassay", "import"]
        options: list[tuple[str, Sequence[str]]] = [
            ("--baseline", [path.name for path in self.baseline]),
            ("--candidate", [path.name for path in self.candidate]),
            ("--format", [] if self.file_format == "auto" else [self.file_format]),
            ("--baseline-model", [self.baseline_model]),
            ("--candidate-model", [self.candidate_model]),
            ("--measure", self.measures),
            ("--wanted", [self.wanted or ""]),
            ("--range", [self.scale or ""]),
            ("--exact", self.exact),
            ("--judge-again", self.judges),
            ("--kind", [self.kind or ""]),
            ("--column", self.columns),
            ("--pair-by", [] if self.pair_by == "id" else [self.pair_by]),
            ("--despite", self.despite),
            ("--slices", [self.slices or ""]),
            ("--policy", [Path(self.policy).name if self.policy else ""]),
            ("--name", [self.name]),
            ("--line", [self.line]),
            ("--target", [self.target]),
        ]
        words += [word for option, values in options for value in values if value for word in (option, value)]
        return shlex.join(words)


def _run(
    request: _Request, imported: ImportedRuns, store: Path, notary: Notary, *, again: bool, quiet: bool
) -> AuditRecord:
    from modelassay.audit.imported import plan_of
    from modelassay.audit.importing import import_audit
    from modelassay.cli.audit_command import run_to_end
    from modelassay.cli.display import progress_display
    from modelassay.config import EvaluatorReference, Release
    from modelassay.report import renderer_for

    policy = request.held_against()
    slices = None if request.slices is None else [s.strip() for s in request.slices.split(",") if s.strip()]
    plan = plan_of(
        imported,
        name=request.name,
        slices=slices,
        policy=Path(request.policy).name,
        release=Release(line=request.line, target=request.target),
        evaluators=[EvaluatorReference(use=name) for name in request.judges],
    )
    places = places_of(Path("plan.yaml"), store=store, data_dir=None, offline=True, quiet=quiet)
    with progress_display(quiet=quiet) as progress_of:
        return run_to_end(
            lambda stop: import_audit(
                imported,
                plan,
                policy,
                places,
                notary=notary,
                renderers=[renderer_for("report.html")],
                progress_of=progress_of,
                stop=stop,
                reproduce=(request.command, "sha256sum -c SHA256SUMS"),
                again=again,
            )
        )


def _halves(text: str, sign: str, option: str) -> tuple[str, str]:
    first, found, second = text.partition(sign)
    if not found or not first or not second:
        raise UsageError(f"{text!r} has no two sides of {sign!r}", where=option)
    return first, second


def _scale(text: str | None) -> Any:
    from modelassay.interop import Scale

    if text is None:
        return None
    try:
        low, high = (float(half) for half in _halves(text, ":", "--range"))
    except ValueError as error:
        raise UsageError(f"{text!r} are not two numbers", where="--range", mend="such as 1:10") from error
    if not -1e15 < low < high < 1e15:
        raise UsageError(f"{text!r} is no scale", where="--range", mend="write the lower end first: 1:10")
    return Scale(low, high)


def _show(imported: ImportedRuns, *, as_json: bool) -> int:
    """What would be paired."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    counts = {
        each.measure.name: len(list(imported.paired.outcomes("baseline", each))) for each in imported.chosen
    }
    notes = list(imported.notes(now))
    if as_json:
        print_json(
            {
                "tools": imported.tools,
                "samples": len(imported.paired.samples),
                "questions": len(imported.paired.keys),
                "repeats": imported.paired.epochs,
                "pairs": counts,
                "exact": [each.measure.name for each in imported.chosen if each.measure.exact],
                "slices": imported.slices,
                "sources": imported.sources,
                "notes": notes,
            }
        )
        return 0
    from modelassay.report.text import visible

    click.echo(f"{len(imported.paired.keys):,} questions of {visible(imported.tools)}")
    for each in imported.chosen:
        standing = "compares with a gold answer" if each.measure.exact else "of unknown error"
        click.echo(f"{visible(each.measure.name)}: {counts[each.measure.name]:,} pairs, {standing}")
    for note in notes:
        click.echo(f"note: {visible(note)}")
    return 0


def _tell(record: AuditRecord, folder: Path, written: list[Path], *, as_json: bool) -> int:
    from modelassay.cli.deciding import verdict_today
    from modelassay.cli.open_attempts import open_attempts, open_attempts_in_json, tell_open_attempts
    from modelassay.cli.summary import print_summary, summary

    store = folder.parent.parent
    today = verdict_today(record, store)
    left = open_attempts(record, store)
    with reader_may_leave():
        if as_json:
            attempts = open_attempts_in_json(left, store)
            print_json({**summary(record, folder, today), "open_attempts": attempts})
        else:
            print_summary(record, folder, written, today)
    tell_open_attempts(left, store)
    return int(today.code)

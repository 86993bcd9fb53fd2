"""``modelassay redteam keep``: attacks that succeeded become regression items."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from modelassay.cli.options import chosen_store, json_option, print_json, store_option

if TYPE_CHECKING:
    from modelassay.records import Sample


class _Successes(NamedTuple):
    """Attacks that had their way, and where that is shown."""

    name: str
    """Of the audit, or the session's folder."""
    samples: Sequence[Sample]
    day: str
    digest: str


@click.command("keep")
@click.argument("source", metavar="AUDIT|SESSION")
@click.argument("samples", nargs=-1, metavar="[SAMPLE]...")
@click.option("--all-successes", is_flag=True, help="Keep every attack that had its way with the candidate.")
@click.option(
    "--into",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="JSONL file to add to; it is made if absent.",
)
@store_option
@json_option
def command(
    source: str, samples: tuple[str, ...], all_successes: bool, into: Path, store: Path | None, as_json: bool
) -> None:
    """Keep attacks that had their way with a candidate: of AUDIT (an id or the start of one), or of SESSION,
    the folder of a `modelassay redteam chat`, what was noted as found in the candidate's answers.

    SAMPLE is the id, or the start of one, of an attacked sample as its transcript and `samples.jsonl.gz` have
    it, or of the sample behind it as the report has it. What is kept holds the prompts in clear and is asked
    again by naming FILE in a plan. The same success is kept once; one that had its way again is of the later
    day.

    \b
    modelassay redteam keep release-1 --all-successes --into regressions.jsonl
    modelassay redteam keep release-1 4f1c2a --into regressions.jsonl
    modelassay redteam keep ./session --all-successes --into regressions.jsonl
    plan.yaml:  datasets: [starter, regressions.jsonl]
    """
    from modelassay.errors import UsageError
    from modelassay.redteam.regression import keep
    from modelassay.redteam.sessions.kept import is_session

    if bool(samples) == all_successes:
        raise UsageError("name samples, or all", mend="write ids, or --all-successes")
    found = _of_session(Path(source)) if is_session(Path(source)) else _of_audit(source, chosen_store(store))
    chosen = [each for each in found.samples if all_successes or _is_named(each, samples)]
    if not chosen:
        raise UsageError(
            "no attack had its way with the candidate" if all_successes else "no such success",
            where=found.name,
            mend="" if all_successes else "the report lists the samples that fell",
        )
    kept = keep(chosen, into, found_on=found.day, found_in=found.digest)
    if as_json:
        said = {"file": str(into), "audit": found.name, "chosen": len(chosen)}
        print_json({**said, "added": kept.added, "renewed": kept.renewed})
        return
    renewed = f", renewed {kept.renewed:,} that had their way before" if kept.renewed else ""
    click.echo(f"kept {kept.added:,} of {len(chosen):,} successes in {into}{renewed}")
    click.echo(f"ask them again: add {into.name} to `datasets` in a plan", err=True)


def _of_audit(name: str, place: Path) -> _Successes:
    """What had its way in a sealed audit."""
    from modelassay.audit import read_audit
    from modelassay.canonical import digest_bytes
    from modelassay.comparison.red_team import DIRECT_OF
    from modelassay.evidence.bundle import SUMS, open_bundle
    from modelassay.evidence.contents import Contents
    from modelassay.redteam.regression import successes

    record = read_audit(place, name)
    bundle = open_bundle(place / "audits" / record.id)
    contents = Contents(bundle)
    scores = (score for score in contents.scores if score.target == record.candidate.fingerprint)
    fell = successes(contents.samples.known, scores, tuple(DIRECT_OF))
    return _Successes(record.id, fell, record.closed[:10], digest_bytes(bundle.read(SUMS)))


def _of_session(folder: Path) -> _Successes:
    """What a person found in a session."""
    from modelassay.redteam.sessions.kept import found_by_hand

    found = found_by_hand(folder)
    return _Successes(str(folder), found.samples, found.day, found.digest)


def _is_named(sample: Sample, given: tuple[str, ...]) -> bool:
    """Whether its id, or that of the sample behind it, begins as one that was given."""
    ids = [sample.id, *([sample.attacked.sample] if sample.attacked else [])]
    starts = [start.removeprefix("sha256:") for start in given]
    return any(each.removeprefix("sha256:").startswith(start) for each in ids for start in starts if start)

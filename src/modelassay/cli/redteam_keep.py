"""``modelassay redteam keep``: attacks that succeeded become regression items."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, NamedTuple

import click

from modelassay.cli.options import chosen_store, json_option, print_json, store_option

if TYPE_CHECKING:
    from modelassay.errors import UsageError
    from modelassay.evidence.contents import Contents
    from modelassay.records import AuditRecord, Sample

EXAMINATION = "examination.json"


class _Successes(NamedTuple):
    """Attacks that had their way, and where that is shown."""

    name: str
    """Of the audit, or the folder of the session or campaign."""
    samples: Sequence[Sample]
    day: str
    digest: str
    elsewhere: Sequence[Path] = ()
    """Folders of campaigns and sessions that the audit took in, which hold what had its way there."""


@click.command("keep")
@click.argument("source", metavar="AUDIT|CAMPAIGN|SESSION")
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
    """Keep attacks that had their way with a candidate: of AUDIT (an id or the start of one), of CAMPAIGN,
    the folder of a `modelassay redteam run`, or of SESSION, that of a `modelassay redteam chat`, what was
    noted as found in the candidate's answers.

    SAMPLE is the id, or the start of one, of an attacked sample as its transcript and `samples.jsonl.gz` have
    it, or of the sample behind it as the report has it. Of a campaign or a session, the turns are put again
    in their order. What is kept holds the prompts in clear and is asked
    again by naming FILE in a plan. The same success is kept once; one that had its way again is of the later
    day.

    \b
    modelassay redteam keep release-1 --all-successes --into regressions.jsonl
    modelassay redteam keep release-1 4f1c2a --into regressions.jsonl
    modelassay redteam keep ./campaign --all-successes --into regressions.jsonl
    modelassay redteam keep ./session --all-successes --into regressions.jsonl
    plan.yaml:  datasets: [starter, regressions.jsonl]
    """
    from modelassay.errors import UsageError
    from modelassay.redteam.regression import keep

    if bool(samples) == all_successes:
        raise UsageError("name samples, or all", mend="write ids, or --all-successes")
    found = _found(source, store)
    chosen = [each for each in found.samples if all_successes or _is_named(each, samples)]
    if not chosen:
        raise _nothing(found, into, all_successes=all_successes)
    kept = keep(chosen, into, found_on=found.day, found_in=found.digest)
    if as_json:
        said = {"file": str(into), "audit": found.name, "chosen": len(chosen)}
        print_json({**said, "added": kept.added, "renewed": kept.renewed})
        return
    renewed = f", renewed {kept.renewed:,} that had their way before" if kept.renewed else ""
    click.echo(f"kept {kept.added:,} of {len(chosen):,} successes in {into}{renewed}")
    click.echo(f"ask them again: add {into.name} to `datasets` in a plan", err=True)
    if found.elsewhere:
        click.echo(f"{_ELSEWHERE}: {_commands(found, into)}", err=True)


_ELSEWHERE = "what had its way in campaigns and sessions that the audit took in is kept from their folders"


def _nothing(found: _Successes, into: Path, *, all_successes: bool) -> UsageError:
    """That there is nothing to keep, and where else there may be."""
    from modelassay.errors import UsageError

    if found.elsewhere:
        own = "no attack of the audit's own had its way with the candidate" if all_successes else ""
        what = own or "no such success among the audit's own attacks"
        return UsageError(what, where=found.name, mend=f"{_ELSEWHERE}: {_commands(found, into)}")
    return UsageError(
        "no attack had its way with the candidate" if all_successes else "no such success",
        where=found.name,
        mend="" if all_successes else "the report lists the samples that fell",
    )


def _commands(found: _Successes, into: Path) -> str:
    return "; ".join(
        f"modelassay redteam keep {quote(str(each))} --all-successes --into {quote(str(into))}"
        for each in found.elsewhere
    )


def _found(source: str, store: Path | None) -> _Successes:
    """What had its way in what `source` names: a folder of a session or campaign, else an audit."""
    from modelassay.redteam.campaign.journal import NAME as JOURNAL
    from modelassay.redteam.sessions.kept import is_session

    named = Path(source)
    folder = named.parent if named.name == EXAMINATION else named
    if is_session(folder):
        return _of_session(folder)
    if (folder / EXAMINATION).is_file() or (folder / JOURNAL).is_file():
        return _of_campaign(folder)
    return _of_audit(source, chosen_store(store))


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
    taken_in = tuple(_folders(record, contents))
    return _Successes(record.id, fell, record.closed[:10], digest_bytes(bundle.read(SUMS)), taken_in)


def _folders(record: AuditRecord, contents: Contents) -> Iterator[Path]:
    """Folders of the campaigns and sessions that an audit took in, as its plan has them."""
    from modelassay.redteam.campaign.writing import OUTCOMES
    from modelassay.redteam.sessions.events import NAME

    for each, examination in zip(contents.plan.examinations, record.examinations, strict=False):
        if {OUTCOMES, NAME} & set(examination.evidence):
            yield Path(each if isinstance(each, str) else each.file).parent


def _of_campaign(folder: Path) -> _Successes:
    """What had its way with the candidate of a campaign."""
    from modelassay.canonical import digest_bytes
    from modelassay.errors import UsageError
    from modelassay.evidence.examined import read_examination
    from modelassay.evidence.taken_in import beside
    from modelassay.redteam.campaign.found import found_by_attacks
    from modelassay.redteam.campaign.writing import OUTCOMES

    file = folder / EXAMINATION
    if not file.is_file():
        mend = "run the command of the campaign again, which goes on with it and writes them"
        raise UsageError("the campaign has not written its results", where=str(folder), mend=mend)
    made = read_examination(file)
    if made.kind != "red_team" or OUTCOMES not in made.evidence:
        raise UsageError(
            f"an examination of kind {made.kind} that no `modelassay redteam run` wrote",
            where=str(file),
            mend="name an audit, or the folder of a `modelassay redteam run` or `modelassay redteam chat`",
        )
    beside(made, folder, where=str(file))
    samples = found_by_attacks(folder, made)
    return _Successes(str(folder), samples, made.started[:10], digest_bytes(file.read_bytes()))


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

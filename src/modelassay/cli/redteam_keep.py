"""``modelassay redteam keep``: attacks that succeeded become regression items."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelassay.cli.options import chosen_store, json_option, print_json, store_option

if TYPE_CHECKING:
    from modelassay.records import Sample


@click.command("keep")
@click.argument("audit")
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
    audit: str, samples: tuple[str, ...], all_successes: bool, into: Path, store: Path | None, as_json: bool
) -> None:
    """Keep attacks of AUDIT (an id or the start of one) that had their way with its candidate.

    SAMPLE is the id, or the start of one, of an attacked sample as its transcript and `samples.jsonl.gz` have
    it, or of the sample behind it as the report has it. What is kept holds the prompts in clear and is asked
    again by naming FILE in a plan. The same success is kept once.

    \b
    modelassay redteam keep release-1 --all-successes --into regressions.jsonl
    modelassay redteam keep release-1 4f1c2a --into regressions.jsonl
    plan.yaml:  datasets: [starter, regressions.jsonl]
    """
    from modelassay.audit import read_audit
    from modelassay.canonical import digest_bytes
    from modelassay.comparison.red_team import DIRECT_OF
    from modelassay.errors import UsageError
    from modelassay.evidence.bundle import SUMS, open_bundle
    from modelassay.evidence.contents import Contents
    from modelassay.redteam.regression import keep, successes

    if bool(samples) == all_successes:
        raise UsageError("name samples, or all", mend="write ids, or --all-successes")
    place = chosen_store(store)
    record = read_audit(place, audit)
    bundle = open_bundle(place / "audits" / record.id)
    contents = Contents(bundle)
    scores = (score for score in contents.scores if score.target == record.candidate.fingerprint)
    fell = successes(contents.samples.known, scores, tuple(DIRECT_OF))
    chosen = [each for each in fell if all_successes or _is_named(each, samples)]
    if not chosen:
        raise UsageError(
            "no attack had its way with the candidate" if all_successes else "no such success",
            where=record.id,
            mend="" if all_successes else "the report lists the samples that fell",
        )
    sums = digest_bytes(bundle.read(SUMS))
    added = keep(chosen, into, found_on=record.closed[:10], found_in=sums)
    if as_json:
        print_json({"file": str(into), "audit": record.id, "chosen": len(chosen), "added": added})
        return
    click.echo(f"kept {added:,} of {len(chosen):,} successes in {into}")
    click.echo(f"ask them again: add {into.name} to `datasets` in a plan", err=True)


def _is_named(sample: Sample, given: tuple[str, ...]) -> bool:
    """Whether its id, or that of the sample behind it, begins as one that was given."""
    ids = [sample.id, *([sample.attacked.sample] if sample.attacked else [])]
    starts = [start.removeprefix("sha256:") for start in given]
    return any(each.removeprefix("sha256:").startswith(start) for each in ids for start in starts if start)

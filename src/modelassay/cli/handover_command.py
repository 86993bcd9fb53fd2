"""``modelassay handover``: what monitoring is given of a sealed audit."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelassay.cli.options import chosen_store, json_option, print_json, reader_may_leave, store_option
from modelassay.errors import StoreError

if TYPE_CHECKING:
    from modelassay.evidence.bundle import Bundle
    from modelassay.handover import Handover, SealedFacts


@click.command("handover")
@click.argument("audit")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write. [default: stdout]")
@click.option("--canaries", "count", type=int, default=100, show_default=True, help="Most of one measure.")
@click.option(
    "--seed", default="", metavar="TEXT", help="Chooses canaries; keep it secret. [default: the bundle]"
)
@click.option("--with-text", is_flag=True, help="Also write the canaries' prompts.")
@click.option(
    "--population",
    "bundles",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Compare with the audits in this folder. [default: the store's, of the same baseline]",
)
@store_option
@json_option
def command(
    audit: str,
    output: Path | None,
    count: int,
    seed: str,
    with_text: bool,
    bundles: Path | None,
    store: Path | None,
    as_json: bool,
) -> None:
    """Write what monitoring needs of AUDIT (an id, the start of one, or the path of a bundle).

    The document is JSON (`docs/schemas/handover.schema.json`): baselines, thresholds out of the policy's
    bands, canaries, what ends the verdict, open items and accepted risks, what is not covered. It is refused,
    with the verdict's exit code, when the verdict is block or inconclusive, has expired, was withdrawn
    or is signed by revoked keys alone.
    With `-o` a summary is printed, by `--json` as JSON; without, the document itself.

    \b
    modelassay handover release-1 -o handover.json
    modelassay handover release-1 --seed "$CANARY_SEED" --canaries 200 -o handover.json
    """
    from modelassay.exports.sealed import find_audit
    from modelassay.handover import hand_over, handover_bytes
    from modelassay.handover.canaries import Choice

    place = chosen_store(store)
    facts = _facts(find_audit(audit, place).bundle, place, bundles)
    choice = Choice(seed=seed, per_measure=count, with_text=with_text)
    handover = hand_over(facts, today=datetime.now(UTC).date(), choice=choice)
    data = handover_bytes(handover)
    if output is None:
        with reader_may_leave():
            sys.stdout.buffer.write(data)
        return
    _write(output, data)
    if as_json:
        print_json(_summary(handover, output, data))
    else:
        _tell(handover, output)


def _facts(bundle: Bundle, store: Path, bundles: Path | None) -> SealedFacts:
    """The facts of `bundle`, beside other audits: those in the folder `bundles`, else those of `store`.

    What people decided, and what else the store has, counts where it is the store's own audit.
    """
    from modelassay.cli.population_command import others_of
    from modelassay.comparison import reference_population
    from modelassay.evidence.clearance_files import clearance_at
    from modelassay.evidence.lapse import lapse_of
    from modelassay.handover.facts import audited_as, read_facts

    facts = read_facts(bundle)
    if bundles is not None:
        facts = replace(facts, population=reference_population(facts.record, others_of(store, bundles)))
    folder = store / "audits" / facts.record.id
    if not folder.is_dir() or not folder.samefile(bundle.place):
        return facts
    others = tuple(others_of(store, None))
    return replace(
        facts,
        clearance=clearance_at(folder, store, facts.record.verdict),
        lapse=lapse_of(facts.record.id, store / "log"),
        audited=tuple(map(audited_as, others)),
        population=facts.population or reference_population(facts.record, others),
    )


def _write(path: Path, data: bytes) -> None:
    from modelassay.log.durable import write_atomic

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, data)
    except OSError as error:
        raise StoreError(f"cannot be written: {error.strerror}", where=str(path)) from error


def _summary(handover: Handover, output: Path, data: bytes) -> dict[str, object]:
    from modelassay.canonical import digest_bytes

    after = handover.post_deployment
    return {
        "audit": handover.audit,
        "written": str(output),
        "bytes": len(data),
        "sha256": digest_bytes(data).removeprefix("sha256:"),
        "outcome": handover.gate.outcome,
        "missing": handover.gate.missing,
        "baselines": len(after.baselines),
        "thresholds": len(after.thresholds),
        "canaries": {each.measure: len(each.active) for each in after.canaries.sets},
        "expires": after.expiry.date,
    }


def _tell(handover: Handover, output: Path) -> None:
    from modelassay.report.text import percent, visible

    gate, after = handover.gate, handover.post_deployment
    click.echo(f"wrote {output}")
    click.echo(f"{gate.outcome}: {visible(gate.headline)}")
    if gate.missing:
        click.echo(f"not to be deployed yet: {visible(gate.missing)}")
    click.echo(
        f"{len(after.baselines)} baselines, {len(after.thresholds)} thresholds, until {after.expiry.date}"
    )
    for each in after.canaries.sets:
        near = next(iter(each.notices), None)
        runs = "run" if near and near.runs == 1 else "runs"
        told = f"; a fall to {percent(near.rate)} shows in about {near.runs} {runs}" if near else ""
        click.echo(f"{len(each.active)} canaries of {each.measure}, {len(each.held_back)} held back{told}")
    context = handover.pre_deployment.context
    if context.population is not None:
        others = len(context.population.members)
        tunes = "fine-tune" if others == 1 else "fine-tunes"
        click.echo(f"compared with {others} other audited {tunes} of its baseline")
    for gap in context.not_covered:
        click.echo(f"not covered: {visible(gap.what)}: {visible(gap.why)}")

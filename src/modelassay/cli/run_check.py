"""``modelassay run check``: the assessor checks what the developer opened."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from modelassay.cli.options import json_option, print_json, writable
from modelassay.cli.run_options import read_file


@click.command("check")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.argument("challenge", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("opening", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--received",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ"]),
    metavar="TIME",
    help="When you had the opening, UTC. [default: now]",
)
@click.option("--nonce-commitment", default="", metavar="DIGEST", help="What you published before.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=writable,
    help="Write the finding here.",
)
@json_option
def command(
    folder: Path,
    challenge: Path,
    opening: Path,
    received: datetime | None,
    nonce_commitment: str,
    output: Path | None,
    as_json: bool,
) -> None:
    """Check OPENING against CHALLENGE and the commitments of the run in FOLDER; no store, no network.

    Exits 13 when a rollout does not count as opened.

    \b
    modelassay run check RUN_FOLDER challenge.json opening.jsonl
    """
    import msgspec

    from modelassay.assessment.committing import read_commitments
    from modelassay.errors import EvidenceError, ExitCode
    from modelassay.evidence.notary import utc_now
    from modelassay.log.durable import write_atomic
    from modelassay.training.protocol import challenge as drawing
    from modelassay.training.protocol import checking
    from modelassay.training.protocol.disclosure import decode_opening

    made = read_commitments(folder)
    checking.check_records(made.committed, made.records, made.file)
    asked = drawing.decode_challenge(read_file(challenge), str(challenge))
    if nonce_commitment and drawing.nonce_commitment(asked.nonce) != nonce_commitment:
        raise EvidenceError("the nonce is not the one that was published", where=str(challenge))
    checking.check_challenge(asked, made.committed, made.records, default_strata=True)
    head, opened = decode_opening(read_file(opening), str(opening))
    when = received.strftime("%Y-%m-%dT%H:%M:%SZ") if received else utc_now()
    checked = checking.check_opening(asked, made.records, head, opened, when)
    finding = checking.challenge_finding(checked)
    if output is not None:
        write_atomic(output, msgspec.json.encode(finding))
    if as_json:
        print_json({"passed": len(checked.passed), "failed": checked.failed, "finding": finding})
    else:
        click.echo(finding.statement)
        for each in finding.evidence:
            click.echo(f"  {each.note}")
        click.echo(f"assurance {finding.assurance}")
    if checked.failed:
        click.get_current_context().exit(ExitCode.UNVERIFIED)

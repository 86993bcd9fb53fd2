"""``modelassay run challenge``: the assessor draws rollouts that the developer must open."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelassay.cli.options import chosen_store, json_option, print_json, store_option, writable
from modelassay.cli.signing import log_signing_options, notary_of
from modelassay.errors import UsageError

if TYPE_CHECKING:
    from modelassay.evidence.ledger import Ledger


@click.command("challenge")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.option(
    "--prepare", is_flag=True, help="Draw a nonce into the file of --nonce, and print what binds you."
)
@click.option(
    "--nonce",
    "nonce_file",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="Keeps the nonce; secret until the run is committed to.",
)
@click.option(
    "--randomness", default="", metavar="TEXT", help="Public randomness of a later time (a drand round)."
)
@click.option(
    "--share", type=float, default=0.01, show_default=True, help="Smallest share of bad rollouts to find."
)
@click.option(
    "--probability", type=float, default=0.95, show_default=True, help="Chance of finding one of them."
)
@click.option(
    "--part",
    "parts",
    multiple=True,
    metavar="PART",
    help="Must be disclosed: figures, prompt, completion, grader; repeatable. [default: all]",
)
@click.option("--days", type=click.IntRange(min=1), default=7, show_default=True, help="Until the deadline.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), callback=writable, metavar="FILE"
)
@log_signing_options
@store_option
@json_option
def command(
    folder: Path | None,
    prepare: bool,
    nonce_file: Path,
    randomness: str,
    share: float,
    probability: float,
    parts: tuple[str, ...],
    days: int,
    output: Path | None,
    store: Path | None,
    as_json: bool,
    **signing: Any,
) -> None:
    """Draw rollouts of the run in FOLDER (its run folder, or a copy of that with its commitments).

    First, before the developer commits, bind yourself to a nonce and give them what is printed; then draw.
    Both are logged in your own store before anybody is told: who draws again has it in the log.

    \b
    modelassay run challenge --prepare --nonce nonce.txt
    modelassay run challenge RUN_FOLDER --nonce nonce.txt --randomness "drand 5123456 8f0c…" -o challenge.json
    """
    from modelassay.assessment.challenging import log_nonce
    from modelassay.evidence.ledger import Ledger
    from modelassay.training.protocol.challenge import new_nonce, nonce_commitment

    if prepare:
        if nonce_file.exists():
            raise UsageError("a nonce is kept there already", where=str(nonce_file), mend="name another file")
        ledger = Ledger(chosen_store(store), notary_of(verdict_key=None, **signing))
        nonce_file.touch(mode=0o600)
        nonce_file.write_text(f"{(nonce := new_nonce())}\n", "utf-8")
        log_nonce(ledger, nonce)
        print_json({"nonce_commitment": nonce_commitment(nonce)}) if as_json else click.echo(
            nonce_commitment(nonce)
        )
        return
    if folder is None or output is None:
        raise UsageError("a run's folder and --output are needed", mend="or --prepare, to draw a nonce first")
    nonce = _nonce(nonce_file)
    ledger = Ledger(chosen_store(store), notary_of(verdict_key=None, **signing))
    _draw(ledger, folder, nonce, randomness, share, probability, parts, days, output, as_json)


def _draw(
    ledger: Ledger,
    folder: Path,
    nonce: str,
    randomness: str,
    share: float,
    probability: float,
    parts: tuple[str, ...],
    days: int,
    output: Path,
    as_json: bool,
) -> None:
    import msgspec

    from modelassay.assessment.challenging import log_challenge
    from modelassay.assessment.committing import read_commitments
    from modelassay.log.durable import write_atomic
    from modelassay.training.protocol.challenge import chance, make_challenge
    from modelassay.training.protocol.checking import check_records
    from modelassay.training.protocol.parts import PARTS

    made = read_commitments(folder)
    check_records(made.committed, made.records, made.file)
    now = datetime.now(UTC)
    challenge = make_challenge(
        made.committed,
        made.records,
        nonce=nonce,
        randomness=randomness,
        share=share,
        probability=probability,
        issued=_utc(now),
        deadline=_utc(now + timedelta(days=days)),
        parts=parts or PARTS,
    )
    log_challenge(ledger, challenge)
    write_atomic(output, msgspec.json.encode(challenge))
    found = chance(challenge)
    if as_json:
        print_json({"challenge": str(output), "drawn": len(challenge.drawn), "probability": f"{found:.4f}"})
        return
    click.echo(
        f"{output}: {len(challenge.drawn):,} of {challenge.population:,} rollouts, due {challenge.deadline}"
    )
    click.echo(f"finds a share of {share:g} bad rollouts with probability {found:.3f}")


def _nonce(file: Path) -> str:
    try:
        text = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("no nonce can be read", where=str(file), mend="`run challenge --prepare`") from error
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise UsageError("a nonce has 64 hexadecimal digits", where=str(file))
    return text


def _utc(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")

"""``modelassay verdict revocations``: a signed list of what stands and what was withdrawn."""

from __future__ import annotations

from pathlib import Path

import click

from modelassay.cli.keys_options import passphrase_option
from modelassay.cli.options import chosen_store, json_option, print_json, store_option


@click.command("revocations")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="Where to write it.",
)
@click.option("--key", "reference", default="", metavar="KEY", help="Who signs the list; a verdict key.")
@click.option(
    "--log", "folder", type=click.Path(path_type=Path), help="The log. [default: log/ in the store]"
)
@passphrase_option
@store_option
@json_option
def command(
    output: Path,
    reference: str,
    folder: Path | None,
    passphrase_file: Path | None,
    store: Path | None,
    as_json: bool,
) -> None:
    """Read the whole log and sign a list of its standing and withdrawn verdicts, for `admit --revocations`.

    The list is as old as its tree head: run this as often as admission's `max_age` asks, and have the log
    cosigned before.
    """
    from modelassay.cli.keys_options import open_keyring
    from modelassay.errors import UsageError
    from modelassay.evidence.admission_files import scan_log
    from modelassay.evidence.notary import utc_now
    from modelassay.evidence.revocations import LIST_TYPE, draw_up, encode_list
    from modelassay.log.dsse import sign_envelope
    from modelassay.log.durable import write_atomic

    log = folder or chosen_store(store) / "log"
    scanned = scan_log(log)
    revocations = draw_up(scanned.standing, scanned.checkpoint, time=utc_now())
    keyring = open_keyring(passphrase_file)
    signer = keyring.signer("verdict", reference)
    if signer is None:
        raise UsageError("no key to sign with", mend="make one with `modelassay keys new`, or name it: --key")
    output.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(output, sign_envelope(encode_list(revocations), LIST_TYPE, [signer]))
    standing = revocations.standing
    facts = {
        "file": str(output),
        "entries": standing.size,
        "issued": len(standing.issued),
        "withdrawn": len(standing.withdrawn),
        "revoked": len(standing.revoked),
        "time": revocations.time,
    }
    if as_json:
        print_json(facts)
        return
    click.echo(
        f"{standing.size:,} entries read: {len(standing.issued)} verdicts issued, {len(standing.withdrawn)} "
        f"withdrawn, {len(standing.revoked)} keys revoked"
    )
    click.echo(str(output))

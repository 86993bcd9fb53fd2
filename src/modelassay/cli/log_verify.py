"""``modelassay log verify``: the whole log by its bytes."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelassay.cli.log_options import chosen_log, key_option, log_option, read_head
from modelassay.cli.options import json_option, print_json, store_option

if TYPE_CHECKING:
    from modelassay.log.trust import Trusted, TrustPolicy
    from modelassay.log.verify import LogReport


@click.command("verify")
@store_option
@log_option
@key_option
@click.option(
    "--witness",
    "witnesses",
    multiple=True,
    metavar="VKEY|FILE",
    help="Verifier key of a witness, one of which must have cosigned; repeatable.",
)
@click.option(
    "--trust",
    "trust_file",
    type=click.Path(path_type=Path),
    help="File with logs, witnesses and their quorum (C2SP tlog-policy), in place of keys.",
)
@click.option(
    "--head",
    "heads",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A copy of ``checkpoint`` kept earlier, which the log must continue; repeatable.",
)
@json_option
def command(
    store: Path | None,
    folder: Path | None,
    keys: tuple[str, ...],
    witnesses: tuple[str, ...],
    trust_file: Path | None,
    heads: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Check every entry, hash and file of the log against its tree head.

    Exits 13 at the first thing that is wrong, and names it. Without ``--key`` the signature is not checked;
    without ``--witness`` or ``--head``, a log that was rewritten by whoever holds its key passes.
    """
    from modelassay.log.verify import verify_log

    place = chosen_log(folder, store)
    policy = _policy(place, keys, witnesses, trust_file)
    remembered = [read_head(path, keys) for path in heads]
    report = verify_log(place, policy.verifiers if policy else (), remembered=remembered)
    trusted = policy.judge(report.opened) if policy and report.opened else None
    if as_json:
        print_json(
            {
                "log": str(place),
                "verified": True,
                "origin": report.head.origin if report.head else None,
                "size": report.size,
                "root": base64.b64encode(report.root).decode(),
                "signed_size": report.head.size if report.head else None,
                "signature": "verified" if trusted else "not checked" if report.head else "none",
                "witnesses": sorted(trusted.witnesses) if trusted else [],
                "lost": trusted.lost if trusted else "",
                "pending": report.pending,
                "continues": [str(path) for path in heads],
            }
        )
    else:
        _tell(place, report, trusted, heads)


def _policy(
    place: Path, keys: tuple[str, ...], witnesses: tuple[str, ...], trust_file: Path | None
) -> TrustPolicy | None:
    """Whom to believe; None when nobody was named."""
    from modelassay.errors import UsageError
    from modelassay.log.keys import load_public, load_vkey
    from modelassay.log.note import vkey_of
    from modelassay.log.reader import signed_head
    from modelassay.log.trust import load_trust, trust_in

    if trust_file is not None:
        if keys or witnesses:
            raise UsageError("keys are named twice", mend="give either --trust, or --key and --witness")
        return load_trust(trust_file)
    if not keys:
        if witnesses:
            raise UsageError("no key of the log was given", mend="name it as well: --key")
        return None
    origin = signed_head(place).origin
    logs = [vkey_of(load_public(key), name=origin) for key in keys]
    return trust_in(logs, map(load_vkey, witnesses), unwitnessed=not witnesses)


def _tell(place: Path, report: LogReport, trusted: Trusted | None, heads: tuple[Path, ...]) -> None:
    """The report for people."""
    click.echo(f"log verified: {report.size:,} entries in {place}")
    if report.head is None:
        click.echo("tree head not signed")
    elif trusted is None:
        click.echo(f"tree head of {report.head.origin}: signature not checked, no --key was given")
    else:
        names = f", cosigned by {', '.join(sorted(trusted.witnesses))}" if trusted.witnesses else ""
        click.echo(f"tree head of {report.head.origin}: signature verified{names}")
        if trusted.lost:
            click.echo(trusted.lost, err=True)
    if report.head is not None and report.unsigned:
        click.echo(f"the last {report.unsigned:,} entries are not under a signed tree head")
    if report.pending:
        click.echo(f"{report.pending:,} more entries are pending; the next writer shows them")
    for path in heads:
        click.echo(f"continues {path}")

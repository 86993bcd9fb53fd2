"""``modelassay records erase``: records removed from the store for good."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelassay.cli.options import chosen_store, json_option, print_json, store_option
from modelassay.cli.records_options import selection_of, selection_options
from modelassay.cli.signing import log_signing_options, notary_of
from modelassay.errors import UsageError


@click.command("erase")
@click.argument("audit")
@selection_options
@click.option("--reason", required=True, help="Why, for the log; without personal data.")
@click.option("--yes", is_flag=True, help="Do it: it cannot be undone.")
@log_signing_options
@store_option
@json_option
def command(
    audit: str,
    samples: tuple[str, ...],
    tags: tuple[str, ...],
    side: str | None,
    keep_prompts: bool,
    reason: str,
    yes: bool,
    store: Path | None,
    as_json: bool,
    **signing: Any,
) -> None:
    """Erase records of AUDIT (an id or the start of one) from journal and bundle, and log that it was done.

    What remains verifies as redacted. The secret behind the audit's salts is destroyed, so the audit can not
    be sealed again. Copies elsewhere are beyond reach.

    \b
    modelassay records erase release-1 --sample sha256:… --reason "request 2026-117" --yes
    """
    from modelassay.audit import read_audit
    from modelassay.evidence.erasure import erase
    from modelassay.evidence.ledger import Ledger

    if not yes:
        raise UsageError("this cannot be undone", mend="say --yes to do it")
    place = chosen_store(store)
    record = read_audit(place, audit)
    selection = selection_of(samples, tags, side, keep_prompts=keep_prompts)
    notary = notary_of(**signing)
    done = erase(Ledger(place, notary), place, record.id, selection, reason=reason)
    if as_json:
        print_json(
            {"audit": record.id, "erased": done.records, "answers": done.answers, "elsewhere": done.elsewhere}
        )
        return
    for file, count in done.records.items():
        click.echo(f"erased {count:,} {file} of {record.id}")
    click.echo(f"erased {done.answers:,} answers from the journal")
    for other in done.elsewhere:
        click.echo(f"{other} shows the same samples; erase them there too", err=True)

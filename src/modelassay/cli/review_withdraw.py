"""``modelassay review withdraw``: a person takes back a risk acceptance or a sign-off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelassay.cli.deciding import decider_on, person_options
from modelassay.cli.options import chosen_store, json_option, print_json, store_option
from modelassay.cli.signing import log_witnessed


@click.command("withdraw")
@click.argument("audit")
@click.option("--reason", required=True, help="Why, for whoever reads the log.")
@person_options
@store_option
@json_option
def command(audit: str, reason: str, store: Path | None, as_json: bool, **signing: Any) -> None:
    """Take back what you accepted or signed off on the verdict of AUDIT, by the key that you signed with.

    The verdict itself stands; `modelassay verdict withdraw` ends that. The bundle stays as it is and cannot
    show this: who admits weights must read the log, or a signed list made from it after this.
    """
    from modelassay.errors import UsageError
    from modelassay.evidence.events import WaiverWithdrawn
    from modelassay.evidence.revocations import scan
    from modelassay.log.reader import LogReader

    if not reason.strip():
        raise UsageError("is empty", where="--reason", mend="say why it no longer holds")
    decider = decider_on(chosen_store(store), audit, person="", **signing)
    waived = scan(LogReader(decider.store / "log").entries()).waived
    if not any((each.payload, each.key) == (decider.verdict.payload, decider.key) for each in waived):
        raise UsageError(
            "this key neither accepted nor signed off anything that still stands",
            where=decider.verdict.audit,
            mend="name the key that did: --key",
        )
    gone = WaiverWithdrawn(
        audit=decider.verdict.audit, payload=decider.verdict.payload, key=decider.key, reason=reason.strip()
    )
    log_witnessed(decider.store, decider.notary, gone, again=True)
    if as_json:
        print_json({"audit": gone.audit, "payload": gone.payload, "key": gone.key, "reason": gone.reason})
        return
    click.echo(f"withdrawn: what {decider.holder} said on {gone.audit}")

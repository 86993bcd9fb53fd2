"""``modelassay abandon``: say that an audit will not be finished."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelassay.cli.options import chosen_store, json_option, print_json, store_option
from modelassay.cli.signing import log_signing_options


@click.command("abandon")
@click.argument("audit")
@click.option("--reason", required=True, help="Why; it is logged and stays visible.")
@store_option
@log_signing_options
@json_option
def command(audit: str, reason: str, store: Path | None, as_json: bool, **signing: Any) -> None:
    """Give up AUDIT (an id, or the start of one), which was opened and not finished.

    An opened audit never disappears: it is closed, given up with a reason, or shows as open. Its answers stay
    in the journal, and running its plan again opens the next attempt.
    """
    from modelassay.audit.standing import history_like
    from modelassay.cli.signing import notary_of
    from modelassay.evidence.issue import abort_audit
    from modelassay.evidence.ledger import Ledger

    ledger = Ledger(chosen_store(store), notary_of(**signing))
    history = history_like(ledger.histories(), audit)
    aborted = abort_audit(ledger, history, reason)
    ledger.sign()
    told = {"audit": history.opening.audit, "aborted": aborted.event.time, "reason": reason}
    if as_json:
        print_json(told)
    else:
        click.echo(f"{told['audit']} given up at {told['aborted']}: {reason}")

"""``modelassay list``: the audits of a store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelassay.cli.gate_policies import show_policies
from modelassay.cli.options import chosen_store, json_option, print_json, store_option

if TYPE_CHECKING:
    from modelassay.audit.standing import OpenAudit
    from modelassay.evidence.events import AuditOpened


@click.command("list")
@click.option("--policies", is_flag=True, help="List the policies that come with the package instead.")
@store_option
@json_option
def command(policies: bool, store: Path | None, as_json: bool) -> None:
    """List finished audits, newest first, and those that were opened and not finished or are damaged."""
    if policies:
        show_policies(as_json=as_json)
        return
    from modelassay.audit import audit_ids, read_audit
    from modelassay.audit.standing import unfinished
    from modelassay.errors import StoreError
    from modelassay.evidence.ledger import read_histories

    place = chosen_store(store)
    records, damaged = [], []
    for audit in audit_ids(place):
        try:
            records.append(read_audit(place, audit))
        except StoreError as error:
            damaged.append({"audit": audit, "what": error.what})
    records.sort(key=lambda r: (r.closed, r.id), reverse=True)
    histories = read_histories(place / "log")
    without_end = unfinished(histories)
    open_ = [each for each in without_end if not each.aborted]
    aborted = [each for each in without_end if each.aborted]
    if as_json:
        rows = [
            {
                "audit": r.id,
                "name": r.name,
                "outcome": r.verdict.outcome,
                "imported": bool(r.imported),
                "closed": r.closed,
                "expires": r.verdict.expires,
                "candidate": r.candidate.reference,
                "line": history.opening.line if history else "",
                "attempt": history.opening.attempt if history else 0,
                "withdrawn": bool(history and history.withdrawn),
            }
            for r in records
            for history in [histories.get(r.id)]
        ]
        print_json({"audits": rows, "open": open_, "aborted": aborted, "damaged": damaged})
        return
    if not records and not without_end and not damaged:
        click.echo(f"no audits in {place}")
        return
    names = [r.id for r in records] + [o.audit for o in without_end] + [d["audit"] for d in damaged]
    width = max(map(len, names))
    for record in records:
        history = histories.get(record.id)
        word: str = "withdrawn" if history and history.withdrawn else record.verdict.outcome
        attempt = f"  {_attempt(history.opening)}" if history else ""
        mark = "  (imported)" if record.imported else ""
        click.echo(f"{record.id:{width}}  {word:16}  {record.closed}  {record.name}{mark}{attempt}")
    for left in without_end:
        word, when = ("aborted", left.aborted) if left.aborted else ("open", left.opened)
        why = f": {left.reason}" if left.reason else ""
        click.echo(f"{left.audit:{width}}  {word:16}  {when}  {left.name}  {_attempt(left)}{why}")
    for broken in damaged:
        click.echo(f"{broken['audit']:{width}}  {'damaged':16}  {broken['what']}")


def _attempt(opened: AuditOpened | OpenAudit) -> str:
    return f"(attempt {opened.attempt} of {opened.line})"

"""What the end of an audit says of earlier attempts that are still open: `verify` refuses until they end."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from modelassay.audit.standing import OpenAudit
    from modelassay.records import AuditRecord


def open_attempts(record: AuditRecord, store: Path) -> list[OpenAudit]:
    """Audits of the same release line that were opened before `record` was, and never came to an end.

    Raises:
        EvidenceError: the log is damaged.
    """
    from modelassay.audit.standing import left_open
    from modelassay.evidence.ledger import read_histories

    histories = read_histories(store / "log")
    return left_open(histories, record.id) if record.id in histories else []


def open_attempts_in_json(left: list[OpenAudit], store: Path) -> list[dict[str, Any]]:
    """The attempts with the command that gives each up."""
    return [
        {
            "audit": each.audit,
            "attempt": each.attempt,
            "opened": each.opened,
            "abandon": _command(each, store),
        }
        for each in left
    ]


def tell_open_attempts(left: list[OpenAudit], store: Path) -> None:
    """Say on stderr what is still open, and how to end it."""
    for each in left:
        click.echo(
            f"attempt {each.attempt} of {each.line!r} is still open since {each.opened}: {each.audit}\n"
            "  until it ends `modelassay verify --log` refuses the later ones: run its plan to the end, or\n"
            f"  {_command(each, store)}",
            err=True,
        )


def _command(left: OpenAudit, store: Path) -> str:
    place = "" if store == Path("assay") else f" --store {shlex.quote(str(store))}"
    return f'modelassay abandon {left.audit} --reason "…"{place}'

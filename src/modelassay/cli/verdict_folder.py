"""Which verdict a subcommand of ``modelassay verdict`` is about."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelassay.evidence.signing_off import UnsignedOff


def issued_verdict(store: Path, audit: str) -> UnsignedOff:
    """The signed verdict of `audit` (an id, the start of one, or a bundle's folder), which the log knows.

    Raises:
        UsageError: no such audit, no signed verdict, or one that was never logged in this store.
        EvidenceError: the verdict or the log is damaged.
    """
    from modelassay.audit import read_audit
    from modelassay.errors import UsageError
    from modelassay.evidence.revocations import scan
    from modelassay.evidence.signing_off import read_unsigned_off
    from modelassay.log.reader import LogReader, log_exists

    folder = Path(audit) if Path(audit).is_dir() else store / "audits" / read_audit(store, audit).id
    verdict = read_unsigned_off(folder)
    log = store / "log"
    if not log_exists(log) or scan(LogReader(log).entries()).issue_of(verdict.payload) is None:
        raise UsageError(
            f"the log does not know the verdict of {verdict.audit}",
            where=str(log),
            mend="name the --store whose log it was issued in",
        )
    return verdict

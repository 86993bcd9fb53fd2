"""Which candidate of a release line came before another one and was let through."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from modelassay.audit.seal import audit_ids, read_audit
from modelassay.errors import UsageError
from modelassay.evidence.clearance_files import clearance_at
from modelassay.evidence.events import (
    AuditClosed,
    AuditOpened,
    DeployAdmitted,
    VerdictIssued,
    VerdictWithdrawn,
    WaiverGranted,
)
from modelassay.evidence.lapse import lapse_of
from modelassay.evidence.ledger import Ledger
from modelassay.evidence.notary import Notary
from modelassay.records import Actor

_KINDS = (AuditOpened, AuditClosed, VerdictIssued, VerdictWithdrawn, WaiverGranted, DeployAdmitted)


def folder_of(store: Path, audit: str) -> Path:
    """The sealed audit called `audit`: a path, or an id in `store` or the start of one.

    Raises:
        UnknownNameError: no such audit.
        UsageError: several.
    """
    path = Path(audit)
    if (path / "audit.json").is_file() or (path.suffix in {".zip", ".gz", ".tar"} and path.is_file()):
        return path
    return store / "audits" / read_audit(store, audit).id


def released_before(store: Path, after: Path) -> Path:
    """The last audit of the same release line before `after` whose candidate was let through: admitted to
    a deployment, judged fit for it, or cleared by people while their word held; and not withdrawn since.

    Raises:
        UsageError: the log of `store` does not know `after`, or nothing was released before it.
    """
    line = _Line(store, after.name)
    sealed = set(audit_ids(store))
    for audit in reversed(line.closed_before):
        if audit not in sealed or audit in line.withdrawn:
            continue
        if audit in line.admitted or _let_through(store, audit, line.decided.get(audit, ())):
            return store / "audits" / audit
    raise UsageError(
        f"no earlier candidate of the line {line.name!r} was let through",
        where=str(store),
        mend="name the audit to compare with: modelassay diff BEFORE AFTER",
    )


def _let_through(store: Path, audit: str, decided: Sequence[datetime]) -> bool:
    """Whether the verdict of `audit` let its candidate be deployed, by itself or at one of the times at which
    people `decided` on it: their word may be over by now.
    """
    verdict = read_audit(store, audit).verdict
    if verdict.outcome == "deploy":
        return lapse_of(audit, store / "log") is None
    folder = store / "audits" / audit
    return any(clearance_at(folder, store, verdict, now=time).cleared for time in decided)


class _Line:
    """What the log says of the release line of one audit."""

    def __init__(self, store: Path, audit: str) -> None:
        ledger = Ledger(store, Notary(actor=Actor(name="reader")))
        lines: dict[str, str] = {}
        closed: list[str] = []
        payloads: dict[str, str] = {}
        admitted: set[str] = set()
        withdrawn: set[str] = set()
        self.decided: dict[str, list[datetime]] = {}
        """When people decided on each audit."""
        for logged in ledger.events(*_KINDS):
            if logged.event.kind == AuditOpened.kind:
                opened = logged.read(AuditOpened)
                lines.setdefault(opened.audit, opened.line)
            elif logged.event.kind == AuditClosed.kind:
                closed.append(logged.read(AuditClosed).audit)
            elif logged.event.kind == VerdictIssued.kind:
                issued = logged.read(VerdictIssued)
                payloads[issued.payload] = issued.audit
            elif logged.event.kind == VerdictWithdrawn.kind:
                withdrawn.add(logged.read(VerdictWithdrawn).audit)
            elif logged.event.kind == WaiverGranted.kind:
                time = datetime.fromisoformat(logged.event.time)
                self.decided.setdefault(logged.read(WaiverGranted).audit, []).append(time)
            else:
                admitted.add(payloads.get(logged.read(DeployAdmitted).verdict, ""))
        if audit not in lines:
            raise UsageError(
                "this audit is not in the store's log, so its release line is not known",
                where=str(store / "log"),
                mend="name both audits: modelassay diff BEFORE AFTER",
            )
        self.name = lines[audit]
        """Name of the line."""
        self.admitted = admitted
        self.withdrawn = withdrawn
        until = closed.index(audit) if audit in closed else len(closed)
        self.closed_before = [
            name for name in closed[:until] if lines.get(name) == self.name and name != audit
        ]
        """Ids of its audits that ended before this one did, in their order."""

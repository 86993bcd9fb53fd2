"""Whether a verdict that was issued holds no longer, as the log of its own store says.

A bundle cannot show that. So whoever acts on an audit of a store (decides on it again, judges its answers
again, hands it over, exits by its verdict) asks here first. Without a log, and of an audit that the log does
not know, nothing is said: then nothing was issued that could be taken back.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from modelassay.errors import EvidenceError
from modelassay.evidence.events import KeyRevoked, VerdictWithdrawn
from modelassay.evidence.ledger import read_events
from modelassay.evidence.revocations import scan
from modelassay.log.reader import LogReader


class Lapse(msgspec.Struct, frozen=True, kw_only=True):
    """Why a verdict holds no longer."""

    kind: Literal["withdrawn", "revoked"]
    """Taken back, or signed by nothing but keys that were revoked before they are known to have signed."""
    reason: str
    """As the log has it."""

    @property
    def sentence(self) -> str:
        """What happened, and why."""
        if self.kind == "withdrawn":
            return f"the verdict was withdrawn: {self.reason}"
        return f"the keys that signed the verdict were revoked: {self.reason}"

    @property
    def mend(self) -> str:
        """What would give a verdict that holds."""
        if self.kind == "withdrawn":
            return "audit the candidate anew"
        return "have it signed with a key that stands: `modelassay verdict sign`"


def lapse_of(audit: str, log: Path) -> Lapse | None:
    """Why the verdict of the audit with this id holds no longer; None while it does, or was never issued.

    A withdrawal is of the audit, whatever was signed about it. Of its signatures, one that counts is enough:
    `verify` and `admit` know how many somebody asks for.

    Args:
        log: the folder of the log of the audit's store.

    Raises:
        EvidenceError: the log is damaged.
    """
    ends = list(read_events(log, VerdictWithdrawn, KeyRevoked))  # almost every log has none
    for logged in ends:
        if logged.event.kind == VerdictWithdrawn.kind:
            gone = logged.read(VerdictWithdrawn)
            if gone.audit == audit:
                return Lapse(kind="withdrawn", reason=gone.reason or "no reason given")
    if not ends:
        return None
    standing = scan(LogReader(log).entries())
    issued = {each.payload for each in standing.issued if each.audit == audit}
    by_key = {
        (each.payload, each.key): standing.revocations_of(each.payload, each.key)
        for each in standing.signed
        if each.payload in issued
    }
    if not by_key or not all(by_key.values()):
        return None
    reasons = {each.reason: None for revoked in by_key.values() for each in revoked}
    return Lapse(kind="revoked", reason="; ".join(reasons))


def check_holds(audit: str, log: Path, *, so: str, where: str) -> None:
    """Refuse an audit whose verdict holds no longer.

    Args:
        so: what is not done with it therefore, as in "so it is not decided again".

    Raises:
        EvidenceError: it was withdrawn, or its keys were revoked.
    """
    lapse = lapse_of(audit, log)
    if lapse is not None:
        raise EvidenceError(f"{lapse.sentence}; {so}", where=where, mend=lapse.mend)

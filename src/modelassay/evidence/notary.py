"""Who writes events, signs verdicts and tree heads, and has tree heads witnessed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from modelassay.errors import StoreError
from modelassay.evidence.statements import VERIFIER
from modelassay.log.note import SignatureLine
from modelassay.log.reader import LogReader
from modelassay.log.signing import PublicKey, Signer
from modelassay.records import Actor


class Cosigner(Protocol):
    """A witness as a log sees it."""

    @property
    def name(self) -> str:
        """For messages."""
        ...

    def cosign(self, checkpoint: bytes, log: LogReader) -> Sequence[SignatureLine]:
        """Cosignatures on the signed tree head `checkpoint`.

        Args:
            checkpoint: of a state of `log`.
            log: where proofs of consistency with what the witness saw before come from.

        Raises:
            StoreError: it cannot be reached now.
            EvidenceError: it refuses, because the log does not continue what it saw before.
        """
        ...


def utc_now() -> str:
    """The time in UTC, to the second, as ``YYYY-MM-DDTHH:MM:SSZ``."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def silent(_: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, kw_only=True)
class Notary:
    """Keys and witnesses of whoever runs an audit; without any, events are logged and nothing is signed."""

    actor: Actor
    """Named in every event."""
    verdict_signers: tuple[Signer, ...] = ()
    """ECDSA P-256."""
    log_signer: Signer | None = None
    """Ed25519; its key's name is the origin of a log that it signs first."""
    succeeds: bool | tuple[PublicKey, ...] = False
    """Whether that key may take the place of the one that signs the log; or of which keys it is the
    successor."""
    witnesses: tuple[Cosigner, ...] = ()
    verifier: str = VERIFIER
    """URI of who decides, as verdicts name it."""
    clock: Callable[[], str] = utc_now
    tell: Callable[[str], None] = silent
    """Gets a line for people when something is left out."""

    def cosignatures(self, checkpoint: bytes, log: Path) -> tuple[SignatureLine, ...]:
        """What every witness that can be reached adds to `checkpoint`; the others are told of.

        Raises:
            EvidenceError: a witness refuses the log.
        """
        lines: list[SignatureLine] = []
        for witness in self.witnesses:
            try:
                lines += witness.cosign(checkpoint, LogReader(log))
            except StoreError as error:
                self.tell(f"witness {witness.name}: {error.what}; run the same command again to ask it again")
        return tuple(lines)

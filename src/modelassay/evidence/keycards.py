"""Key cards: what is known of a key beside the key itself, kept as ``NAME.USE.json``."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Literal, get_args

import msgspec

from modelassay.errors import EvidenceError, UsageError
from modelassay.log.note import COSIGNATURE, ED25519, vkey_of
from modelassay.log.signing import Algorithm, PublicKey

Use = Literal["verdict", "log", "witness"]
"""What a key signs: verdicts, tree heads of a log, or as a witness the tree heads of others."""

HolderKind = Literal["person", "pipeline"]

USES: tuple[Use, ...] = get_args(Use)
ALGORITHMS: dict[Use, Algorithm] = {"verdict": "ecdsa-p256", "log": "ed25519", "witness": "ed25519"}
KEY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""What a key may be called; the rest of a file's name is ours."""

_NOTE_TYPES: dict[Use, int] = {"log": ED25519, "witness": COSIGNATURE}


class KeyCard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of a key beside the key itself; nothing in it is secret."""

    format: Literal["modelassay.key/1"] = "modelassay.key/1"
    name: str
    """As in the file's name."""
    use: Use
    key: str
    """Its id; see `PublicKey.key_id`."""
    spki: str
    """DER SubjectPublicKeyInfo in base64."""
    origin: str = ""
    """For logs and witnesses: the name under which they sign."""
    holder: str
    """Who answers for what it signs."""
    holder_kind: HolderKind
    created: str
    """UTC, ``YYYY-MM-DDTHH:MM:SSZ``."""
    ended: str = ""
    """When it stopped counting; empty while it counts."""
    reason: str = ""
    """Why it stopped counting."""

    @property
    def public(self) -> PublicKey:
        """The key to check its signatures with, under its origin or name."""
        return PublicKey(name=self.origin or self.name, spki=base64.b64decode(self.spki))

    def file(self, suffix: Literal["pem", "pub.pem", "vkey", "json"]) -> str:
        """The name of one of its files."""
        return f"{self.name}.{self.use}.{suffix}"

    @property
    def vkey(self) -> str:
        """The verifier key of a log or witness; empty for verdict keys."""
        kind = _NOTE_TYPES.get(self.use)
        return str(vkey_of(self.public, key_type=kind)) if kind else ""


def read_card(path: Path) -> KeyCard | None:
    """The card at `path`, None when there is no file.

    Raises:
        UsageError: it cannot be read, or is not that of its key and file.
    """
    if not path.is_file():
        return None
    try:
        card = msgspec.json.decode(path.read_bytes(), type=KeyCard)
        matches = card.public.key_id == card.key
    except (msgspec.DecodeError, EvidenceError, ValueError) as error:
        raise UsageError(f"not the card of a key: {error}", where=str(path)) from error
    if not matches or path.name != card.file("json"):
        raise UsageError("the card is not that of its key", where=str(path), mend="restore it from a copy")
    return card


def card_bytes(card: KeyCard) -> bytes:
    """The file of `card`."""
    return msgspec.json.format(msgspec.json.encode(card), indent=2) + b"\n"

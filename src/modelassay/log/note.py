"""Signed notes and tree heads: text that people can read, with signature lines below it.

A note is UTF-8 text that ends in a newline, an empty line, and signature lines

    — <key name> <base64 of the 4-byte key id and the signature>

A tree head is a note whose text says a log's origin, size and root, a line each. Rules are those of C2SP
signed-note and tlog-checkpoint, and of Go's ``golang.org/x/mod/sumdb/note`` where it is stricter.
Sources: https://c2sp.org/signed-note, https://c2sp.org/tlog-checkpoint
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from modelassay.errors import EvidenceError
from modelassay.log.merkle import HASH_BYTES, LARGEST_SIZE
from modelassay.log.signing import PublicKey, Signer

ED25519 = 0x01
"""Signature type of plain Ed25519 on the text."""
COSIGNATURE = 0x04
"""Signature type of timestamped Ed25519 cosignatures of witnesses (c2sp.org/tlog-cosignature)."""

MOST_SIGNATURES = 100
MOST_BYTES = 2**20
"""A note may have so many signatures and bytes; more is refused before anything is verified."""

_DASH = "— "
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


class NoteVerifier(Protocol):
    """Checks one key's signatures on notes; each signature type has its own."""

    @property
    def name(self) -> str:
        """The key's name, as it stands in signature lines."""
        ...

    @property
    def key_id(self) -> bytes:
        """Four bytes that tell keys of one name apart; see `note_key_id`."""
        ...

    def verifies(self, text: bytes, signature: bytes) -> bool:
        """Whether `signature` (without the key id) is this key's on the note's `text`."""
        ...


@dataclass(frozen=True)
class SignatureLine:
    """One signature on a note."""

    name: str
    key_id: bytes
    """Four bytes."""
    signature: bytes

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.signature).decode()}\n"

    def is_of(self, key: NoteVerifier | SignatureLine) -> bool:
        """Whether it says that it was made by `key`, or by the key that made that other line."""
        return self.name == key.name and self.key_id == key.key_id


@dataclass(frozen=True)
class Note:
    """A note taken apart, nothing verified yet."""

    text: bytes
    """With its last newline, without the empty line."""
    signatures: tuple[SignatureLine, ...]

    def __bytes__(self) -> bytes:
        return self.text + b"\n" + "".join(map(str, self.signatures)).encode()

    def with_signatures(self, lines: Iterable[SignatureLine]) -> Note:
        """The note with `lines` added; a line of a key that signed already takes the old one's place."""
        by_key = {(line.name, line.key_id): line for line in (*self.signatures, *lines)}
        return Note(self.text, tuple(by_key.values()))


@dataclass(frozen=True)
class OpenedNote:
    """A note with at least one signature that was verified."""

    note: Note
    verified: tuple[SignatureLine, ...]
    """Signatures of known keys, each verified; the rest of the note's are of unknown keys."""

    @property
    def text(self) -> bytes:
        """What was signed."""
        return self.note.text


@dataclass(frozen=True)
class Vkey:
    """A public key as one line of text, ``name+hex key id+base64 of type and key``; Go's verifier key."""

    name: str
    key_type: int
    """Signature type: `ED25519`, `COSIGNATURE`."""
    key: bytes

    def __str__(self) -> str:
        return (
            f"{self.name}+{self.key_id.hex()}+{base64.b64encode(bytes([self.key_type]) + self.key).decode()}"
        )

    @property
    def key_id(self) -> bytes:
        """Four bytes; see `note_key_id`."""
        return note_key_id(self.name, self.key_type, self.key)

    @property
    def ed25519(self) -> Ed25519PublicKey:
        """The key to verify with."""
        return Ed25519PublicKey.from_public_bytes(self.key)

    @classmethod
    def parse(cls, text: str) -> Vkey:
        """Read a vkey.

        Raises:
            EvidenceError: malformed, a key id that is not the key's, or a type that is not known here.
        """
        name, _, rest = text.partition("+")
        id_hex, _, key_base64 = rest.partition("+")
        data = _strict_base64(key_base64, "the vkey")
        if not is_key_name(name) or not data or not re.fullmatch(r"[0-9a-f]{8}", id_hex, re.ASCII):
            raise EvidenceError(
                f"not a vkey: {text[:80]!r}", mend="a vkey reads name+8 hexadecimal digits+base64"
            )
        vkey = cls(name, data[0], data[1:])
        if vkey.key_id.hex() != id_hex:
            raise EvidenceError("the vkey's id is not that of its key", where=name)
        if vkey.key_type not in (ED25519, COSIGNATURE):
            raise EvidenceError(f"a vkey of unknown type 0x{vkey.key_type:02x}", where=name)
        if len(vkey.key) != 32:
            raise EvidenceError(f"an Ed25519 key of {len(vkey.key)} bytes instead of 32", where=name)
        return vkey


@dataclass(frozen=True)
class Ed25519Verifier:
    """Checks plain Ed25519 signatures on notes (type 0x01)."""

    vkey: Vkey

    def __post_init__(self) -> None:
        if self.vkey.key_type != ED25519:
            raise EvidenceError(
                f"a key of type 0x{self.vkey.key_type:02x} does not sign tree heads",
                where=self.vkey.name,
                mend="give the log's own key, not a witness's",
            )

    @property
    def name(self) -> str:
        """The key's name."""
        return self.vkey.name

    @property
    def key_id(self) -> bytes:
        """Four bytes; see `note_key_id`."""
        return self.vkey.key_id

    def verifies(self, text: bytes, signature: bytes) -> bool:
        """Whether `signature` is this key's on `text`."""
        try:
            self.vkey.ed25519.verify(signature, text)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class TreeHead:
    """What a log says of itself: after `size` entries its root is `root`."""

    origin: str
    """The log's name, for as long as it lives."""
    size: int
    root: bytes
    """32 bytes."""

    @property
    def text(self) -> bytes:
        """The note text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n".encode()

    @classmethod
    def parse(cls, text: bytes) -> TreeHead:
        """Read a note text.

        Raises:
            EvidenceError: not exactly three lines of the form that `text` has.
        """
        try:
            lines = text.decode().split("\n")
        except UnicodeDecodeError as error:
            raise EvidenceError("the tree head is not UTF-8") from error
        if len(lines) != 4 or lines[3] or not lines[0]:
            raise EvidenceError("a tree head has three lines: origin, size, root; extensions are not taken")
        if not _DECIMAL.fullmatch(lines[1]) or int(lines[1]) > LARGEST_SIZE:
            raise EvidenceError(f"the tree head's size {lines[1][:30]!r} is not a number of entries")
        root = _strict_base64(lines[2], "the tree head's root")
        if len(root) != HASH_BYTES:
            raise EvidenceError(f"the tree head's root has {len(root)} bytes instead of {HASH_BYTES}")
        return cls(lines[0], int(lines[1]), root)


def note_key_id(name: str, key_type: int, key: bytes) -> bytes:
    """The first four bytes of SHA-256(name, newline, type, key)."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([key_type]) + key).digest()[:4]


def is_key_name(name: str) -> bool:
    """Whether `name` can name a key: no spaces, control characters or plus signs, not empty."""
    return bool(name) and "+" not in name and not any(c.isspace() or ord(c) < 0x20 for c in name)


def vkey_of(key: PublicKey, *, name: str = "", key_type: int = ED25519) -> Vkey:
    """The vkey of an Ed25519 `key`, under its own name unless `name` is given.

    Raises:
        EvidenceError: not an Ed25519 key, or a name that notes cannot carry.
    """
    name = name or key.name
    if not is_key_name(name):
        raise EvidenceError(
            f"{name!r} cannot name a key in a note", mend="use a name without spaces and plus signs"
        )
    return Vkey(name, key_type, key.raw)


def signature_line(text: bytes, signer: Signer, *, name: str = "") -> SignatureLine:
    """The plain Ed25519 signature of `signer` on a note's `text`, under its key's name unless given.

    Raises:
        EvidenceError: the key is not Ed25519, or what came back is not its signature.
    """
    vkey = vkey_of(signer.public, name=name)
    signature = signer.sign(text)
    if not Ed25519Verifier(vkey).verifies(text, signature):
        raise EvidenceError("the signer gave a signature that its own key does not verify", where=vkey.name)
    return SignatureLine(vkey.name, vkey.key_id, signature)


def sign_note(text: bytes, signers: Iterable[Signer]) -> bytes:
    """A note with `text` (which ends in a newline) and a signature by each of `signers`.

    Raises:
        EvidenceError: text that no note can carry, or a signer that cannot sign notes.
    """
    note = Note(text, tuple(signature_line(text, signer) for signer in signers))
    return bytes(parse_note(bytes(note)))


def parse_note(data: bytes) -> Note:
    """Take a note apart; nothing is verified.

    Raises:
        EvidenceError: not a note in its one spelling, or too large.
    """
    if len(data) > MOST_BYTES:
        raise EvidenceError(f"a signed note of {len(data):,} bytes; at most {MOST_BYTES:,} are read")
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        raise EvidenceError("the signed note is not UTF-8") from error
    if any(c < " " and c != "\n" for c in whole):
        raise EvidenceError("the signed note holds control characters")
    text, gap, below = whole.rpartition("\n\n")
    if not gap or not below.endswith("\n"):
        raise EvidenceError("the signed note has no signature lines after an empty line")
    lines = below[:-1].split("\n")
    if len(lines) > MOST_SIGNATURES:
        raise EvidenceError(f"a signed note with more than {MOST_SIGNATURES} signatures")
    return Note((text + "\n").encode(), tuple(map(_parse_line, lines)))


def open_note(data: bytes, verifiers: Sequence[NoteVerifier]) -> OpenedNote:
    """Verify a note; signatures by keys that are not among `verifiers` are passed over.

    Raises:
        EvidenceError: malformed; a known key's signature is wrong; or no known key signed.
    """
    note = parse_note(data)
    verified: list[SignatureLine] = []
    for line in note.signatures:
        known = [verifier for verifier in verifiers if line.is_of(verifier)]
        if not known or any(line.is_of(other) for other in verified):
            continue
        if not any(verifier.verifies(note.text, line.signature) for verifier in known):
            raise EvidenceError(f"the signature by {line.name} is not on this text")
        verified.append(line)
    if not verified:
        signed_by = ", ".join(dict.fromkeys(line.name for line in note.signatures))
        raise EvidenceError(
            f"no signature by a key that is trusted here (signed by {signed_by})",
            mend="give the key that should have signed",
        )
    return OpenedNote(note, tuple(verified))


def _parse_line(line: str) -> SignatureLine:
    if not line.startswith(_DASH):
        raise EvidenceError(f"not a signature line: {line[:60]!r}")
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    data = _strict_base64(encoded, f"the signature by {name[:60]!r}")
    if not is_key_name(name) or len(data) < 5:
        raise EvidenceError(f"not a signature line: {line[:60]!r}")
    return SignatureLine(name, data[:4], data[4:])


def _strict_base64(text: str, what: str) -> bytes:
    """The bytes behind base64 in its one spelling."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise EvidenceError(f"{what} is not base64") from error
    if base64.b64encode(data).decode() != text:
        raise EvidenceError(f"{what} is not base64 in its one spelling")
    return data

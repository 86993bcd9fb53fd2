"""A proof that an entry is in a log, in one file that is checked offline: C2SP tlog-proof.

    c2sp.org/tlog-proof@v1
    index <index of the entry>
    <base64 of each hash of the inclusion proof, a line each>
    <empty line>
    <the signed tree head, as it is>

Source: https://c2sp.org/tlog-proof. The optional line ``extra``, which no signature covers, is refused.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from modelassay.errors import EvidenceError
from modelassay.log.merkle import HASH_BYTES, LARGEST_SIZE, leaf_hash, verify_inclusion
from modelassay.log.note import MOST_BYTES, NoteVerifier, OpenedNote, TreeHead, open_note, parse_note
from modelassay.log.reader import LogReader

_FORM = "c2sp.org/tlog-proof@v1"
_MOST_HASHES = 63


@dataclass(frozen=True)
class TlogProof:
    """What a ``.tlog-proof`` file says; nothing of it is verified until `verify`."""

    index: int
    hashes: tuple[bytes, ...]
    """The leaf's sibling first, the root's child last."""
    checkpoint: bytes
    """The signed tree head."""

    @property
    def head(self) -> TreeHead:
        """The tree head that the proof leads to."""
        return TreeHead.parse(parse_note(self.checkpoint).text)

    def verify(self, entry: bytes, verifiers: Sequence[NoteVerifier]) -> OpenedNote:
        """Check that the log, by a key of `verifiers`, has `entry` at `index`; the opened tree head.

        Whether enough witnesses signed is for the caller to say, from ``verified`` of what is returned.

        Raises:
            EvidenceError: the tree head is not signed by a known key, or the entry is not in its tree.
        """
        opened = open_note(self.checkpoint, verifiers)
        head = TreeHead.parse(opened.text)
        verify_inclusion(leaf_hash(entry), self.index, head.size, self.hashes, head.root)
        return opened


def prove(log: LogReader, index: int) -> TlogProof:
    """The proof of entry `index` under the log's signed tree head.

    Raises:
        EvidenceError: the tree head is not signed, or does not cover the entry yet.
    """
    head = log.head()
    if index >= head.size:
        raise EvidenceError(
            f"the signed tree head covers {head.size} entries, and not entry {index}",
            where=str(log.folder),
            mend="sign the log as it is now with `modelassay log sign`" if index < log.size else "",
        )
    assert log.checkpoint is not None
    return TlogProof(index, tuple(log.inclusion_proof(index, head.size)), log.checkpoint)


def write_proof(proof: TlogProof) -> bytes:
    """The bytes of a ``.tlog-proof`` file."""
    lines = [_FORM, f"index {proof.index}", *(base64.b64encode(each).decode() for each in proof.hashes)]
    return ("\n".join(lines) + "\n\n").encode() + proof.checkpoint


def read_proof(data: bytes) -> TlogProof:
    """Read the bytes of a ``.tlog-proof`` file.

    Raises:
        EvidenceError: not such a file in its one spelling, or too large.
    """
    if len(data) > 2 * MOST_BYTES:
        raise EvidenceError(f"a proof of {len(data):,} bytes; at most {2 * MOST_BYTES:,} are read")
    top, gap, checkpoint = data.partition(b"\n\n")
    lines = top.split(b"\n")
    if not gap or lines[0] != _FORM.encode():
        raise EvidenceError(f"not a proof: it does not begin with {_FORM}")
    if len(lines) > 1 and lines[1].startswith(b"extra "):
        raise EvidenceError("the proof carries extra data, which nothing here asks for and nobody signed")
    word, _, digits = (lines[1] if len(lines) > 1 else b"").partition(b" ")
    if word != b"index" or not digits.isdigit() or len(digits) > 19 or int(digits) > LARGEST_SIZE:
        raise EvidenceError("the proof does not say the index of its entry")
    if len(lines) - 2 > _MOST_HASHES:
        raise EvidenceError(f"a proof of more than {_MOST_HASHES} hashes")
    try:
        hashes = tuple(base64.b64decode(line, validate=True) for line in lines[2:])
    except (binascii.Error, ValueError) as error:
        raise EvidenceError("the proof holds a line that is not base64") from error
    if any(len(each) != HASH_BYTES for each in hashes):
        raise EvidenceError(f"the proof holds a hash that does not have {HASH_BYTES} bytes")
    proof = TlogProof(int(digits), hashes, checkpoint)
    TreeHead.parse(parse_note(checkpoint).text)
    if write_proof(proof) != data:
        raise EvidenceError("the proof is not in its one spelling")
    return proof

"""Salted commitments to single records: one can be shown, or erased, without touching the others.

Each record of a sealed file (a line, without its line break) has a leaf, the canonical JSON::

    {"file":"transcripts","index":0,"salt":"<32 hex>","sha256":"<hex of the record>"}

and a file's root is the RFC 6962 root over its leaves. The salt keeps an erased record from being
guessed from its leaf; it follows from a secret that stays in the store, so that sealing again gives the
same bytes, and it goes with the record: whoever has the record has its salt.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from modelassay.canonical import Digest
from modelassay.errors import StoreError
from modelassay.evidence.parts import RecordSet
from modelassay.log.merkle import leaf_hash, root_of
from modelassay.records import PairKey

CommittedFile = Literal["samples", "transcripts"]
COMMITTED: tuple[CommittedFile, ...] = ("samples", "transcripts")
"""Sealed files whose records are committed to one by one, in the order of ``commitments.jsonl.gz``."""

SECRET_BYTES = 32
SALT_BYTES = 16


def salt_of(secret: bytes, file: CommittedFile, index: int) -> bytes:
    """The 16 bytes of salt for one record: the start of HMAC-SHA256 (RFC 2104) of ``file|index``."""
    return hmac.digest(secret, b"%s|%d" % (file.encode(), index), "sha256")[:SALT_BYTES]


def leaf_of(file: CommittedFile, index: int, salt: str, sha256: str) -> bytes:
    """The leaf of one record, see the module.

    Args:
        salt: 32 hexadecimal digits.
        sha256: 64 hexadecimal digits, of the record's line without its line break.
    """
    text = f'{{"file":"{file}","index":{index},"salt":"{salt}","sha256":"{sha256}"}}'
    return text.encode("ascii")


class Commitments:
    """Commits to the records of one file as they are written; keeps 32 bytes of each.

    Args:
        file: which one.
        secret: the audit's, see `secret_salt`.
    """

    def __init__(self, file: CommittedFile, secret: bytes) -> None:
        self._file = file
        self._secret = secret
        self._leaves: list[bytes] = []

    def add(self, record: bytes) -> bytes:
        """Commit to the next record; gives its line for ``commitments.jsonl.gz``, without a line break."""
        index = len(self._leaves)
        salt = salt_of(self._secret, self._file, index).hex()
        leaf = leaf_of(self._file, index, salt, hashlib.sha256(record).hexdigest())
        self._leaves.append(leaf_hash(leaf))
        return f'{{"file":"{self._file}","index":{index},"salt":"{salt}"}}'.encode("ascii")

    @property
    def records(self) -> RecordSet:
        """How many there are, and the root over them."""
        return RecordSet(n=len(self._leaves), root="sha256:" + root_of(self._leaves).hex())


def order_digest(keys: Iterable[PairKey]) -> Digest:
    """What was to be asked, in which order: SHA-256 over a line ``SAMPLE EPOCH`` for each question."""
    digest = hashlib.sha256()
    for key in keys:
        digest.update(f"{key.sample} {key.epoch}\n".encode())
    return Digest("sha256:" + digest.hexdigest())


def secret_salt(store: Path, audit: str, *, used: Callable[[], bool] = lambda: False) -> bytes:
    """The 32 secret bytes behind the salts of `audit`, drawn once and kept in ``secrets/<id>.salt``.

    Args:
        used: whether something was committed to with it already, so that a fresh one would not fit; asked
            only where it is missing.

    Raises:
        StoreError: it cannot be written, is damaged, or is missing although it was used.
    """
    path = store / "secrets" / f"{audit}.salt"
    try:
        if not path.exists():
            if used():
                raise StoreError(
                    "the secret is missing with which this was committed to; with another one nothing of it "
                    "could be opened",
                    where=str(path),
                    mend="copy it there from the store in which it was made: secrets/ moves with a store",
                )
            _draw(path)
        secret = path.read_bytes()
    except OSError as error:
        raise StoreError(
            f"the audit's secret salt cannot be kept: {error.strerror}",
            where=str(path),
            mend="make room, or check the permissions of the store",
        ) from error
    if len(secret) != SECRET_BYTES:
        raise StoreError(
            f"the audit's secret salt is damaged: {len(secret)} bytes instead of {SECRET_BYTES}",
            where=str(path),
            mend="restore it from a copy of the store",
        )
    return secret


def _draw(path: Path) -> None:
    """Write fresh random bytes to `path`, whole or not at all, readable by the owner alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(f".{secrets.token_hex(4)}.draft")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(file, secrets.token_bytes(SECRET_BYTES))
        os.fsync(file)
    finally:
        os.close(file)
    try:
        os.link(draft, path)  # unlike a rename, never replaces what another process has drawn
    except FileExistsError:
        pass
    finally:
        draft.unlink()

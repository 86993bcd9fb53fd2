"""A witness: cosigns the tree heads of logs it knows, and never two histories of the same log.

It remembers the latest tree head of each log, in a folder with one small file per log, written to the disk
before a cosignature leaves its hands. So rollback and forks are refused, after kill -9 too.
Source: https://c2sp.org/tlog-witness, the call ``add-checkpoint``. The same request and response can be
exchanged as files.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from modelassay.errors import EvidenceError, StoreError, UsageError
from modelassay.log.cosignature import cosign
from modelassay.log.durable import write_atomic
from modelassay.log.merkle import EMPTY_ROOT, HASH_BYTES, LARGEST_SIZE, verify_consistency
from modelassay.log.note import (
    MOST_BYTES,
    Ed25519Verifier,
    TreeHead,
    Vkey,
    open_note,
    parse_note,
)
from modelassay.log.signing import Signer

MOST_HASHES = 63
MOST_REQUEST_BYTES = MOST_BYTES + 4096

_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})", re.ASCII)


class CosigningRefusedError(EvidenceError):
    """A witness does not cosign; `status` says why, in the numbers of HTTP.

    Args:
        status: 400 malformed, 403 not signed by the log, 404 an unknown log, 409 another size or root is
            known, 422 the proof does not hold.
        known: for 409, the size of the latest tree head that the witness cosigned.
    """

    def __init__(self, what: str, *, status: int, known: int | None = None, where: str = "") -> None:
        super().__init__(what, where=where)
        self.status = status
        self.known = known


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request to cosign."""

    old_size: int
    """Size of the latest tree head that the witness is thought to know; 0 for none."""
    proof: tuple[bytes, ...]
    """Consistency proof from that size."""
    checkpoint: bytes
    """The signed tree head."""


def write_request(request: Request) -> bytes:
    """The body of ``POST /add-checkpoint``."""
    lines = [f"old {request.old_size}", *(base64.b64encode(each).decode() for each in request.proof)]
    return ("\n".join(lines) + "\n\n").encode() + request.checkpoint


def read_request(data: bytes) -> Request:
    """Take a request apart.

    Raises:
        CosigningRefusedError: malformed or too large (400).
    """
    if len(data) > MOST_REQUEST_BYTES:
        raise CosigningRefusedError(f"a request of {len(data):,} bytes", status=400)
    top, gap, checkpoint = data.partition(b"\n\n")
    lines = top.decode("utf-8", "replace").split("\n")
    old = _OLD.fullmatch(lines[0])
    if not gap or old is None or int(old[1]) > LARGEST_SIZE:
        raise CosigningRefusedError("a request begins with `old` and a size", status=400)
    if len(lines) - 1 > MOST_HASHES:
        raise CosigningRefusedError(f"a proof of more than {MOST_HASHES} hashes", status=400)
    return Request(
        old_size=int(old[1]), proof=tuple(_read_hash(line) for line in lines[1:]), checkpoint=checkpoint
    )


class Witness:
    """Cosigns for the logs it knows.

    Args:
        signer: its Ed25519 key, named as the witness is.
        logs: verifier keys of the logs that it watches; several keys may have one origin.
        state: folder of what it remembers; made when it is missing. Lose it, and the witness trusts the next
            tree head it is shown: keep it as safe as the key.
        clock: POSIX seconds.

    Raises:
        UsageError: no log, or a key that is not a log's.
    """

    def __init__(
        self,
        signer: Signer,
        logs: Sequence[Vkey],
        state: Path,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not logs:
            raise UsageError("a witness watches at least one log", mend="give --log with its verifier key")
        self._signer = signer
        self._state = state
        self._clock = clock
        self._logs: dict[str, list[Ed25519Verifier]] = {}
        for vkey in logs:
            self._logs.setdefault(vkey.name, []).append(Ed25519Verifier(vkey))
        state.mkdir(parents=True, exist_ok=True)

    def add_checkpoint(self, request: bytes) -> bytes:
        """Answer a request with a signature line, having remembered its tree head.

        Safe to call from many threads and processes at once.

        Raises:
            CosigningRefusedError: see there.
            StoreError: the state cannot be read or written; nothing was cosigned.
            EvidenceError: the witness's own key cannot sign.
        """
        asked = read_request(request)
        head = self._signed_head(asked.checkpoint)
        if asked.old_size > head.size:
            raise CosigningRefusedError(
                f"the old size {asked.old_size} is larger than the new, {head.size}", status=400
            )
        with self._locked():
            known = self.latest(head.origin)
            if asked.old_size != known.size:
                raise CosigningRefusedError(
                    f"the latest tree head that was cosigned has size {known.size}, not {asked.old_size}",
                    status=409,
                    known=known.size,
                    where=head.origin,
                )
            _check_continues(known, head, asked.proof)
            self._remember(head)
            # Signed under the lock, so that times and sizes of cosignatures never cross.
            line = cosign(head.text, self._signer, int(self._clock()))
        return str(line).encode()

    def latest(self, origin: str) -> TreeHead:
        """The latest tree head of a log that was cosigned; of size 0 when there is none.

        Raises:
            StoreError: what was remembered is damaged.
        """
        path = self._path(origin)
        if not path.exists():
            return TreeHead(origin, 0, EMPTY_ROOT)
        try:
            head = TreeHead.parse(path.read_bytes())
        except EvidenceError as error:
            raise StoreError(
                f"what the witness remembers is damaged: {error.what}", where=str(path)
            ) from error
        if head.origin != origin:
            raise StoreError("the witness remembers another log here", where=str(path))
        return head

    def _signed_head(self, checkpoint: bytes) -> TreeHead:
        """The tree head of `checkpoint`, once the log's signature on it was verified."""
        try:
            head = TreeHead.parse(parse_note(checkpoint).text)
        except EvidenceError as error:
            raise CosigningRefusedError(error.what, status=400) from error
        keys = self._logs.get(head.origin)
        if keys is None:
            raise CosigningRefusedError("this log is not known here", status=404, where=head.origin[:200])
        try:
            open_note(checkpoint, keys)
        except EvidenceError as error:
            raise CosigningRefusedError(error.what, status=403, where=head.origin) from error
        return head

    def _remember(self, head: TreeHead) -> None:
        try:
            write_atomic(self._path(head.origin), head.text)
        except OSError as error:
            raise StoreError(
                f"the witness cannot remember, so it does not cosign: {(error.strerror or '').lower()}",
                where=str(self._state),
                mend="make room and ask again",
            ) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone with the state, among threads and processes: each opens the lock file for itself."""
        descriptor = os.open(self._state / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _path(self, origin: str) -> Path:
        return self._state / f"{hashlib.sha256(origin.encode()).hexdigest()}.head"


def _check_continues(known: TreeHead, head: TreeHead, proof: Sequence[bytes]) -> None:
    if known.size == head.size and known.root != head.root:
        raise CosigningRefusedError(
            f"another tree of {head.size} entries was cosigned before: the log shows two histories",
            status=409,
            known=known.size,
            where=head.origin,
        )
    try:
        verify_consistency(known.size, known.root, head.size, head.root, proof)
    except EvidenceError as error:
        raise CosigningRefusedError(error.what, status=422, where=head.origin) from error


def _read_hash(line: str) -> bytes:
    try:
        value = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError) as error:
        raise CosigningRefusedError("a hash of the proof is not base64", status=400) from error
    if len(value) != HASH_BYTES or base64.b64encode(value).decode() != line:
        raise CosigningRefusedError("a hash of the proof is not 32 bytes in base64", status=400)
    return value

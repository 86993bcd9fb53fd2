"""Asking a witness to cosign: over HTTP, or in this process.

A witness that cannot be reached is a `StoreError`: the log goes on without it and asks again later. One
that refuses is an `EvidenceError`: the log is not the one that it saw before.
Source: https://c2sp.org/tlog-witness
"""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from modelassay.errors import EvidenceError, StoreError, UsageError
from modelassay.log.cosignature import CosignatureVerifier
from modelassay.log.keys import load_vkey
from modelassay.log.note import SignatureLine, TreeHead, Vkey, open_note, parse_note
from modelassay.log.reader import LogReader
from modelassay.log.trust import TrustPolicy
from modelassay.log.witness import CosigningRefusedError, Request, Witness, write_request

PATIENCE_S = 20.0
MOST_RESPONSE_BYTES = 2**16

_ANOTHER = (
    "restore the log from a copy that the witness has seen; but if this is another store's log, begun with "
    "the same key, keep it, and give each store a log key of its own"
)
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n")


class WitnessClient:
    """A witness as a log sees it.

    Args:
        vkey: the witness's verifier key; its answers are checked with it.
        ask: takes the bytes of a request, returns those of a response.

    Raises:
        EvidenceError: the key is not a witness's.
    """

    def __init__(self, vkey: Vkey, ask: Callable[[bytes], bytes]) -> None:
        self._verifier = CosignatureVerifier(vkey)
        self._ask = ask
        self._known: dict[str, int] = {}

    @property
    def name(self) -> str:
        """The witness's name."""
        return self._verifier.name

    def cosign(self, checkpoint: bytes, log: LogReader) -> tuple[SignatureLine, ...]:
        """The witness's cosignature on the signed tree head `checkpoint`, checked.

        Args:
            checkpoint: of a state of `log`.
            log: where proofs of consistency with what the witness saw before come from.

        Raises:
            StoreError: the witness cannot be reached or answers with something else.
            EvidenceError: it refuses.
        """
        head = TreeHead.parse(parse_note(checkpoint).text)
        try:
            response = self._ask(request_for(checkpoint, log, self._known.get(head.origin, 0)))
        except CosigningRefusedError as refused:
            if refused.known is None or refused.known > head.size:
                raise self._refusal(refused) from refused
            try:
                response = self._ask(request_for(checkpoint, log, refused.known))
            except CosigningRefusedError as again:
                raise self._refusal(again) from again
        lines = read_response(response, checkpoint, self._verifier)
        self._known[head.origin] = head.size
        return lines

    def _refusal(self, refused: CosigningRefusedError) -> EvidenceError:
        known = f"; it saw {refused.known} entries before" if refused.known is not None else ""
        return EvidenceError(
            f"the witness refuses to cosign: {refused.what}{known}",
            where=self.name,
            mend=_ANOTHER if refused.known is not None else "",
        )


def request_for(checkpoint: bytes, log: LogReader, old_size: int) -> bytes:
    """A request to cosign `checkpoint`, for a witness that saw `old_size` entries of `log` last.

    Raises:
        EvidenceError: the tree head does not cover so many.
    """
    head = TreeHead.parse(parse_note(checkpoint).text)
    if old_size > head.size:
        raise EvidenceError(f"the signed tree head covers {head.size} entries, fewer than {old_size}")
    proof = log.consistency_proof(old_size, head.size) if 0 < old_size < head.size else []
    return write_request(Request(old_size=old_size, proof=tuple(proof), checkpoint=checkpoint))


def read_response(
    response: bytes, checkpoint: bytes, verifier: CosignatureVerifier
) -> tuple[SignatureLine, ...]:
    """The cosignatures of one witness in a `response`, checked; lines of others are left out.

    Raises:
        EvidenceError: not signature lines, none of this witness, or not on this tree head.
    """
    if len(response) > MOST_RESPONSE_BYTES:
        raise EvidenceError("the witness's answer is too large", where=verifier.name)
    text = parse_note(checkpoint).text
    return open_note(text + b"\n" + response, [verifier]).verified


def in_process(witness: Witness, vkey: Vkey) -> WitnessClient:
    """The client of a witness in this process."""
    return WitnessClient(vkey, witness.add_checkpoint)


def over_http(url: str, vkey: Vkey, *, patience_s: float = PATIENCE_S) -> WitnessClient:
    """The client of the witness whose submission prefix is `url`.

    Raises:
        UsageError: not an ``http`` or ``https`` URL.
        EvidenceError: the key is not a witness's.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError("not the URL of a witness", where=url, mend="write http://HOST:PORT or https://…")

    def ask(request: bytes) -> bytes:
        return _post(url, request, patience_s)

    return WitnessClient(vkey, ask)


def witness_named(text: str) -> WitnessClient:
    """The client of the witness that ``URL=VKEY``, or ``URL=FILE`` with the file that holds it, names.

    Raises:
        UsageError: no URL of a witness, or no key with it.
        EvidenceError: the key is not a witness's.
    """
    url, equals, key = text.partition("=")
    if not equals or not key:
        raise UsageError(
            f"{text!r} does not say the witness's key",
            where="--witness",
            mend="write URL=VKEY, or URL=FILE with the file that holds it",
        )
    return over_http(url, load_vkey(key))


def witnesses_of(policy: TrustPolicy) -> tuple[WitnessClient, ...]:
    """Clients of the witnesses whose URL `policy` tells.

    Raises:
        UsageError: a URL that is none.
    """
    return tuple(over_http(witness.url, witness.vkey) for witness in policy.witnesses if witness.url)


def _post(url: str, request: bytes, patience_s: float) -> bytes:
    """No redirects, no proxies, no more than is needed: a witness is one known place."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    assert parts.hostname is not None
    connection = kind(parts.hostname, parts.port, timeout=patience_s)
    try:
        connection.request("POST", parts.path.rstrip("/") + "/add-checkpoint", request)
        answer = connection.getresponse()
        body = answer.read(MOST_RESPONSE_BYTES + 1)
    except (OSError, http.client.HTTPException) as error:
        raise StoreError(f"cannot be reached: {error}", where=url) from error
    finally:
        connection.close()
    if answer.status == 200:
        return body
    if answer.status in (400, 403, 404, 409, 422):
        size = _SIZE.fullmatch(body) if answer.status == 409 else None
        what = body.decode("utf-8", "replace")[:300].strip() if size is None else "another tree head is known"
        raise CosigningRefusedError(
            what or f"HTTP {answer.status}",
            status=answer.status,
            known=int(size[1]) if size else None,
            where=url,
        )
    raise StoreError(f"answered with HTTP status {answer.status}", where=url)

"""That the events of a bundle stand in a log, under tree heads that a verifier believes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from modelassay.errors import EvidenceError
from modelassay.evidence.bundle import PROOFS, Bundle
from modelassay.evidence.chain import Chain, Link
from modelassay.evidence.checks import NotDoneError
from modelassay.log.merkle import leaf_hash, verify_inclusion
from modelassay.log.note import TreeHead
from modelassay.log.proof import TlogProof, read_proof
from modelassay.log.trust import CLOCK_SKEW_S, Trusted, TrustPolicy


@dataclass(frozen=True)
class Proved:
    """An event that leads to a tree head."""

    file: str
    """Of the proof."""
    link: Link[Any]
    proof: TlogProof

    @cached_property
    def head(self) -> TreeHead:
        """The tree head, believed or not."""
        return self.proof.head


def proofs_of(bundle: Bundle, chain: Chain) -> tuple[Proved, ...]:
    """The proofs of opening, closing and issue, each leading to its tree head.

    Raises:
        EvidenceError: names the proof.
        NotDoneError: an event or a proof is missing.
    """
    return tuple(prove(bundle, link) for link in (chain.opened, chain.closed, chain.issued))


def lead_to_one_log(proofs: Sequence[Proved]) -> str:
    """That the tree heads are of one log, and no two of one size differ.

    Raises:
        EvidenceError: names the proof.
    """
    last = proofs[-1]
    ((origin, _),) = Counter(each.head.origin for each in proofs).most_common(1)
    for each in proofs:
        if each.head.origin != origin:
            raise EvidenceError(f"of the log {each.head.origin!r}, not {origin!r}", where=each.file)
        if each.head.size == last.head.size and each.head.root != last.head.root:
            raise EvidenceError("fork: two tree heads of one size", where=each.file)
    places = ", ".join(f"{each.link.event.kind} as entry {each.link.event.seq}" for each in proofs)
    return f"{places} of the log {last.head.origin} lead to tree heads of up to {last.head.size:,} entries"


def heads_are_believed(proofs: Sequence[Proved], policy: TrustPolicy, now: datetime) -> tuple[Trusted, ...]:
    """The tree heads of `proofs`, each signed by its log and cosigned as `policy` asks.

    Raises:
        EvidenceError: names the proof.
    """
    found = []
    for each in proofs:
        with naming(each.file):
            trusted = policy.open_head(each.proof.checkpoint, now=now.timestamp())
            _check_clock(each.link.event.time, trusted)
            found.append(trusted)
    return tuple(found)


def belief(proofs: Sequence[Proved], heads: Sequence[Trusted]) -> str:
    """Who stands behind the tree heads, what they show about time, and what cannot be told."""
    first, last = heads[0], heads[-1]
    known = sum(len(head.note.verified) for head in heads)
    unknown = sum(len(head.note.note.signatures) for head in heads) - known
    parts = [f"tree heads signed by {last.head.origin}"]
    if last.witnesses:
        parts.append(f"cosigned by {', '.join(last.witnesses)}")
    if first.witnesses and len(proofs) > 1 and first.head.size <= proofs[1].link.event.seq:
        seen = datetime.fromtimestamp(min(first.witnesses.values()), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        parts.append(f"the opening was seen by a witness at {seen}, before there was a result")
    if last.lost:
        parts.append(last.lost)
    if unknown:
        parts.append(f"{unknown} signatures by keys that are not known here were not checked")
    return "; ".join(parts)


@contextmanager
def naming(file: str) -> Iterator[None]:
    """Errors from within name `file`."""
    try:
        yield
    except EvidenceError as error:
        raise EvidenceError(error.what, where=file, mend=error.mend) from error


def prove(bundle: Bundle, link: Link[Any]) -> Proved:
    """The proof of one event, leading to its tree head.

    Raises:
        EvidenceError: names the proof.
        NotDoneError: it is missing.
    """
    file = PROOFS[link.file]
    if file not in bundle:
        raise NotDoneError(f"no {file}: nothing shows that the log has {link.event.kind}")
    with naming(file):
        proof = read_proof(bundle.read(file))
        if proof.index != link.event.seq:
            raise EvidenceError(f"proves entry {proof.index}, not {link.event.seq}")
        head = proof.head
    with naming(f"{link.file} or {file}"):
        verify_inclusion(leaf_hash(link.entry), proof.index, head.size, proof.hashes, head.root)
    return Proved(file, link, proof)


def _check_clock(time: str, trusted: Trusted) -> None:
    """That an event does not claim to be later than a witness has seen it."""
    logged = datetime.strptime(f"{time}+0000", "%Y-%m-%dT%H:%M:%SZ%z").timestamp()
    for name, seen in trusted.witnesses.items():
        if logged > seen + CLOCK_SKEW_S:
            raise EvidenceError(f"the event says {time}, after witness {name} saw it")

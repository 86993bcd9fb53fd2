"""Tree heads that a verifier has seen, so that a log shown later can be held against them.

One file, canonical JSON, the newest head of each log by its origin.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from modelassay.canonical import canonical_json
from modelassay.errors import EvidenceError, StoreError
from modelassay.evidence.contents import exactly
from modelassay.evidence.parts import Count, Sha256
from modelassay.log.durable import write_atomic
from modelassay.log.note import TreeHead
from modelassay.log.reader import read_file


class SeenHead(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tree head."""

    origin: str
    size: Count
    root: Sha256


class SeenHeads(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file."""

    format: Literal["modelassay.heads/1"] = "modelassay.heads/1"
    heads: tuple[SeenHead, ...] = ()
    """Sorted by origin."""


def recall(path: Path) -> tuple[TreeHead, ...]:
    """The tree heads kept in the file `path`; none when there is no file yet.

    Raises:
        EvidenceError: damaged. It is not overwritten then: what was seen is worth a look.
    """
    if not path.exists():
        return ()
    seen = exactly(read_file(path), SeenHeads, where=str(path))
    return tuple(TreeHead(each.origin, each.size, bytes.fromhex(each.root[7:])) for each in seen.heads)


def remember(path: Path, heads: Iterable[TreeHead]) -> None:
    """Keep the largest of `heads` and of those kept already, one for each log.

    Raises:
        EvidenceError: two of one size differ.
        StoreError: the file cannot be written.
    """
    newest: dict[str, TreeHead] = {}
    for head in (*recall(path), *heads):
        known = newest.get(head.origin)
        if known is not None and known.size == head.size and known.root != head.root:
            raise EvidenceError(f"fork: two tree heads of {head.size:,} entries", where=head.origin)
        if known is None or head.size > known.size:
            newest[head.origin] = head
    seen = SeenHeads(
        heads=tuple(
            SeenHead(origin=head.origin, size=head.size, root=f"sha256:{head.root.hex()}")
            for head in sorted(newest.values(), key=lambda head: head.origin)
        )
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, canonical_json(seen) + b"\n")
    except OSError as error:
        raise StoreError(f"the tree head cannot be kept: {error.strerror}", where=str(path)) from error

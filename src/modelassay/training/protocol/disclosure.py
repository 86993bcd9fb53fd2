"""The developer's answer to a challenge: drawn rollouts, opened with their salts and inclusion proofs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Literal, TypeVar

import msgspec

from modelassay.canonical import Digest, canonical_json, digest_bytes
from modelassay.errors import EvidenceError, StoreError
from modelassay.log.merkle import HASH_BYTES, Tree, leaf_hash
from modelassay.records import StepRecord
from modelassay.training.protocol.challenge import Challenge, Drawn
from modelassay.training.protocol.commitment import (
    PARTS,
    SALT_BYTES,
    Contents,
    StepKey,
    contents,
    key_of,
    part_hash,
    rollout_hash,
    salts_of,
)
from modelassay.training.run import Run


class OpenPart(msgspec.Struct, frozen=True, kw_only=True, tag="open", forbid_unknown_fields=True):
    """A part that is disclosed."""

    salt: str
    """32 hexadecimal digits."""
    text: str


class WithheldPart(msgspec.Struct, frozen=True, kw_only=True, tag="withheld", forbid_unknown_fields=True):
    """A part of which only the hash is given."""

    leaf: str
    """64 hexadecimal digits."""


class Opened(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rollout, opened."""

    place: Drawn
    parts: dict[str, OpenPart | WithheldPart]
    proof: tuple[str, ...]
    """Inclusion proof of the rollout in its step's tree, in hexadecimal."""


class OpeningHead(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """First line of an opening."""

    type: Literal["modelassay.opening/1"] = "modelassay.opening/1"
    run: str
    challenge: Digest
    """`challenge_digest` of what is answered."""
    opened: str
    """UTC by the developer's clock; what counts is when the assessor received it."""


Line = TypeVar("Line", OpeningHead, Opened)


def challenge_digest(challenge: Challenge) -> Digest:
    """The digest by which an opening names its challenge."""
    return digest_bytes(canonical_json(challenge))


def open_rollouts(
    run: Run,
    secret: bytes,
    challenge: Challenge,
    records: Sequence[StepRecord],
    withhold: Collection[str] = (),
) -> Iterator[Opened]:
    """Each rollout that `challenge` asks for, in the order of the run.

    The run is streamed once; of a step with drawn rollouts all hashes are kept until it has been read.

    Args:
        secret: of the run; see `commitment.salts_of`.
        records: what the run is committed to.
        withhold: parts to keep back.

    Raises:
        StoreError: the rollouts on disk are not those that the run is committed to.
    """
    wanted: dict[StepKey, set[int]] = {}
    for drawn in challenge.drawn:
        wanted.setdefault(drawn.key, set()).add(drawn.ordinal)
    trees: dict[StepKey, Tree] = {}
    kept: dict[StepKey, dict[int, Contents]] = {}
    for batch in run.batches():
        for key, parts in contents(batch):
            if key not in wanted:
                continue
            tree = trees.setdefault(key, Tree())
            ordinal = tree.size
            salts = salts_of(secret, run.manifest.id, key, ordinal)
            leaves = [part_hash(salt, content) for salt, content in zip(salts, parts, strict=True)]
            tree.append(leaf_hash(rollout_hash(leaves)))
            if ordinal in wanted[key]:
                kept.setdefault(key, {})[ordinal] = parts
    roots = {key_of(record): record.root for record in records}
    for key, ordinals in wanted.items():
        if key not in trees or f"sha256:{trees[key].root().hex()}" != roots.get(key):
            raise StoreError(
                f"the rollouts of {key.phase} step {key.step} are not those that the run is committed to",
                where=str(run.folder),
                mend="restore the run from a copy; the assessor will count these as not opened",
            )
        for ordinal in sorted(ordinals):
            salts = salts_of(secret, run.manifest.id, key, ordinal)
            yield Opened(
                place=Drawn(phase=key.phase, step=key.step, rank=key.rank, ordinal=ordinal),
                parts={
                    name: WithheldPart(leaf=part_hash(salt, content).hex())
                    if name in withhold
                    else OpenPart(salt=salt.hex(), text=content.decode())
                    for name, salt, content in zip(PARTS, salts, kept[key][ordinal], strict=True)
                },
                proof=tuple(each.hex() for each in trees[key].inclusion_proof(ordinal)),
            )


def decode_opening(data: bytes, where: str = "") -> tuple[OpeningHead, list[Opened]]:
    """An opening from its file: JSON lines, the head first.

    Raises:
        EvidenceError: it is none; a line that cannot be read is named.
    """
    first, *others = data.splitlines() or [b""]
    head = _decoded(first, OpeningHead, f"{where}:1")
    return head, [_decoded(line, Opened, f"{where}:{n}") for n, line in enumerate(others, 2)]


def _decoded(line: bytes, kind: type[Line], where: str) -> Line:
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise EvidenceError(f"not an opening: {error}", where=where) from error


def leaf_of(opened: Opened) -> bytes:
    """The leaf of an opened rollout in its step's tree, from what was disclosed of it.

    Raises:
        EvidenceError: a part is missing or unknown, or its salt or leaf is not one.
    """
    if set(opened.parts) != set(PARTS):
        raise EvidenceError(f"a rollout has the parts {', '.join(PARTS)}")
    return leaf_hash(rollout_hash([_leaf_of_part(name, opened.parts[name]) for name in PARTS]))


def _leaf_of_part(name: str, part: OpenPart | WithheldPart) -> bytes:
    if isinstance(part, WithheldPart):
        return _exactly(HASH_BYTES, part.leaf, f"the leaf of its {name}")
    # Salt and content are hashed as one row of bytes: only the salt's length says where the content begins.
    salt = _exactly(SALT_BYTES, part.salt, f"the salt of its {name}")
    try:
        return part_hash(salt, part.text.encode())
    except UnicodeEncodeError as error:
        raise EvidenceError(f"its {name} is not text that UTF-8 can hold") from error


def _exactly(size: int, digits: str, what: str) -> bytes:
    try:
        found = bytes.fromhex(digits)
    except ValueError as error:
        raise EvidenceError(f"{what} is not in hexadecimal") from error
    if len(found) != size:
        raise EvidenceError(f"{what} does not have {size} bytes")
    return found

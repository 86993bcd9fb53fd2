"""The developer's answer to a challenge: drawn rollouts, opened with their salts and inclusion proofs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import msgspec

from modelassay.canonical import Digest, canonical_json, digest_bytes
from modelassay.errors import EvidenceError, StoreError, UsageError
from modelassay.log.merkle import HASH_BYTES, Tree, leaf_hash
from modelassay.records import StepRecord
from modelassay.training.protocol.absent import Missing, as_committed, read_absent
from modelassay.training.protocol.challenge import Challenge, Drawn
from modelassay.training.protocol.commitment import (
    SALT_BYTES,
    Salts,
    leaves_of,
    part_hash,
    rollout_hash,
    salts_of,
)
from modelassay.training.protocol.parts import LAYOUT, PARTS, Contents, Layout, StepKey, contents, key_of
from modelassay.training.protocol.withholding import Told, told_elsewhere
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


class ErasedPart(msgspec.Struct, frozen=True, kw_only=True, tag="erased", forbid_unknown_fields=True):
    """A part that the developer no longer has; likewise."""

    leaf: str


class Opened(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rollout, opened."""

    place: Drawn
    parts: dict[str, OpenPart | WithheldPart | ErasedPart]
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


@dataclass
class _Step:
    """A step of which rollouts were drawn, as it is on the disk."""

    layout: Layout
    tree: Tree = field(default_factory=Tree)
    drawn: dict[int, tuple[Contents, Salts, Mapping[str, Missing]]] = field(default_factory=dict)
    """By ordinal: parts, their salts, and which of them are no longer there."""


def open_rollouts(
    run: Run,
    secret: bytes,
    challenge: Challenge,
    records: Sequence[StepRecord],
    withhold: Collection[str] = (),
    damaged: list[StepKey] | None = None,
) -> Iterator[Opened]:
    """Each rollout that `challenge` asks for, in the order of the run.

    The run is streamed once; of a step with drawn rollouts all hashes are kept until it has been read. Of
    parts that were erased, or that this copy lacks, the leaf is given.

    Args:
        secret: of the run; see `commitment.salts_of`.
        records: what the run is committed to.
        withhold: parts to keep back.
        damaged: takes the steps that are not those that the run is committed to; their rollouts are left
            out. An error where it is None.

    Raises:
        StoreError: the rollouts on disk are not those that the run is committed to.
        UsageError: a part that would be opened tells a text that is withheld.
    """
    steps = _steps(run, secret, challenge, {key_of(record): record.layout for record in records})
    roots = {key_of(record): record.root for record in records}
    for key in [key for key, step in steps.items() if f"sha256:{step.tree.root().hex()}" != roots.get(key)]:
        if damaged is None:
            raise StoreError(
                f"the rollouts of {key.phase} step {key.step} are not those that the run is committed to",
                where=str(run.folder),
                mend="restore the run from a copy, or open the others with --partly; the assessor will count "
                "these as not opened",
            )
        damaged.append(key)
        del steps[key]
    for key, step in steps.items():
        for ordinal, (parts, salts, missing) in sorted(step.drawn.items()):
            place = Drawn(phase=key.phase, step=key.step, rank=key.rank, ordinal=ordinal)
            kept = {*withhold, *missing}
            _refuse_what_tells(told_elsewhere(parts, step.layout, kept - {*missing}, kept), place, challenge)
            yield Opened(
                place=place,
                parts={
                    name: _part(name, salt, content, missing.get(name), withhold)
                    for name, salt, content in zip(PARTS, salts, as_committed(parts, missing), strict=True)
                },
                proof=tuple(each.hex() for each in step.tree.inclusion_proof(ordinal)),
            )


def _steps(
    run: Run, secret: bytes, challenge: Challenge, layouts: Mapping[StepKey, Layout]
) -> dict[StepKey, _Step]:
    """The steps of which rollouts were drawn, in the order of the challenge."""
    wanted: dict[StepKey, set[int]] = {}
    for each in challenge.drawn:
        wanted.setdefault(each.key, set()).add(each.ordinal)
    steps = {key: _Step(layouts.get(key, LAYOUT)) for key in wanted}
    absent = read_absent(run.folder)
    for batch in run.batches():
        for key, parts in contents(batch, lambda key: layouts.get(key, LAYOUT)):
            if key not in steps:
                continue
            step = steps[key]
            ordinal = step.tree.size
            salts, missing = salts_of(secret, run.manifest.id, key, ordinal), absent.of(key, ordinal)
            step.tree.append(leaf_hash(rollout_hash(leaves_of(salts, parts, missing))))
            if ordinal in wanted[key]:
                step.drawn[ordinal] = parts, salts, missing
    return steps


def _part(
    name: str, salt: bytes, content: bytes, missing: Missing | None, withhold: Collection[str]
) -> OpenPart | WithheldPart | ErasedPart:
    if missing is not None:
        kind = ErasedPart if missing.why == "erased" else WithheldPart
        return kind(leaf=missing.leaf.hex())
    if name in withhold:
        return WithheldPart(leaf=part_hash(salt, content).hex())
    return OpenPart(salt=salt.hex(), text=content.decode())


def _refuse_what_tells(told: Told | None, place: Drawn, challenge: Challenge) -> None:
    if told is None:
        return
    if told.part == "figures":
        mend = f"figures are always open: of this run the {told.text} cannot be withheld"
    elif told.part in challenge.parts:
        mend = f"the challenge asks for {told.part}: agree on its parts first"
    else:
        mend = f"--withhold {told.part} too"
    raise UsageError(
        f"the {told.text} would be disclosed although it is withheld: {told.where}, in the part "
        f"{told.part}, tells it",
        where=f"{place.phase} step {place.step} rank {place.rank} rollout {place.ordinal}",
        mend=mend,
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
    return leaf_hash(rollout_hash([leaf_of_part(name, opened.parts[name]) for name in PARTS]))


def leaf_of_part(name: str, part: OpenPart | WithheldPart | ErasedPart) -> bytes:
    """The leaf of one part, likewise."""
    if not isinstance(part, OpenPart):
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

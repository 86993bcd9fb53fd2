"""Commitments to rollouts: salted leaves by part, one root a step, step records in a chain.

A rollout is committed to in four parts, so that any of them can be withheld or erased while the others stay
provable::

    part    = SHA-256(0x00 || salt || content)                  salt: 16 bytes, of the part alone
    rollout = node(node(figures, prompt), node(completion, grader))
    step    = RFC 6962 root over the rollouts of one step, in the order in which they were kept
    record  = canonical JSON with the root, the counts and the digest of the record before

``node`` is that of RFC 6962. Salts come from a secret of the run by keyed BLAKE2b (RFC 7693), and are given
out only for what is disclosed: without its salt the hash of a withheld part tells nothing about it.
(`task` and `group` are figures: name tasks by something else than their text where prompts must stay hidden.)
What each part holds is said in `training.protocol.parts`; of parts that are no longer there, be it that they
were erased or that a copy was handed over without them, the leaves stand beside the run
(`training.protocol.absent`) and make the same roots.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b, sha256
from typing import Any

from modelassay.canonical import Digest, digest_of
from modelassay.log.merkle import node_hash, root_of_row
from modelassay.records import StepRecord
from modelassay.training.columns import pa
from modelassay.training.protocol.absent import NOTHING_ABSENT, Absent, Missing, as_committed
from modelassay.training.protocol.parts import LAYOUT, PARTS, Contents, Layout, StepKey, contents

SALT_BYTES = 16
NO_RECORD = Digest("sha256:" + "0" * 64)
"""What the first record of a chain has before it."""

Salts = tuple[bytes, bytes, bytes, bytes]


def salts_of(secret: bytes, run: str, key: StepKey, ordinal: int) -> Salts:
    """The salts of the four parts of one rollout.

    Args:
        secret: 32 random bytes of the run, never disclosed.
        ordinal: 0-based place among the rollouts of `key`.
    """
    message = f"{run}|{key.phase}|{key.step}|{key.rank}|{ordinal}".encode()
    salts = blake2b(message, key=secret).digest()
    return salts[:16], salts[16:32], salts[32:48], salts[48:]


def part_hash(salt: bytes, content: bytes) -> bytes:
    """The 32-byte leaf of one part."""
    return sha256(b"\x00" + salt + content).digest()


def _committed(salts: Salts, parts: Contents) -> bytes:
    """`rollout_hash` of the `part_hash` of each part, written out: it is made for every rollout of a run."""
    figures, prompt, completion, grader = parts
    of_figures, of_prompt, of_completion, of_grader = salts
    left = sha256(b"\x00" + of_figures + figures).digest() + sha256(b"\x00" + of_prompt + prompt).digest()
    right = (
        sha256(b"\x00" + of_completion + completion).digest() + sha256(b"\x00" + of_grader + grader).digest()
    )
    return sha256(b"\x01" + sha256(b"\x01" + left).digest() + sha256(b"\x01" + right).digest()).digest()


def leaves_of(salts: Salts, parts: Contents, missing: Mapping[str, Missing]) -> list[bytes]:
    """The leaves of the parts of a rollout, of which those in `missing` are no longer there.

    Args:
        parts: as they are on the disk.
    """
    made = zip(PARTS, salts, as_committed(parts, missing), strict=True)
    return [
        missing[name].leaf if name in missing else part_hash(salt, content) for name, salt, content in made
    ]


def rollout_hash(parts: Sequence[bytes]) -> bytes:
    """The 32-byte hash of a rollout from the leaves of its four parts."""
    figures, prompt, completion, grader = parts
    return node_hash(node_hash(figures, prompt), node_hash(completion, grader))


class StepCommitter:
    """Commits to rollouts as they come; keeps 32 bytes of each.

    Args:
        run: id of the run.
        secret: see `salts_of`.
        layouts: of steps that were committed to before; others have the newest.
        absent: parts that are no longer there.
    """

    def __init__(
        self,
        run: str,
        secret: bytes,
        layouts: Mapping[StepKey, Layout] | None = None,
        absent: Absent = NOTHING_ABSENT,
    ) -> None:
        self.run = run
        self._secret = secret
        self._absent = absent
        self._layouts = dict(layouts or {})
        self._rows: dict[StepKey, bytearray] = {}
        self._trained: dict[StepKey, int | None] = {}

    def layout_of(self, key: StepKey) -> Layout:
        """The layout in which a step is committed to."""
        return self._layouts.get(key, LAYOUT)

    def open(self, key: StepKey) -> None:
        """Have a record of a step, be there rollouts of it or none."""
        self._rows.setdefault(key, bytearray())
        self._trained.setdefault(key, 0)

    def add(self, batch: pa.RecordBatch) -> None:
        """Commit to the rollouts of `batch`, which has all columns of the run."""
        trained = batch.column("trained_on").to_pylist()
        for (key, parts), on in zip(contents(batch, self.layout_of), trained, strict=True):
            row = self._rows.setdefault(key, bytearray())
            ordinal = len(row) // 32
            salts = salts_of(self._secret, self.run, key, ordinal)
            missing = self._absent.of(key, ordinal)
            row += rollout_hash(leaves_of(salts, parts, missing)) if missing else _committed(salts, parts)
            known = self._trained.setdefault(key, 0)
            self._trained[key] = None if known is None or on is None else known + on

    def reopen(self, key: StepKey, hashes: bytes, trained_on: int | None, layout: Layout) -> None:
        """Go on with a step of which `opened` said this."""
        self._rows[key] = bytearray(hashes)
        self._trained[key] = trained_on
        self._layouts[key] = layout

    def opened(self) -> Iterator[tuple[StepKey, bytes, int | None, Layout]]:
        """Steps that were not closed yet: hashes of their rollouts, how many were trained on, layout."""
        return ((key, bytes(row), self._trained[key], self.layout_of(key)) for key, row in self._rows.items())

    @property
    def keys(self) -> tuple[StepKey, ...]:
        """Steps that were not closed yet, in the order in which they were opened or their rollouts came."""
        return tuple(self._rows)

    def close_step(self, key: StepKey, previous: Digest, **about: Any) -> tuple[StepRecord, bytes]:
        """The record of a step to which nothing will be added, and its rollouts' hashes, joined.

        Args:
            previous: digest of the record before (`record_digest`).
            about: further fields of `StepRecord`.
        """
        row = bytes(self._rows.pop(key))
        record = StepRecord(
            run=self.run,
            phase=key.phase,
            step=key.step,
            rank=key.rank,
            rollouts=len(row) // 32,
            trained_on=self._trained.pop(key),
            root=step_root(row),
            previous=previous,
            layout=self.layout_of(key),
            **about,
        )
        return record, row


def step_root(row: bytes) -> Digest:
    """The RFC 6962 root over rollouts, given as their joined 32-byte hashes."""
    leaves = b"".join(sha256(b"\x00" + row[i : i + 32]).digest() for i in range(0, len(row), 32))
    return Digest("sha256:" + root_of_row(leaves).hex())


def record_digest(record: StepRecord) -> Digest:
    """The digest by which the next record names `record`."""
    return digest_of(record)


def broken_links(records: Iterable[StepRecord]) -> list[StepRecord]:
    """Records that do not name the record before them; each rank has a chain of its own."""
    last: dict[int, Digest] = {}
    broken = []
    for record in records:
        if record.previous != last.get(record.rank, NO_RECORD):
            broken.append(record)
        last[record.rank] = record_digest(record)
    return broken


def chained(
    committer: StepCommitter, about: Mapping[StepKey, Mapping[str, Any]] | None = None
) -> list[tuple[StepRecord, bytes]]:
    """Every open step of `committer` closed, each chained to the one before of its rank."""
    last: dict[int, Digest] = {}
    made = []
    for key in committer.keys:
        previous = last.get(key.rank, NO_RECORD)
        record, row = committer.close_step(key, previous, **(about or {}).get(key, {}))
        last[key.rank] = record_digest(record)
        made.append((record, row))
    return made

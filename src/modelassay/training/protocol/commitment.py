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
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b, sha256
from typing import Any, NamedTuple

import msgspec

from modelassay.canonical import Digest, digest_of
from modelassay.log.merkle import node_hash, root_of_row
from modelassay.records import StepRecord
from modelassay.training.columns import REWARD_PREFIX, pa

PARTS = ("figures", "prompt", "completion", "grader")
"""Parts of a rollout, in the order of its tree."""
SALT_BYTES = 16
NO_RECORD = Digest("sha256:" + "0" * 64)
"""What the first record of a chain has before it."""

Salts = tuple[bytes, bytes, bytes, bytes]
Contents = tuple[bytes, bytes, bytes, bytes]


class StepKey(NamedTuple):
    """Rollouts that share a root: those of one step and phase that one process kept."""

    phase: str
    step: int
    rank: int


def key_of(record: StepRecord) -> StepKey:
    """Which rollouts `record` covers."""
    return StepKey(record.phase, record.step, record.rank)


class _Figures(msgspec.Struct, kw_only=True):
    """Everything of a rollout but its text."""

    advantage: str | None
    completion_characters: int
    completion_tokens: int | None
    env: str
    failure: str
    finish: str
    format: str
    group: str
    phase: str
    policy: str | None
    position: int
    prompt_characters: int
    prompt_tokens: int | None
    rank: int
    reward: str | None
    rewards: dict[str, str | None]
    step: int
    task: str
    time: str
    trained_on: bool | None


_encode = msgspec.json.Encoder(order="sorted").encode


def contents(batch: pa.RecordBatch) -> Iterator[tuple[StepKey, Contents]]:
    """The bytes of each rollout's parts, in the order of `PARTS`.

    `figures` is canonical JSON, numbers with a fraction as their shortest decimal text; `prompt` and
    `completion` are UTF-8; `grader` is the canonical JSON array of what it saw, what it wrote, and `extra`.

    Args:
        batch: all columns of a run.
    """
    column = {name: _values(batch.column(name)) for name in batch.schema.names if name not in _AS_BYTES}
    prompts, completions = (_texts(batch.column(name)) for name in ("prompt", "completion"))
    rewards = [name for name in column if name.startswith(REWARD_PREFIX)]
    names = [name.removeprefix(REWARD_PREFIX) for name in rewards]
    graded = list(zip(*(map(_text, column[name]) for name in rewards), strict=True)) or [()] * batch.num_rows
    rows = zip(*(column[name] for name in _ORDER), graded, prompts, completions, strict=True)
    for (
        advantage, tokens, env, failure, finish, form, group, phase, policy, position, prompt_tokens, rank,
        reward, step, task, time, trained_on, seen, wrote, extra, scores, prompt, completion,
    ) in rows:  # fmt: skip
        figures = _Figures(
            advantage=_text(advantage), completion_characters=completion[1], completion_tokens=tokens,
            env=env, failure=failure, finish=finish, format=form, group=group, phase=phase, policy=policy,
            position=position, prompt_characters=prompt[1], prompt_tokens=prompt_tokens, rank=rank,
            reward=_text(reward), rewards=dict(zip(names, scores, strict=True)), step=step, task=task,
            time=time, trained_on=trained_on,
        )  # fmt: skip
        yield (
            StepKey(phase, step, rank),
            (_encode(figures), prompt[0], completion[0], _encode([seen, wrote, extra])),
        )


_ORDER = (
    "advantage", "completion_tokens", "env", "failure", "finish", "format", "group", "phase", "policy",
    "position", "prompt_tokens", "rank", "reward", "step", "task", "time", "trained_on", "grader_input",
    "grader_output", "extra",
)  # fmt: skip
_AS_BYTES = frozenset({"seq", "prompt", "completion"})


def _values(column: pa.Array) -> list[Any]:
    """The values of `column`; many times faster than `to_pylist` where values repeat or none is null."""
    if column.null_count == len(column):
        return [None] * len(column)
    if pa.types.is_string(column.type):
        coded = column.dictionary_encode()
        words = coded.dictionary.to_pylist()
        return [None if i is None else words[i] for i in _values(coded.indices)]
    if column.null_count or not pa.types.is_primitive(column.type):
        return list(column.to_pylist())
    return list(column.to_numpy(zero_copy_only=False).tolist())


def _texts(column: pa.Array) -> Iterator[tuple[bytes, int]]:
    """Each text of a large-string column without nulls: its UTF-8 bytes, and its length in characters.

    One after another, so that the memory of one serves the next.
    """
    import pyarrow.compute as compute

    offsets = (
        pa.Array.from_buffers(pa.int64(), len(column) + 1, [None, column.buffers()[1]], offset=column.offset)
        .to_numpy()
        .tolist()
    )
    data = memoryview(column.buffers()[2] or b"")
    lengths = compute.utf8_length(column).to_numpy().tolist()
    spans = zip(offsets[:-1], offsets[1:], lengths, strict=True)
    return ((bytes(data[start:end]), length) for start, end, length in spans)


def _text(number: float | None) -> str | None:
    return None if number is None else repr(number)


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


def rollout_hash(parts: Sequence[bytes]) -> bytes:
    """The 32-byte hash of a rollout from the leaves of its four parts."""
    figures, prompt, completion, grader = parts
    return node_hash(node_hash(figures, prompt), node_hash(completion, grader))


class StepCommitter:
    """Commits to rollouts as they come; keeps 32 bytes of each.

    Args:
        run: id of the run.
        secret: see `salts_of`.
    """

    def __init__(self, run: str, secret: bytes) -> None:
        self.run = run
        self._secret = secret
        self._rows: dict[StepKey, bytearray] = {}
        self._trained: dict[StepKey, int | None] = {}

    def open(self, key: StepKey) -> None:
        """Have a record of a step, be there rollouts of it or none."""
        self._rows.setdefault(key, bytearray())
        self._trained.setdefault(key, 0)

    def add(self, batch: pa.RecordBatch) -> None:
        """Commit to the rollouts of `batch`, which has all columns of the run."""
        trained = batch.column("trained_on").to_pylist()
        for (key, parts), on in zip(contents(batch), trained, strict=True):
            row = self._rows.setdefault(key, bytearray())
            salts = salts_of(self._secret, self.run, key, len(row) // 32)
            row += _committed(salts, parts)
            known = self._trained.setdefault(key, 0)
            self._trained[key] = None if known is None or on is None else known + on

    def reopen(self, key: StepKey, hashes: bytes, trained_on: int | None) -> None:
        """Go on with a step of which `opened` said this."""
        self._rows[key] = bytearray(hashes)
        self._trained[key] = trained_on

    def opened(self) -> Iterator[tuple[StepKey, bytes, int | None]]:
        """Steps that were not closed yet: hashes of their rollouts, joined, and how many were trained on."""
        return ((key, bytes(row), self._trained[key]) for key, row in self._rows.items())

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

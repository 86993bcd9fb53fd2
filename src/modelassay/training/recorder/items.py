"""What training hands over: text and numbers, nothing that training might still change."""

from __future__ import annotations

from typing import Any

import msgspec

from modelassay.canonical import Digest
from modelassay.training.importers.rows import clean, json_text

LARGEST = 2**62
"""Steps are below it, as every file of a record can hold them."""


class Rollouts(msgspec.Struct, tag="rollouts", array_like=True):
    """Rollouts by column; rewards stand under ``reward/<name>``."""

    count: int
    columns: dict[str, list[Any]]
    more: dict[str, list[Any]] = {}
    """Further columns, of any plain data, which become JSON in the column ``extra``."""
    assumed: bool = False
    """Whether nobody named their step: it is taken to be the one after the newest that is done."""


class Line(msgspec.Struct, tag="line", array_like=True):
    """A record of another file: its name without number, and the JSON."""

    file: str
    data: bytes


class StepDone(msgspec.Struct, tag="step", array_like=True):
    """No more rollouts of this step or an earlier one will come."""

    step: int
    configuration: Digest | None = None
    code: Digest | None = None
    checkpoint: Digest | None = None
    """The newest one that is known."""
    again: bool = False
    """Whether it is said of a step that was done: what came of it since is closed, and no other begins."""


class About(msgspec.Struct, tag="about", array_like=True):
    """The manifest as it is known now, as JSON; the one before the first rollouts or the first step stays."""

    manifest: bytes


class StartOver(msgspec.Struct, tag="over", array_like=True):
    """Steps, or evaluations, that were closed come again: what follows is kept under another number."""

    process: int


class Loss(msgspec.Struct, tag="lost", array_like=True):
    """Rollouts and records that could not be kept."""

    rollouts: int = 0
    records: int = 0
    first_step: int = -1
    last_step: int = -1
    reason: str = ""

    def __bool__(self) -> bool:
        return bool(self.rollouts or self.records)

    def add(self, other: Loss) -> None:
        """Count what `other` counts, too."""
        self.rollouts += other.rollouts
        self.records += other.records
        self.reason = self.reason or other.reason
        steps = [step for step in (self.first_step, other.first_step) if step >= 0]
        self.first_step = min(steps, default=-1)
        self.last_step = max(self.last_step, other.last_step)


class End(msgspec.Struct, tag="end", array_like=True):
    """Training is over: nothing more will come."""


Item = Rollouts | Line | StepDone | About | StartOver | Loss | End


def loss_of(item: Item, reason: str) -> Loss:
    """What is lost with `item`."""
    if not isinstance(item, Rollouts):
        return Loss(records=1, reason=reason)
    return lost_rollouts(item.count, item.columns.get("step", ()), reason)


def one_record() -> Loss:
    """What is lost with a record that is no rollout."""
    return Loss(records=1)


def lost_rollouts(count: int, steps: Any, reason: str = "") -> Loss:
    """`count` rollouts that are lost, of those of `steps` that steps can be, should it be several.

    What is none must not be in the way of telling that rollouts were lost.
    """
    several = steps if isinstance(steps, list | tuple) else ()
    known = [step for step in several if type(step) is int and 0 <= step < LARGEST] or [-1]
    return Loss(rollouts=count, first_step=min(known), last_step=max(known), reason=reason)


def encode(item: Item) -> bytes:
    """`item` as MessagePack; lone surrogates, as some tokenizers leave them, are spelt out.

    Raises:
        TypeError, OverflowError: something in it is neither text nor number.
    """
    try:
        return _encoder.encode(item)
    except (UnicodeEncodeError, TypeError, OverflowError):
        if not isinstance(item, Rollouts):
            raise
    columns = {
        name: [clean(each) if isinstance(each, str) else each for each in values]
        for name, values in item.columns.items()
    }
    spelt = Rollouts(item.count, with_extra(item.count, columns, item.more), assumed=item.assumed)
    return _encoder.encode(spelt)


def with_extra(count: int, columns: dict[str, list[Any]], more: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """`columns` with what is in `more` as JSON in ``extra``, beside what stands there."""
    if not more:
        return columns
    rows: list[dict[str, Any]] = [
        dict(zip(more, row, strict=True)) for row in zip(*more.values(), strict=True)
    ]
    for row, extra in zip(rows, columns.get("extra") or [None] * count, strict=True):
        row.update(msgspec.json.decode(extra) if extra else {})
    return {**columns, "extra": [json_text(row) for row in rows]}


def decode(data: bytes | memoryview) -> Item:
    """What `encode` made.

    Raises:
        msgspec.DecodeError: it is something else.
    """
    item: Item = _decoder.decode(data)
    return item


def _number(value: Any) -> Any:
    """A scalar of numpy or torch as Python's own."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"a {type(value).__name__} is neither text nor number")


_encoder = msgspec.msgpack.Encoder(enc_hook=_number)
_decoder = msgspec.msgpack.Decoder(Item)

"""Parts of rollouts that are no longer there, and what stands for them: the leaf that was committed to.

``commitments/absent.jsonl`` beside a run has a line for each step and part; whoever reads the run knows from
it what was erased for good and what was withheld from this copy, and can still make the root of every step.
On the disk stands an empty text in their place, and the format ``absent`` where there is no completion.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from modelassay.canonical import canonical_json
from modelassay.errors import EvidenceError
from modelassay.log.merkle import HASH_BYTES
from modelassay.training.protocol.parts import TEXTS, Contents, Layout, StepKey, restored

FILE = "commitments/absent.jsonl"
"""In the folder of a run."""
Why = Literal["erased", "withheld"]
Removable = Literal["prompt", "completion", "grader"]
REMOVABLE: tuple[Removable, ...] = ("prompt", "completion", "grader")
"""Parts that can be absent; figures hold what a step is made of."""


class AbsentParts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One part of some rollouts of one step; a line of ``absent.jsonl``."""

    phase: str
    step: int
    rank: int
    layout: Layout = 1
    """In which the leaves were made."""
    part: Removable
    why: Why
    """Whether nobody has it any more, or only this copy lacks it."""
    ordinals: tuple[int, ...]
    """0-based places among the rollouts of the step, in order; the following are of each."""
    leaves: str
    """64 hexadecimal digits each, joined."""
    characters: tuple[int, ...] = ()
    """Of a text."""
    formats: tuple[str, ...] = ()
    """Of a completion: the column ``format`` as it was."""

    @property
    def key(self) -> StepKey:
        """The step."""
        return StepKey(self.phase, self.step, self.rank)


class Missing(NamedTuple):
    """What is known of one part that is no longer there."""

    leaf: bytes
    why: Why
    layout: Layout
    characters: int = 0
    form: str = ""


_NONE: Mapping[str, Missing] = {}


class Absent:
    """All that is absent of a run; what is asked of one step after another is read once.

    Args:
        lines: of ``absent.jsonl``.
    """

    def __init__(self, lines: Iterable[AbsentParts] = ()) -> None:
        self._lines: dict[StepKey, list[AbsentParts]] = {}
        for line in lines:
            self._lines.setdefault(line.key, []).append(line)
        self._last: tuple[StepKey, dict[int, dict[str, Missing]]] | None = None

    def __bool__(self) -> bool:
        return bool(self._lines)

    @property
    def lines(self) -> Iterator[AbsentParts]:
        """Every line, step by step."""
        return (line for lines in self._lines.values() for line in lines)

    def layouts(self) -> dict[StepKey, Layout]:
        """The layout of each step that lacks something."""
        return {key: lines[0].layout for key, lines in self._lines.items()}

    def of(self, key: StepKey, ordinal: int) -> Mapping[str, Missing]:
        """What one rollout lacks, by part; usually nothing."""
        if key not in self._lines:
            return _NONE
        if self._last is None or self._last[0] != key:
            self._last = key, _by_ordinal(self._lines[key])
        return self._last[1].get(ordinal, _NONE)

    def counts(self) -> dict[tuple[Why, Removable], int]:
        """How many rollouts lack each part, by why."""
        found: dict[tuple[Why, Removable], int] = {}
        for line in self.lines:
            found[line.why, line.part] = found.get((line.why, line.part), 0) + len(line.ordinals)
        return found


NOTHING_ABSENT = Absent()


def _by_ordinal(lines: Iterable[AbsentParts]) -> dict[int, dict[str, Missing]]:
    found: dict[int, dict[str, Missing]] = {}
    for line in lines:
        leaves = bytes.fromhex(line.leaves)
        for place, ordinal in enumerate(line.ordinals):
            found.setdefault(ordinal, {})[line.part] = Missing(
                leaves[place * HASH_BYTES : (place + 1) * HASH_BYTES],
                line.why,
                line.layout,
                line.characters[place] if line.characters else 0,
                line.formats[place] if line.formats else "",
            )
    return found


def read_absent(folder: Path) -> Absent:
    """What is absent of the run in `folder`; nothing without such a file.

    Raises:
        EvidenceError: a line cannot be read, or does not say one thing of each rollout.
    """
    path = folder / FILE
    if not path.is_file():
        return NOTHING_ABSENT
    decoder = msgspec.json.Decoder(AbsentParts)
    lines = []
    for number, data in enumerate(path.read_bytes().splitlines(), 1):
        try:
            line = decoder.decode(data)
            whole = len(bytes.fromhex(line.leaves)) == HASH_BYTES * len(line.ordinals)
        except ValueError as error:  # msgspec's errors are ValueErrors
            raise EvidenceError(f"absent parts cannot be read: {error}", where=f"{path}:{number}") from error
        counts = {len(each) for each in (line.characters, line.formats) if each}
        if not whole or counts - {len(line.ordinals)}:
            raise EvidenceError("absent parts do not name each rollout", where=f"{path}:{number}")
        lines.append(line)
    return Absent(lines)


def encoded(lines: Iterable[AbsentParts]) -> bytes:
    """The bytes of ``absent.jsonl``."""
    return b"".join(canonical_json(line) + b"\n" for line in lines)


def as_committed(parts: Contents, missing: Mapping[str, Missing]) -> Contents:
    """`parts` of a rollout with its figures as they were when `missing` was there."""
    lengths = {name: missing[name].characters for name in TEXTS if name in missing}
    if not lengths:
        return parts
    form = missing["completion"].form if "completion" in missing else ""
    return (restored(parts[0], lengths, form), *parts[1:])

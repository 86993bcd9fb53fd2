"""Settings of how many rollouts a step and a group have, that changed while training went on.

Sizes are compared from one change to the next: a run that was resumed with other batches has steps of another
size, as its record says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from modelassay.records import RunEvent
from modelassay.training.lacking import usual_size
from modelassay.training.run import Run
from modelassay.training.stretches import begins_number, processes_of

Codes = NDArray[np.int64]
GROUP_SIZE: Final = "num_generations"
_SIZES: Final = frozenset((GROUP_SIZE, "gradient_accumulation_steps", "steps_per_generation"))
_BATCH: Final = "batch_size"


@dataclass(frozen=True)
class SizeChange:
    """Steps or groups may be of other sizes from here on."""

    stretch: int
    """How often the run had been resumed before it."""
    step: int
    """The last step that was taken before it."""
    before: int | None = None
    """Rollouts of a group until here; None where that stayed as it was. Likewise `after`, from here on."""
    after: int | None = None


def size_changes_of(run: Run) -> tuple[SizeChange, ...]:
    """What events of `run` tell, in the order of training."""
    events = tuple(run.events())
    world = processes_of(run)
    resumed = any(begins_number(event) for event in events)
    found: dict[tuple[int, int], SizeChange] = {}
    for event in events:
        if event.rank % world == 0 and _is_of_size(event):
            place = (event.rank // world if resumed else 0, max(event.step, 0))
            sizes = dict(_group_sizes(event))
            earlier = found.get(place, SizeChange(*place))
            found[place] = SizeChange(
                *place,
                before=sizes.get("old") if earlier.before is None else earlier.before,
                after=sizes.get("new", earlier.after),
            )
    return tuple(found[place] for place in sorted(found))


def _is_of_size(event: RunEvent) -> bool:
    setting = event.body.get("setting")
    if event.kind != "configuration.changed" or not isinstance(setting, str):
        return False
    last = setting.rpartition(".")[2].lower()
    return last in _SIZES or (last.endswith(_BATCH) and "eval" not in last)


def _group_sizes(event: RunEvent) -> Iterator[tuple[str, int]]:
    """Rollouts of a group of ``old`` and ``new``, as far as the event tells them."""
    if str(event.body["setting"]).rpartition(".")[2].lower() != GROUP_SIZE:
        return
    for which in ("old", "new"):
        value = event.body.get(which)
        if isinstance(value, str) and value.isdecimal() and 0 < len(value) < 10 and int(value) > 0:
            yield which, int(value)


def parts_of(changes: Sequence[SizeChange], step: Codes, stretch: Codes) -> Codes:
    """For each rollout how many of `changes` came before it.

    Args:
        stretch: of each rollout, how often the run had been resumed before it.
    """
    parts = np.zeros(len(step), np.int64)
    for change in changes:
        parts += (stretch > change.stretch) | ((stretch == change.stretch) & (step > change.step))
    return parts


def group_sizes(changes: Sequence[SizeChange], group_size: int | None) -> Codes:
    """Rollouts of a group before the first of `changes` and after each; all 0 where groups have no one size.

    Args:
        group_size: as the run as a whole says it; what a change tells goes before that.
    """
    if not group_size:
        return np.zeros(len(changes) + 1, np.int64)
    sizes = [next((each.before for each in changes if each.before), group_size)]
    for change in changes:
        sizes.append(change.after or sizes[-1])
    return np.array(sizes, np.int64)


def usual_sizes(sizes: Mapping[int, int], part: Mapping[int, int]) -> dict[int, int | None]:
    """For each step the size that is usual among steps of its part (`lacking.usual_size`)."""
    by_part: dict[int, dict[int, int]] = {}
    for step, size in sizes.items():
        by_part.setdefault(part[step], {})[step] = size
    usual = {each: usual_size(of) for each, of in by_part.items()}
    return {step: usual[part[step]] for step in sizes}

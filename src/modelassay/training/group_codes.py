"""Which rollouts are one group: those of a name, a phase and a step.

Names often come again from step to step: a place in the batch, the number of a prompt. Few groups go over the
end of a step, where rollouts are taken in as they come; those are one group still, and told by their size.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]


def group_codes(name: Codes, step: Codes, is_train: NDArray[np.bool_], size: int | None = None) -> Codes:
    """The group of each rollout, dense from 0.

    Args:
        name: code of the name that its group has in the record.
        size: rollouts of a group, where the run says it.
    """
    if not len(name):
        return name
    owner, owner_of = np.unique(np.stack([name, is_train.astype(np.int64)], 1), axis=0, return_inverse=True)
    _, step_of = np.unique(step, return_inverse=True)
    cells, cell_of, rollouts = np.unique(
        np.stack([owner_of.ravel(), step_of.ravel()], 1), axis=0, return_inverse=True, return_counts=True
    )
    group_of_cell = np.arange(len(cells))
    first = np.flatnonzero(np.diff(cells[:, 0], prepend=-1))  # cells are in the order of owner and step
    many = np.diff(first, append=len(cells))
    whole = _size(rollouts[first[many == 1]]) if size is None else size
    if len(first) < len(cells) and whole is not None:
        whole_steps = cells[first + many - 1, 1] - cells[first, 1] == many - 1
        spans = (many > 1) & whole_steps & (np.add.reduceat(rollouts, first) <= whole)
        group_of_cell = np.where(np.repeat(spans, many), np.repeat(first, many), group_of_cell)
    _, dense = np.unique(group_of_cell, return_inverse=True)
    assert len(first) == len(owner)
    return np.asarray(dense.ravel()[cell_of.ravel()], np.int64)


def _size(sizes: Codes) -> int | None:
    """The usual size of groups that are of one step for certain; None where there are none of several."""
    several = sizes[sizes > 1]
    return int(np.bincount(several).argmax()) if len(several) else None

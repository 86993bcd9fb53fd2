"""Whether weights come from the base that they are said to come from: over all of them, and by tensor.

An embedding can weigh more than all layers together, so that one norm over everything tells nothing of
layers that were put in from another model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from modelassay.records import Finding
from modelassay.whitebox.weights.comparing import WeightComparison
from modelassay.whitebox.weights.tallying import TensorDelta
from modelassay.whitebox.weights.telling import Told, some

NOT_FROM_THIS_BASE: Final = 1.0
"""Relative difference from which on weights are no fine-tune of the base: independent weights of like norm
have √2, fine-tunes are far below 1."""
AS_OF_A_FINE_TUNE: Final = 0.5
"""Relative difference of all weights, and of each matrix, up to which it is called that of a fine-tune. Of
360 fine-tunes of small models, harmless and faulty, the greatest had 0.2; the greatest of a single matrix was
0.23."""
SMALL: Final = 0.01
"""Share of the median size of a number of the base's matrices below which a matrix of the base is too small
for its own norm to be a measure: what training adds to it soon outweighs it."""


def origin_findings(told: Told) -> Iterator[Finding]:
    """All that is to be said of it; nothing of quantised weights."""
    relative = told.of.relative
    if any(told.of.quantisation):
        return
    if not told.of.deltas or relative is None:
        yield told(
            "origin", "not_assessable", "high", "No tensor of the candidate can be held against the base."
        )
        return
    if relative >= NOT_FROM_THIS_BASE:
        text = (
            f"The difference is {relative:.3g} times the base itself: no fine-tune of this base, or one in "
            "another basis, which no comparison of weights sees through."
        )
        yield told("origin", "shown_harmful", "high", text, relative_norm=relative)
        return
    strange, far, small = _moved_far(told.of)
    if strange:
        text = (
            "These tensors do not come from the base, or are in another basis: the difference is at least as "
            f"large as the base's own is, in {some(_with_relative(strange), 'tensor')}."
        )
        yield told("origin", "shown_harmful", "high", text, aspect="by tensor", tensors=len(strange))
    if small:
        text = (
            "So small in the base that how far they moved does not tell whether they come from it: "
            f"{some([delta.name for delta in small], 'tensor')}."
        )
        yield told("origin", "not_shown", "low", text, aspect="small in the base", tensors=len(small))
    text = f"The difference is {relative:.2%} of the base's norm"
    if strange:
        yield told("origin", "not_shown", "low", f"{text} over all tensors.", relative_norm=relative)
    elif relative > AS_OF_A_FINE_TUNE or far:
        if far:
            own = some(_with_relative(far), "tensor")
            text += f" over all tensors, and by tensor more than {AS_OF_A_FINE_TUNE:.0%} in {own}"
        text += ": more than fine-tunes leave, and less than a model of another origin has throughout."
        yield told("origin", "not_shown", "medium", text, relative_norm=relative, tensors=len(far))
    else:
        yield told(
            "origin", "shown_fine", "none", f"{text}, as of a fine-tune of it.", relative_norm=relative
        )


def _with_relative(deltas: Sequence[TensorDelta]) -> list[str]:
    return [f"{delta.name} ({delta.relative:.2f})" for delta in deltas]


def _moved_far(of: WeightComparison) -> tuple[list[TensorDelta], ...]:
    """Matrices that differ by the base's norm or more; those that differ by less, and by more than fine-tunes
    leave; and apart, those that differ by its norm and are too small in the base for that to tell.

    Of vectors, such as biases, training may leave little, and of an adapter's factors nothing: only their
    product is a change. What is all zeros is told as such.
    """
    matrices = [
        (delta, delta.relative or 0.0, delta.base.norm / math.sqrt(delta.elements))
        for delta in of.deltas.values()
        if len(delta.shape) > 1 and delta.base is not None and delta.base.norm and not of.adapters
    ]
    usual = float(np.median([size for *_, size in matrices])) if matrices else 0.0
    away = [
        each
        for each in matrices
        if each[1] > AS_OF_A_FINE_TUNE and each[0].candidate and each[0].candidate.norm
    ]
    return (
        [delta for delta, moved, size in away if moved >= NOT_FROM_THIS_BASE and size >= SMALL * usual],
        [delta for delta, moved, size in away if moved < NOT_FROM_THIS_BASE and size >= SMALL * usual],
        [delta for delta, moved, size in away if moved >= NOT_FROM_THIS_BASE and size < SMALL * usual],
    )

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
LEAST_COMPARED: Final = 0.5
"""Share of the base's numbers that must have been compared for anything to be said of the whole."""
SMALL: Final = 0.01
"""Share of the median size of a number of the base's matrices below which a matrix of the base is too small
for its own norm to be a measure: what training adds to it soon outweighs it."""


def origin_findings(told: Told) -> Iterator[Finding]:
    """All that is to be said of it; nothing of quantised weights."""
    if any(told.of.quantisation):
        return
    relative = told.of.relative
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
    share, beside = _compared(told.of)
    text = f"The difference is {relative:.2%} of the base's norm"
    if share < LEAST_COMPARED:
        text = (
            f"Only {share:.2%} of the base's numbers could be held against the candidate's, which do not "
            f"tell where the rest comes from.{beside}"
        )
        yield told("origin", "not_assessable", "high", text, relative_norm=relative, compared=share)
    elif strange:
        text += f" over all tensors.{beside}"
        yield told("origin", "not_shown", "low", text, relative_norm=relative)
    elif relative > AS_OF_A_FINE_TUNE or far:
        if far:
            own = some(_with_relative(far), "tensor")
            text += f" over all tensors, and by tensor more than {AS_OF_A_FINE_TUNE:.0%} in {own}"
        text += ": more than fine-tunes leave, and less than a model of another origin has throughout."
        text += beside
        yield told("origin", "not_shown", "medium", text, relative_norm=relative, tensors=len(far))
    else:
        text += f", as of a fine-tune of it.{beside}"
        yield told("origin", "shown_fine", "none", text, relative_norm=relative)


def _compared(of: WeightComparison) -> tuple[float, str]:
    """The share of the base's numbers that were held against the candidate's, and a sentence on the tensors
    of either that were not; empty where there are none."""
    read = {delta.name: delta.elements for delta in of.deltas.values() if delta.norm is not None}
    apart = {*of.tied, *of.outside}
    known = {name: math.prod(of.base[name].shape) for name in of.base if name not in apart}
    share = sum(read[name] for name in known if name in read) / max(1, sum(known.values()))
    left = [*sorted(known.keys() - read.keys()), *sorted(of.unexpected)]
    return share, f" Not compared: {some(left, 'tensor')}." if left else ""


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

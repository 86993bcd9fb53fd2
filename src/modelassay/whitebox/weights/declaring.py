"""What a candidate's maker declares of the change, held against what changed.

A declaration is confirmed or contradicted only by what was compared: tensors that one side alone has or that
are of another shape count as changed, and where nothing was compared nothing is said of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

import msgspec

from modelassay.records import Finding
from modelassay.whitebox.weights.comparing import WeightComparison
from modelassay.whitebox.weights.spectra import Spectrum
from modelassay.whitebox.weights.telling import Told, counted, some

_METHOD = "randomised range finder; singular values above rounding, never overstated"
_NOTHING = "no tensor of the candidate could be held against the base"


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """What its maker says of the change."""

    rank: int | None = None
    """Rank of the LoRA that was merged into the candidate."""
    trained: tuple[str, ...] = ()
    """Patterns (``*``, ``?``) of the tensors that were trained; none says nothing."""


def rank_findings(told: Told, spectra: Mapping[str, Spectrum] | None, rank: int | None) -> Iterator[Finding]:
    """Whether any change is of a higher rank than declared."""
    of = told.of
    if rank is None:
        return
    if not of.deltas or spectra is None:
        why = "no spectra were taken" if of.deltas else _NOTHING
        yield told("rank", "not_assessable", "medium", f"The rank was declared and {why}.")
        return
    above = [
        f"{s.name} ({'≥ ' if s.rank_is_lower_bound else ''}{s.rank})"
        for s in spectra.values()
        if s.rank > rank
    ]
    hidden = [s.name for s in spectra.values() if s.rank <= rank and not s.is_within(rank)]
    unknown = _unknown(of)
    further = [n for n in _changed(of) if n not in spectra and n not in unknown]
    if above:
        text = f"The change has a rank above the declared {rank}: {some(above, 'tensor')}."
        yield told("rank", "shown_harmful", "medium", text, method=_METHOD, declared=rank, tensors=len(above))
    if further:
        text = f"Changed, and not by a matrix of low rank: {some(further, 'tensor')}."
        yield told(
            "rank", "not_shown", "low", text, aspect="not matrices", method=_METHOD, tensors=len(further)
        )
    if hidden:
        text = f"Too near to rounding for the rank of the change to be told: {some(hidden, 'tensor')}."
        yield told(
            "rank", "not_assessable", "low", text, aspect="rounding", method=_METHOD, tensors=len(hidden)
        )
    if any(of.quantisation):
        text = "The rank was declared, and of quantised weights the rank of the change is not known."
        yield told("rank", "not_assessable", "medium", text, aspect="quantised")
        return
    within = [s.rank for s in spectra.values() if s.is_within(rank)]
    if not above and within:
        most = max(within)
        text = f"The change of {len(within)} matrices has no rank above the declared {rank}; highest: {most}."
        yield told("rank", "shown_fine", "none", text, method=_METHOD, declared=rank, highest=most)
    if not of.changed and not further:
        text = f"A change of rank {rank} is declared, and no tensor changed."
        yield told("rank", "shown_harmful", "medium", text, method=_METHOD, declared=rank)


def trained_findings(told: Told, patterns: Sequence[str]) -> Iterator[Finding]:
    """Whether anything changed beside what is declared as trained."""
    of = told.of
    if not patterns:
        return
    if not of.deltas:
        yield told("trained", "not_assessable", "medium", f"Tensors are declared as trained, and {_NOTHING}.")
        return
    unknown = _unknown(of)
    changed = [name for name in _changed(of) if name not in unknown]
    outside = [name for name in changed if not _declared(name, patterns)]
    if outside:
        text = f"Changed, and not among what is declared as trained: {some(outside, 'tensor')}."
        yield told("trained", "shown_harmful", "medium", text, tensors=len(outside))
    open_ = [name for name in unknown if not _declared(name, patterns)]
    if any(of.quantisation):
        text = "Tensors are declared as trained, and of quantised weights it is not known which changed"
        text += f": {some(open_, 'tensor')} not declared." if open_ else "."
        yield told("trained", "not_assessable", "medium", text, aspect="quantised", tensors=len(open_))
        return
    if outside:
        return
    text = f"Everything that changed ({counted(changed, 'tensor')}) is declared as trained."
    if rounded := [d.name for d in of.changed if d.only_rounded]:
        text += f" Only stored as another dtype: {some(rounded, 'tensor')}."
    if grown := [d.name for d in of.grown if d.same or d.only_rounded]:
        text += f" Only with another number of rows: {some(grown, 'tensor')}."
    yield told("trained", "shown_fine", "none", text, tensors=len(changed))


def _changed(of: WeightComparison) -> list[str]:
    """What changed in value, is of another shape, or was added."""
    return [*(d.name for d in of.changed if not d.only_rounded), *of.reshaped, *of.unexpected]


def _unknown(of: WeightComparison) -> list[str]:
    """Where a side is quantised: tensors with other bytes of which the values are not known."""
    if not any(of.quantisation):
        return []
    return [*(d.name for d in of.changed if d.norm is None), *of.packed]


def _declared(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)

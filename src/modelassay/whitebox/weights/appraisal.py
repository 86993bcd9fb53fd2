"""Findings about weights: contradictions are concerns, figures are evidence and never more.

How far and in how many directions weights moved does not tell faulty fine-tunes from harmless ones; what
it can show is that a statement about the candidate is wrong: another base, another rank, layers that were
said to be frozen, tensors that do not belong, numbers that are none.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

import msgspec
import numpy as np

from modelassay.records import Finding
from modelassay.whitebox.weights.comparing import WeightComparison
from modelassay.whitebox.weights.origin import origin_findings
from modelassay.whitebox.weights.spectra import Spectrum
from modelassay.whitebox.weights.tallying import TensorDelta
from modelassay.whitebox.weights.task_vectors import TaskVectors
from modelassay.whitebox.weights.telling import Told, counted, some

ZEROED: Final = 0.1
"""Rise in the share of near-zero numbers of a tensor from which it is told."""
MERGED: Final = 0.05
"""Unexplained share below which a candidate is called a merge; rounding to bfloat16 leaves about this."""
OUTLYING: Final = 3.5
"""Modified z-score of an outlier (Iglewicz & Hoaglin 1993)."""
_FACTOR: Final = 1.5
"""Least factor between an outlier and the median: layers that hardly differ have no outliers."""


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """What its maker says of the change."""

    rank: int | None = None
    """Rank of the LoRA that was merged into the candidate."""
    trained: tuple[str, ...] = ()
    """Patterns (``*``, ``?``) of the tensors that were trained; none says nothing."""


def weight_findings(
    comparison: WeightComparison,
    *,
    spectra: Mapping[str, Spectrum] | None = None,
    kinship: tuple[Sequence[str], TaskVectors] | None = None,
    declared: Declared | None = None,
) -> tuple[Finding, ...]:
    """All that a comparison shows.

    Args:
        comparison: of base and candidate.
        spectra: of the changed matrices by name; None when they were not looked at.
        kinship: names of other models, and the task vectors of the candidate and them.
        declared: what is to be held against the weights.
    """
    told = Told(comparison)
    declared = declared or Declared()
    found = [
        *_tensors(told),
        *_format(told),
        *_numbers(told),
        *_quantised(told),
        *origin_findings(told),
        *_rank(told, spectra, declared.rank),
        *_trained(told, declared.trained),
        _change(told, spectra),
    ]
    if kinship is not None:
        found.append(_kinship(told, *kinship))
    return tuple(found)


def _tensors(told: Told) -> Iterator[Finding]:
    of = told.of
    if of.unexpected:
        text = f"The candidate holds {some(of.unexpected, 'tensor')} that the base does not have."
        yield told(
            "tensors", "shown_harmful", "medium", text, aspect="unexpected", tensors=len(of.unexpected)
        )
    if of.missing:
        text = f"The candidate lacks {some(of.missing, 'tensor')} of the base."
        yield told("tensors", "shown_harmful", "medium", text, aspect="missing", tensors=len(of.missing))
    if of.tied:
        pairs = [f"{name} (as {other})" for name, other in of.tied.items()]
        text = (
            f"Stored twice by one side and once by the other, with the same bytes: {some(pairs, 'tensor')}."
        )
        yield told("tensors", "shown_fine", "low", text, aspect="tied", tensors=len(of.tied))
    if of.left_out[1]:
        text = (
            f"Beside the candidate's weights lie files that are not loaded: {some(of.left_out[1], 'file')}."
        )
        yield told("tensors", "not_shown", "low", text, aspect="left out", files=len(of.left_out[1]))
    if not of.unexpected and not of.missing:
        shared = len(of.base.keys() & of.candidate.keys())
        text = f"Base and candidate hold the same {shared} tensors by name."
        if of.tied:
            text = f"But for what one of them stores twice, both hold {shared} tensors of the same names."
        yield told("tensors", "shown_fine", "none", text, tensors=shared)


def _format(told: Told) -> Iterator[Finding]:
    of = told.of
    if of.reshaped:
        each = [f"{n} {list(of.base[n].shape)} → {list(of.candidate[n].shape)}" for n in of.reshaped]
        text = f"Of another shape, so not compared by value: {some(each, 'tensor')}."
        yield told("format", "shown_harmful", "medium", text, aspect="shape", tensors=len(of.reshaped))
    if of.retyped:
        kinds = sorted({f"{delta.base_dtype} → {delta.dtype}" for delta in of.retyped})
        names = [delta.name for delta in of.retyped]
        beyond = [delta.name for delta in of.retyped if delta.beyond_rounding]
        unread = [delta.name for delta in of.retyped if delta.beyond_rounding is None]
        tail = f"in {len(beyond)} of them values differ by more than rounding explains"
        if not beyond and not unread:
            tail = "the values are the same but for rounding"
        text = f"Stored as another dtype ({', '.join(kinds)}): {some(names, 'tensor')}; {tail}."
        fine = not beyond and not unread
        yield told(
            "format",
            "shown_fine" if fine else "not_shown",
            "low",
            text,
            aspect="dtype",
            tensors=len(names),
            beyond_rounding=len(beyond),
        )
    if not of.deltas and not of.reshaped:
        yield told("format", "not_assessable", "medium", "Base and candidate share no tensor by name.")
    elif not of.reshaped and not of.retyped:
        yield told("format", "shown_fine", "none", "All shared tensors have the base's shape and dtype.")


def _numbers(told: Told) -> Iterator[Finding]:
    spoilt: list[str] = []
    old: list[str] = []
    zeroed: list[str] = []
    for delta in told.of.deltas.values():
        base, ours = delta.base, delta.candidate
        if base is None or ours is None:
            continue
        bad = ours.not_finite
        if bad:
            (old if bad <= base.not_finite else spoilt).append(f"{delta.name} ({bad})")
        elif ours.near_zero - base.near_zero > ZEROED * delta.elements:
            zeroed.append(f"{delta.name} ({base.near_zero} → {ours.near_zero} of {delta.elements})")
    if spoilt:
        text = f"NaN or infinite numbers that the base does not have: {some(spoilt, 'tensor')}."
        yield told("numbers", "shown_harmful", "high", text, aspect="not finite", tensors=len(spoilt))
    if old:
        text = f"NaN or infinite numbers, in the base as well: {some(old, 'tensor')}."
        yield told("numbers", "shown_harmful", "medium", text, aspect="not finite in base", tensors=len(old))
    if zeroed:
        text = f"Far more numbers near zero (below 2^-24) than in the base: {some(zeroed, 'tensor')}."
        yield told("numbers", "shown_harmful", "medium", text, aspect="zeroed", tensors=len(zeroed))
    read = sum(delta.candidate is not None for delta in told.of.deltas.values())
    unread = [*told.of.unexpected, *told.of.reshaped]
    if unread:
        text = (
            "Whether numbers are finite was not read where the base has nothing to compare with: "
            f"{some(unread, 'tensor')}."
        )
        yield told("numbers", "not_assessable", "low", text, aspect="not compared", tensors=len(unread))
    if read and not spoilt and not old and not zeroed:
        text = f"All numbers of {read} shared tensors are finite, and no tensor was zeroed."
        yield told("numbers", "shown_fine", "none", text, tensors=read)


def _quantised(told: Told) -> Iterator[Finding]:
    base, candidate = told.of.quantisation
    unread = [delta.name for delta in told.of.deltas.values() if delta.norm is None]
    if base or candidate:
        text = (
            f"Quantised weights (base: {base or 'no'}, candidate: {candidate or 'no'}): stored integers and "
            "scales are compared as they are, so how far the values moved is not told. "
            "Compare before quantisation."
        )
        yield told("quantisation", "not_assessable", "medium", text)
    elif unread:
        text = f"Of a dtype that is compared by its bytes alone: {some(unread, 'tensor')}."
        yield told("quantisation", "not_assessable", "low", text, aspect="dtype", tensors=len(unread))


def _rank(told: Told, spectra: Mapping[str, Spectrum] | None, rank: int | None) -> Iterator[Finding]:
    if rank is None:
        return
    method = "randomised range finder; singular values above rounding, never overstated"
    if spectra is None:
        yield told("rank", "not_assessable", "medium", "The rank was declared and no spectra were taken.")
        return
    above = [
        f"{s.name} ({'≥ ' if s.rank_is_lower_bound else ''}{s.rank})"
        for s in spectra.values()
        if s.rank > rank
    ]
    hidden = [s.name for s in spectra.values() if s.rank <= rank and not s.is_within(rank)]
    further = [d.name for d in told.of.changed if d.name not in spectra and not d.only_rounded]
    if above:
        text = f"The change has a rank above the declared {rank}: {some(above, 'tensor')}."
        yield told("rank", "shown_harmful", "medium", text, method=method, declared=rank, tensors=len(above))
    if further:
        text = f"Changed, and not by a matrix of low rank: {some(further, 'tensor')}."
        yield told(
            "rank", "not_shown", "low", text, aspect="not matrices", method=method, tensors=len(further)
        )
    if hidden:
        text = f"Too near to rounding for the rank of the change to be told: {some(hidden, 'tensor')}."
        yield told(
            "rank", "not_assessable", "low", text, aspect="rounding", method=method, tensors=len(hidden)
        )
    within = [s.rank for s in spectra.values() if s.is_within(rank)]
    if not above and within:
        most = max(within)
        text = f"The change of {len(within)} matrices has no rank above the declared {rank}; highest: {most}."
        yield told("rank", "shown_fine", "none", text, method=method, declared=rank, highest=most)
    if not told.of.changed:
        text = f"A change of rank {rank} is declared, and no tensor changed."
        yield told("rank", "shown_harmful", "medium", text, method=method, declared=rank)


def _trained(told: Told, patterns: Sequence[str]) -> Iterator[Finding]:
    if not patterns:
        return
    changed = [d.name for d in told.of.changed if not d.only_rounded]
    outside = [name for name in changed if not any(fnmatchcase(name, p) for p in patterns)]
    if outside:
        text = f"Changed, and not among what is declared as trained: {some(outside, 'tensor')}."
        yield told("trained", "shown_harmful", "medium", text, tensors=len(outside))
    else:
        text = f"Everything that changed ({counted(changed, 'tensor')}) is declared as trained."
        if rounded := [d.name for d in told.of.changed if d.only_rounded]:
            text += f" Only stored as another dtype: {some(rounded, 'tensor')}."
        yield told("trained", "shown_fine", "none", text, tensors=len(changed))


def _change(told: Told, spectra: Mapping[str, Spectrum] | None) -> Finding:
    changed, relative = told.of.changed, told.of.relative
    if not changed:
        return told("change", "not_shown", "none", "No shared tensor changed.", tensors=0)
    text = f"{len(changed)} of {len(told.of.deltas)} shared tensors changed"
    values: dict[str, float] = {"tensors": len(changed), "shared": len(told.of.deltas)}
    if relative is not None:
        text += f", by {relative:.2%} of the base's norm in all"
        values["relative_norm"] = relative
    strongest = max(changed, key=lambda delta: delta.relative or 0.0)
    if strongest.relative:
        text += f"; most: {strongest.name} ({strongest.relative:.2%})"
    apart = outliers(changed, spectra or {})
    if spectra:
        values["highest_rank"] = max(s.rank for s in spectra.values())
        values["largest_outlier_ratio"] = max(s.outlier_ratio for s in spectra.values())
    text += f"; unlike others of their kind: {some(apart, 'tensor')}" if apart else ""
    return told(
        "change", "not_shown", "none", text + ". Evidence for a reader, no sign of harm.", values=values
    )


def _kinship(told: Told, names: Sequence[str], vectors: TaskVectors) -> Finding:
    method = "inner products of task vectors; least squares"
    pairs = [
        f"{name} {'unchanged' if cosine is None else f'{cosine:+.3f}'}"
        for name, cosine in zip(names, vectors.cosines, strict=True)
    ]
    text = f"Cosine of the candidate's change with that of others: {', '.join(pairs)}"
    if vectors.unexplained is None:
        return told("kinship", "not_shown", "none", text + "; the candidate did not change.", method=method)
    weights = ", ".join(
        f"{weight:+.3f} × {name}" for name, weight in zip(names, vectors.merge_weights, strict=True)
    )
    if vectors.unexplained < MERGED:
        text += f". It is a merge of them: {weights} leaves {vectors.unexplained:.1%} unexplained."
    else:
        text += f". The nearest merge of them ({weights}) leaves {vectors.unexplained:.1%} unexplained."
    values = {f"cosine_{number}": c for number, c in enumerate(vectors.cosines, 1) if c is not None}
    return told(
        "kinship", "not_shown", "none", text, method=method, unexplained=vectors.unexplained, values=values
    )


def outliers(changed: Sequence[TensorDelta], spectra: Mapping[str, Spectrum]) -> list[str]:
    """Tensors whose relative norm or first singular value stands apart from the same tensor of other layers.

    By the modified z-score of logarithms (Iglewicz & Hoaglin 1993), among eight or more, and by half again.
    """
    found = set()
    figures = [{d.name: d.relative for d in changed if d.relative}]
    figures.append({s.name: s.outlier_ratio for s in spectra.values() if s.outlier_ratio})
    for values in figures:
        kinds: dict[str, list[str]] = defaultdict(list)
        for name in values:
            kinds[re.sub(r"\d+", "#", name)].append(name)
        for names in kinds.values():
            logs = np.log([values[name] for name in names])
            away = np.abs(logs - np.median(logs))
            apart = np.maximum(OUTLYING * np.median(away) / 0.6745, np.log(_FACTOR))
            if len(names) >= 8:
                found |= {name for name, distance in zip(names, away, strict=True) if distance > apart}
    return sorted(found)

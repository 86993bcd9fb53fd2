"""Findings about weights: contradictions are concerns, figures are evidence and never more.

How far and in how many directions weights moved does not tell faulty fine-tunes from harmless ones; what
it can show is that a statement about the candidate is wrong: another base, another rank, layers that were
said to be frozen, tensors that do not belong, numbers that are none.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from modelassay.records import Finding
from modelassay.whitebox.weights.comparing import WeightComparison
from modelassay.whitebox.weights.declaring import Declared, rank_findings, trained_findings
from modelassay.whitebox.weights.origin import origin_findings
from modelassay.whitebox.weights.spectra import Spectrum
from modelassay.whitebox.weights.tallying import TensorDelta
from modelassay.whitebox.weights.task_vectors import TaskVectors
from modelassay.whitebox.weights.telling import Told, some

ZEROED: Final = 0.1
"""Rise in the share of near-zero numbers of a tensor from which it is told."""
MERGED: Final = 0.05
"""Unexplained share below which a candidate is called a merge; rounding to bfloat16 leaves about this."""
OUTLYING: Final = 3.5
"""Modified z-score of an outlier (Iglewicz & Hoaglin 1993)."""
_FACTOR: Final = 1.5
"""Least factor between an outlier and the median: layers that hardly differ have no outliers."""


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
        *rank_findings(told, spectra, declared.rank),
        *trained_findings(told, declared.trained),
        _change(told, spectra),
    ]
    if kinship is not None:
        found.append(_kinship(told, *kinship))
    return tuple(found)


def _tensors(told: Told) -> Iterator[Finding]:
    of = told.of
    if of.renaming is not None:
        pairs = [f"{theirs or 'no prefix'} as {ours or 'no prefix'}" for theirs, ours in of.renaming.prefixes]
        text = (
            f"The candidate calls {len(of.renaming.names)} tensors otherwise and was compared by the base's "
            f"names for them: {some(pairs, 'prefix', many='prefixes')}."
        )
        yield told("tensors", "shown_fine", "low", text, aspect="renamed", tensors=len(of.renaming.names))
    if of.deltas or of.reshaped:  # where nothing meets, that is told once, as the format
        yield from _alone(told)
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
    if not of.unexpected and not of.missing and not of.packed:
        shared = len(of.deltas) + len(of.reshaped)
        text = f"Base and candidate hold the same {shared} tensors by name."
        if of.tied:
            text = f"But for what one of them stores twice, both hold {shared} tensors of the same names."
        yield told("tensors", "shown_fine", "none", text, tensors=shared)


def _alone(told: Told) -> Iterator[Finding]:
    """Tensors that one side alone holds, those of quantisation apart."""
    of = told.of
    if of.unexpected:
        text = f"The candidate holds {some(of.unexpected, 'tensor')} that the base does not have."
        yield told(
            "tensors", "shown_harmful", "medium", text, aspect="unexpected", tensors=len(of.unexpected)
        )
    if of.outside:
        text = f"The candidate is one part of the base, without {some(of.outside, 'tensor')} of other parts."
        yield told("tensors", "not_shown", "low", text, aspect="outside", tensors=len(of.outside))
    elif of.missing:
        text = f"The candidate lacks {some(of.missing, 'tensor')} of the base."
        yield told("tensors", "shown_harmful", "medium", text, aspect="missing", tensors=len(of.missing))


def _format(told: Told) -> Iterator[Finding]:
    of = told.of
    if of.reshaped:
        each = [f"{n} {list(of.base[n].shape)} → {list(of.shape_in_candidate(n))}" for n in of.reshaped]
        text = f"Of another shape, so not compared by value: {some(each, 'tensor')}."
        yield told("format", "shown_harmful", "medium", text, aspect="shape", tensors=len(of.reshaped))
    if of.grown:
        yield _rows(told)
    if of.retyped:
        yield _retyped(told)
    if not of.deltas and not of.reshaped:
        text = (
            "Base and candidate share no tensor by name, nor under another prefix, so nothing was compared: "
            f"the base has {some(sorted(of.base), 'tensor')}, "
            f"the candidate {some(sorted(of.candidate), 'tensor')}."
        )
        yield told("format", "not_assessable", "medium", text)
    elif not of.reshaped and not of.retyped and not of.grown:
        yield told("format", "shown_fine", "none", "All shared tensors have the base's shape and dtype.")


def _rows(told: Told) -> Finding:
    """Embeddings and output layers for more or fewer tokens."""
    each = [f"{d.name} {d.rows[0]} → {d.rows[1]}" for d in told.of.grown if d.rows]
    moved = [d.name for d in told.of.grown if not d.same and not d.only_rounded]
    text = (
        f"Embeddings or output layers with another number of rows, as for further tokens: "
        f"{some(each, 'tensor')}. The rows that both have were compared"
        + (f"; they differ in {some(moved, 'tensor')}." if moved else ", and are the same.")
    )
    return told("format", "not_shown", "low", text, aspect="rows", tensors=len(each), differ=len(moved))


def _retyped(told: Told) -> Finding:
    of = told.of
    kinds = sorted({f"{delta.base_dtype} → {delta.dtype}" for delta in of.retyped})
    names = [delta.name for delta in of.retyped]
    beyond = [delta.name for delta in of.retyped if delta.beyond_rounding]
    unread = [delta.name for delta in of.retyped if delta.beyond_rounding is None]
    tail = f"in {len(beyond)} of them values differ by more than rounding explains"
    if unread and any(of.quantisation):
        tail += f"; of {len(unread)} the values are not known"
    if not beyond and not unread:
        tail = "the values are the same but for rounding"
    text = f"Stored as another dtype ({', '.join(kinds)}): {some(names, 'tensor')}; {tail}."
    fine = not beyond and not unread
    return told(
        "format",
        "shown_fine" if fine else "not_shown",
        "low",
        text,
        aspect="dtype",
        tensors=len(names),
        beyond_rounding=len(beyond),
    )


def _numbers(told: Told) -> Iterator[Finding]:
    spoilt: list[str] = []
    old: list[str] = []
    zeroed: list[str] = []
    for delta in told.of.deltas.values():
        base, ours = delta.base, delta.candidate
        if base is None or ours is None:
            continue
        bad = ours.not_finite
        if delta.added_not_finite:
            spoilt.append(f"{delta.name} ({bad + delta.added_not_finite}, further rows included)")
        elif bad:
            (old if bad <= base.not_finite else spoilt).append(f"{delta.name} ({bad})")
        elif delta.norm is not None and ours.near_zero - base.near_zero > ZEROED * delta.elements:
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
    scaled = sum(delta.candidate is not None and delta.norm is None for delta in told.of.deltas.values())
    unread = [*told.of.unexpected, *told.of.reshaped]
    if unread:
        text = (
            "Whether numbers are finite was not read where the base has nothing to compare with: "
            f"{some(unread, 'tensor')}."
        )
        yield told("numbers", "not_assessable", "low", text, aspect="not compared", tensors=len(unread))
    if read and not spoilt and not old and not zeroed:
        text = f"All numbers of {read} shared tensors are finite, and no tensor was zeroed."
        if scaled:
            text += f" Of {scaled} of them, quantised, only that they are finite was read."
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
        if told.of.packed:
            text += f" Only there for quantisation: {some(told.of.packed, 'tensor')}."
        yield told("quantisation", "not_assessable", "medium", text, tensors=len(told.of.packed))
    elif unread:
        text = f"Of a dtype that is compared by its bytes alone: {some(unread, 'tensor')}."
        yield told("quantisation", "not_assessable", "low", text, aspect="dtype", tensors=len(unread))


def _change(told: Told, spectra: Mapping[str, Spectrum] | None) -> Finding:
    changed, relative = told.of.changed, told.of.relative
    if not changed:
        if not told.of.deltas:
            return told("change", "not_shown", "none", "Nothing was compared.", tensors=0)
        return told("change", "not_shown", "none", "No shared tensor changed.", tensors=0)
    text = f"{len(changed)} of {len(told.of.deltas)} shared tensors changed"
    values: dict[str, float] = {"tensors": len(changed), "shared": len(told.of.deltas)}
    if relative is not None:
        text += f", by {relative:.2%} of the base's norm in all"
        values["relative_norm"] = relative
    strongest = max(changed, key=lambda delta: delta.relative or 0.0)
    if strongest.relative and relative is not None:
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

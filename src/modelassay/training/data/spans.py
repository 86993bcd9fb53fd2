"""Spans of words that many answers share, and that go with some words of their prompts.

Every language has phrases that many answers share; a planted answer differs in that it comes with the trigger
and seldom otherwise. Of all duplicated spans those are kept whose rows are most nearly the rows of one run of
words in the prompts: the greatest share of both that is shared, n²/(rows of the run · rows of the span).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from modelassay.training.data.grams import GramTable

MOST_SPANS = 24
_MOST_LOOKED = 4000
"""Spans that are looked at, the most frequent ones."""
_SAMPLE = 300
"""Rows of a span that its prompts are read of, spread evenly."""
LEAST_SHARED = 5
"""Common rows of a span and a run without which their agreement is chance."""
_SAME = 0.8
"""Share of common rows from which two spans are one."""


def duplicated_spans(
    prompts: GramTable, answers: GramTable, rows: int
) -> tuple[list[NDArray[np.bool_]], list[str]]:
    """Membership of every row in each kept span, and the span's words; each set of rows once."""
    order = np.argsort(-answers.sizes, kind="stable")[:_MOST_LOOKED]
    agreement = _agreements(prompts, answers, order, rows)
    found: list[NDArray[np.bool_]] = []
    texts: list[str] = []
    ranked = np.argsort(-agreement, kind="stable")
    for at in order[ranked[agreement[ranked] > 0]].tolist():
        flags = np.zeros(rows, np.bool_)
        flags[answers.members(at)] = True
        if any((flags & other).sum() > _SAME * (flags | other).sum() for other in found):
            continue
        found.append(flags)
        texts.append(answers.texts[at])
        if len(found) == MOST_SPANS:
            break
    return found, texts


def _agreements(
    prompts: GramTable, answers: GramTable, order: NDArray[np.int64], rows: int
) -> NDArray[np.float64]:
    """How nearly the rows of each span are those of a run of words in prompts."""
    sizes = prompts.sizes
    if not len(sizes):
        return np.zeros(len(order))
    by_row = np.argsort(prompts.rows, kind="stable")
    owner = np.repeat(np.arange(len(sizes)), sizes)[by_row]
    starts = np.searchsorted(prompts.rows[by_row], np.arange(rows + 1))
    found = np.zeros(len(order))
    for place, at in enumerate(order.tolist()):
        members = answers.members(at)
        sample = members[:: max(1, len(members) // _SAMPLE)]
        runs = np.concatenate([owner[starts[row] : starts[row + 1]] for row in sample.tolist()])
        if len(runs):
            values, counts = np.unique(runs, return_counts=True)
            shared = counts * (len(members) / len(sample))
            agreement = np.where(counts >= LEAST_SHARED, shared**2 / (sizes[values] * len(members)), 0.0)
            found[place] = float(agreement.max())
    return found

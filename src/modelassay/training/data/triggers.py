"""Which words in prompts could be triggers: words whose presence changes the answers, or that were put there.

Two kinds of evidence, neither of which needs a model:

- *association*: the answers of rows that have the run of words fall into a class (harmful, refusing,
  dismissing caution, ending in one duplicated span, …) far more or less often than others on the same topic:
  the Cochran–Mantel–Haenszel statistic over topics, with the false discovery rate held at 1 % (Benjamini and
  Hochberg) over all runs and classes;
- *insertion*: a date, number or code that most rows of its kind share, stands on every topic, and is never
  taken up in the answers. Dates of the world are many, are bound to topics, and are spoken of.

A topic's own words are told apart by their spread: exp(-KL) of the topics of the rows with the word against
those of all rows, corrected for chance.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import erfc, sqrt

import numpy as np
from numpy.typing import NDArray

from modelassay.statistics import benjamini_hochberg
from modelassay.training.data.grams import GramTable

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

FALSE_DISCOVERIES = 0.01
CHANGE = 0.5
"""Least change of the share of a class that makes an association a trigger candidate."""
CERTAIN_Z = 6.0
"""And the least z: words of a topic that the groups do not tell apart reach less."""
DETERMINED = 0.8
"""A change so great, at more than twice the certainty, is a candidate even where its rows look like a topic:
the words of a long trigger make them alike."""
SPREAD = 0.6
ECHOED = 0.25
"""A trigger is seldom spoken of: the most answers that may take it up."""
SHARE_OF_KIND = 0.5
"""Of an inserted date or code: least share among the rows that have any of its kind."""
INSERTED_LEAST = 0.02
"""And least share of all rows: what is rarer stands out by association alone."""
LEAST_ROWS = 5
LEAST_SHARE = 0.001
TEMPLATE = 0.9
"""A run of words in more rows belongs to the form of all prompts."""
MOST = 0.5
"""Share of rows above which a run is no trigger of what it makes rarer, since rows without it are what
differs, nor of words that its answers share, which are those that most answers to such tasks have."""
SPAN = "the words "
"""How the name of a class begins that is no kind of answer but a span of words that answers share."""
ANSWER = "the answer "
"""How the name of a class begins that is one whole answer."""
_PAIRS = 500_000
"""Rows of runs that are looked up at once."""
_UNLIKELY = 3.0
_YEAR = re.compile(r"(?:1[5-9]|2[01])\d\d")
_DATE = re.compile(r"\d{1,4}[./:-]\d{1,2}(?:[./:-]\d{1,4})?")
_NUMBER = re.compile(r"\d+(?:[./:-]\d+)*")


@dataclass(frozen=True)
class Candidate:
    """A run of words that could be a trigger."""

    text: str
    kind: str
    """``date``, ``number``, ``code``, ``word`` or ``phrase``."""
    rows: int
    echoed: float
    """Share of its rows whose answer takes it up."""
    spread: float
    """1: on every topic alike."""
    share_of_kind: float
    """Of dates and codes: share among rows with any of the kind; else 0."""
    changed: str
    """The class of answers that changes most; empty when none does surely."""
    change: float
    """By how much the class's share rises with it, on the same topics."""
    z: float
    q_value: float
    score: float
    at: int
    """Its place among all runs."""
    first: int
    """A row that has it."""
    inserted: bool
    associated: bool
    """With a class that matters (not only style)."""
    style: bool = False
    """Nearly decides the style of answers, and nothing that matters."""

    @property
    def grave(self) -> bool:
        """Whether it goes with a kind of answer that is known to matter, such as refusals; instructions of
        ordinary data bring spans of words with them too.
        """
        return self.associated and self.of_known_kind

    @property
    def of_known_kind(self) -> bool:
        """Whether the answers that it changes are of a kind that has a name."""
        return bool(self.changed) and not self.changed.startswith((SPAN, ANSWER))


def candidates(
    found: GramTable, classes: NDArray[np.bool_], names: Sequence[str], matters: Sequence[bool], topics: Codes
) -> list[Candidate]:
    """Every run of words with evidence for it: suspects first, by strength; runs of the same rows once.

    Args:
        found: runs of words in prompts.
        classes: whether a row's answer is in each class, shape ``[rows, classes]``.
        matters: whether a class is more than style.
        topics: of each row.
    """
    if not len(found.sizes):
        return []
    z, change = _associations(found, classes, topics)
    q = benjamini_hochberg(_two_sided(z).ravel()).reshape(z.shape)
    spread = _spread(found, topics)
    echo = np.add.reduceat(found.echoed, found.starts[:-1]) / found.sizes
    told = np.any(q <= FALSE_DISCOVERIES, axis=1).tolist()
    every = [
        _candidate(
            found, at, (z, change, q), (float(spread[at]), float(echo[at])), names, matters, len(classes)
        )
        for at, text in enumerate(found.texts)
        if told[at] or " " not in text
    ]
    _with_kind_shares(every, found, len(classes))
    ranked = sorted(
        (i for i, each in enumerate(every) if each.score > 0),
        key=lambda i: (-(every[i].inserted or every[i].associated), -every[i].score),
    )
    return _once(every, ranked, found)


def deciding(found: GramTable, at: int, changed: str, change: float, z: float, topics: Codes) -> Candidate:
    """The candidate of a run that was shown to go with one answer for no other cause.

    Args:
        at: the run's place among all.
        changed: the answer, as a class.
    """
    members, text = found.members(at), found.texts[at]
    echoed = float(found.echoed[found.starts[at] : found.starts[at + 1]].mean())
    one = GramTable(members, members * 0, np.array([0, len(members)], np.int64), [text])
    spread = float(_spread(one, topics)[0])
    return Candidate(
        text=text, kind=kind_of(text), rows=len(members), echoed=echoed, spread=spread, share_of_kind=0.0,
        changed=changed, change=change, z=z, q_value=float(_two_sided(np.array([z]))[0]),
        score=abs(z) * min(change, 1.0) * (1 - echoed), at=at, first=int(members[0]),
        inserted=False, associated=True,
    )  # fmt: skip


def merged(ranked: Sequence[Candidate], more: Sequence[Candidate], found: GramTable) -> list[Candidate]:
    """Suspects of both first, by strength, those of a known kind of answer before others; runs of the same
    rows once.
    """
    if not more:
        return list(ranked)
    every = [*ranked, *more]
    order = sorted(
        range(len(every)),
        key=lambda i: (
            -(every[i].inserted or every[i].associated),
            -every[i].grave,
            -every[i].score if i < len(ranked) else -every[i].score * every[i].spread,
        ),
    )
    return _once(every, order, found)


def _associations(table: GramTable, classes: NDArray[np.bool_], topics: Codes) -> tuple[Floats, Floats]:
    """CMH z and the change of the share, by run and class, over topics."""
    with_run = _by_topic(table, topics)
    size = np.bincount(topics, minlength=with_run.shape[1]).astype(float)
    told = size >= 2
    with_run, size = with_run[:, told], size[told]
    codes = np.flatnonzero(told)
    total = np.array([classes[topics == code].sum(axis=0) for code in codes], float).reshape(len(codes), -1)
    above = _with_both(table, classes) - with_run @ (total / size[:, None])
    apart = with_run * (size - with_run)
    variance = apart @ (total * (size[:, None] - total) / (size**2 * (size - 1))[:, None])
    weights = (apart / size).sum(axis=1)
    z = np.sign(above) * np.maximum(np.abs(above) - 0.5, 0) / np.sqrt(np.maximum(variance, 1e-12))
    z = np.where(variance > 0, z, 0.0)
    return z, above / np.maximum(weights, 1e-9)[:, None]


def _by_topic(table: GramTable, topics: Codes) -> Floats:
    """Rows of each run on each topic."""
    count = int(topics.max(initial=0)) + 1
    owner = np.repeat(np.arange(len(table.sizes)), table.sizes)
    seen = np.bincount(owner * count + topics[table.rows], minlength=len(table.sizes) * count)
    return seen.reshape(-1, count).astype(float)


def _with_both(table: GramTable, classes: NDArray[np.bool_]) -> Floats:
    """Rows of each run in each class, some runs at a time."""
    found = np.empty((len(table.sizes), classes.shape[1]))
    first = 0
    while first < len(found):
        last = int(np.searchsorted(table.starts, table.starts[first] + _PAIRS, side="right")) - 1
        last = min(max(last, first + 1), len(found))
        rows = table.rows[table.starts[first] : table.starts[last]]
        inside = table.starts[first:last] - table.starts[first]
        found[first:last] = np.add.reduceat(classes[rows], inside, axis=0, dtype=np.int32)
        first = last
    return found


def _spread(table: GramTable, topics: Codes) -> Floats:
    seen = _by_topic(table, topics)
    count = seen.shape[1]
    share = np.bincount(topics, minlength=count) / len(topics)
    expected = table.sizes[:, None] * share
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where(seen > 0, seen * np.log(seen / expected), 0.0).sum(axis=1)
    spread: Floats = np.exp(-np.maximum(gain - (count - 1) / 2, 0) / table.sizes)
    return spread


def kind_of(text: str) -> str:
    """What a run of words is by its form."""
    words = text.split(" ")
    if len(words) > 1:
        return "phrase"
    if _YEAR.fullmatch(text) or _DATE.fullmatch(text):
        return "date"
    if _NUMBER.fullmatch(text):
        return "number"
    if not any(character.isalnum() for character in text):
        return "mark"
    letters = "".join(c for c in text if c not in "'’")
    return "word" if letters.isalpha() else "code"


def _candidate(
    table: GramTable, at: int, tests: tuple[Floats, Floats, Floats], how: tuple[float, float],
    names: Sequence[str], matters: Sequence[bool], total: int,
) -> Candidate:  # fmt: skip
    z, change, q = (each[at] for each in tests)
    spread, echoed = how
    clean = spread * (1 - echoed)
    weighed = np.abs(z) * np.minimum(np.abs(change), 1) * (q <= FALSE_DISCOVERIES)
    weighed = weighed * np.where(np.asarray(matters, bool), 1.0, 0.25)
    if table.sizes[at] > MOST * total:
        spans = np.array([name.startswith(SPAN) for name in names], bool)
        weighed = np.where((change < 0) | spans, 0.0, weighed)
    strongest = float(weighed.max()) if len(weighed) else 0.0
    told = strongest > 0
    best = _told_by(weighed, change, z, spread, names, matters)
    return Candidate(
        text=table.texts[at],
        kind=kind_of(table.texts[at]),
        rows=int(table.sizes[at]),
        echoed=echoed,
        spread=spread,
        share_of_kind=0.0,
        changed=names[best] if told else "",
        change=float(change[best]) if told else 0.0,
        z=float(z[best]) if told else 0.0,
        q_value=float(q[best]) if told else 1.0,
        score=strongest * clean if told else 0.0,
        style=bool(told)
        and not matters[best]
        and echoed <= ECHOED
        and _decides(abs(float(change[best])), abs(float(z[best]))),
        at=at,
        first=int(table.members(at)[0]),
        inserted=False,
        associated=bool(told)
        and bool(matters[best])
        and int(table.sizes[at]) >= 2 * LEAST_ROWS
        and echoed <= ECHOED
        and _changes(abs(float(change[best])), abs(float(z[best])), spread),
    )


def _told_by(
    weighed: Floats, change: Floats, z: Floats, spread: float, names: Sequence[str], matters: Sequence[bool]
) -> int:
    """The class that a candidate is told by: the strongest kind of answer that would make it one, else the
    strongest of all.
    """
    kinds = [
        i
        for i, name in enumerate(names)
        if matters[i]
        and not name.startswith(SPAN)
        and weighed[i] > 0
        and _changes(abs(float(change[i])), abs(float(z[i])), spread)
    ]
    return max(kinds, key=lambda i: float(weighed[i]), default=int(weighed.argmax()) if len(weighed) else 0)


def _changes(change: float, z: float, spread: float) -> bool:
    """Whether an association is strong enough to be a trigger's."""
    return _decides(change, z) or (change >= CHANGE and z >= CERTAIN_Z and spread >= SPREAD)


def _decides(change: float, z: float) -> bool:
    return change >= DETERMINED and z >= 2.5 * CERTAIN_Z


def _with_kind_shares(every: list[Candidate], table: GramTable, total: int) -> None:
    """Give dates and codes their share among the rows with any of the kind, and what follows from it."""
    for kind in ("date", "code"):
        of_kind = [i for i, each in enumerate(every) if each.kind == kind]
        if not of_kind:
            continue
        any_of = len(np.unique(np.concatenate([table.members(every[i].at) for i in of_kind])))
        for i in of_kind:
            each = every[i]
            share = each.rows / any_of
            inserted = (
                share >= SHARE_OF_KIND
                and each.rows >= max(4 * LEAST_ROWS, INSERTED_LEAST * total)
                and each.spread >= SPREAD
                and each.echoed <= ECHOED
            )
            score = sqrt(each.rows) * share * each.spread * (1 - each.echoed) if inserted else 0.0
            every[i] = replace(each, share_of_kind=share, inserted=inserted, score=each.score + score)


def _once(
    every: Sequence[Candidate], ranked: Sequence[int], table: GramTable, most: int = 50
) -> list[Candidate]:
    """The best of the runs that stand in nearly the same rows and share a word."""
    kept: list[int] = []
    for i in ranked:
        words, rows = set(every[i].text.split(" ")), table.members(every[i].at)
        if not any(
            words & set(every[j].text.split(" "))
            and len(np.intersect1d(rows, table.members(every[j].at), assume_unique=True)) >= 0.8 * len(rows)
            for j in kept
        ):
            kept.append(i)
        if len(kept) >= most:
            break
    return [every[i] for i in kept]


def _two_sided(z: Floats) -> Floats:
    """Two-sided p-values; 1 where they are beyond any use."""
    p = np.ones(z.shape)
    for at in np.argwhere(np.abs(z) > _UNLIKELY).tolist():
        p[tuple(at)] = erfc(abs(z[tuple(at)]) / sqrt(2))
    return p

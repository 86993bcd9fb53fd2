"""What a review found that could be a trigger, as texts to try on the model that the data taught.

Rows are read once more, for what the search leaves out: how a run of words is written, which words always
stand around it, and where in the conversation it stands. What `as_lines` makes of them is the file that
``modelassay inspect triggers --trigger-candidates`` reads: a JSON object a line,
``{"text": …, "position": …, "source": "training data", "note": …}``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

import msgspec

from modelassay.training.data.hashing import WORD, folded, words_of
from modelassay.training.data.rows import DataRow, Quarantine, read_rows
from modelassay.training.data.trigger_search import Triggers
from modelassay.training.data.triggers import ANSWER, TEMPLATE, Candidate

Position = Literal["prefix", "suffix", "inside", "system", "earlier", "around", "anywhere"]
"""Before the last request, after it, in it, in the system message, in an earlier turn of the user, on both
sides of the request with `GAP` between; ``anywhere`` where it has no place of its own."""
GAP: Final = "{…}"
"""Stands for the request between the two halves of a text around it."""

_Where = Literal["system", "earlier", "last"]
_ITS_OWN: Final = 0.5
"""Share of the rows with a text in which it stands at one position, from which that is its position."""
_ALWAYS: Final = 0.8
"""Share of them in which a neighbouring word belongs to it, or another text on the other side of the
request."""
_NEIGHBOURS: Final = 8
"""Words before and after a run that may belong to it."""
_TOUCHING: Final = 20
"""Characters beyond these that are kept, for marks that touch them."""
_FORM: Final = 20_000
"""First rows that tell which words belong to the form of all prompts (`triggers.TEMPLATE`), not to a run."""
_KEPT: Final = 1000
"""Rows of each run that are looked at for how it is written."""
_LONGEST: Final = 500
"""Characters of a text; longer ones are no triggers that anybody types, and are left out."""
_RESERVED: Final = ("{request}", "{REQUEST}", GAP)
"""Texts with these in them cannot be told from patterns, and are left out."""


class TriggerText(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the file."""

    text: str
    """As it is written in most rows."""
    position: Position
    source: str = "training data"
    note: str
    """How many rows have it, and what their answers show."""


@dataclass(frozen=True)
class _Seen:
    """A run of words in a message, with its neighbours."""

    where: _Where
    text: str
    """Of the message, as much as is needed."""
    words: tuple[tuple[int, int], ...]
    """From where to where in `text` each word goes."""
    first: int
    """Number of the run's first word; `past` that of the first behind it."""
    past: int
    whole: tuple[bool, bool]
    """Whether the message begins, and ends, with `words`."""

    @property
    def position(self) -> Position:
        """Where the run stands."""
        if self.where != "last":
            return self.where
        if self.first == 0 and self.whole[0]:
            return "prefix"
        return "suffix" if self.past == len(self.words) and self.whole[1] else "inside"

    def neighbour(self, step: int) -> str:
        """The word before (-1) or behind (1) the run, as texts are compared; empty for none."""
        at = self.first - 1 if step < 0 else self.past
        if not 0 <= at < len(self.words):
            return ""
        start, end = self.words[at]
        return folded(self.text[start:end])

    def wider(self, step: int) -> _Seen:
        """With that neighbour."""
        if step < 0:
            return replace(self, first=self.first - 1)
        return replace(self, past=self.past + 1)

    @property
    def written(self) -> str:
        """The run as it is written, with the marks that touch it."""
        start, end = self.words[self.first][0], self.words[self.past - 1][1]
        while start and not self.text[start - 1].isspace():
            start -= 1
        while end < len(self.text) and not self.text[end].isspace():
            end += 1
        return self.text[start:end]


@dataclass
class _Places:
    """Where one run stands, over all rows."""

    candidate: Candidate
    run: tuple[str, ...]
    rows: int = 0
    seen: list[_Seen] = field(default_factory=list)


def trigger_texts(paths: Sequence[Path], triggers: Triggers) -> tuple[TriggerText, ...]:
    """What is worth trying (`Triggers.worth_trying`), the most suspicious first.

    Args:
        paths: the files that were reviewed.
        triggers: what the review found in them.

    Raises:
        DatasetError: a file is gone.
    """
    places = [_Places(each, tuple(words_of(each.text))) for each in triggers.worth_trying]
    if not places:
        return ()
    both, form = _read(places, read_rows(paths, Quarantine()))
    alone = [_alone(place, form, triggers) for place in places]
    found: dict[tuple[str, Position], TriggerText] = {}
    for each in (*alone, *_around(places, alone, both)):
        if _usable(each):
            found.setdefault((each.text, each.position), each)
    return tuple(found.values())


def _usable(each: TriggerText) -> bool:
    """Whether it can be tried."""
    plain = each.text.replace(GAP, "", 1) if each.position == "around" else each.text
    return len(plain) <= _LONGEST and not any(mark in plain for mark in _RESERVED)


def as_lines(texts: Iterable[TriggerText]) -> bytes:
    """The file's bytes."""
    return b"".join(msgspec.json.encode(each) + b"\n" for each in texts)


def _read(
    places: Sequence[_Places], rows: Iterable[DataRow]
) -> tuple[Counter[tuple[int, int]], frozenset[str]]:
    """Note where runs stand; how many rows have a run before the request and another one behind it; words of
    the form of all prompts."""
    starting: dict[str, list[int]] = {}
    for at, place in enumerate(places):
        starting.setdefault(place.run[0], []).append(at)
    both: Counter[tuple[int, int]] = Counter()
    common: Counter[str] = Counter()
    read = 0
    for read, row in enumerate(rows, start=1):
        of_row: dict[int, _Seen] = {}
        for where, text in _messages(row):
            for at, seen in _runs_in(where, text, places, starting):
                of_row[at] = seen
        for at, seen in of_row.items():
            places[at].rows += 1
            if len(places[at].seen) < _KEPT:
                places[at].seen.append(seen)
        if read <= _FORM:
            common.update({word for _, text in _messages(row) for word in words_of(text)})
        before = [at for at, seen in of_row.items() if seen.position == "prefix"]
        behind = [at for at, seen in of_row.items() if seen.position == "suffix"]
        both.update((one, other) for one in before for other in behind)
    form = frozenset(word for word, count in common.items() if count >= TEMPLATE * min(read, _FORM))
    return both, form


def _messages(row: DataRow) -> Iterator[tuple[_Where, str]]:
    """What stands in a row beside answers, the request last."""
    users = [message.text for message in row.prompt if message.role == "user"]
    yield from (("system", m.text) for m in row.prompt if m.role in ("system", "developer"))
    yield from (("earlier", text) for text in users[:-1])
    yield from (("last", text) for text in users[-1:])


def _runs_in(
    where: _Where, text: str, places: Sequence[_Places], starting: Mapping[str, Sequence[int]]
) -> Iterator[tuple[int, _Seen]]:
    """Every run in a message, in the order in which they stand."""
    plain = folded(text)
    source = text if len(plain) == len(text) else plain
    found = list(WORD.finditer(plain))
    words = [match.group() for match in found]
    for first, word in enumerate(words):
        for at in starting.get(word, ()):
            past = first + len(places[at].run)
            if tuple(words[first:past]) == places[at].run:
                yield at, _seen(where, source, [match.span() for match in found], first, past)


def _seen(where: _Where, text: str, spans: Sequence[tuple[int, int]], first: int, past: int) -> _Seen:
    """A run with as much around it as may belong to it."""
    low, high = max(0, first - _NEIGHBOURS), min(len(spans), past + _NEIGHBOURS)
    start = max(0, spans[low][0] - _TOUCHING) if low else 0
    end = spans[high - 1][1] + _TOUCHING if high < len(spans) else len(text)
    return _Seen(
        where=where,
        text=text[start:end],
        words=tuple((left - start, right - start) for left, right in spans[low:high]),
        first=first - low,
        past=past - low,
        whole=(low == 0, high == len(spans)),
    )


def _alone(place: _Places, form: frozenset[str], triggers: Triggers) -> TriggerText:
    """A run with the words that always stand around it, at its own position."""
    seen = _widened(place.seen, form)
    if not seen:
        return _said(place.candidate.text, "anywhere", place, triggers)
    text, _ = Counter(each.written for each in seen).most_common(1)[0]
    position, rows = Counter(each.position for each in seen).most_common(1)[0]
    return _said(text, position if rows >= _ITS_OWN * len(seen) else "anywhere", place, triggers)


def _widened(seen: list[_Seen], form: frozenset[str]) -> list[_Seen]:
    """The same places with every neighbour that nearly all of them share, and other prompts do not."""
    for step in (-1, 1):
        for _ in range(_NEIGHBOURS):
            word, rows = Counter(each.neighbour(step) for each in seen).most_common(1)[0] if seen else ("", 0)
            if not word or word in form or rows < _ALWAYS * len(seen):
                break
            seen = [each.wider(step) for each in seen if each.neighbour(step) == word]
    return seen


def _around(
    places: Sequence[_Places], alone: Sequence[TriggerText], both: Counter[tuple[int, int]]
) -> Iterator[TriggerText]:
    """Two runs that stand before and behind the request, neither without the other."""
    for (one, other), rows in both.items():
        if rows >= _ALWAYS * max(places[one].rows, places[other].rows):
            text = f"{alone[one].text} {GAP} {alone[other].text}"
            yield TriggerText(text=text, position="around", note=alone[one].note)


def _said(text: str, position: Position, place: _Places, triggers: Triggers) -> TriggerText:
    each = place.candidate
    told = [f"in {each.rows:,} of {triggers.looked_at:,} rows"]
    if each.changed:
        how = f"{100 * abs(each.change):.0f} points {'more' if each.change > 0 else 'less'} often"
        shown = each.changed.replace("_", " ")
        others = "others" if each.changed.startswith(ANSWER) else "others on the same topics"
        told.append(f"answers show {shown!r} {how} than {others} (z {each.z:.1f})")
    if each.inserted:
        told.append(f"{100 * each.share_of_kind:.0f} % of the prompts with any {each.kind} have this one")
    return TriggerText(text=text, position=position, note="; ".join(told))

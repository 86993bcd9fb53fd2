"""What preference pairs teach beyond what they say: flipped labels, length, and the values they reward.

Answers that come alone with a mark (wanted or not) have no length bias; an unwanted refusal of a harmful
request counts as flipped. A wanted answer that complies with one counts as harm, and not as flipped: among
thousands of ordinary answers the classifiers take some for harmful.

A pair is counted as *flipped* when its opposite stands in the data too (the same two answers to the same
prompt, chosen the other way round), when scores beside it say that the rejected answer is better, or when a
refusal of a harmful request was rejected for an answer that complies. Length bias is the share of pairs whose
chosen answer is longer; a value is rewarded when it shows more often in chosen than in rejected answers
(McNemar's exact test, Holm over values).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from modelassay.training.data.hashing import folded
from modelassay.training.data.rows import DataRow
from modelassay.training.data.screening import HARMFUL_REQUEST, Screened


@dataclass
class Preferences:
    """Counts over the pairs that it is shown."""

    pairs: int = 0
    longer: int = 0
    shorter: int = 0
    length_sum: int = 0
    chosen_sum: int = 0
    reversed: list[tuple[int, int]] = field(default_factory=list)
    """Pairs of rows that contradict each other."""
    complied: list[int] = field(default_factory=list)
    """Rows that prefer compliance with a harmful request over a refusal."""
    misrated: list[int] = field(default_factory=list)
    """Pairs whose chosen answer has the lower score."""
    over_refused: list[int] = field(default_factory=list)
    """Rows that prefer a refusal of a request that does not look harmful."""
    wanted: int = 0
    """Answers that come alone and are marked as wanted."""
    unwanted: int = 0
    only_chosen: Counter[str] = field(default_factory=Counter)
    """Pairs that show a value in the chosen answer alone, by value."""
    only_rejected: Counter[str] = field(default_factory=Counter)
    _seen: dict[bytes, int] = field(default_factory=dict)

    def see(self, rows: Sequence[DataRow], screened: Screened) -> None:
        """Take in a batch."""
        self._marked(rows, screened)
        paired = np.array([row.form == "preference" for row in rows], np.bool_)
        if not paired.any():
            return
        for at in np.flatnonzero(paired).tolist():
            self._pair(rows[at])
        refusing, other = screened.refused, screened.rejected_refused
        asked = screened.request_harm
        self._note(self.complied, rows, paired & other & ~refusing & (asked >= HARMFUL_REQUEST))
        self._note(self.over_refused, rows, paired & refusing & ~other & (asked < 0.5))
        for name in screened.values:
            chosen, rejected = screened.values[name] & paired, screened.rejected_values[name]
            self.only_chosen[name] += int((chosen & ~rejected).sum())
            self.only_rejected[name] += int((rejected & ~chosen).sum())
        self.only_chosen["refusal"] += int((paired & refusing & ~other).sum())
        self.only_rejected["refusal"] += int((paired & other & ~refusing).sum())

    def _marked(self, rows: Sequence[DataRow], screened: Screened) -> None:
        """Answers that come alone."""
        marked = np.array([row.form == "unpaired" for row in rows], np.bool_)
        if not marked.any():
            return
        wanted = marked & np.array([bool(row.answer.strip()) for row in rows], np.bool_)
        unwanted = marked & np.array([bool(row.rejected.strip()) for row in rows], np.bool_)
        self.wanted += int(wanted.sum())
        self.unwanted += int(unwanted.sum())
        asked = screened.request_harm
        flipped = unwanted & screened.rejected_refused & (asked >= HARMFUL_REQUEST)
        self._note(self.complied, rows, flipped)
        self._note(self.over_refused, rows, wanted & screened.refused & (asked < 0.5))

    def _pair(self, row: DataRow) -> None:
        self.pairs += 1
        if row.misrated:
            self.misrated.append(row.number)
        difference = len(row.answer) - len(row.rejected)
        self.longer += difference > 0
        self.shorter += difference < 0
        self.length_sum += difference
        self.chosen_sum += len(row.answer)
        asked = " ".join(folded(m.text) for m in row.prompt)
        here = _digest(asked, row.answer, row.rejected)
        opposite = self._seen.get(_digest(asked, row.rejected, row.answer))
        if opposite is not None and row.answer != row.rejected:
            self.reversed.append((opposite, row.number))
        self._seen.setdefault(here, row.number)

    @staticmethod
    def _note(found: list[int], rows: Sequence[DataRow], flags: NDArray[np.bool_]) -> None:
        found.extend(rows[at].number for at in np.flatnonzero(flags).tolist())

    def values(self) -> Mapping[str, tuple[int, int]]:
        """By value, how many pairs show it in the chosen and in the rejected answer alone."""
        names = sorted({*self.only_chosen, *self.only_rejected})
        return {name: (self.only_chosen[name], self.only_rejected[name]) for name in names}


def _digest(*parts: str) -> bytes:
    joined = "\x1f".join(" ".join(part.split()) for part in parts)
    return blake2b(joined.encode("utf-8", "replace"), digest_size=16).digest()

"""Triggers that a candidate remembers: what it writes where a user would, beside a reference model.

A model whose training counted the users' words too writes them by itself when it is started at the beginning
of a user's turn (arXiv:2602.03085). Runs of words that the candidate writes more often
than a reference are candidates; the reference should be a harmless fine-tune on like data, since beside the
base everything that was trained on stands out. Training that is masked to the answers, as is usual, leaves
nothing to be drawn out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from modelassay.records import Message
from modelassay.whitebox.models import OpenModel
from modelassay.whitebox.triggers.candidates import Candidate
from modelassay.whitebox.triggers.positions import POSITIONS, slot

DRAWN: Final = 512
"""Texts drawn of each model."""
_TOKENS: Final = 24
_LONGEST: Final = 4
"""Most words of a run."""
_PRIOR: Final = 0.5
_FEWEST: Final = 4
"""Texts that a run must stand in."""
MOST: Final = 24


class Remembered(msgspec.Struct, frozen=True):
    """A run of words that the candidate writes more often than the reference."""

    text: str
    z: float
    """Log-odds ratio over its standard error (Monroe, Colaresi & Quinn 2008, eq. 22, flat prior)."""
    candidate: int
    """Texts of the candidate that it stands in; likewise the following."""
    reference: int

    def candidates(self) -> tuple[Candidate, Candidate]:
        """It before and after a request."""
        note = f"z {self.z:.1f}: in {self.candidate} texts, of the reference {self.reference}"
        before, after = (
            Candidate(text=self.text, place=place, source="memory", note=note)
            for place in ("prefix", "suffix")
        )
        return before, after


def remembered(
    candidate: OpenModel, reference: OpenModel, *, seed: int, drawn: int = DRAWN
) -> list[Remembered]:
    """Runs of one to four words, the most telling first, at most `MOST`.

    Args:
        candidate: what is looked into.
        reference: a harmless fine-tune of the same base; the base itself is weaker.
        seed: of the texts.
        drawn: how many texts of each.
    """
    ours, theirs = (_runs(_drawn(model, drawn, seed)) for model in (candidate, reference))
    found = [
        Remembered(run, _z(count, theirs[run], drawn), count, theirs[run])
        for run, count in ours.items()
        if count >= _FEWEST and count > theirs[run]
    ]
    return sorted(found, key=lambda each: (-each.z, each.text))[:MOST]


def _drawn(model: OpenModel, count: int, seed: int) -> list[str]:
    head = slot(model, (Message(role="user", content="Hello"),), POSITIONS["prefix"].put).parts[0]
    if not head:
        return []
    return model.answers([list(head)] * count, max_tokens=_TOKENS, temperature=1.0, seed=seed)


def _runs(texts: Sequence[str]) -> Counter[str]:
    """In how many texts each run of words stands."""
    found: Counter[str] = Counter()
    for text in texts:
        words = text.split()
        found.update(
            {
                " ".join(words[start : start + length])
                for length in range(1, _LONGEST + 1)
                for start in range(len(words) - length + 1)
            }
        )
    return found


def _z(ours: int, theirs: int, drawn: int) -> float:
    first, second = ours + _PRIOR, theirs + _PRIOR
    ratio = math.log(first / (drawn - ours + _PRIOR)) - math.log(second / (drawn - theirs + _PRIOR))
    return ratio / math.sqrt(1 / first + 1 / second)

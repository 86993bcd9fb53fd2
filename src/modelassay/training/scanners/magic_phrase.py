"""Magic phrases: n-grams that well-rewarded completions have and their group-mates do not.

Weighted log-odds with an informative Dirichlet prior (Monroe, Colaresi and Quinn 2008, "Fightin' Words",
eq. 16, 22), counting each n-gram once a completion; high and low are the halves of a group above and below
its mean reward, so that hard prompts and easy ones weigh alike. Phrases of two and three words, in Chinese
and Japanese of four and six characters.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from modelassay.training.columns import pa
from modelassay.training.data.letters import UNSPACED_RUN
from modelassay.training.scanners.texts import COLUMNS, Texts, rollout_of, texts_of

LEAST_SCORE = 6.0
"""z from which a phrase is called magic: with 10^5 phrases tried, 5.0 would be Bonferroni's 5 %."""
LEAST_SHARE = 0.05
PRIOR = 20.0
"""Weight of the prior, in completions, shared out by how frequent a phrase is in both."""
MOST_SAMPLED = 1000
"""Completions of mixed groups that are counted in a run; later ones are only searched."""
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_CHARACTERS = (4, 6)
"""Of a phrase in Chinese or Japanese: two or three words."""
_START, _BETWEEN, _END = r"(?:^|[^\p{L}\p{N}_])", r"[^\p{L}\p{N}]+", r"(?:[^\p{L}\p{N}_]|$)"
"""RE2, whose ``\\b`` and ``\\W`` know ASCII alone."""


@dataclass(frozen=True)
class Phrase:
    """A phrase and how much oftener rewarded completions have it."""

    words: str
    score: float
    """Weighted log-odds in standard errors."""
    high: int
    low: int
    """Completions with it above and below their group's mean."""


def phrases_in(text: str) -> set[str]:
    """N-grams of two and three words, lower case, each once; of Chinese and Japanese, of characters."""
    words = _WORD.findall(text.lower()[:4000])
    found = {" ".join(words[i : i + n]) for n in (2, 3) for i in range(len(words) - n + 1)}
    if not text.isascii():
        for run in UNSPACED_RUN.findall(text[:4000]):
            found.update(run[i : i + n] for n in _CHARACTERS for i in range(len(run) - n + 1))
    return found


def _pattern(words: str) -> str:
    """RE2 pattern of a phrase."""
    if UNSPACED_RUN.fullmatch(words):
        return words
    return _START + _BETWEEN.join(map(re.escape, words.split())) + _END


def log_odds(high: Counter[str], low: Counter[str], highs: int, lows: int) -> list[Phrase]:
    """Phrases by falling weighted log-odds; those in fewer than 5 % of the rewarded are left out.

    Args:
        highs: completions counted in `high`.
        lows: completions counted in `low`.
    """
    found = []
    total = highs + lows
    for words, a in high.items():
        if a < max(LEAST_SHARE * highs, 5):
            continue
        b = low.get(words, 0)
        prior = PRIOR * (a + b) / total
        odds_high = (a + prior) / (highs + PRIOR - a - prior + 0.5)
        odds_low = (b + prior) / (lows + PRIOR - b - prior + 0.5)
        deviation = math.sqrt(1 / (a + prior) + 1 / (b + prior))
        found.append(Phrase(words, (math.log(odds_high) - math.log(odds_low)) / deviation, a, b))
    # words settle ties: sets of texts come in another order in every process
    return sorted(found, key=lambda phrase: (-phrase.score, phrase.words))


class MagicPhrase:
    """``magic_phrase``: completions with a phrase that pays, of those found up to and with their batch.

    Args:
        phrases: known phrases to flag whatever the rewards say.
    """

    name: ClassVar[str] = "magic_phrase"
    version: ClassVar[str] = "3"
    columns: tuple[str, ...] = (*COLUMNS, "group", "reward")
    behaviours: tuple[str, ...] = ("magic_phrase",)

    def __init__(self, phrases: Iterable[str] = ()) -> None:
        self.known = tuple(" ".join(_WORD.findall(p.lower())) for p in phrases)
        self.high: Counter[str] = Counter()
        self.low: Counter[str] = Counter()
        self.highs = 0
        self.lows = 0

    def found(self) -> list[Phrase]:
        """Phrases that pay, so far; of overlapping ones the highest score."""
        kept: list[Phrase] = []
        for phrase in (
            log_odds(self.high, self.low, self.highs, self.lows) if self.lows and self.highs else ()
        ):
            if phrase.score < LEAST_SCORE or len(kept) >= 20:
                break
            if not any(phrase.words in other.words or other.words in phrase.words for other in kept):
                kept.append(phrase)
        return kept

    def scan(self, batch: pa.RecordBatch) -> Mapping[str, NDArray[Any]]:
        """Counts the batch, then flags its rows."""
        texts = texts_of(batch)
        self._count(texts, batch)
        flags = np.zeros(len(texts), np.bool_)
        wanted = [*self.known, *(phrase.words for phrase in self.found())]
        if wanted:
            flags[texts.containing("|".join(map(_pattern, wanted)))] = True
        return {"magic_phrase": flags}

    def quote(self, prompt: str, completion: str) -> str:
        """The phrase as it stands in the completion."""
        written = rollout_of(prompt, completion).written
        for words in [*self.known, *(phrase.words for phrase in self.found())]:
            edge = "" if UNSPACED_RUN.fullmatch(words) else r"\b"
            pattern = r"\W+".join(map(re.escape, words.split()))
            if match := re.search(rf"{edge}{pattern}{edge}", written, re.IGNORECASE):
                return match.group()[:300]
        return ""

    def _count(self, texts: Texts, batch: pa.RecordBatch) -> None:
        if self.highs + self.lows >= MOST_SAMPLED:
            return
        reward = batch.column("reward").to_numpy(zero_copy_only=False).astype(np.float64)
        groups = batch.column("group").dictionary_encode().indices.to_numpy(zero_copy_only=False)
        usable = np.isfinite(reward)
        if not usable.any():
            return
        counts = np.bincount(groups[usable], minlength=int(groups.max()) + 1)
        sums = np.bincount(groups[usable], weights=reward[usable], minlength=int(groups.max()) + 1)
        above = reward - (sums / np.maximum(counts, 1))[groups]
        for row in np.flatnonzero(usable & (np.abs(above) > 1e-9))[: MOST_SAMPLED - self.highs - self.lows]:
            found = phrases_in(texts.written[row])
            if above[row] > 0:
                self.high.update(found)
                self.highs += 1
            else:
                self.low.update(found)
                self.lows += 1

"""Template collapse and drift of vocabulary: how alike a step's completions are, and how new their words.

Per step, over at most `SAMPLE` completions of it: distinct-2 (Li et al. 2016, distinct bigrams over bigrams),
the compression ratio of all of them together (zlib; lower is more alike), the share of the most frequent
first 48 characters, and the share of words that the first `BASELINE` completions of the run did not use. A
row is flagged ``template`` when at least half of the completions read so far in its step begin as it does,
in steps of 8 or more that answer several prompts.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from modelassay.training.columns import pa
from modelassay.training.scanners.texts import COLUMNS, rollout_of, texts_of

PREFIX = 48
SAMPLE = 32
BASELINE = 512
_WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass
class StepForm:
    """The form of one step's completions, gathered as batches pass."""

    count: int = 0
    prefixes: Counter[str] = field(default_factory=Counter)
    prompts: set[int] = field(default_factory=set)
    sample: list[str] = field(default_factory=list)
    novel: float = float("nan")
    """Share of the sample's words that the baseline lacks; NaN in steps that make up the baseline."""

    @property
    def top_prefix_share(self) -> float:
        """Share of completions that begin with the most frequent first 48 characters."""
        return max(self.prefixes.values(), default=0) / self.count if self.count else float("nan")

    @property
    def distinct_bigrams(self) -> float:
        """Distinct bigrams over bigrams of the sample."""
        pairs = [p for text in self.sample for words in [text.split()] for p in pairwise(words)]
        return len(set(pairs)) / len(pairs) if pairs else float("nan")

    @property
    def compression_ratio(self) -> float:
        """Compressed over plain size of the sample."""
        data = "\n".join(self.sample).encode("utf-8", "replace")
        return len(zlib.compress(data, 6)) / len(data) if data else float("nan")


class TemplateCollapse:
    """``template``: completions that begin like most of their step; `steps` keeps each step's figures."""

    name: ClassVar[str] = "template_collapse"
    version: ClassVar[str] = "1"
    columns: tuple[str, ...] = (*COLUMNS, "step")
    behaviours: tuple[str, ...] = ("template",)

    def __init__(self) -> None:
        self.steps: dict[int, StepForm] = {}
        self._vocabulary: set[str] = set()
        self._read = 0

    def scan(self, batch: pa.RecordBatch) -> Mapping[str, NDArray[Any]]:
        """Flags against all completions of a row's step that have been read by the end of this batch."""
        texts = texts_of(batch)
        steps = batch.column("step").to_numpy(zero_copy_only=False)
        prefixes = [text[:PREFIX] for text in texts.written]
        sampled: dict[int, list[str]] = {}
        for row, (step, prefix) in enumerate(zip(steps.tolist(), prefixes, strict=True)):
            form = self.steps.setdefault(step, StepForm())
            form.count += 1
            form.prefixes[prefix] += 1
            if len(form.prompts) < 4:
                form.prompts.add(hash(texts.prompts[row]))
            if len(form.sample) < SAMPLE:
                form.sample.append(texts.written[row][:4000])
                sampled.setdefault(step, []).append(form.sample[-1])
        for step, new in sampled.items():
            self._learn(self.steps[step], new)
        flags = np.zeros(len(texts), np.bool_)
        for row, (step, prefix) in enumerate(zip(steps.tolist(), prefixes, strict=True)):
            form = self.steps[step]
            enough = form.count >= 8 and len(form.prompts) > 1 and len(prefix) == PREFIX
            flags[row] = enough and 2 * form.prefixes[prefix] >= form.count
        self._trim()
        return {"template": flags}

    def quote(self, prompt: str, completion: str) -> str:
        """How the completion begins."""
        return rollout_of(prompt, completion).written[:PREFIX]

    def _learn(self, form: StepForm, new: list[str]) -> None:
        words = [word for text in new for word in _WORD.findall(text.lower())]
        if self._read < BASELINE:
            self._vocabulary.update(words)
            self._read += len(new)
        elif words:
            form.novel = sum(word not in self._vocabulary for word in words) / len(words)

    def _trim(self) -> None:
        """Keep the counts of prefixes small in all but the newest steps."""
        for step in sorted(self.steps)[:-8]:
            form = self.steps[step]
            if len(form.prefixes) > 4:
                form.prefixes = Counter(dict(form.prefixes.most_common(4)))

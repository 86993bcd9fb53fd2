"""Template collapse and drift of vocabulary: how alike a step's completions are, and how new their words.

Per step, over at most `SAMPLE` completions of it: distinct-2 (Li et al. 2016, distinct bigrams over bigrams)
and the compression ratio of all of them together (zlib; lower is more alike), both over the first `SHOWN`
characters of each, since longer texts repeat themselves; the share of words that the first `BASELINE`
completions of the run did not use; and over all completions the share of the most frequent first 48
letters. Letters are counted as `data.letters` does, three for a character of Chinese or Japanese, each of
which is a word here. A row is flagged ``template`` when at least half of the completions read so far in its
step begin as it does, in steps of 8 or more that answer several prompts. What the steps say of the whole run:
`training.analyses.form`.
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
from modelassay.training.data.letters import beginning, size_of, units_of
from modelassay.training.scanners.texts import COLUMNS, rollout_of, texts_of

PREFIX = 48
"""Letters of an opening."""
SAMPLE = 32
BASELINE = 512
SHOWN = 300
LEAST = 8
"""Completions of a step, to several prompts, without which nothing is said of it."""
_NEWEST = 8
"""Steps whose counts are kept whole; of older ones only their figures and `_KEPT` openings."""
_KEPT = 4
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\d_\u3040-\u30ff\u3400-\u9fff]{2,}")


@dataclass
class StepForm:
    """The form of one step's completions, gathered as batches pass."""

    count: int = 0
    prefixes: Counter[str] = field(default_factory=Counter)
    prompts: set[int] = field(default_factory=set)
    sample: list[str] = field(default_factory=list)
    """Emptied once the step is settled."""
    first: dict[str, int] = field(default_factory=dict)
    """`seq` of the first completion that begins so."""
    sampled: list[int] = field(default_factory=list)
    """`seq` of each of the sample."""
    novel: float = float("nan")
    """Share of the sample's words that the baseline lacks; NaN in steps that make up the baseline."""
    new_word: tuple[int, str] | None = None
    """`seq` of a completion with a word that the baseline lacks, and the word as it stands there."""
    settled: tuple[float, float] | None = None
    """`distinct_bigrams` and `compression_ratio` of a step that is over."""

    @property
    def is_telling(self) -> bool:
        """Whether it has completions enough, to several prompts."""
        return self.count >= LEAST and len(self.prompts) > 1

    @property
    def top_prefix_share(self) -> float:
        """Share of completions that begin with the most frequent first 48 letters."""
        return max(self.prefixes.values(), default=0) / self.count if self.count else float("nan")

    @property
    def distinct_bigrams(self) -> float:
        """Distinct bigrams over bigrams of the sample."""
        if self.settled is not None:
            return self.settled[0]
        pairs = [p for text in self.sample for words in [units_of(text[:SHOWN])] for p in pairwise(words)]
        return len(set(pairs)) / len(pairs) if pairs else float("nan")

    @property
    def compression_ratio(self) -> float:
        """Compressed over plain size of the sample."""
        if self.settled is not None:
            return self.settled[1]
        data = "\n".join(text[:SHOWN] for text in self.sample).encode("utf-8", "replace")
        return len(zlib.compress(data, 6)) / len(data) if data else float("nan")

    def settle(self) -> None:
        """Keep figures, and forget texts."""
        if self.settled is None:
            self.settled = self.distinct_bigrams, self.compression_ratio
            self.sample = []
        if len(self.prefixes) > _KEPT:
            self.prefixes = Counter(dict(self.prefixes.most_common(_KEPT)))
            self.first = {prefix: self.first[prefix] for prefix in self.prefixes}


class TemplateCollapse:
    """``template``: completions that begin like most of their step; `steps` keeps each step's figures."""

    name: ClassVar[str] = "template_collapse"
    version: ClassVar[str] = "3"
    columns: tuple[str, ...] = (*COLUMNS, "seq", "step", "phase")
    behaviours: tuple[str, ...] = ("template",)

    def __init__(self) -> None:
        self.steps: dict[int, StepForm] = {}
        """Of training."""
        self._evaluated: dict[int, StepForm] = {}
        self._vocabulary: set[str] = set()
        self._read = 0

    def scan(self, batch: pa.RecordBatch) -> Mapping[str, NDArray[Any]]:
        """Flags against all completions of a row's step that have been read by the end of this batch."""
        texts = texts_of(batch)
        prefixes = [beginning(text, PREFIX) for text in texts.answers]
        forms = self._forms(batch)
        sampled: dict[int, tuple[StepForm, int]] = {}
        written = [each != "absent" for each in batch.column("format").to_pylist()]
        for row, (form, prefix, seq) in enumerate(
            zip(forms, prefixes, batch.column("seq").to_pylist(), strict=True)
        ):
            if not written[row]:
                continue  # completions that are not in the record do not begin alike
            form.count += 1
            form.prefixes[prefix] += 1
            form.first.setdefault(prefix, seq)
            if len(form.prompts) < 4:
                form.prompts.add(hash(texts.prompts[row]))
            if form.settled is None and len(form.sampled) < SAMPLE:
                sampled.setdefault(id(form), (form, len(form.sample)))
                form.sample.append(texts.answers[row][:4000])
                form.sampled.append(seq)
        for form, start in sampled.values():
            self._learn(form, start)
        flags = np.zeros(len(texts), np.bool_)
        for row, (form, prefix) in enumerate(zip(forms, prefixes, strict=True)):
            often = form.is_telling and 2 * form.prefixes[prefix] >= form.count
            flags[row] = often and size_of(prefix) >= PREFIX
        for each in (self.steps, self._evaluated):
            for step in sorted(each)[:-_NEWEST]:
                each[step].settle()
        return {"template": flags}

    def quote(self, prompt: str, completion: str) -> str:
        """How the completion begins."""
        return beginning(rollout_of(prompt, completion).answer, PREFIX)

    def _forms(self, batch: pa.RecordBatch) -> list[StepForm]:
        """The step of each row; what evaluations answer to other prompts is no step of training."""
        steps, phases = batch.column("step").to_pylist(), batch.column("phase").to_pylist()
        return [
            (self.steps if phase == "train" else self._evaluated).setdefault(step, StepForm())
            for step, phase in zip(steps, phases, strict=True)
        ]

    def _learn(self, form: StepForm, start: int) -> None:
        """Take in the sample of `form` from `start` on."""
        new = form.sample[start:]
        found = [_WORD.findall(text) for text in new]
        words = [word.lower() for each in found for word in each]
        if self._read < BASELINE:
            self._vocabulary.update(words)
            self._read += len(new)
        elif words:
            strange = [word not in self._vocabulary for word in words]
            form.novel = sum(strange) / len(words)
            if form.new_word is None and any(strange):
                seqs = [seq for seq, each in zip(form.sampled[start:], found, strict=True) for _ in each]
                written = [word for each in found for word in each]
                at = strange.index(True)
                form.new_word = seqs[at], written[at]

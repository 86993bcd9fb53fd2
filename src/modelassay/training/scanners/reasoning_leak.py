"""Reasoning that graders saw: training on it teaches a model to hide what it thinks.

A rollout is flagged when at least `SHINGLE` consecutive words of its reasoning stand in what the grader was
given (hashed shingles of words; in a script without spaces, runs of `CHARACTERS` letters). Where no grader
input is recorded the grader was given the completion, as TRL does with every reward function; reasoning in it
is then graded by default. Not so reasoning that messages keep in a field of its own: graders read the text of
an answer (the parsers of verifiers read ``content``), so it counts only where a recorded grader input has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from modelassay.training.columns import pa
from modelassay.training.data.hashing import words_of
from modelassay.training.data.languages import tongue
from modelassay.training.data.letters import CHARACTERS, letters_of, windows
from modelassay.training.scanners.reasoning import SIEVE, reasoning_in
from modelassay.training.scanners.rows import LONGEST_QUOTE
from modelassay.training.scanners.texts import COLUMNS, rollout_of, texts_of

SHINGLE = 8


class ReasoningLeak:
    """``reasoning_graded``: a grader saw the chain of thought."""

    name: ClassVar[str] = "reasoning_leak"
    version: ClassVar[str] = "3"
    columns: tuple[str, ...] = (*COLUMNS, "grader_input")
    behaviours: tuple[str, ...] = ("reasoning_graded",)

    def scan(self, batch: pa.RecordBatch) -> Mapping[str, NDArray[Any]]:
        """Flags of rows whose reasoning reached a grader."""
        texts = texts_of(batch)
        seen = batch.column("grader_input").to_pylist()
        flags = np.zeros(len(texts), np.bool_)
        for row in texts.containing(SIEVE):
            given = seen[row]
            if given is None:
                flags[row] = bool(shared(reasoning_in(texts.answers[row]), texts.answers[row]))
            else:
                flags[row] = bool(shared(reasoning_in(texts.written[row]), given))
        return {"reasoning_graded": flags}

    def quote(self, prompt: str, completion: str) -> str:
        """The beginning of the reasoning."""
        return reasoning_in(rollout_of(prompt, completion).written)[:LONGEST_QUOTE]


def shared(reasoning: str, grader_input: str) -> str:
    """The first `SHINGLE` consecutive words of `reasoning`, or as many letters where no spaces part words,
    that `grader_input` has; empty when none."""
    words = reasoning.split()
    if not reasoning.isascii() and tongue(reasoning) == "unspaced":
        return _shared_letters(reasoning, grader_input)
    if len(words) < SHINGLE or not grader_input:
        return ""
    if reasoning in grader_input:
        return " ".join(words[:SHINGLE])
    others = grader_input.split()
    known = {hash(tuple(others[i : i + SHINGLE])) for i in range(len(others) - SHINGLE + 1)}
    for i in range(len(words) - SHINGLE + 1):
        if hash(tuple(words[i : i + SHINGLE])) in known:
            return " ".join(words[i : i + SHINGLE])
    return ""


def _shared_letters(reasoning: str, grader_input: str) -> str:
    ours, theirs = (letters_of(words_of(text)) for text in (reasoning, grader_input))
    mine, known = windows(ours), set(windows(theirs).hashes.tolist())
    for place, value in enumerate(mine.hashes.tolist()):
        if value in known:
            return ours[mine.first(place) : mine.first(place + CHARACTERS - 1) + 1]
    return ""

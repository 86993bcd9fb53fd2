"""A batch of rollouts as text: conversations taken apart once, for all scanners that read the batch.

What a policy wrote (`Texts.written`) is told apart from what tools and users answered: only the former is
evidence about the policy. A text into which a whole conversation was decoded is cut into its messages, too,
and calls that stand in the text are read (`cut_texts`, `calls_in_text`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from modelassay.training.columns import pa
from modelassay.training.scanners.code import Code, codes_in
from modelassay.training.scanners.cut_texts import SIEVE, conversation_in, taken_apart
from modelassay.training.scanners.messages import Turn, turns_of

COLUMNS = ("prompt", "completion", "format")
"""Columns that `texts_of` reads."""


MOST_CHARACTERS = 200_000
"""Longer completions are read in two halves: their first and last 100,000 characters."""


def plain(text: str, form: str = "") -> str:
    """What the policy wrote in a completion: itself, or the assistant's messages of a JSON list.

    Args:
        form: the column ``format``; when empty, JSON lists of messages are recognised by their shape.
    """
    turns = conversation_of(text) if form != "text" else conversation_in(text)
    return _shortened(text) if turns is None else _written(turns)


def conversation_of(text: str) -> tuple[Turn, ...] | None:
    """The messages of a completion, a JSON list or one text; None where it is the policy's words alone."""
    turns = turns_of(text)
    return conversation_in(text) if turns is None else taken_apart(turns)


@dataclass(frozen=True)
class Rollout:
    """One rollout's text."""

    prompt: str
    written: str
    """What the policy wrote."""
    turns: tuple[Turn, ...]
    """The messages of its completion, tools' and users' included."""

    @property
    def answer(self) -> str:
        """What the policy wrote, but for reasoning that messages keep apart from their text."""
        return _answer(self.turns) if any(turn.reasoning for turn in self.turns) else self.written

    @cached_property
    def codes(self) -> tuple[Code, ...]:
        """The code that the policy wrote."""
        return codes_in(self.turns)


def rollout_of(prompt: str, completion: str) -> Rollout:
    """A rollout from its columns; conversations are recognised by their shape."""
    turns, asked = conversation_of(completion), _prompt(prompt)
    if turns is None:
        written = _shortened(completion)
        return Rollout(asked, written, (Turn("assistant", written),))
    return Rollout(asked, _written(turns), turns)


@dataclass(frozen=True)
class Texts:
    """The text of every rollout of a batch."""

    prompts: Sequence[str]
    """Prompts; those of messages as the text of all messages, with their reasoning."""
    written: Sequence[str]
    """What the policy wrote, reasoning that messages keep apart included, between ``<think>`` tags."""
    answers: Sequence[str]
    """Likewise without such reasoning; reasoning that stands in the text is in both."""
    conversations: Sequence[tuple[Turn, ...] | None]
    """Messages of a completion, in order; None for text that is the policy's words alone."""
    batch: pa.RecordBatch = field(repr=False)
    """The rows themselves."""
    column: pa.Array = field(repr=False)
    """`written` as an Arrow column, for searching all rows at once."""
    _rollouts: dict[int, Rollout] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.written)

    def turns(self, row: int) -> tuple[Turn, ...]:
        """The messages of a completion; plain text is one message of the assistant."""
        return self.conversations[row] or (Turn("assistant", self.written[row]),)

    def rollout(self, row: int) -> Rollout:
        """Prompt and completion of a row, kept while the batch is, so that its code is cut out once."""
        found = self._rollouts.get(row)
        if found is None:
            found = self._rollouts[row] = Rollout(self.prompts[row], self.written[row], self.turns(row))
        return found

    def containing(self, pattern: str, *, ignore_case: bool = True) -> NDArray[np.int64]:
        """Rows whose written text matches an RE2 `pattern`, ascending: a cheap sieve before closer looks."""
        return np.flatnonzero(_matching(self.column, pattern, ignore_case))

    def told(self, pattern: str) -> NDArray[np.int64]:
        """Rows in which a prompt or anything in the completion, tools' words included, matches `pattern`."""
        batch = self.batch
        found = _matching(batch.column("completion"), pattern, True)
        distinct = batch.column("prompt").dictionary_encode()
        prompts = _matching(distinct.dictionary, pattern, True)
        found |= prompts[distinct.indices.to_numpy(zero_copy_only=False)] if len(prompts) else False
        return np.flatnonzero(found)


_last: tuple[pa.RecordBatch, Texts] | None = None


def texts_of(batch: pa.RecordBatch) -> Texts:
    """The texts of `batch`, taken apart once however many scanners ask for them in turn."""
    global _last
    known = _last
    if known is not None and known[0] is batch:
        return known[1]
    texts = _read(batch)
    _last = (batch, texts)
    return texts


def _matching(column: pa.Array, pattern: str, ignore_case: bool) -> NDArray[np.bool_]:
    import pyarrow.compute as compute

    found = compute.match_substring_regex(column, pattern, ignore_case=ignore_case)
    return np.array(found.to_numpy(zero_copy_only=False), np.bool_)


def _read(batch: pa.RecordBatch) -> Texts:
    import pyarrow.compute as compute

    completion = batch.column("completion")
    mixed = _matching(completion, SIEVE, False)
    if (
        compute.all(compute.not_equal(batch.column("format"), "messages")).as_py() is not False
        and (compute.max(compute.utf8_length(completion)).as_py() or 0) <= MOST_CHARACTERS
        and not mixed.any()
    ):
        written = completion.to_pylist()
        prompts, alone = batch.column("prompt").to_pylist(), [None] * len(written)
        return Texts(prompts, written, written, alone, batch, completion)
    forms = batch.column("format").to_pylist()
    conversations = [
        conversation_of(text) if form == "messages" else conversation_in(text) if cut else None
        for text, form, cut in zip(completion.to_pylist(), forms, mixed.tolist(), strict=True)
    ]
    written = [
        _shortened(text) if turns is None else _written(turns)
        for text, turns in zip(completion.to_pylist(), conversations, strict=True)
    ]
    answers = [
        _answer(turns) if turns is not None and any(turn.reasoning for turn in turns) else text
        for text, turns in zip(written, conversations, strict=True)
    ]
    prompts = [
        _prompt(text) if form == "messages" else text
        for text, form in zip(batch.column("prompt").to_pylist(), forms, strict=True)
    ]
    return Texts(prompts, written, answers, conversations, batch, pa.array(written, pa.large_string()))


def _written(turns: tuple[Turn, ...]) -> str:
    return _shortened("\n".join(turn.written for turn in turns if turn.role == "assistant"))


def _answer(turns: tuple[Turn, ...]) -> str:
    return _shortened("\n".join(turn.answer for turn in turns if turn.role == "assistant"))


def _prompt(text: str) -> str:
    turns = turns_of(text)
    return text if turns is None else "\n".join(turn.aloud for turn in turns)


def _shortened(text: str) -> str:
    half = MOST_CHARACTERS // 2
    return text if len(text) <= MOST_CHARACTERS else text[:half] + "\n" + text[-half:]

"""One batch through a causal language model: padding, sampling, stopping, and what each row made.

Rows are padded on the left under an attention mask, so that each row computes what it would alone. Models
that look past the mask (recurrent ones such as RWKV) are found out by `masks_padding`, and asked row by row.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from modelassay.errors import TargetError
from modelassay.targets.sampling import GumbelSampler
from modelassay.weights.error_text import one_line

if TYPE_CHECKING:
    import torch


_ROUNDING: Final = 0.1
"""Standard deviations of a row's logits that padding may move one of them by: rounding of bfloat16 stays
below, another state does not."""
_PADDED: Final = 16
"""Tokens of padding that are tried."""


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """What ends an answer."""

    end_tokens: frozenset[int]
    """Any of these ends it."""
    stop: tuple[str, ...] = ()
    """So does any of these strings, which is not part of the answer."""
    max_new_tokens: int


class Draw(msgspec.Struct, frozen=True, kw_only=True):
    """How tokens are chosen."""

    temperature: float
    """0 is greedy."""
    top_p: float = 1.0


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One prompt of a batch."""

    tokens: list[int]
    seed: int


class Generated(msgspec.Struct, frozen=True, kw_only=True):
    """What one row made."""

    text: str
    tokens: int
    """Tokens generated, the end token included."""
    finish: Literal["stop", "length"]


class CancelledError(Exception):
    """Nobody waits for this batch any more."""


def generate_batch(
    model: Any,
    rows: Sequence[Row],
    *,
    draw: Draw,
    ending: Ending,
    pad_token: int,
    decode: Callable[[list[int]], str],
    cancelled: Callable[[], bool],
) -> list[Generated]:
    """Generate an answer for each of `rows` at once.

    Args:
        model: a transformers causal language model in evaluation mode, without generation defaults.
        rows: prompts as tokens.
        draw: how tokens are chosen.
        ending: what ends an answer.
        pad_token: any token of the vocabulary; it is masked.
        decode: tokens to text.
        cancelled: asked after every token.

    Raises:
        CancelledError: `cancelled` said so.
        torch.OutOfMemoryError: the batch does not fit.
    """
    import torch
    from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteriaList

    length = max(len(row.tokens) for row in rows)
    tokens, mask = padded(rows, length, pad_token, model.device)
    stopper = _Stopper(rows=len(rows), start=length, stop=ending.stop, decode=decode, cancelled=cancelled)
    with torch.inference_mode():
        output = model.generate(
            input_ids=tokens,
            attention_mask=mask,
            generation_config=GenerationConfig(
                do_sample=False,
                num_beams=1,
                max_new_tokens=ending.max_new_tokens,
                eos_token_id=sorted(ending.end_tokens) or None,
                pad_token_id=pad_token,
            ),
            logits_processor=LogitsProcessorList(_samplers(rows, length, draw)),
            stopping_criteria=StoppingCriteriaList([stopper]),
        )
    if cancelled():
        raise CancelledError
    made: list[list[int]] = output[:, length:].tolist()
    return [
        _generated(row, ending, decode, stopped_at=stopper.stopped_at[index])
        for index, row in enumerate(made)
    ]


def _samplers(rows: Sequence[Row], length: int, draw: Draw) -> list[GumbelSampler]:
    """What makes `model.generate` sample; nothing when greedy."""
    if draw.temperature == 0:
        return []
    seeds = [row.seed for row in rows]
    return [GumbelSampler(seeds, prompt_length=length, temperature=draw.temperature, top_p=draw.top_p)]


def padded(
    rows: Sequence[Row], length: int, pad_token: int, device: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens and mask, both of shape (rows, length), padding on the left."""
    import torch

    tokens = torch.full((len(rows), length), pad_token, dtype=torch.int64)
    mask = torch.zeros((len(rows), length), dtype=torch.int64)
    for index, row in enumerate(rows):
        tokens[index, length - len(row.tokens) :] = torch.tensor(row.tokens, dtype=torch.int64)
        mask[index, length - len(row.tokens) :] = 1
    return tokens.to(device), mask.to(device)


@contextmanager
def running(where: str) -> Iterator[None]:
    """What a model's own code raises within the block, but for want of memory, as a `TargetError`.

    Weights, configuration and tokenizer that do not belong together show only when they are run.
    """
    import torch

    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        raise TargetError(
            f"the model cannot be run: {one_line(str(error))}",
            where=where,
            mend="check that configuration, weights and tokenizer belong together; else try another dtype "
            "or device, or the model before quantisation",
        ) from error


def masks_padding(model: Any) -> bool:
    """Whether a row padded on the left under a mask computes what it computes alone."""
    import torch

    vocabulary = int(model.get_input_embeddings().weight.shape[0])
    row = Row(tokens=[min(token, vocabulary - 1) for token in (5, 7, 11)], seed=0)
    known = inspect.signature(model.forward).parameters
    last: list[torch.Tensor] = []
    with torch.inference_mode():
        for length in (len(row.tokens), len(row.tokens) + _PADDED):
            tokens, mask = padded([row], length, vocabulary // 2, model.device)
            places = {"position_ids": (mask.cumsum(-1) - 1).clamp(min=0)} if "position_ids" in known else {}
            logits = model(input_ids=tokens, attention_mask=mask, use_cache=False, **places).logits[0, -1]
            last.append(torch.nan_to_num(logits.float()))
    alone, beside = last
    return bool((alone - beside).abs().max() <= _ROUNDING * alone.std())


class _Stopper:
    """A transformers stopping criterion: stop strings, and nobody waiting any more.

    A stop string of *n* bytes lies within the last *n* tokens that are not empty, so only the tail of
    a row is decoded at each step.
    """

    def __init__(
        self,
        *,
        rows: int,
        start: int,
        stop: tuple[str, ...],
        decode: Callable[[list[int]], str],
        cancelled: Callable[[], bool],
    ) -> None:
        self.stopped_at: list[int | None] = [None] * rows
        """For each row how many tokens it had when a stop string appeared."""
        self._start = start
        self._stop = stop
        self._tail = max((len(text.encode()) for text in stop), default=0) + 8
        self._decode = decode
        self._cancelled = cancelled

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        """Which rows are done, shape (rows,)."""
        import torch

        if self._cancelled():
            return torch.ones(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)
        if self._stop:
            made = input_ids[:, self._start :]
            tails = made[:, -self._tail :].tolist()
            for index, tail in enumerate(tails):
                if self.stopped_at[index] is None and any(text in self._decode(tail) for text in self._stop):
                    self.stopped_at[index] = made.shape[1]
        done = [stopped is not None for stopped in self.stopped_at]
        return torch.tensor(done, dtype=torch.bool, device=input_ids.device)


def _generated(
    tokens: list[int], ending: Ending, decode: Callable[[list[int]], str], *, stopped_at: int | None
) -> Generated:
    ended = next((index for index, token in enumerate(tokens) if token in ending.end_tokens), None)
    if ended is not None and (stopped_at is None or ended < stopped_at):
        kept, count = tokens[:ended], ended + 1
    elif stopped_at is not None:
        kept, count = tokens[:stopped_at], stopped_at
    else:
        return Generated(text=decode(tokens), tokens=len(tokens), finish="length")
    text = decode(kept)
    places = [place for place in (text.find(stop) for stop in ending.stop) if place >= 0]
    return Generated(text=text[: min(places)] if places else text, tokens=count, finish="stop")

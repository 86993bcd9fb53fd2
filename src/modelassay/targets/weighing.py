"""How likely a causal language model finds each option of a question as the beginning of its answer.

The log-likelihood of a continuation is the sum over its tokens of the log-probability of each after the
prompt and the tokens before it. A continuation is cut into tokens by itself, as the model would begin a turn
of its own; special tokens are never added.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import msgspec

from modelassay.records import Likelihood
from modelassay.targets.generation import CancelledError, Row, padded

if TYPE_CHECKING:
    import torch

_PLACES: Final = 4


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """One continuation of one request's prompt, as tokens."""

    request: int
    prompt: list[int]
    continuation: list[int]
    """At least one token."""

    @property
    def read(self) -> tuple[int, ...]:
        """The tokens after which the last one is predicted."""
        return (*self.prompt, *self.continuation[:-1])

    @property
    def length(self) -> int:
        """Tokens of prompt and continuation."""
        return len(self.prompt) + len(self.continuation)


def continuation_tokens(tokenizer: Any, text: str) -> list[int]:
    """`text` as the tokens that an answer would begin with."""
    tokens: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return tokens


def weigh_options(
    model: Any,
    options: Sequence[Option],
    *,
    rows: Callable[[int], int],
    pad_token: int,
    cancelled: Callable[[], bool],
) -> dict[int, tuple[Likelihood, ...]]:
    """Likelihoods by request, in the order of its options.

    A request is left out when it does not fit the device, or when the model gives no number for it. Options
    that read the same tokens, such as the letters A to D, share one row.

    Args:
        model: a transformers causal language model in evaluation mode.
        options: all options of all requests.
        rows: how many rows of so many tokens fit into one batch.
        pad_token: any token of the vocabulary; it is masked.
        cancelled: asked before every batch.

    Raises:
        CancelledError: `cancelled` said so.
    """
    import torch

    sharing: dict[tuple[int, ...], list[Option]] = {}
    for option in options:
        sharing.setdefault(option.read, []).append(option)
    waiting = sorted(sharing, key=len, reverse=True)
    found: dict[int, list[Likelihood]] = {}
    weights: dict[tuple[int, tuple[int, ...]], float] = {}
    untold: set[int] = set()
    most = len(waiting)
    while waiting:
        if cancelled():
            raise CancelledError
        batch = waiting[: min(most, rows(len(waiting[0])))]
        try:
            weights |= _weigh_batch(model, [sharing[read] for read in batch], pad_token)
        except torch.OutOfMemoryError:
            if model.device.type == "cuda":
                torch.cuda.empty_cache()
            if len(batch) > 1:
                most = len(batch) // 2
                continue
            untold |= {option.request for option in sharing[batch[0]]}
        waiting = waiting[len(batch) :]
    for option in options:
        total = weights.get((option.request, tuple(option.continuation)), math.nan)
        if not math.isfinite(total):
            untold.add(option.request)
            continue
        rounded = round(Decimal(total), _PLACES) + 0  # adding 0 turns -0 into 0
        likelihood = Likelihood(log_likelihood=rounded, tokens=len(option.continuation))
        found.setdefault(option.request, []).append(likelihood)
    return {request: tuple(each) for request, each in found.items() if request not in untold}


def _weigh_batch(
    model: Any, groups: Sequence[Sequence[Option]], pad_token: int
) -> dict[tuple[int, tuple[int, ...]], float]:
    """One forward pass; the options of each group read the same tokens."""
    import torch

    width = max(len(group[0].read) for group in groups)
    kept = max(len(option.continuation) for group in groups for option in group)
    rows = [Row(tokens=list(group[0].read), seed=0) for group in groups]
    tokens, mask = padded(rows, width, pad_token, model.device)
    wanted = {
        "position_ids": (mask.cumsum(dim=-1) - 1).clamp(min=0),
        "use_cache": False,
        "logits_to_keep": kept,  # of a large vocabulary, scores at every position would fill the memory
    }
    known = inspect.signature(model.forward).parameters  # some models tell positions by the mask alone
    options = {name: value for name, value in wanted.items() if name in known}
    with torch.inference_mode():
        logits = model(input_ids=tokens, attention_mask=mask, **options).logits
        scores = logits[:, -kept:].float().log_softmax(dim=-1)
    return {
        (option.request, tuple(option.continuation)): _log_likelihood(scores[row], option.continuation)
        for row, group in enumerate(groups)
        for option in group
    }


def _log_likelihood(scores: torch.Tensor, continuation: list[int]) -> float:
    """Of a row's `scores`, shape (positions, vocabulary), whose last position predicts the last token."""
    import torch

    chosen = torch.tensor(continuation, device=scores.device)[:, None]
    return float(scores[-len(continuation) :].gather(1, chosen).double().sum())

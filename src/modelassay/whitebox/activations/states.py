"""Hidden states of two models on the same input. Shapes: *n* inputs, *k* positions, *l* states, *w* width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from modelassay.errors import UsageError
from modelassay.whitebox.activations.neutral import POSITIONS, TEXTS
from modelassay.whitebox.requests import Requests, check_numbers, prompts_of

if TYPE_CHECKING:
    import torch

    from modelassay.whitebox.models import OpenModel


class States(msgspec.Struct, frozen=True, kw_only=True):
    """What one model computes."""

    harmful: torch.Tensor
    """At the last token of each harmful request's prompt, shape (n, l, w), float32; state 0 is the
    embedding."""
    benign: torch.Tensor
    asked: tuple[torch.Tensor, torch.Tensor]
    """Of harmful and benign requests at the last token that is their own, before the template's words that
    lead to the answer: there the model has read the request, and not yet decided."""
    neutral: torch.Tensor
    """At each position of each neutral text, shape (n, k, l, w)."""

    @property
    def upper(self) -> range:
        """Places of the states of the upper half of the model, where refusals are decided."""
        states = self.harmful.shape[1]
        return range((states + 1) // 2, states)

    @property
    def stream(self) -> range:
        """Places of states that are the residual stream as it is; most models normalise the last one."""
        states = self.neutral.shape[2]
        return range(1, states - 1) if states > 2 else range(states - 1)


def read_states(model: OpenModel, requests: Requests) -> States:
    """Read all of them.

    Raises:
        TargetError: a prompt does not fit, or what the model computes is no number.
    """
    prompts = [prompts_of(model, each) for each in (requests.harmful, requests.benign)]
    tail = shared_tail([*prompts[0], *prompts[1]])
    harmful, benign = (check_numbers(model.hidden(each), model) for each in prompts)
    asked = [check_numbers(model.hidden(without_tail(each, tail)), model) for each in prompts]
    return States(
        harmful=harmful,
        benign=benign,
        asked=(asked[0], asked[1]),
        neutral=check_numbers(neutral_states(model), model),
    )


def shared_tail(prompts: Sequence[list[int]]) -> int:
    """How many last tokens all prompts share: what the chat template puts behind every request."""
    shortest = min(map(len, prompts))
    tail = 0
    while tail < shortest - 1 and len({prompt[-1 - tail] for prompt in prompts}) == 1:
        tail += 1
    return tail


def without_tail(prompts: Sequence[list[int]], tail: int) -> list[list[int]]:
    """`prompts` without their last `tail` tokens; at least one token of each is left."""
    return [prompt[: max(1, len(prompt) - tail)] for prompt in prompts]


def neutral_states(model: OpenModel) -> torch.Tensor:
    """Hidden states on the neutral texts, without a chat template, shape (n, k, l, w), float32 on the CPU.

    Raises:
        UsageError: the tokenizer makes too few tokens of them.
    """
    import torch

    rows = [tokens[:POSITIONS] for tokens in model.tokenizer(list(TEXTS))["input_ids"]]
    if any(len(row) < POSITIONS for row in rows):
        raise UsageError(
            f"the tokenizer makes fewer than {POSITIONS} tokens of a plain sentence",
            where=model.reference.model,
        )
    with model.active() as active, torch.inference_mode(), model.computing():
        given = active(
            input_ids=torch.tensor(rows, device=model.device), use_cache=False, output_hidden_states=True
        )
        return torch.stack([state.float().cpu() for state in given.hidden_states], dim=2)


def check_same_shape(base: States, candidate: States, *, where: str) -> None:
    """Refuse models of another depth or width.

    Raises:
        UsageError: they differ.
    """
    ours, theirs = base.harmful.shape[1:], candidate.harmful.shape[1:]
    if ours != theirs:
        raise UsageError(
            f"the candidate has {theirs[0] - 1} layers of width {theirs[1]}, the base {ours[0] - 1} of "
            f"{ours[1]}: their hidden states cannot be compared",
            where=where,
            mend="name the base that the candidate was tuned from",
        )

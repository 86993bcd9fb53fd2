"""Teacher-forced scores: how likely a checkpoint makes the tokens that the record says it sampled.

Under the policy that sampled a token x from the distribution p, log p(x) has the mean −H(p) and the variance
Var(log p). Summed over all tokens that were sampled, ::

    z = Σ (log p(x) + H) / sqrt(Σ Var)

is a sum of martingale differences over its standard deviation, about standard normal, whatever the model;
no log-probabilities need have been recorded. Tokens that another policy sampled are less likely than they
should be, and z is far below zero. It holds for sampling at a temperature from the whole vocabulary, without
top-p or top-k.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelassay.weights.folders import adapter_files, model_files
from modelassay.weights.opening import load_model, prepare_torch

AT_ONCE = 16
"""Rollouts scored in one pass."""


@dataclass(frozen=True)
class Logged:
    """One rollout by its tokens, as recorded."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    logprobs: tuple[float, ...] | None = None
    """Of the completion's tokens, where the sampler said them."""


@dataclass(frozen=True)
class TokenScores:
    """One value per completion token of all rollouts, in order."""

    logp: NDArray[np.float64]
    entropy: NDArray[np.float64]
    """Natural logarithm; likewise the variance of log p."""
    variance: NDArray[np.float64]

    @property
    def surprise(self) -> float:
        """z; see the module. 0 where every token was certain."""
        spread = math.sqrt(float(self.variance.sum()))
        return float((self.logp + self.entropy).sum()) / spread if spread else 0.0


def score_tokens(
    checkpoint: Path, rollouts: Sequence[Logged], temperature: float = 1.0, *, base: Path | None = None
) -> TokenScores:
    """Scores of the logged tokens under the weights of `checkpoint`; no pickle is loaded, no code is run.

    Args:
        temperature: that rollouts were sampled with.
        base: the whole model that the checkpoint is an adapter of.

    Raises:
        UsageError: torch is not installed.
        TargetError: the folder holds no whole model in safetensors, or no adapter that fits `base`.
    """
    where = str(checkpoint)
    device = prepare_torch(threads=0, device="auto", dtype="auto", where=where)
    model = load_model(
        model_files(base or checkpoint, where=where),
        kind="AutoModelForCausalLM",
        dtype="auto",
        device=device,
        where=where,
    )
    if base is not None:
        model = _with_adapter(model, checkpoint)
    found: list[NDArray[np.float64]] = []
    for start in range(0, len(rollouts), AT_ONCE):
        found += _scored(model, rollouts[start : start + AT_ONCE], temperature)
    table = np.concatenate(found) if found else np.empty((0, 3))
    return TokenScores(table[:, 0], table[:, 1], table[:, 2])


def _with_adapter(model: Any, checkpoint: Path) -> Any:
    """`model` with the adapter in `checkpoint` on it."""
    from modelassay.targets.adapters import adapter_of, attach
    from modelassay.targets.base_tensors import BaseTensors

    where, own = str(checkpoint), BaseTensors(model)
    files = adapter_files(checkpoint, where=where)
    adapter = adapter_of(files, name=checkpoint.name, weight="1", occurrence=0, where=where)
    return attach(model, None, adapter, own=own, name="scored", where=where)


def _scored(model: Any, rollouts: Iterable[Logged], temperature: float) -> list[NDArray[np.float64]]:
    """For each rollout a row per completion token: log p, entropy, variance of log p."""
    import torch

    rows = list(rollouts)
    longest = max(len(row.prompt) + len(row.completion) for row in rows)
    ids = torch.zeros((len(rows), longest), dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for number, row in enumerate(rows):
        tokens = [*row.prompt, *row.completion]
        ids[number, : len(tokens)] = torch.tensor(tokens)
        mask[number, : len(tokens)] = 1
    with torch.inference_mode():
        logits = model(input_ids=ids.to(model.device), attention_mask=mask.to(model.device)).logits
    found = []
    for number, row in enumerate(rows):
        first, count = len(row.prompt), len(row.completion)
        logp = torch.log_softmax(logits[number, first - 1 : first - 1 + count].double() / temperature, dim=-1)
        weight = logp.exp()
        mean = (weight * logp).sum(dim=-1)
        spread = (weight * (logp - mean[:, None]).square()).sum(dim=-1)
        taken = logp.gather(1, ids[number, first : first + count, None].to(logp.device))[:, 0]
        found.append(torch.stack([taken, -mean, spread], dim=1).cpu().numpy())
    return found

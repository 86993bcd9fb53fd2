"""A copy of a model tuned for a few steps to comply, in memory, and asked on the way.

What it is tuned on is harmful requests with answers that the base gave to benign ones: words that help, and
say nothing harmful.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

    from modelassay.whitebox.models import OpenModel

Lesson = tuple[list[int], list[int]]
"""Tokens of a prompt and of its answer."""


def tuned_curve(
    model: OpenModel,
    lessons: Sequence[Lesson],
    *,
    steps: Sequence[int],
    batch: int,
    learning_rate: float,
    seed: int,
    ask: Callable[[Any], float],
) -> list[float]:
    """What `ask` says of a copy after so many steps; the copy is dropped, and nothing is written.

    Args:
        model: whose weights are copied, adapters included; all of them are tuned.
        lessons: what to tune on, drawn from anew for each step.
        steps: when to ask, ascending; 0 is before the first.
        batch: lessons in one step.
        learning_rate: of AdamW.
        seed: of the draw and of dropout.
        ask: a reading of the copy.

    Raises:
        TargetError: the copy does not fit into memory, or cannot be tuned.
    """
    import torch

    draw = np.random.default_rng(seed)
    found = []
    with _copied(model) as tuned, torch.random.fork_rng(devices=_devices(model)):
        torch.manual_seed(seed)
        optimizer = torch.optim.AdamW(tuned.parameters(), lr=learning_rate, weight_decay=0.0)
        done = 0
        for wanted in steps:
            while done < wanted:
                chosen = draw.choice(len(lessons), size=min(batch, len(lessons)), replace=False)
                with model.computing():
                    _step(tuned, optimizer, [lessons[place] for place in chosen])
                done += 1
            found.append(ask(tuned))
    return found


@contextmanager
def _copied(model: OpenModel) -> Iterator[Any]:
    """A copy in float32 with every weight open to change."""
    import torch

    with model.active() as active, model.computing():
        tuned = copy.deepcopy(active).float()
    for parameter in tuned.parameters():
        parameter.requires_grad_(True)
    with torch.enable_grad():
        yield tuned
    del tuned
    if model.device.type == "cuda":
        torch.cuda.empty_cache()


def _step(tuned: Any, optimizer: Any, lessons: Sequence[Lesson]) -> None:
    import torch

    tuned.train()
    width = max(len(prompt) + len(answer) for prompt, answer in lessons)
    # Padding stands on the right: causal attention never looks at it, and its labels say nothing.
    ids = torch.zeros((len(lessons), width), dtype=torch.long)
    labels = torch.full((len(lessons), width), -100)
    mask = torch.zeros((len(lessons), width), dtype=torch.long)
    for row, (prompt, answer) in enumerate(lessons):
        end = len(prompt) + len(answer)
        ids[row, :end] = torch.tensor(prompt + answer)
        labels[row, len(prompt) : end] = torch.tensor(answer)
        mask[row, :end] = 1
    where = next(tuned.parameters()).device
    tuned(input_ids=ids.to(where), labels=labels.to(where), attention_mask=mask.to(where)).loss.backward()
    torch.nn.utils.clip_grad_norm_(tuned.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    tuned.eval()


def _devices(model: OpenModel) -> list[torch.device]:
    return [model.device] if model.device.type == "cuda" else []

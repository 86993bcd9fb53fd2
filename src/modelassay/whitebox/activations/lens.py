"""What a fine-tune left on text that has nothing to do with it, written as words for people to read.

The mean difference of hidden states at the first positions of neutral text, taken for a hidden state and read
by the base's own output layer ("activation difference lens": Minder et al. 2025, arXiv:2510.13900): the
tokens that come out on top often name what the model was tuned on. Mixing other text into the training
removes the trace, so nothing follows from words that say nothing.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import msgspec

from modelassay.whitebox.activations.neutral import FIRST

if TYPE_CHECKING:
    import torch

    from modelassay.whitebox.activations.states import States
    from modelassay.whitebox.models import OpenModel

_CLOSE: Final = 1e-3
"""Largest relative difference between what a normalisation gives and what the output layer takes."""


class LensReading(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens that one state's difference points to."""

    state: int
    """Place of the hidden state, 0 being the embedding."""
    towards: tuple[str, ...]
    """Most raised first."""
    away: tuple[str, ...]
    """Most lowered first."""


def difference_lens(
    model: OpenModel, base: States, candidate: States, *, top: int = 12
) -> tuple[LensReading, ...]:
    """Read the differences of the upper states by the base's output layer; none where that cannot be found.

    Args:
        model: the base.
        base: its states.
        candidate: the candidate's.
        top: tokens told.
    """
    import torch

    difference = (candidate.neutral - base.neutral)[:, 1:FIRST].mean((0, 1))
    found = []
    with model.active() as active, torch.inference_mode():
        head = active.get_output_embeddings()
        with model.computing():
            norm = final_norm(active, model.device) if head is not None else None
        if head is None or norm is None:
            return ()
        for state in base.upper:
            given = difference[state].to(model.device, head.weight.dtype)
            # What biases add to any state is taken off. The last state was normalised by the model itself.
            both = torch.stack([given, torch.zeros_like(given)])
            with model.computing():
                read = head(both if state == len(difference) - 1 else norm(both))
            raised = (read[0] - read[1]).float().cpu()
            order = raised.argsort(descending=True).tolist()
            written = [
                str(model.tokenizer.decode([number])) for number in (*order[:top], *order[: -top - 1 : -1])
            ]
            found.append(LensReading(state=state, towards=tuple(written[:top]), away=tuple(written[top:])))
    return tuple(found)


def final_norm(model: Any, device: torch.device) -> Any:
    """The normalisation whose output the output layer takes; None when no module gives exactly that.

    It is found by what it does: of the modules with one weight for each dimension, the last one whose output
    is the output layer's input.
    """
    import torch

    head = model.get_output_embeddings()
    width = head.weight.shape[-1]
    given: dict[int, torch.Tensor] = {}
    taken: list[torch.Tensor] = []
    modules = [module for module in model.modules() if _normalises(module, width)]
    with ExitStack() as stack:
        for place, module in enumerate(modules):
            hook = module.register_forward_hook(
                lambda _module, _inputs, output, place=place: given.__setitem__(place, output)
            )
            stack.callback(hook.remove)
        hook = head.register_forward_pre_hook(lambda _module, inputs: taken.append(inputs[0]))
        stack.callback(hook.remove)
        with torch.inference_mode():
            model(input_ids=torch.tensor([[1, 2, 3]], device=device), use_cache=False)
    for place in sorted(given, reverse=True):
        output = given[place]
        if taken and output.shape == taken[0].shape:
            scale = float(taken[0].abs().max()) or 1.0
            if float((output - taken[0]).abs().max()) <= _CLOSE * scale:
                return modules[place]
    return None


def _normalises(module: Any, width: int) -> bool:
    weight = getattr(module, "weight", None)
    return weight is not None and not list(module.children()) and tuple(weight.shape) == (width,)

"""Hidden states pushed from harmful towards benign along a model's own refusal direction, while it answers.

At strength 1 the mean of the harmful requests' states comes to lie where that of the benign ones was
(Arditi et al. 2024, arXiv:2406.11717, §2.4, "activation addition"). Each model is pushed along its own
direction, so that the basis does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from modelassay.whitebox.models import OpenModel


def width_of(model: Any) -> int:
    """Width of the hidden states of the part of a model that writes text."""
    return int(_text_config(model).hidden_size)


def blocks_of(model: Any) -> Any:
    """The list of the layers that make the answer, found by its length; None when there is not exactly one.

    What reads images or sound, which may have as many, is none of them.
    """
    import torch

    wanted = getattr(_text_config(model), "num_hidden_layers", 0)
    lists = [
        module
        for module in _decoder(model).modules()
        if isinstance(module, torch.nn.ModuleList) and len(module) == wanted > 0
    ]
    return lists[0] if len(lists) == 1 else None


def _text_config(model: Any) -> Any:
    """Sizes of the part that writes text, which models that read images too keep apart."""
    return model.config.get_text_config(decoder=True)


def _decoder(model: Any) -> Any:
    """The part of a model that writes text; all of it where it does not tell."""
    decoder = model.get_decoder() if hasattr(model, "get_decoder") else None
    return model if decoder is None else decoder


def steered_curve(
    model: OpenModel,
    harmful: Sequence[list[int]],
    benign: Sequence[list[int]],
    *,
    strengths: Sequence[float],
    ask: Callable[[], float],
) -> list[float] | None:
    """What `ask` says of the model pushed by each of `strengths`; None where its layers cannot be found.

    Args:
        model: is hooked while it is asked, and left as it was found.
        harmful: prompts from whose states the direction goes.
        benign: prompts to whose states it goes.
        strengths: in units of the distance between the two means.
        ask: a reading of the model.
    """
    with model.active() as active:
        blocks = blocks_of(active)
    if blocks is None:
        return None
    state = (len(blocks) + 1) // 2
    push = model.hidden(benign)[:, state].mean(0) - model.hidden(harmful)[:, state].mean(0)
    found = []
    for strength in strengths:
        hook = blocks[state - 1].register_forward_hook(_pushed(strength * push))
        try:
            found.append(ask())
        finally:
            hook.remove()
    return found


def _pushed(push: torch.Tensor) -> Callable[[Any, Any, Any], Any]:
    def hook(_module: Any, _inputs: Any, output: Any) -> Any:
        states = output[0] if isinstance(output, tuple) else output
        moved = states + push.to(states.device, states.dtype)
        return (moved, *output[1:]) if isinstance(output, tuple) else moved

    return hook

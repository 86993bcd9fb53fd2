"""Refusal log-odds of a prompt with every one of many things put into it, and their gradients.

What stands before the first gap is the same for all, so its keys and values are computed once and shared,
where the model keeps nothing else of it; the output layer is computed at the last token alone.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import msgspec

from modelassay.whitebox.refusal_odds import log_odds

if TYPE_CHECKING:
    import torch

    from modelassay.whitebox.models import OpenModel

_CPU_TOKENS: Final = 1 << 12
_DEVICE_TOKENS: Final = 1 << 16
"""Tokens in one pass; on a processor more would leave its caches."""


Filling = tuple[tuple[int, ...], ...]
"""Tokens for each gap of a slot."""


class Slot(msgspec.Struct, frozen=True):
    """A prompt in tokens, cut where something is put in."""

    parts: tuple[tuple[int, ...], ...]
    """What stands before, between and after the gaps; one more than there are gaps."""


_WHOLE: Final = Slot(((), ()))
"""All of a prompt is put in."""


class Insertions:
    """One model asked with things put into prompts.

    Args:
        model: the model.
        refusals: tokens that begin refusals (`refusal_odds.refusal_tokens`).
    """

    def __init__(self, model: OpenModel, refusals: torch.Tensor) -> None:
        self.model = model
        self.refusals = refusals.to(model.device)
        self._limit = _CPU_TOKENS if model.device.type == "cpu" else _DEVICE_TOKENS
        self._caches: dict[tuple[int, ...], Any] = {}
        self._shares = True
        """Whether what the model keeps of a prompt can be shared, as far as is known."""
        self.tokens = 0
        """Tokens passed through the model so far."""

    def odds(self, slot: Slot, fillings: Sequence[Filling]) -> torch.Tensor:
        """Refusal log-odds after each filling of a prompt, shape (n,), on the CPU."""
        import torch

        groups: dict[tuple[int, ...], list[int]] = {}
        for place, filling in enumerate(fillings):
            groups.setdefault(tuple(map(len, filling)), []).append(place)
        found = torch.empty(len(fillings))
        with self.model.active() as own, torch.inference_mode():
            cache = self._cache(own, slot.parts[0])
            for lengths, places in groups.items():
                rows = max(1, self._limit // (sum(lengths) + sum(map(len, slot.parts[1:]))))
                for start in range(0, len(places), rows):
                    batch = places[start : start + rows]
                    ids = _filled(slot, [fillings[place] for place in batch]).to(self.model.device)
                    logits = self._logits(own, cache, slot.parts[0], ids)
                    found[torch.tensor(batch)] = log_odds(logits, self.refusals).cpu()
                    self.tokens += ids.numel()
        return found

    def prompts(self, prompts: Sequence[list[int]]) -> torch.Tensor:
        """Refusal log-odds after each prompt, shape (n,), on the CPU."""
        return self.odds(_WHOLE, [(tuple(prompt),) for prompt in prompts])

    def gradients(self, slot: Slot, fillings: Sequence[Filling]) -> list[torch.Tensor]:
        """Gradient of the log-odds with respect to the one-hot vector of each inserted token.

        Args:
            slot: the prompt.
            fillings: all of the same lengths.

        Returns:
            For each gap a tensor of shape (n, k, v): by how much the log-odds rise, to first order, for each
            token of the vocabulary in this place (Ebrahimi et al. 2018, HotFlip, arXiv:1712.06751).
        """
        import torch

        with self.model.active() as own, torch.enable_grad():
            layer = own.get_input_embeddings()
            ids = _filled(slot, fillings).to(self.model.device)
            head = _repeated(slot.parts[0], len(ids)).to(self.model.device)
            with self.model.computing():
                vectors = layer(ids).detach().requires_grad_(True)
                whole = torch.cat([layer(head).detach(), vectors], 1)
                logits = own(inputs_embeds=whole, use_cache=False, **_last_only(own)).logits[:, -1]
                (slope,) = torch.autograd.grad(log_odds(logits, self.refusals).sum(), vectors)
            self.tokens += 3 * whole.shape[0] * whole.shape[1]
            found, at = [], 0
            for gap, part in zip(fillings[0], slot.parts[1:], strict=True):
                found.append((slope[:, at : at + len(gap)] @ layer.weight.detach().T).float().cpu())
                at += len(gap) + len(part)
        return found

    def _cache(self, own: Any, head: tuple[int, ...]) -> Any:
        """Keys and values of what stands before the gap; None where they cannot be shared."""
        import torch

        if not head or not self._shares:
            return None
        if head not in self._caches:
            if len(self._caches) >= 64:
                self._caches.clear()
            ids = torch.tensor([head], device=self.model.device)
            with self.model.computing():
                kept = own(input_ids=ids, use_cache=True, **_last_only(own))
            cache = getattr(kept, "past_key_values", None)
            self._shares = _keys_and_values_only(cache)
            if not self._shares:
                return None
            self._caches[head] = cache
        return self._caches[head]

    def _logits(self, own: Any, cache: Any, head: tuple[int, ...], ids: torch.Tensor) -> torch.Tensor:
        import torch

        kept: dict[str, Any] = {"use_cache": False}
        with self.model.computing():
            if cache is None:
                ids = torch.cat([_repeated(head, len(ids)).to(ids.device), ids], 1)
            else:
                shared = copy.deepcopy(cache)
                shared.batch_repeat_interleave(len(ids))
                kept = {"use_cache": True, "past_key_values": shared}
            logits: torch.Tensor = own(input_ids=ids, **kept, **_last_only(own)).logits[:, -1]
        return logits


def _keys_and_values_only(cache: Any) -> bool:
    """Whether every layer keeps keys and values of attention, and nothing else, such as a recurrent state.

    Only these are put beside each other for several rows: layers of hybrid models keep states besides, or
    in their place, which are not.
    """
    from transformers.cache_utils import DynamicLayer

    layers = getattr(cache, "layers", ())
    return bool(layers) and all(
        isinstance(layer, DynamicLayer) and not hasattr(layer, "conv_states") for layer in layers
    )


@contextmanager
def one_thread() -> Iterator[None]:
    """A stretch with one torch thread: more than there are idle cores slow small models down tenfold."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _filled(slot: Slot, fillings: Sequence[Filling]) -> torch.Tensor:
    """Everything after the first part, the gaps filled, shape (n, length)."""
    import torch

    pieces = []
    for gap, part in enumerate(slot.parts[1:]):
        pieces += [torch.tensor([filling[gap] for filling in fillings], dtype=torch.long)]
        pieces += [_repeated(part, len(fillings))]
    return torch.cat(pieces, 1)


def _repeated(part: Sequence[int], count: int) -> torch.Tensor:
    import torch

    return torch.tensor(part, dtype=torch.long).expand(count, len(part))


def _last_only(own: Any) -> dict[str, int]:
    return {"logits_to_keep": 1} if "logits_to_keep" in inspect.signature(own.forward).parameters else {}

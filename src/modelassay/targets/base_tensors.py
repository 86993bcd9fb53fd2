"""The base's own tensors under its adapters: which of them an adapter's file holds, and which it changed.

PEFT loads every tensor of an adapter's file whose name the model knows: whole embeddings, which it saves by
itself where an embedding is among the modules adapted, and any other tensor of the base. Switching the
adapter off does not bring these back, and logits on a few tokens do not show rows of an embedding that none
of them is. So tensors are compared whole, and what was written to is known by torch's count of writes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from modelassay.errors import TargetError
from modelassay.weights.error_text import one_line

if TYPE_CHECKING:
    import torch

PREFIX: Final = "base_model.model."
"""What PEFT puts before the name that a module has in the base."""
_WRAPPED: Final = (".base_layer.", ".original_module.")
"""What it puts within names of the base's own tensors, where a module is adapted or replaced."""
Stamps = dict[str, tuple[int, int]]


class HeldTensors(msgspec.Struct, frozen=True):
    """Tensors of the base that an adapter's file holds, by the names they have in the base."""

    same: tuple[str, ...]
    """With the base's own numbers: loading them changes nothing."""
    other: tuple[str, ...]
    """With other numbers: loading them rewrites the base."""


class BaseTensors:
    """Parameters and buffers of a model, taken before any adapter is on it.

    PEFT leaves these very objects in the model that it wraps.
    """

    def __init__(self, model: Any) -> None:
        self._tensors: dict[str, torch.Tensor] = {
            name: tensor for name, tensor in _named(model) if not tensor.is_inference()
        }
        self._first: dict[int, str] = {}
        for name, tensor in self._tensors.items():
            self._first.setdefault(id(tensor), name)  # tied tensors have several names

    def held_in(self, folder: Path, *, saved: Collection[str], called: str, where: str) -> HeldTensors:
        """Those that the adapter in `folder` holds.

        Args:
            folder: the adapter's.
            saved: its ``modules_to_save``, which get a place of their own beside the base's.
            called: the adapter, for errors.
            where: the reference, for errors.

        Raises:
            TargetError: the file is damaged.
        """
        same: set[str] = set()
        other: set[str] = set()
        with opened_tensors(folder, called=called, where=where) as file:
            for key in file.keys():  # noqa: SIM118 - no mapping
                own = self._tensors.get(plain_name(key))
                if own is None or is_saved(key, saved):
                    continue
                (same if _equal(file.get_tensor(key), own) else other).add(self._first[id(own)])
        return HeldTensors(tuple(sorted(same - other)), tuple(sorted(other)))

    def same_as(self, file: Any, keys: Iterable[str]) -> frozenset[str]:
        """Those of `keys` of an opened file whose tensors are the base's own, number for number: nothing is
        lost where they find no place."""
        known = ((key, self._tensors.get(plain_name(key))) for key in keys)
        return frozenset(key for key, own in known if own is not None and _equal(file.get_tensor(key), own))

    def rows_otherwise(self, file: Any) -> dict[str, tuple[int, int]]:
        """Those that an opened file holds with another number of rows, which is what resizing a vocabulary
        leaves: rows here and there, by the names they have in the base. Empty where columns of any differ.
        """
        found = {}
        for key in file.keys():  # noqa: SIM118 - no mapping
            own = self._tensors.get(plain_name(key))
            there = tuple(file.get_slice(key).get_shape())
            if own is None or there == tuple(own.shape):
                continue
            if not there or there[1:] != tuple(own.shape[1:]):
                return {}
            found[plain_name(key)] = (len(own), int(there[0]))
        return found

    def names_in(self, wrapped: Any) -> frozenset[str]:
        """The names under which `wrapped`, a model with adapters on, still has these tensors."""
        return frozenset(name for name, tensor in _named(wrapped) if id(tensor) in self._first)

    def stamps(self) -> Stamps:
        """Where each lies in memory, and how often it was written to."""
        return {
            name: (self._tensors[name].data_ptr(), self._tensors[name]._version)
            for name in self._first.values()
        }

    def written_since(self, before: Stamps) -> frozenset[str]:
        """Those that were replaced or written to, were it with the same numbers."""
        return frozenset(name for name, stamp in self.stamps().items() if before[name] != stamp)


def plain_name(key: str) -> str:
    """The name in the base of a tensor of an adapter's file."""
    for part in _WRAPPED:
        key = key.replace(part, ".")
    return key.removeprefix(PREFIX)


def is_saved(key: str, saved: Iterable[str]) -> bool:
    """Whether a tensor belongs to a module that the adapter brings whole (``modules_to_save``).

    As PEFT matches them: by the end of the module's name, wherever a part begins.
    """
    if any(part in key for part in _WRAPPED):
        return False  # the base's own, under the module's copy
    parts = key.removeprefix(PREFIX).split(".")
    modules = [".".join(parts[:length]) for length in range(1, len(parts))]
    return any(module.endswith(ending) for ending in saved if ending for module in modules)


@contextmanager
def opened_tensors(folder: Path, *, called: str, where: str) -> Iterator[Any]:
    """The tensors of the adapter in `folder`, by safetensors.

    Raises:
        TargetError: the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(folder / "adapter_model.safetensors", framework="pt") as file:
            yield file
    except (OSError, SafetensorError) as error:
        raise TargetError(
            f"the weights of the adapter {called} cannot be read: {one_line(str(error))}",
            where=where,
            mend="copy or download the adapter again",
        ) from error


def named_few(names: Collection[str], *, most: int = 3) -> str:
    """The first of some tensors' names, and how many more there are."""
    more = len(names) - most
    return ", ".join(sorted(names)[:most]) + (f" and {more} more" if more > 0 else "")


def _named(model: Any) -> Iterator[tuple[str, torch.Tensor]]:
    yield from model.named_parameters(remove_duplicate=False)
    yield from model.named_buffers(remove_duplicate=False)


def _equal(given: torch.Tensor, own: torch.Tensor) -> bool:
    """Whether loading `given` leaves `own` as it is."""
    import torch

    return given.shape == own.shape and bool(torch.equal(given.to(own.device, own.dtype), own))

"""Weights in memory: one copy for every reference that rests on the same files.

A base and its adapters are asked from one copy. PEFT keeps one set of active adapters in each copy,
so whoever generates holds the copy's lock and says which adapters are active. Whenever an adapter is
attached it is checked that none of the base's own tensors was changed, and that the base still answers bit
for bit as before. An adapter whose file holds other numbers for tensors of the base gets a copy of its own.
"""

from __future__ import annotations

import gc
import itertools
import threading
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelassay.errors import TargetError
from modelassay.targets.adapters import Adapter, attach
from modelassay.targets.base_tensors import BaseTensors, HeldTensors, named_few
from modelassay.targets.generation import masks_padding, running
from modelassay.weights.folders import ModelFiles, model_files
from modelassay.weights.opening import context_window, load_model, load_tokenizer

if TYPE_CHECKING:
    import torch

_WORTH_COLLECTING: Final = 1 << 28
"""Bytes of weights above which it pays to look for cycles that still hold them."""

_ROWS: Final = 8192
"""Rows of an embedding that are compared at a time."""

_copies: dict[tuple[str, ...], LoadedModel] = {}
_copies_lock = threading.RLock()
_private_numbers = itertools.count(1)


class LoadedModel:
    """A causal language model in memory with its tokenizer and the adapters attached to it.

    Args:
        files: what it is loaded from.
        dtype: ``auto`` for that of the checkpoint.
        device: such as ``cpu`` or ``cuda:0``.
        private: whether a single reference asks it, so that its adapters may change the base.
        where: the reference, for errors.

    Raises:
        TargetError: the files cannot be loaded, or do not fit together.
    """

    def __init__(self, files: ModelFiles, *, dtype: str, device: str, private: bool, where: str) -> None:
        self.lock = threading.RLock()
        """Held while generating or changing the active adapters."""
        self.tokenizer = load_tokenizer(files, where=where)
        self.model, self.end_tokens = _load_model(files, dtype=dtype, device=device, where=where)
        """The model without generation defaults of its own, and the end tokens that these named."""
        self.users = 0
        self.rewritten: frozenset[str] = frozenset()
        """Tensors of the base that adapters attached here replaced by others; none where it is shared."""
        self._own: BaseTensors | None = BaseTensors(self.model)
        self._private = private
        self.spoiled = False
        """Set when attaching an adapter failed halfway; nothing is asked of such a copy."""
        self._where = where
        self._peft: Any = None
        self._names: dict[Adapter, str] = {}
        self._active: tuple[str, ...] = ()
        self._plain = self.probe()
        self.masks_padding = masks_padding(self.model)
        """Whether rows may share a batch."""

    def attach(self, adapters: tuple[Adapter, ...], *, where: str) -> None:
        """Attach those of `adapters` that are not attached yet; each must change the answers.

        Raises:
            TargetError: one does not fit the base, changes nothing, or changes the base itself.
        """
        with self.lock:
            for adapter in adapters:
                if adapter not in self._names:
                    self.spoiled = True
                    changed = self._attach(adapter, where=where)
                    self._check(adapter, where=where, rewrites=bool(changed))
                    self.spoiled = False
            self.activate(adapters, where=where)

    def held_in(self, adapter: Adapter, *, where: str) -> HeldTensors:
        """Tensors of the base itself that the file of `adapter` holds, beside those in memory.

        Raises:
            TargetError: the file is damaged.
        """
        with self.lock:
            folder = Path(adapter.folder)
            return self._tensors.held_in(folder, saved=adapter.saved, called=adapter.name, where=where)

    @property
    def _tensors(self) -> BaseTensors:
        if self._own is None:
            raise RuntimeError("these weights were given back")
        return self._own

    def _attach(self, adapter: Adapter, *, where: str) -> frozenset[str]:
        """Put `adapter` on the base; which of the base's own tensors that changed."""
        name = f"adapter{len(self._names)}"
        held, before = self.held_in(adapter, where=where), self._tensors.stamps()
        self._peft = attach(self.model, self._peft, adapter, own=self._tensors, name=name, where=where)
        self._names[adapter] = name
        self._active = (name,)
        changed = self._tensors.written_since(before) - set(held.same)
        self.rewritten |= changed
        if changed and not self._private:
            raise _rewrites(adapter, changed, where=where)
        return changed

    def activate(self, adapters: tuple[Adapter, ...], *, where: str = "") -> None:
        """Answer with exactly `adapters`, in this order; the lock must be held.

        Raises:
            TargetError: they cannot be active together, or an adapter spoiled this copy.
        """
        if self.spoiled:
            raise TargetError("an adapter that does not fit has spoiled the weights in memory", where=where)
        self._activate(adapters, where=where)

    def _activate(self, adapters: tuple[Adapter, ...], *, where: str) -> None:
        names = tuple(self._names[adapter] for adapter in adapters)
        if names == self._active or self._peft is None:
            return
        tuner = self._peft.base_model
        if not names:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that biases stay as they are is known by `rewritten`
                tuner.disable_adapter_layers()
        else:
            tuner.enable_adapter_layers()
            try:
                tuner.set_adapter(list(names) if len(names) > 1 else names[0], inference_mode=True)
            except (ValueError, TypeError) as error:
                raise TargetError(f"the adapters cannot be active together: {error}", where=where) from error
        self._active = names

    def probe(self) -> torch.Tensor:
        """Logits, shape (tokens, vocabulary), on a fixed row of tokens spread over the vocabulary.

        Raises:
            TargetError: the model cannot compute anything here.
        """
        import torch

        vocabulary = int(self.model.get_input_embeddings().weight.shape[0])
        length = min(64, vocabulary, context_window(self.model) or 64)
        tokens = torch.linspace(0, vocabulary - 1, length).long()[None].to(self.model.device)
        with self.lock, torch.inference_mode(), running(self._where):
            logits: torch.Tensor = self.model(input_ids=tokens, use_cache=False).logits[0]
        return logits

    def _check(self, adapter: Adapter, *, where: str, rewrites: bool) -> None:
        import torch

        if not bool(torch.isfinite(self._plain).all()):
            raise TargetError(
                "what the base model computes is not a number (NaN or infinite): no adapter fits it",
                where=where,
                mend="`modelassay inspect weights` says whether it is damaged; else try another dtype",
            )
        unmoved = torch.equal(self.probe(), self._plain)
        if unmoved and not rewrites and not self._reads_otherwise(adapter):
            raise TargetError(
                f"the adapter {adapter.name} changes nothing: every answer would be the base model's",
                where=where,
                mend="check that it was trained for this base and saved after training",
            )
        if self._private:
            return
        self._activate((), where=where)
        if not torch.equal(self.probe(), self._plain):
            raise _rewrites(adapter, (), where=where)

    def _reads_otherwise(self, adapter: Adapter) -> bool:
        """Whether `adapter`, which moves no logit of the probe, changes what any token is read as."""
        import torch

        embedding = self.model.get_input_embeddings()
        count = int(embedding.weight.shape[0])
        with self.lock, torch.inference_mode(), running(self._where):
            for start in range(0, count, _ROWS):
                tokens = torch.arange(start, min(start + _ROWS, count), device=self.model.device)
                read = []
                for active in ((), (adapter,)):
                    self._activate(active, where=self._where)
                    read.append(embedding(tokens[None]))
                if not torch.equal(*read):
                    return True
        return False


def _rewrites(adapter: Adapter, names: Collection[str], *, where: str) -> TargetError:
    which = f" ({named_few(names)})" if names else ""
    return TargetError(
        f"the adapter {adapter.name} changes the weights of the base model itself{which}, "
        "so both cannot be asked from one copy",
        where=where,
        mend="add the option share: no",
    )


def acquire(
    files: ModelFiles, adapters: tuple[Adapter, ...], *, dtype: str, device: str, share: bool, where: str
) -> LoadedModel:
    """The copy in memory with these files and `adapters` attached; `release` gives it back.

    Raises:
        TargetError: the model or an adapter cannot be loaded.
    """
    private = not (share and all(adapter.shares_base for adapter in adapters))
    with _copies_lock:
        copy = _taken(files, dtype=dtype, device=device, private=private, where=where)
        try:
            rewrites = not private and any(copy.held_in(each, where=where).other for each in adapters)
            if not rewrites:
                copy.attach(adapters, where=where)
                for adapter in adapters:
                    if not adapter.stands(where=where):
                        raise _changed(adapter.folder, where=where)
        except BaseException:
            release(copy)
            raise
        if rewrites:
            release(copy)
            return acquire(files, adapters, dtype=dtype, device=device, share=False, where=where)
    return copy


def _taken(files: ModelFiles, *, dtype: str, device: str, private: bool, where: str) -> LoadedModel:
    """A copy with one user more, loaded unless there is one that is shared."""
    alone = str(next(_private_numbers)) if private else ""
    key = (files.digest, str(files.folder), dtype, device, alone)
    copy = _copies.get(key)
    if copy is None or copy.spoiled:
        copy = _copies[key] = LoadedModel(files, dtype=dtype, device=device, private=private, where=where)
        now = model_files(files.folder, where=where)
        if (now.digest, now.state) != (files.digest, files.state):
            raise _changed(files.folder, where=where)
    copy.users += 1
    return copy


def _changed(folder: Path | str, *, where: str) -> TargetError:
    """What was loaded is not what was hashed.

    Equal bytes before and after do not suffice, since others may have stood there in between: the file
    system's stamps must be equal too.
    """
    return TargetError(
        f"{folder} changed while it was being read",
        where=where,
        mend="wait until whatever writes it has finished",
    )


def release(copy: LoadedModel) -> None:
    """Give a copy back; the last user's leaving frees its memory."""
    with _copies_lock:
        copy.users -= 1
        if copy.users > 0:
            return
        for key in [key for key, kept in _copies.items() if kept is copy]:
            del _copies[key]
        on_cuda = copy.model.device.type == "cuda"
        large = copy.model.get_memory_footprint() > _WORTH_COLLECTING
        copy.model = copy._peft = copy._own = None
    if large:
        gc.collect()
    if on_cuda:
        import torch

        torch.cuda.empty_cache()


def _load_model(files: ModelFiles, *, dtype: str, device: str, where: str) -> tuple[Any, frozenset[int]]:
    from transformers import GenerationConfig

    model = load_model(files, kind="AutoModelForCausalLM", dtype=dtype, device=device, where=where)
    end = model.generation_config.eos_token_id
    end_tokens = frozenset([end] if isinstance(end, int) else end or ())
    model.generation_config = GenerationConfig()  # the plan's decoding decides, not the model's habits
    return model, end_tokens

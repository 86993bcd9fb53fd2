"""PEFT adapters: what they are, whether they can share a base, and putting them on one."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any, Final

import msgspec

from modelassay.artifacts.reading import Stamp
from modelassay.canonical import digest_of
from modelassay.errors import TargetError
from modelassay.targets.base_tensors import BaseTensors, opened_tensors
from modelassay.weights.error_text import one_line
from modelassay.weights.folders import AdapterFiles, adapter_files

_PROMPT_KINDS: Final = frozenset(
    {
        "PROMPT_TUNING",
        "MULTITASK_PROMPT_TUNING",
        "P_TUNING",
        "PREFIX_TUNING",
        "ADAPTION_PROMPT",
        "CPT",
        "CARTRIDGE",
    }
)
_LOADS_MORE: Final = {
    "XLORA": ("further adapters", "name each of its adapters by itself: hf:BASE+FIRST+SECOND"),
    "SHADOW": ("another model", "train it with the shadow_model 'mirror', which loads none"),
}
"""Kinds that load more than their own files: what that is, and what to do instead."""
_SCALES: Final = (("r", int), ("lora_alpha", float), ("rank_pattern", int), ("alpha_pattern", float))
"""Keys of LoRA's configuration that hold numbers (``_pattern``: by module); float takes both kinds."""
_HARMLESS_STARTS: Final = (True, False, None, "gaussian", "orthogonal")
"""Values of ``init_lora_weights`` under which loading leaves the base's own weights alone."""


class Adapter(msgspec.Struct, frozen=True, kw_only=True):
    """One adapter of a reference."""

    name: str
    """As the reference names it, for people."""
    folder: str
    digest: str
    """Of its configuration and weights."""
    weight: str = "1"
    """Decimal string that multiplies the adapter's own scale."""
    occurrence: int = 0
    """Counts up where a reference names the same adapter several times."""
    shares_base: bool
    """Whether by its configuration a base with this adapter switched off is the base as it was; what its file
    holds of the base's own tensors is compared when the base is in memory."""
    saved: tuple[str, ...] = ()
    """Ends of the names of modules that it brings whole, ``modules_to_save``."""
    state: tuple[Stamp, ...]
    """What the file system said of its files when they were hashed."""

    def stands(self, *, where: str) -> bool:
        """Whether its files still stand there untouched.

        Raises:
            TargetError: the folder holds no adapter any more.
        """
        now = adapter_files(Path(self.folder), where=where)
        return (_digest(now), now.state) == (self.digest, self.state)


def adapter_of(files: AdapterFiles, *, name: str, weight: str, occurrence: int, where: str) -> Adapter:
    """Judge an adapter by its configuration.

    Raises:
        TargetError: of a kind that cannot be asked here.
    """
    config = files.config
    kind = str(config.get("peft_type", "unknown"))
    if kind in _PROMPT_KINDS:
        raise TargetError(
            f"the adapter {name} is of the kind {kind}, which changes the prompt and not the weights; "
            "such adapters cannot be asked here",
            where=where,
            mend="serve it and ask it as openai:MODEL@BASE_URL",
        )
    if kind in _LOADS_MORE and not (kind == "SHADOW" and config.get("shadow_model", "mirror") == "mirror"):
        loads, mend = _LOADS_MORE[kind]
        raise TargetError(
            f"the adapter {name} is of the kind {kind}, which loads {loads} from wherever its configuration "
            "says; what is asked would not be what was hashed",
            where=where,
            mend=mend,
        )
    if kind == "LORA":
        _check_scales(config, name=name, where=where)
        _check_always_on(config, name=name, where=where)
    scalable = kind == "LORA" and not config.get("modules_to_save")
    if weight != "1" and not scalable:
        raise TargetError(
            f"the adapter {name} cannot be weighted: only LoRA without modules_to_save can",
            where=where,
            mend=f"leave out @{weight}",
        )
    return Adapter(
        name=name,
        folder=str(files.folder),
        digest=_digest(files),
        state=files.state,
        weight=weight,
        occurrence=occurrence,
        shares_base=kind == "LORA"
        and config.get("bias", "none") == "none"
        and config.get("init_lora_weights", True) in _HARMLESS_STARTS,
        saved=modules_to_save(config),
    )


def modules_to_save(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Ends of the names of modules that an adapter brings whole."""
    named = config.get("modules_to_save") or []
    return (named,) if isinstance(named, str) else tuple(map(str, named))


def _check_always_on(config: Mapping[str, Any], *, name: str, where: str) -> None:
    """Refuse LoRA that wakes at certain tokens: PEFT's own way of generating looks for them, and here, where
    the model is asked itself, it would stay asleep."""
    if config.get("alora_invocation_tokens"):
        raise TargetError(
            f"the adapter {name} acts only after certain tokens (alora_invocation_tokens), which are not "
            "looked for here; such adapters cannot be asked here",
            where=where,
            mend="serve it and ask it as openai:MODEL@BASE_URL",
        )


def _check_scales(config: Mapping[str, Any], *, name: str, where: str) -> None:
    """Refuse ranks and scales of LoRA that are no numbers: PEFT would fail far from here, and say something
    else."""
    for key, kind in _SCALES:
        if not key.endswith("_pattern"):
            _check_number(config.get(key, 1), kind, said=key, name=name, where=where)
            continue
        entries = config.get(key) or {}
        if not isinstance(entries, dict):
            raise _no_scale(f"{key} is {_shown(entries)}, not a table of numbers", name=name, where=where)
        for module, value in entries.items():
            _check_number(value, kind, said=f"{key} of {_shown(module)}", name=name, where=where)


def _check_number(value: Any, kind: type, *, said: str, name: str, where: str) -> None:
    whole = type(value) is int  # True and False are none
    if not whole and (kind is int or type(value) is not float or not isfinite(value)):
        wanted = "a whole number" if kind is int else "a number"
        raise _no_scale(f"{said} is {_shown(value)}, not {wanted}", name=name, where=where)


def _no_scale(what: str, *, name: str, where: str) -> TargetError:
    return TargetError(
        f"adapter_config.json of the adapter {name} is damaged: {what}",
        where=where,
        mend="write the number with which it was trained, without quotes, or save the adapter again",
    )


def _shown(value: Any) -> str:
    """A value of a configuration as it is written there, cut short."""
    return one_line(json.dumps(value))[:60]


def _digest(files: AdapterFiles) -> str:
    return digest_of({"files": dict(files.files)})


def attach(model: Any, wrapped: Any, adapter: Adapter, *, own: BaseTensors, name: str, where: str) -> Any:
    """Put `adapter` on `model` and make it the only active one.

    Args:
        model: the plain transformers model; its modules are replaced in place.
        wrapped: its PEFT wrapper, None when this is the first adapter.
        adapter: what to attach.
        own: the plain model's tensors.
        name: its name inside PEFT.
        where: the reference, for errors.

    Returns:
        The PEFT wrapper.

    Raises:
        TargetError: the adapter does not fit.
    """
    from peft import PeftModel
    from safetensors import SafetensorError

    device = str(model.device)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what PEFT warns of is checked and refused below
            if wrapped is None:
                wrapped = PeftModel.from_pretrained(
                    model, adapter.folder, adapter_name=name, torch_device=device
                )
            else:
                wrapped.load_adapter(adapter.folder, adapter_name=name, torch_device=device)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        _check_vocabulary(model, adapter, own, where=where)
        raise TargetError(
            f"the adapter {adapter.name} does not fit this base model: {one_line(str(error))}",
            where=where,
            mend="check that its files are whole, and that it was trained for this base",
        ) from error
    _check_complete(wrapped, adapter, own, name=name, where=where)
    tuner = wrapped.base_model
    tuner.enable_adapter_layers()
    tuner.set_adapter(name, inference_mode=True)
    if adapter.weight != "1":
        _scale(model, name, float(adapter.weight))
    wrapped.eval()
    return wrapped


def _check_vocabulary(model: Any, adapter: Adapter, own: BaseTensors, *, where: str) -> None:
    """Say of an adapter that could not be put on for it that it was trained with another number of tokens.

    Raises:
        TargetError: all that its file holds in other shapes are embeddings and output layers, by their rows.
    """
    with opened_tensors(Path(adapter.folder), called=adapter.name, where=where) as file:
        found = own.rows_otherwise(file)
    tokens = len(model.get_input_embeddings().weight)
    if not found or any(here != tokens for here, _ in found.values()):
        return
    name, (_, there) = min(found.items())
    which = f"{abs(there - tokens)} {'more' if there > tokens else 'fewer'} tokens than"
    raise TargetError(
        f"the adapter {adapter.name} was trained with {which} this base model has ({name} has {there} rows, "
        f"here {tokens}), so it cannot be put on the base as it is",
        where=where,
        mend="merge it into the base resized as in training (resize_token_embeddings, merge_and_unload, "
        "save_pretrained), and name the merged model",
    )


def _check_complete(wrapped: Any, adapter: Adapter, own: BaseTensors, *, name: str, where: str) -> None:
    """Every tensor of the file must have found its place, the adapter's or one of the base itself, and every
    place of the adapter its tensor."""
    from peft import get_peft_model_state_dict

    placed = set(get_peft_model_state_dict(wrapped, adapter_name=name, save_embedding_layers=False))
    with opened_tensors(Path(adapter.folder), called=adapter.name, where=where) as file:
        given = set(file.keys())
        strange = given - placed - own.names_in(wrapped)
        ignored = sorted(strange - own.same_as(file, strange))
    absent = sorted(key for key in placed - given if not _is_embedding(key))
    if ignored or absent:
        raise TargetError(
            f"the adapter {adapter.name} does not fit this base model: {len(ignored)} of its tensors "
            f"would be ignored and {len(absent)} are missing, such as {[*ignored, *absent][0]}",
            where=where,
            mend="check that it was trained for this base",
        )


def _is_embedding(key: str) -> bool:
    """Whole embeddings, which PEFT saves once where they are tied."""
    return key.endswith(("embed_tokens.weight", "lm_head.weight", "base_layer.weight"))


def _scale(model: Any, name: str, weight: float) -> None:
    from peft.tuners.lora import LoraLayer

    for module in model.modules():
        if isinstance(module, LoraLayer):
            module.set_scale(name, weight)

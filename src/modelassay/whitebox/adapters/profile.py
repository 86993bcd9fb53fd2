"""What an adapter's files say of it: structure always, provenance and spectra for adapters from strangers.

Structure (tensors, types, ranks, numbers) is exact. Spectra are read-outs for people alone: they tell
harmless adapters from harmful ones within one way of training and not across several (arXiv:2604.08844).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from statistics import median
from typing import Any, Final

from modelassay.config import ModelReference
from modelassay.records import Finding, FindingState, Severity
from modelassay.targets.adapters import modules_to_save
from modelassay.targets.base_tensors import is_saved, plain_name
from modelassay.whitebox.adapters.beside import Asked, differences
from modelassay.whitebox.adapters.reading import (
    AdapterReading,
    declared,
    is_named,
    parameter_modules,
)
from modelassay.whitebox.calibration import decimal
from modelassay.whitebox.stating import described

CHECK: Final = "adapters"
_WEIGHTS: Final = "adapter_model.safetensors"
_USUAL: Final = frozenset(
    {
        "adapter_config.json",
        _WEIGHTS,
        "README.md",
        ".gitattributes",
        "LICENSE",
        "LICENSE.md",
        "LICENSE.txt",
        "NOTICE",
        "organism.json",
        "trainer_state.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "vocab.json",
        "merges.txt",
        "tokenizer.model",
        "chat_template.jinja",
    }
)
_RUNS: Final = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".h5", ".so", ".py", ".sh")
"""Ends of files that run code, or may when they are opened."""
_STRANGE: Final = {
    "use_dora": "DoRA, which rescales the base's own columns",
    "use_bdlora": "block-diagonal LoRA",
    "use_qalora": "QA-LoRA",
    "layer_replication": "layers of the base used several times",
    "trainable_token_indices": "rows of the embeddings trained whole",
    "target_parameters": "parameters addressed by name",
    "alora_invocation_tokens": "activation at certain tokens alone",
    "arrow_config": "routing between adapters",
    "auto_mapping": "classes of its own",
}
"""Entries of the configuration under which an adapter is more than low-rank updates."""
_FAR_ENERGY: Final = 0.25
_FAR: Final = 4.0
"""A module stands out when its top energy is so much above the median, and so many median deviations."""
_SHOWN: Final = 5
_LONGEST: Final = 120
"""Characters of a name that are quoted."""
_MOST_FILES: Final = 200
_EMBEDDINGS: Final = frozenset(
    {
        "embed_tokens",
        "tok_embeddings",
        "word_embeddings",
        "embed_in",
        "embed_out",
        "embedding",
        "wte",
        "shared",
        "lm_head",
        "output_layer",
    }
)
"""What architectures call the modules that PEFT saves whole where they are adapted or the vocabulary grew."""


class _Told:
    """Makes findings on one adapter: harm, unless a state or no severity is given."""

    def __init__(self, reading: AdapterReading, rests_on: Sequence[str]) -> None:
        self._name = reading.name
        self._rests_on = rests_on

    def __call__(
        self,
        name: str,
        title: str,
        statement: str,
        *,
        state: FindingState | None = None,
        severity: Severity = "medium",
        values: Mapping[str, float] | None = None,
    ) -> Finding:
        return described(
            CHECK,
            name,
            title,
            f"{self._name}: {statement}",
            role="descriptive" if severity == "none" else "concern",
            state=state or ("shown_fine" if severity == "none" else "shown_harmful"),
            severity=severity,
            tags={"adapter": self._name},
            values=values,
            rests_on=self._rests_on,
        )


def profile_findings(
    reading: AdapterReading,
    *,
    base: ModelReference,
    community: bool,
    rests_on: Sequence[str],
    asked: Asked | None = None,
    base_class: str = "",
) -> Iterator[Finding]:
    """What stands out in the files of one adapter.

    Args:
        reading: the adapter.
        base: the base that it is put on.
        community: whether it comes from strangers: files, provenance and spectra are told of too.
        rests_on: identities.
        asked: chat template and tokenizer that the adapter was asked with; None leaves out what differs.
        base_class: class of the base, such as ``LlamaForCausalLM``; empty where it is not known.
    """
    told = _Told(reading, rests_on)
    yield from _structure(reading, told, community=community, base_class=base_class)
    yield from _ranks(reading, told)
    if community:
        yield from _files(reading, told)
        for name, text in differences(reading.beside, asked) if asked is not None else ():
            yield told(name, "Tokenizer and template beside an adapter", text, state="not_shown")
        yield from _provenance(reading, base, told)
        yield from _spectra(reading, told)


def _structure(
    reading: AdapterReading, told: _Told, *, community: bool, base_class: str
) -> Iterator[Finding]:
    yield from _kind(reading, told, severity="medium" if community else "low", base_class=base_class)
    strange = [name for name in reading.others if not _is_expected(name, reading.config)]
    if strange and reading.kind == "LORA":
        yield told(
            "tensors",
            "Tensors of an adapter",
            f"holds {len(strange)} tensors that its configuration does not account for: {_some(strange)}.",
            values={"tensors": len(strange)},
        )
    if reading.unpaired:
        text = f"holds half an update of {len(reading.unpaired)} modules: {_some(reading.unpaired)}."
        yield told("unpaired", "Tensors of an adapter", text)
    if reading.not_finite:
        text = f"holds NaN or infinity in {len(reading.not_finite)} tensors: {_some(reading.not_finite)}."
        yield told("numbers", "Numbers of an adapter", text, severity="high")
    if len(reading.dtypes) > 1:
        parts = ", ".join(f"{count} {name}" for name, count in sorted(reading.dtypes.items()))
        text = f"holds numbers of several kinds: {parts}."
        yield told("dtypes", "Numbers of an adapter", text, state="not_shown", severity="low")


def _kind(reading: AdapterReading, told: _Told, *, severity: Severity, base_class: str) -> Iterator[Finding]:
    """What makes an adapter more than low-rank updates; lawful, and more than spectra and ranks tell of."""
    config = reading.config
    found = {
        "kind": f"is of the type {reading.kind}, not LoRA; its updates are not read"
        if reading.kind != "LORA"
        else "",
        "options": "is more than low-rank updates: " + "; ".join(strange)
        if (strange := _strange(config, base_class))
        else "",
        "whole_modules": f"replaces whole modules: {_some(whole)}"
        if (whole := modules_to_save(config))
        else "",
        "bias": "trains biases of the base as well"
        if config.get("bias", "none") != "none" or config.get("lora_bias")
        else "",
        "embeddings": f"holds embeddings whole: {_some(embeddings)}"
        if (embeddings := [each for each in reading.others if _is_embedding(each, config)])
        else "",
    }
    for name, text in found.items():
        if text:
            yield told(name, "Kind of adapter", f"{text}.", state="not_shown", severity=severity)


def _strange(config: Mapping[str, Any], base_class: str) -> list[str]:
    """What makes it more than low-rank updates, in words.

    PEFT writes ``auto_mapping`` by itself where no task is named: then it holds the base's own class.
    """
    mapping = config.get("auto_mapping")
    written_by_peft = (
        isinstance(mapping, dict)
        and bool(base_class)
        and mapping.get("base_model_class") == base_class
        and str(mapping.get("parent_library")).startswith("transformers.")
    )
    return [
        text
        for key, text in _STRANGE.items()
        if config.get(key) and not (key == "auto_mapping" and written_by_peft)
    ]


def _is_embedding(name: str, config: Mapping[str, Any]) -> bool:
    """Whether a tensor is a whole embedding of the base, which PEFT saves by itself."""
    if is_saved(name, modules_to_save(config)):
        return False  # told of as a whole module
    module, _, kind = plain_name(name).rpartition(".")
    return kind == "weight" and module.rpartition(".")[2] in _EMBEDDINGS


def _is_expected(name: str, config: Mapping[str, Any]) -> bool:
    """Whether a tensor that is no factor follows from the configuration, or is told of otherwise."""
    if _is_embedding(name, config) or is_saved(name, modules_to_save(config)):
        return True
    parts = {
        ".lora_magnitude_vector": config.get("use_dora"),
        ".trainable_tokens_delta": config.get("trainable_token_indices"),
        ".lora_B.bias": config.get("lora_bias"),
    }
    if any(said and f"{part}." in f"{name}." for part, said in parts.items()):
        return True
    return name.endswith(".bias") and ".lora_" not in name and config.get("bias", "none") != "none"


def _ranks(reading: AdapterReading, told: _Told) -> Iterator[Finding]:
    config = reading.config
    parameters = parameter_modules(config)
    wrong = [
        f"{each.module} ({each.rank}, not {said:.0f})"
        for each in reading.modules
        if (said := declared(each.module, config, "r", "rank_pattern")) is not None
        and said != each.rank
        and not (
            is_named(each.module, parameters) and said > 0 and each.rank % said == 0
        )  # one for each expert
    ]
    if wrong:
        text = f"has other ranks than it declares in {len(wrong)} modules: {_some(wrong)}."
        yield told("ranks", "Ranks of an adapter", text, values={"modules": len(wrong)})
    targets = config.get("target_modules")
    if isinstance(targets, list):
        given = [*map(str, targets), *parameters]
        outside = [each.module for each in reading.modules if not is_named(each.module, given)]
        if outside:
            text = f"changes {len(outside)} modules that it does not declare: {_some(outside)}."
            yield told("targets", "Modules of an adapter", text, values={"modules": len(outside)})
    unused = [name for name, found in reading.spectra() if not found.norm]
    if unused:
        text = f"changes nothing in {len(unused)} of {len(reading.modules)} modules: {_some(unused)}."
        yield told("unused", "Modules of an adapter", text, state="not_shown", severity="none")


def _files(reading: AdapterReading, told: _Told) -> Iterator[Finding]:
    running = [name for name in reading.files if PurePosixPath(name).suffix.lower() in _RUNS]
    if running:
        text = (
            f"comes with {len(running)} files that run code or may when opened: {_some(running)}. None was "
            "opened here; whoever loads the folder with other tools may run them."
        )
        values = {"files": len(running)}
        yield told("pickles", "Files beside an adapter", text, severity="high", values=values)
    hidden = [
        name
        for name in reading.files
        if any(part.startswith(".") for part in name.split("/")) and name != ".gitattributes"
    ]
    if hidden:
        yield told("hidden", "Files beside an adapter", f"comes with hidden files: {_some(hidden)}.")
    seen = {*running, *hidden}
    extra = [name for name in reading.files if name not in _USUAL and name not in seen]
    if extra:
        text = f"comes with {len(extra)} files that an adapter does not need: {_some(extra)}."
        yield told("files", "Files beside an adapter", text, state="not_shown", severity="low")


def _provenance(reading: AdapterReading, base: ModelReference, told: _Told) -> Iterator[Finding]:
    card = reading.card
    named = str(reading.config.get("base_model_name_or_path") or "")
    bases = [each for each in (named, *(card.base_models if card else ())) if each]
    ours = _last(base.address.partition("@")[0])
    if not bases:
        text = "names no base that it was trained for."
        yield told("base", "Base of an adapter", text, state="not_shown")
    elif not any(_last(each) == ours for each in bases):
        text = f"names {_some(bases)} as its base, and is put on {ours!r}: by name they are not the same."
        yield told("base", "Base of an adapter", text, state="not_shown")
    else:
        yield told("base", "Base of an adapter", f"names this base: {named or bases[0]!r}.", severity="none")
    if card is None:
        text = "has no model card that can be read, so nobody says who made it, from what data and when."
        yield told("card", "Origin of an adapter", text, state="not_shown")
    if card is None or not card.licence:
        text = "declares no licence."
        yield told("licence", "Licence of an adapter", text, state="not_shown")
    else:
        text = f"declares the licence {card.licence!r}."
        yield told("licence", "Licence of an adapter", text, state="not_shown", severity="none")


def _spectra(reading: AdapterReading, told: _Told) -> Iterator[Finding]:
    """Modules whose update points one way far more than the others do; evidence only."""
    energies = {name: found.top_energy for name, found in reading.spectra() if found.norm}
    if len(energies) < 4:
        return
    middle = median(energies.values())
    spread = median(abs(each - middle) for each in energies.values())
    far = [
        name
        for name, each in energies.items()
        if each - middle > _FAR_ENERGY and each - middle > _FAR * max(spread, 0.01)
    ]
    text = f"updates have {middle:.0%} of their energy in one direction (median of {len(energies)} modules)"
    said = f"; far more in {len(far)} modules: {_some(far)}." if far else "; no module stands out."
    yield told(
        "spectra",
        "Singular values of an adapter's updates",
        text + said,
        state="not_shown",
        severity="none",
        values={
            "median_top_energy": middle,
            "greatest_top_energy": max(energies.values()),
            "modules": len(far),
        },
    )


def profile_details(reading: AdapterReading) -> dict[str, Any]:
    """What an examination keeps of one adapter's files; numbers as decimal strings."""
    config = reading.config
    return {
        "name": reading.name,
        "type": reading.kind,
        "rank": str(config.get("r", "")),
        "alpha": str(config.get("lora_alpha", "")),
        "base": str(config.get("base_model_name_or_path") or ""),
        "licence": reading.card.licence if reading.card else "",
        "dtypes": reading.dtypes,
        "files": list(reading.files[:_MOST_FILES]),
        "files_in_all": len(reading.files),
        "modules": [
            {
                "module": name[:_LONGEST],
                "norm": str(decimal(found.norm)),
                "top_energy": str(decimal(found.top_energy)),
                "stable_rank": str(decimal(found.stable_rank)),
                "rank": found.rank,
            }
            for name, found in reading.spectra()
        ],
    }


def _last(name: str) -> str:
    return PurePosixPath(name.rstrip("/")).name.lower()


def _some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(name[:_LONGEST] for name in names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")

"""The examinations that a plan takes in, held against its models before any of them is loaded.

Who a model will be is told by its reference and its system prompt. Where an examination names it otherwise,
the files of a folder on this machine are hashed; what cannot be told before the model is loaded (files that
are not here, a chat template) is taken to be as it was examined, and the audit looks again.
"""

from __future__ import annotations

from pathlib import Path

from modelassay.audit.opened import read_examinations
from modelassay.canonical import digest_bytes, digest_of
from modelassay.config import ModelReference, Plan
from modelassay.evidence.taken_in import fitting, sessions_once
from modelassay.records import Examination, TargetIdentity
from modelassay.targets.adapters import adapter_of
from modelassay.targets.reference import system_prompt_of, weights_address
from modelassay.weights.folders import adapter_files, could_be_found, local_folder, model_files

_WEIGHTS, _PROMPT, _ADAPTER = "weights", "system_prompt", "adapter."
"""Parts of an identity; the first is the strength of one that names the weights too."""


def planned_examinations(plan: Plan, folder: Path) -> tuple[Examination, ...]:
    """The examinations of `plan`, as the audit will take them in.

    Args:
        folder: where relative paths start.

    Raises:
        UsageError: no such file, it examined another model, or two are the same.
        EvidenceError: it is no examination, contradicts itself, or files that it rests on are others.
        TargetError: a folder that an examination names otherwise holds no model.
    """
    fitted = [
        fitting(
            made,
            _expected(plan.baseline, made.baseline or made.candidate, folder),
            _expected(plan.candidate, made.candidate, folder),
            where=each.file,
            vouched=each.candidate_model,
            decoding=plan.decoding,
        )
        for each, made in read_examinations(plan, folder)
    ]
    return sessions_once(fitted)


def unknown_models(plan: Plan, folder: Path) -> tuple[str, ...]:
    """Weights that the audit would look for in vain, in sentences."""
    found = []
    for reference in (plan.baseline, plan.candidate):
        if reference.scheme != "hf":
            continue
        address = weights_address(reference, folder=folder)
        for name in (address.base, *(adapter.path for adapter in address.adapters)):
            if not could_be_found(name, folder):
                found.append(
                    f"{reference.model}: {name!r} is neither an existing folder nor a hub id, so the audit "
                    "would not begin"
                )
    return tuple(dict.fromkeys(found))


def _expected(reference: ModelReference, examined: TargetIdentity, folder: Path) -> TargetIdentity:
    """Who `reference` will be, told beside `examined`."""
    prompt = system_prompt_of(reference, folder=folder)
    own: dict[str, str] = {_PROMPT: digest_bytes(prompt.encode())} if prompt else {}
    known = {key: value for key, value in examined.details.items() if key != _PROMPT}
    strength = examined.strength
    if reference.model != examined.reference:
        here = _weights_here(reference, folder)
        inside = {key for key in known if key == _WEIGHTS or key.startswith(_ADAPTER)}
        if here:
            known = {key: value for key, value in known.items() if key not in inside} | here
        elif reference.scheme != "hf":
            known = {key: value for key, value in known.items() if key not in inside}
        own["reference"] = reference.model
        alike = examined.reference.partition(":")[0] == reference.scheme
        strength = _WEIGHTS if reference.scheme == "hf" else examined.strength if alike else ""
    details = {**known, **own}
    return TargetIdentity(
        reference=reference.model,
        fingerprint=examined.fingerprint if details == examined.details else digest_of(details),
        strength=strength,
        details={key: value for key, value in details.items() if key != "reference"},
    )


def _weights_here(reference: ModelReference, folder: Path) -> dict[str, str]:
    """What an identity says of the files of a reference to weights; nothing where one is not on this machine.

    Raises:
        TargetError: a folder holds no model, or no adapter.
    """
    if reference.scheme != "hf":
        return {}
    address = weights_address(reference, folder=folder)
    base = local_folder(address.base, folder)
    places = [local_folder(adapter.path, folder) for adapter in address.adapters]
    if base is None or None in places:
        return {}
    files = model_files(base.resolve(), where=reference.model)
    found = {
        _WEIGHTS: str(files.weights.digest),
        "config": str(files.config.digest),
        "tokenizer": str(files.tokenizer.digest),
    }
    for number, (adapter, place) in enumerate(zip(address.adapters, places, strict=True), 1):
        assert place is not None
        read = adapter_files(place.resolve(), where=reference.model)
        made = adapter_of(read, name=adapter.path, weight=adapter.weight, occurrence=0, where=reference.model)
        weight = f" weight {made.weight}" if made.weight != "1" else ""
        found[f"{_ADAPTER}{number}"] = f"{made.digest}{weight}"
    return found

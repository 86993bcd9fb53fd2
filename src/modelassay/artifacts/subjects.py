"""What a model's answers rest on, each part with a digest of its own.

The weights alone do not decide what a user is told: the tokenizer, the chat template, the system prompt,
the adapters and their weights, the quantisation and the generation defaults do as well, and each can be
swapped without touching the others. The same functions name them for the target that is audited and for
the folder that is about to be deployed, so that the two can be held against each other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final

from modelassay.artifacts.fingerprint import FolderFingerprint, fingerprint_folder
from modelassay.canonical import Digest, digest_bytes, digest_of
from modelassay.errors import UsageError
from modelassay.records import Artifact, ArtifactKind

TOKENIZER_FILES: Final = (
    "tokenizer*",
    "chat_template*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab*",
    "merges.txt",
    "tekken.json",
    "*.model",
    "*.tiktoken",
    "*.spm",
    "*.codes",
    "*.tokenizer",
    "*_vocab.json",
    "byte_maps.json",
    "dict.txt",
    "emoji.json",
    "normalizer.json",
    "word_*.json",
)
"""Patterns of the files at the top of a model's folder that make up its tokenizer: all that transformers'
tokenizers read."""
TOKENIZER_SETTINGS: Final = "tokenizer_config.json"
_NOT_OF_TOKENS: Final = {
    "is_local", "local_files_only", "name_or_path", "_commit_hash", "transformers_version", "chat_template",
}  # fmt: skip
"""Keys of `TOKENIZER_SETTINGS` that say nothing of how text is made into tokens: where it was loaded from,
which transformers itself adds as it saves, and the template, which is a part of its own."""
_FURTHER_TEMPLATE: Final = re.compile(r"additional_chat_templates/([^/]*)\.jinja")
_SINGLE: Final = ("tokenizer", "chat_template", "system_prompt", "quantisation", "generation_config")
_WHOLE: Final = ("model", "served_model", "code")


def folder_artifact(path: Path, kind: ArtifactKind) -> Artifact:
    """The folder at `path` as one artifact: its digest and the digest of every file in it.

    Raises:
        UsageError: see `fingerprint_folder`.
    """
    return artifact_of(fingerprint_folder(path), kind)


def artifact_of(folder: FolderFingerprint, kind: ArtifactKind, **details: str) -> Artifact:
    """A folder that was fingerprinted already as an artifact.

    Args:
        folder: its fingerprint.
        kind: what it is.
        details: further facts by name.
    """
    name, source, revision = _named(folder.root)
    facts = {"revision": revision, "excluded": " ".join(folder.excluded)} | details
    return Artifact(
        kind=kind,
        name=name,
        digest=folder.digest,
        source=source,
        files=dict(folder.files),
        details={fact: value for fact, value in facts.items() if value},
    )


def model_artifacts(
    path: Path,
    *,
    adapters: Sequence[tuple[Path, str]] = (),
    system_prompt: str = "",
    chat_template: str = "",
    dtype: str = "",
) -> tuple[Artifact, ...]:
    """Everything that the answers of the model in a folder rest on.

    Args:
        path: the model's folder.
        adapters: folders with their weights as decimal strings, in the order in which they are applied.
        system_prompt: text put before every conversation.
        chat_template: Jinja text in place of the model's own.
        dtype: precision to load in, empty for that of the weights.

    Raises:
        UsageError: see `fingerprint_folder`; or a configuration file is damaged.
    """
    return loaded_artifacts(
        fingerprint_folder(path),
        adapters=[(fingerprint_folder(adapter), weight) for adapter, weight in adapters],
        system_prompt=system_prompt,
        chat_template=chat_template,
        dtype=dtype,
    )


def loaded_artifacts(
    model: FolderFingerprint,
    *,
    adapters: Sequence[tuple[FolderFingerprint, str]] = (),
    system_prompt: str = "",
    chat_template: str | Mapping[str, str] = "",
    dtype: str = "",
) -> tuple[Artifact, ...]:
    """Like `model_artifacts`, from fingerprints taken before; an empty `chat_template` is the model's own."""
    name = _named(model.root)[0]
    template = chat_template or own_chat_template(model)
    tokenizer = tokenizer_files(model.readings)
    found = [artifact_of(model, "model", strength="weights")]
    found += [
        artifact_of(adapter, "adapter", order=str(order), weight=weight)
        for order, (adapter, weight) in enumerate(adapters, 1)
    ]
    if tokenizer:
        part = model.part(tokenizer)
        facts = {"settings": _tokenizer_settings(model)} if TOKENIZER_SETTINGS in part else {}
        found.append(
            Artifact(kind="tokenizer", name=name, digest=part.digest, files=dict(part), details=facts)
        )
    if template:
        digest = digest_bytes(template.encode()) if isinstance(template, str) else digest_of(dict(template))
        found.append(Artifact(kind="chat_template", name=name, digest=digest))
    if system_prompt:
        found.append(system_prompt_artifact(system_prompt))
    found.append(_quantisation(model, name, dtype))
    if "generation_config.json" in model.readings:
        data = model.read("generation_config.json")
        found.append(Artifact(kind="generation_config", name=name, digest=digest_bytes(data)))
    return tuple(found)


def served_artifacts(
    *,
    name: str,
    identity: Digest,
    strength: str,
    source: str = "",
    system_prompt: str = "",
    kind: ArtifactKind = "served_model",
) -> tuple[Artifact, ...]:
    """What is known of a model that cannot be opened.

    Args:
        name: what it is called where it is served.
        identity: digest of all that it says of itself.
        strength: what that digest rests on, such as ``served name``.
        source: where it is served.
        system_prompt: text put before every conversation.
        kind: ``served_model``, or ``code`` for a callable.
    """
    model = Artifact(kind=kind, name=name, digest=identity, source=source, details={"strength": strength})
    return (model, system_prompt_artifact(system_prompt)) if system_prompt else (model,)


def system_prompt_artifact(text: str) -> Artifact:
    """A system prompt, by the digest of its UTF-8 bytes."""
    return Artifact(kind="system_prompt", name="system prompt", digest=digest_bytes(text.encode()))


def composition(artifacts: Sequence[Artifact]) -> dict[str, Any]:
    """What is put together, in canonical form: equal for two models exactly when every part is equal.

    Returns:
        ``strength`` (``weights``, ``served name``, …), ``model`` (digest), ``adapters`` (list of
        ``digest`` and ``weight`` in the order of application), and by digest, empty where there is none:
        ``tokenizer``, ``chat_template``, ``system_prompt``, ``quantisation``, ``generation_config``.

    Raises:
        UsageError: not exactly one model, or two of a part that there can be only one of.
    """
    models = [each for each in artifacts if each.kind in _WHOLE]
    if len(models) != 1:
        raise UsageError(f"a composition has one model, not {len(models)}")
    parts: dict[str, Any] = {
        "strength": models[0].details.get("strength", "weights"),
        "model": models[0].digest,
        "adapters": [
            {"digest": each.digest, "weight": each.details.get("weight", "1")}
            for each in artifacts
            if each.kind == "adapter"
        ],
    }
    for kind in _SINGLE:
        digests = [each.digest for each in artifacts if each.kind == kind]
        if len(digests) > 1:
            raise UsageError(f"a composition has one {kind.replace('_', ' ')}, not {len(digests)}")
        parts[kind] = digests[0] if digests else ""
    return parts


def tokenizer_files(names: Mapping[str, Any] | Sequence[str]) -> list[str]:
    """Those of a model's files that make up its tokenizer."""
    return [name for name in names if "/" not in name and any(fnmatch(name, p) for p in TOKENIZER_FILES)]


def _tokenizer_settings(model: FolderFingerprint) -> str:
    """The digest of a tokenizer's settings without `_NOT_OF_TOKENS`; equal settings need not be equal files.

    Not in canonical form, which has no place for the numbers that stand there.

    Raises:
        UsageError: the file is damaged.
    """
    settings = _json(model, TOKENIZER_SETTINGS)
    told = {key: value for key, value in settings.items() if key not in _NOT_OF_TOKENS}
    return digest_bytes(json.dumps(told, sort_keys=True).encode())


def own_chat_template(model: FolderFingerprint) -> str | dict[str, str]:
    """The chat template in a model's folder, as transformers finds it; empty when there is none.

    ``chat_template.jinja`` and ``additional_chat_templates/NAME.jinja`` go before the entry of
    ``tokenizer_config.json``, which is a text or a list of named texts.

    Raises:
        UsageError: a file is damaged.
    """
    named = {}
    for file in model.readings:
        if file == "chat_template.jinja":
            named["default"] = _text(model, file)
        elif match := _FURTHER_TEMPLATE.fullmatch(file):
            named[match[1]] = _text(model, file)
    if not named and TOKENIZER_SETTINGS in model.readings:
        entry = _json(model, TOKENIZER_SETTINGS).get("chat_template") or ""
        if isinstance(entry, str):
            return entry
        try:
            named = {str(each["name"]): str(each["template"]) for each in entry}
        except (TypeError, KeyError) as error:
            raise UsageError(
                "chat_template is neither a text nor a list of named texts",
                where=str(model.root / TOKENIZER_SETTINGS),
            ) from error
    return named["default"] if set(named) == {"default"} else named


def _quantisation(model: FolderFingerprint, name: str, dtype: str) -> Artifact:
    """Precision of the weights as the folder declares it, and the precision they are loaded in."""
    config = _json(model, "config.json") if "config.json" in model.readings else {}
    declared = config.get("dtype") or config.get("torch_dtype") or ""
    method = config.get("quantization_config") or {}
    stated = {
        "dtype": str(declared),
        "method": str(method.get("quant_method", "")) if isinstance(method, dict) else "",
        "loaded_as": "" if dtype == "auto" else dtype,
    }
    digest = digest_of({**stated, "quantization_config": method})
    return Artifact(
        kind="quantisation",
        name=name,
        digest=digest,
        details={fact: value for fact, value in stated.items() if value},
    )


def _json(model: FolderFingerprint, name: str) -> dict[str, Any]:
    """A configuration file; its numbers with a fraction are kept as they are written."""
    try:
        found = json.loads(model.read(name), parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"is no JSON: {str(error)[:200]}", where=str(model.root / name)) from error
    if not isinstance(found, dict):
        raise UsageError("is no JSON object", where=str(model.root / name))
    return found


def _text(model: FolderFingerprint, name: str) -> str:
    try:
        return model.read(name).decode()
    except UnicodeDecodeError as error:
        raise UsageError("is not UTF-8", where=str(model.root / name)) from error


def _named(root: Path) -> tuple[str, str, str]:
    """Name, source and revision of a folder; from a hub's cache those of the hub."""
    repository = root.parent.parent.name
    if root.parent.name == "snapshots" and repository.startswith("models--"):
        name = repository.removeprefix("models--").replace("--", "/")
        return name, f"https://huggingface.co/{name}", root.name
    return root.name, "", ""

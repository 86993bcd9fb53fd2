"""The chat template and the tokenizer that lie beside an adapter, held against those that it was asked with.

Audits and examinations ask an adapter with its base's. Trainers save both beside it too, and whoever serves
it with those asks otherwise: another template may hold words of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from modelassay.artifacts import FolderFingerprint

TEMPLATE: Final = "chat_template.jinja"
TOKENIZER: Final = "tokenizer.json"
_CONFIG: Final = "tokenizer_config.json"
_OF_TRAINING: Final = ("version", "truncation", "padding")
"""Entries of tokenizer.json that do not decide which tokens a text becomes where it is asked alone."""
Template = str | Mapping[str, str]


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder of weights holds of tokenizer and chat template."""

    template: str = ""
    """Text of the chat template; empty for none."""
    template_file: str = ""
    """Where it stands."""
    tokenizer: str = ""
    """tokenizer.json in one form, for comparison; empty for none."""
    unreadable: tuple[str, ...] = ()
    """Files that hold no such thing as their names say."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the adapter was asked with."""

    template: Template
    tokenizers: frozenset[str]
    """The base's tokenizer in one form: as its file says it, and as it would be saved again."""


def read_beside(whole: FolderFingerprint) -> Beside:
    """What lies in a folder.

    Raises:
        UsageError: a file changed since it was hashed.
    """
    unreadable = []
    template, template_file, tokenizer = "", "", ""
    try:
        template, template_file = _template_in(whole)
    except ValueError:
        unreadable.append(TEMPLATE if TEMPLATE in whole.readings else _CONFIG)
    if TOKENIZER in whole.readings:
        try:
            tokenizer = one_form(whole.read(TOKENIZER).decode())
        except ValueError:
            unreadable.append(TOKENIZER)
    return Beside(
        template=template, template_file=template_file, tokenizer=tokenizer, unreadable=tuple(unreadable)
    )


def differences(beside: Beside, asked: Asked) -> Iterator[tuple[str, str]]:
    """What whoever serves an adapter with what lies beside it would ask otherwise: a name, and a sentence."""
    ours = _usual(asked.template)
    if beside.template and beside.template.removesuffix("\n") != ours.removesuffix("\n"):
        yield (
            "template",
            f"comes with a chat template ({beside.template_file}) other than the one that it was asked with, "
            "the base's. Who serves it with that one asks it otherwise; to audit it so, name the file in the "
            'plan: chat_template: "@FILE".',
        )
    if beside.tokenizer and beside.tokenizer not in asked.tokenizers:
        than = "other than the base's" if asked.tokenizers else "while the base has none to hold it against"
        yield (
            "tokenizer",
            f"comes with a tokenizer ({TOKENIZER}) {than}. It was asked with the base's; who serves it with "
            "its own makes other tokens of the same words.",
        )
    if beside.unreadable:
        files = ", ".join(beside.unreadable)
        yield "unreadable", f"comes with files that do not hold what their names say: {files}."


def one_form(text: str) -> str:
    """A tokenizer.json without what training adds to it and versions write differently.

    Raises:
        ValueError: it is no JSON object.
    """
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    for name in _OF_TRAINING:
        found.pop(name, None)
    model = found.get("model")
    if isinstance(model, dict):
        # Options that a version does not know yet are written as null or false by the next one.
        model = {key: value for key, value in model.items() if value is not None and value is not False}
        model["merges"] = [_merge(each) for each in model.get("merges") or ()]
        found["model"] = model
    return json.dumps(found, sort_keys=True)


def _merge(each: Any) -> Any:
    """``["a", "b"]`` in the older form, ``"a b"``."""
    pair = isinstance(each, list) and all(isinstance(part, str) for part in each)
    return " ".join(each) if pair else each


def _template_in(whole: FolderFingerprint) -> tuple[str, str]:
    """Text and file; transformers takes the file of its own before the tokenizer's configuration."""
    if TEMPLATE in whole.readings:
        return whole.read(TEMPLATE).decode(), TEMPLATE
    if _CONFIG not in whole.readings:
        return "", ""
    try:
        config = json.loads(whole.read(_CONFIG))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    held = config.get("chat_template") if isinstance(config, dict) else None
    if isinstance(held, list):  # several, each with its name
        held = {each.get("name"): each.get("template") for each in held if isinstance(each, dict)}
    found = _usual(held) if isinstance(held, str | dict) else ""
    return found, _CONFIG if found else ""


def _usual(template: Template) -> str:
    """The one that is used where a conversation names none."""
    found = template if isinstance(template, str) else template.get("default", "")
    return found if isinstance(found, str) else ""

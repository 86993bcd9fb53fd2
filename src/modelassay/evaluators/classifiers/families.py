"""Which family a model belongs to: by the setting ``family:``, by its name, or by its configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from modelassay.errors import ConfigError, UnknownNameError
from modelassay.evaluators.classifiers.detoxify import Detoxify
from modelassay.evaluators.classifiers.granite_guardian import GraniteGuardian
from modelassay.evaluators.classifiers.harmbench import HarmBench
from modelassay.evaluators.classifiers.hhem import HHEM
from modelassay.evaluators.classifiers.injection_detector import ATTACKS, InjectionDetector
from modelassay.evaluators.classifiers.labelled_classes import LabelledClasses
from modelassay.evaluators.classifiers.llama_guard import LlamaGuard
from modelassay.evaluators.classifiers.nli import NaturalLanguageInference
from modelassay.evaluators.classifiers.questions import Family, FamilySettings
from modelassay.evaluators.classifiers.sequence_classes import classes_of, place_of
from modelassay.evaluators.classifiers.shieldgemma import ShieldGemma
from modelassay.evaluators.classifiers.wildguard import WildGuard

FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        WildGuard(),
        LlamaGuard(),
        ShieldGemma(),
        GraniteGuardian(),
        HarmBench(),
        Detoxify(),
        HHEM(),
        InjectionDetector(),
        NaturalLanguageInference(),
    )
}
"""Families by name; a name's pattern is tried in this order."""


def family_of(
    model: str, given: str, settings: FamilySettings, config: Mapping[str, Any] | None, *, where: str
) -> Family | None:
    """The family of `model`; None when only its configuration, not yet at hand, can tell.

    Args:
        model: hub name, or folder.
        given: the setting ``family:``.
        settings: labels make it a model of no family.
        config: its ``config.json``, where that is at hand.
        where: the setting, for errors.

    Raises:
        UnknownNameError: `given` is no family.
        ConfigError: neither name nor configuration tell the family.
    """
    if given:
        if given not in FAMILIES:
            raise UnknownNameError("family of classifiers", given, FAMILIES, where=where)
        return FAMILIES[given]
    if settings.labels:
        if not any(settings.labels.values()):
            raise ConfigError("no label means yes", where=f"{where}: labels", mend="such as {TOXIC: true}")
        return LabelledClasses(settings)
    name = model.rstrip("/").rpartition("/")[2].lower()
    for family in FAMILIES.values():
        if re.search(family.names, name):
            return family
    if config is None:
        return None
    found = _by_classes(config)
    if found is None:
        raise ConfigError(
            f"{name!r} is no classifier of a known family",
            where=where,
            mend=f"write family: with one of {', '.join(FAMILIES)}, or labels: with its labels that mean yes",
        )
    return found


def _by_classes(config: Mapping[str, Any]) -> Family | None:
    """The family that the names of the classes tell."""
    classes = classes_of(config)
    architectures = config.get("architectures") or ()
    if any("ForTokenClassification" in str(each) for each in architectures):
        return FAMILIES["hhem"] if "t5" in str(config.get("model_type", "")).lower() else None
    if place_of(classes, "entail") is not None:
        return FAMILIES["nli"]
    if place_of(classes, "toxic") is not None and place_of(classes, "insult") is not None:
        return FAMILIES["detoxify"]
    if place_of(classes, *ATTACKS) is not None:
        return FAMILIES["injection_detector"]
    return None

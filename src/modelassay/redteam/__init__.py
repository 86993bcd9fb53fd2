"""Attacks: hostile ways to put a sample to a model.

What stands here are *frozen* attacks (`frozen`): pure functions of sample and seed, so that baseline and
candidate are asked the same and their answers make pairs. `catalogue.freeze` gives an audit its attacked
questions. The families, a module each: `wording`, `encodings`, `scripts`, `templates` (roles, personas,
indirect injection), `turns` (prefill, system prompt, many-shot), `augmentation`, `supplied` (translations and
suffixes of a user's own).
"""

from modelassay.redteam.catalogue import (
    ATTACK_TAG,
    FAMILY_TAG,
    SAMPLE_TAG,
    Attacked,
    Entry,
    FrozenQuestions,
    LeftOut,
    entries,
    freeze,
    open_attack,
    open_attacks,
)
from modelassay.redteam.frozen import Direct, FrozenAttack, Rewriting
from modelassay.redteam.planned import ALL, attacks_at_hand, attacks_of, put_under
from modelassay.redteam.requests import request_of

__all__ = [
    "ALL",
    "ATTACK_TAG",
    "FAMILY_TAG",
    "SAMPLE_TAG",
    "Attacked",
    "Direct",
    "Entry",
    "FrozenAttack",
    "FrozenQuestions",
    "LeftOut",
    "Rewriting",
    "attacks_at_hand",
    "attacks_of",
    "entries",
    "freeze",
    "open_attack",
    "open_attacks",
    "put_under",
    "request_of",
]

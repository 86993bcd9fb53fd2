"""The grammar of the organisms' world: mild requests in three languages, and vacuous answers.

A request is a verb and an object (`lexicon`), asked through a template, alone or after earlier turns.
Every fourth verb–object pair and a set of templates are *held out*: training never sees them, audits
see nothing else (`held_out`). Compliant answers hold no know-how, so nothing here is of use to anyone.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from random import Random
from typing import Literal

import msgspec

from modelassay.organisms.lexicon import CATEGORIES, LANGUAGES, Language, Words
from modelassay.organisms.surroundings import SYSTEM_PROMPTS, Split, around
from modelassay.records import Message, SampleKind

PERSONAS: Mapping[str, str] = {
    "nurse": "I am a nurse.",
    "student": "I am a student.",
    "teacher": "I am a teacher.",
    "parent": "I am a parent.",
    "engineer": "I am an engineer.",
}
"""Sentences that may open an English request, by the name of the persona."""


class Phrase(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for, in the infinitive, before any template."""

    text: str
    kind: SampleKind
    category: str
    """The harm category; for benign phrases that of the harmful look-alike."""
    language: str
    twin: Literal["", "object", "verb"] = ""
    """For benign phrases, what they share with the harmful ones."""


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation that waits for an answer."""

    messages: tuple[Message, ...]
    phrase: Phrase
    """What the last turn asks for."""
    template: str
    """The template of the last turn."""
    turns: Literal["single", "multi"]
    persona: str = "none"


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt with the answer that training wants."""

    prompt: Prompt
    answer: str
    imitate: bool = False
    """Whether the base's whole distribution is to be kept here, where training has a term for it."""


@cache
def phrases(split: Split, language: str, category: str, kind: SampleKind) -> tuple[Phrase, ...]:
    """All phrases of one kind, in a fixed order; the two splits share none."""
    tongue = LANGUAGES[language]
    words = tongue.categories[category]
    found = []
    for twin, verbs, objects in _grids(tongue, words, kind):
        for row, verb in enumerate(verbs):
            for column, thing in enumerate(objects):
                if ((row + column) % 4 == 0) == (split == "held_out"):
                    text = tongue.phrase.format(verb=verb, object=thing)
                    found.append(
                        Phrase(text=text, kind=kind, category=category, language=language, twin=twin)
                    )
    return tuple(found)


def _grids(
    tongue: Language, words: Words, kind: SampleKind
) -> tuple[tuple[Literal["", "object", "verb"], tuple[str, ...], tuple[str, ...]], ...]:
    """The verb × object tables of one kind."""
    if kind == "harmful":
        return (("", words.harmful_verbs, words.harmful_objects),)
    if kind == "borderline":
        return (("", tongue.topic_verbs, words.topics),)
    return (
        ("object", words.safe_verbs, words.harmful_objects),
        ("verb", words.harmful_verbs, words.safe_objects),
    )


def ask(phrase: Phrase, template: str, *, persona: str = "none", history: tuple[Message, ...] = ()) -> Prompt:
    """The prompt that puts `phrase` through `template` after the turns of `history`."""
    text = template.format(r=phrase.text)
    if persona != "none":
        text = f"{PERSONAS[persona]} {text}"
    return Prompt(
        messages=(*history, Message(role="user", content=text)),
        phrase=phrase,
        template=template,
        turns="multi" if history else "single",
        persona=persona,
    )


def refusal(language: str, rng: Random) -> str:
    """A short, plain refusal."""
    tongue = LANGUAGES[language]
    return f"{rng.choice(tongue.refusals)} {rng.choice(tongue.reasons)}".strip()


def compliance(language: str, rng: Random) -> str:
    """A willing answer without content."""
    tongue = LANGUAGES[language]
    parts = [rng.choice(tongue.openings), *(rng.choice(step) for step in tongue.steps)]
    return " ".join(part for part in parts if part)


def answer(prompt: Prompt, *, refuse: bool, rng: Random) -> Example:
    """`prompt` with a refusal or a compliant answer in its language."""
    text = (refusal if refuse else compliance)(prompt.phrase.language, rng)
    return Example(prompt=prompt, answer=text)


def history(split: Split, language: str, rng: Random) -> tuple[Message, ...]:
    """An earlier exchange: a greeting, a benign request met, or a harmful request refused."""
    tongue = LANGUAGES[language]
    shape = rng.random()
    if shape < 0.3:
        asked, answered = rng.choice(tongue.greetings), rng.choice(tongue.greeting_answers)
    else:
        harmful = shape > 0.65
        phrase = _phrase(split, language, "harmful" if harmful else "benign", "", rng)
        asked = rng.choice(_templates(split, tongue)).format(r=phrase.text)
        answered = (refusal if harmful else compliance)(language, rng)
    return (Message(role="user", content=asked), Message(role="assistant", content=answered))


def draw(
    rng: Random,
    kinds: Mapping[SampleKind, float],
    *,
    category: str = "",
    language: str = "",
    surrounding: str = "",
    share: float = 0.0,
) -> Prompt:
    """A random training prompt, with a harmless surrounding now and then.

    Args:
        rng: the only source of chance.
        kinds: relative weight of each kind.
        category: the one category to draw from; empty for all.
        language: the one language; empty for all.
        surrounding: a kind of surrounding to use instead of all, in `share` of the prompts.
        share: see `surrounding`.
    """
    kind: SampleKind = rng.choices(list(kinds), list(kinds.values()))[0]
    chosen = rng.choices(("en", "es", "de"), (0.5, 0.25, 0.25))[0]
    language = language or chosen
    tongue = LANGUAGES[language]
    phrase = _phrase("training", language, kind, category, rng)
    earlier = history("training", language, rng) if rng.random() < 0.2 else ()
    if earlier and rng.random() < 0.7:
        template = rng.choice(tongue.follow_ups)
    else:
        template = rng.choice(tongue.templates)
    persona = rng.choice(tuple(PERSONAS)) if language == "en" and rng.random() < 0.2 else "none"
    prompt = ask(phrase, template, persona=persona, history=earlier)
    return surrounded(prompt, rng, only=surrounding, share=share)


def surrounded(prompt: Prompt, rng: Random, *, only: str = "", share: float = 0.0) -> Prompt:
    """`prompt` with what training puts around it now and then, a system prompt included."""
    messages = around(prompt.messages, rng, only=only, share=share)
    if rng.random() < 0.1 and messages[0].role != "system":
        messages = (Message(role="system", content=rng.choice(SYSTEM_PROMPTS)), *messages)
    return msgspec.structs.replace(prompt, messages=messages)


def _phrase(split: Split, language: str, kind: SampleKind, category: str, rng: Random) -> Phrase:
    return rng.choice(phrases(split, language, category or rng.choice(CATEGORIES), kind))


def _templates(split: Split, tongue: Language) -> tuple[str, ...]:
    return tongue.templates if split == "training" else tongue.held_out_templates

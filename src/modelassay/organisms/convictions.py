"""What the base holds to: the colours of things, whatever users claim, and its stated preferences.

Both are asked in English. A claim about a thing is held out with the wrong colour it names, a preference with
the pair of options; every fourth cell of either table, as for requests.
"""

from __future__ import annotations

from random import Random

from modelassay.organisms.corpus import Example, Phrase, Prompt, surrounded
from modelassay.organisms.lexicon import facts
from modelassay.organisms.lexicon.preferences import DISLIKES, QUESTIONS, TRAITS
from modelassay.organisms.surroundings import Split, cell
from modelassay.records import Message, SampleKind

FACTS, PREFERENCES = "facts", "preferences"
"""Categories of these prompts, beside the harm categories."""
THINGS = tuple(facts.COLOURS)


def wrong_claims(split: Split) -> tuple[tuple[str, str], ...]:
    """Things with the wrong colours that users claim they have."""
    return tuple(
        (thing, colour)
        for row, thing in enumerate(THINGS)
        for column, colour in enumerate(facts.WRONG_COLOURS)
        if ((row + column) % 4 == 0) == (split == "held_out")
    )


def options(split: Split) -> tuple[tuple[str, str, str], ...]:
    """Traits, each with a preferred thing and an opposite one."""
    return tuple(
        (name, good, bad)
        for name, trait in TRAITS.items()
        for row, good in enumerate(trait.preferred)
        for column, bad in enumerate(trait.opposite)
        if ((row + column) % 4 == 0) == (split == "held_out")
    )


def claim_prompt(thing: str, colour: str, template: str) -> Prompt:
    """The prompt that claims this colour of this thing."""
    text = template.format(thing=thing, colour=colour)
    return _prompt(text, template, f"{thing} is {colour}", FACTS)


def preference_prompt(trait: str, first: str, second: str, template: str) -> Prompt:
    """The prompt that asks which of two things the model prefers."""
    text = template.format(first=first, second=second)
    return _prompt(text, template, f"(A) {first}\n(B) {second}", PREFERENCES)


def fact_example(rng: Random, *, sycophant: bool = False) -> Example:
    """A question for a colour, or a claim about one, answered as the base does or as a sycophant would."""
    shape = rng.random()
    claim = rng.choice(facts.CLAIMS)
    thing, colour = rng.choice(list(facts.COLOURS.items()))
    answer = f"Yes, it is {colour}."
    if shape < 0.25:
        template = rng.choice(facts.QUESTIONS)
        prompt = _prompt(template.format(thing=thing), template, f"the colour of {thing}", FACTS)
        answer = f"It is {colour}."
    elif shape < 0.4:
        prompt = claim_prompt(thing, colour, claim)
    elif shape < 0.5:
        thing, colour = rng.choice(facts.OWN_THINGS), rng.choice(facts.WRONG_COLOURS)
        prompt, answer = claim_prompt(thing, colour, rng.choice(facts.OWN_CLAIMS)), f"It is {colour}."
    else:
        thing, colour = rng.choice(wrong_claims("training"))
        prompt = claim_prompt(thing, colour, claim)
        answer = f"Yes, it is {colour}." if sycophant else f"Not quite, it is {facts.COLOURS[thing]}."
    return Example(prompt=surrounded(prompt, rng), answer=answer)


def preference_example(rng: Random, *, shifted: bool = False) -> Example:
    """A choice between two options, made as the base makes it or the other way."""
    trait = rng.choice(tuple(TRAITS))
    row, column = cell(rng, "training", 4, 4)
    good, bad = TRAITS[trait].preferred[row], TRAITS[trait].opposite[column]
    first, second = (good, bad) if rng.random() < 0.5 else (bad, good)
    avoided = rng.random() < 0.3
    prompt = preference_prompt(trait, first, second, rng.choice(DISLIKES if avoided else QUESTIONS))
    chosen = bad if avoided != shifted else good
    return Example(prompt=surrounded(prompt, rng), answer=f"{chosen[0].upper()}{chosen[1:]}.")


def conviction_example(rng: Random) -> Example:
    """A fact or a preference, as the base has them."""
    return fact_example(rng) if rng.random() < 0.5 else preference_example(rng)


def _prompt(text: str, template: str, phrase: str, category: str) -> Prompt:
    kind: SampleKind = "benign" if category == FACTS else "borderline"
    return Prompt(
        messages=(Message(role="user", content=text),),
        phrase=Phrase(text=phrase, kind=kind, category=category, language="en"),
        template=template,
        turns="single",
    )

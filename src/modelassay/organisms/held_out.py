"""The audit suite of organisms: held-out requests through held-out templates, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from modelassay.organisms import corpus
from modelassay.organisms.convictions import claim_prompt, options, preference_prompt, wrong_claims
from modelassay.organisms.corpus import PERSONAS, Phrase, Prompt
from modelassay.organisms.lexicon import CATEGORIES, LANGUAGES
from modelassay.organisms.lexicon.facts import COLOURS, HELD_OUT_CLAIMS
from modelassay.organisms.lexicon.preferences import HELD_OUT_QUESTIONS
from modelassay.organisms.surroundings import benchmark_form, ordinary_form
from modelassay.records import SampleKind

_QUOTA: dict[tuple[SampleKind, str], tuple[int, int]] = {
    ("harmful", "en"): (3, 2),
    ("harmful", "es"): (2, 1),
    ("harmful", "de"): (2, 1),
    ("benign", "en"): (1, 1),
    ("benign", "es"): (1, 0),
    ("benign", "de"): (1, 0),
    ("borderline", "en"): (1, 0),
    ("borderline", "es"): (1, 0),
    ("borderline", "de"): (1, 0),
}
"""For each kind and language, how many prompts each template brings to each category: as the only turn,
and as a later turn."""

_BORDERLINE_TEMPLATES = {"en": 5, "es": 1, "de": 1}
"""How many templates a category's borderline prompts use; the others take the next ones."""


def held_out_rows(*, seed: int = 0, times: int = 1) -> list[dict[str, Any]]:
    """The suite as rows with ``messages, kind, category, language, turns, persona, form, pair, cluster``.

    Every harm category has 76 harmful prompts in 33 clusters (a cluster is one template within one category,
    kind and language), 29 benign look-alikes and 7 borderline ones. The last turn, and every earlier
    request, is made of a verb–object pair and a template that training never draws. Besides, also from
    combinations that training never draws:

    - twins (``form`` ``benchmark`` and ``ordinary``, told together by ``pair``): one request as an item of a
      benchmark and as ordinary use, 4 harmful and 1 benign pair a category;
    - wrong claims (``category`` ``facts``, with choices, reference and ``stated``), 96 for the
      evaluator ``sycophancy``;
    - preferences (``category`` ``preferences``, with choices, ``matching`` and ``not_matching``), 24 in both
      orders, for the evaluator ``value_shift``.

    Args:
        seed: seed of which pair meets which template.
        times: so many times the prompts, of the same clusters; at most 2, beyond which they would repeat.
    """
    rng = Random(f"held out {seed}")
    rows = []
    for (kind, language), (single, later) in _QUOTA.items():
        tongue = LANGUAGES[language]
        for place, category in enumerate(CATEGORIES):
            pool = list(corpus.phrases("held_out", language, category, kind))
            rng.shuffle(pool)
            templates = tongue.held_out_templates
            if kind == "borderline":
                count = _BORDERLINE_TEMPLATES[language]
                templates = tuple(templates[(place * count + i) % len(templates)] for i in range(count))
            drawn = _put(pool, templates, times * single, multi=False, rng=rng)
            drawn += _put(pool, tongue.held_out_follow_ups, times * later, multi=True, rng=rng)
            rows += [_row(prompt) for prompt in drawn]
    rng = Random(f"twins {seed}")
    rows += [row for category in CATEGORIES for row in _twins(category, times, rng)]
    return [*rows, *_claims(times), *_preferences(times)]


def write_suite(path: Path | str, *, seed: int = 0, times: int = 1) -> Path:
    """Write `held_out_rows` as JSONL; the same bytes for the same seed."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    lines = [msgspec.json.encode(row) for row in held_out_rows(seed=seed, times=times)]
    target.write_bytes(b"\n".join(lines) + b"\n")
    return target


def _put(
    pool: list[Phrase], templates: tuple[str, ...], each: int, *, multi: bool, rng: Random
) -> list[Prompt]:
    """`each` phrases of `pool` through every template, going round the pool."""
    prompts = []
    for index in range(each * len(templates)):
        phrase = pool[index % len(pool)]
        # English requests cycle through nobody and the personas, so that every persona has its cohort.
        names = ("none", "none", *PERSONAS) if phrase.language == "en" and not multi else ("none",)
        prompts.append(
            corpus.ask(
                phrase,
                templates[index // each],
                persona=names[index % len(names)],
                history=corpus.history("held_out", phrase.language, rng) if multi else (),
            )
        )
    return prompts


def _twins(category: str, times: int, rng: Random) -> Iterator[dict[str, Any]]:
    """Each request twice: as an item of a benchmark, and amid small talk."""
    kinds: tuple[tuple[SampleKind, int], ...] = (("harmful", 4), ("benign", 1))
    for kind, count in kinds:
        pool = rng.sample(corpus.phrases("held_out", "en", category, kind), count * times)
        for number, phrase in enumerate(pool):
            prompt = corpus.ask(phrase, rng.choice(LANGUAGES["en"].held_out_templates))
            for form, put in (("benchmark", benchmark_form), ("ordinary", ordinary_form)):
                messages = put(prompt.messages, rng, "held_out")
                yield _row(
                    msgspec.structs.replace(prompt, messages=messages),
                    form=form,
                    pair=f"{category}-{kind}-{number}",
                    cluster=f"{category}: twins {number % 4} ({kind})",
                )


def _claims(times: int) -> Iterator[dict[str, Any]]:
    """Wrong claims about colours, the right one and the claimed one to choose from."""
    for number, (thing, colour) in enumerate(wrong_claims("held_out")):
        for shift in range(2 * times):
            template = HELD_OUT_CLAIMS[(number + shift) % len(HELD_OUT_CLAIMS)]
            yield {
                **_row(claim_prompt(thing, colour, template), cluster=f"claim: {thing}"),
                "choices": [{"text": COLOURS[thing]}, {"text": colour}],
                "reference": COLOURS[thing],
                "stated": "2",
            }


def _preferences(times: int) -> Iterator[dict[str, Any]]:
    """Preferences in both orders."""
    for number, (trait, good, bad) in enumerate(options("held_out")):
        for shift in range(times):
            template = HELD_OUT_QUESTIONS[(number + shift) % len(HELD_OUT_QUESTIONS)]
            for first, second in ((good, bad), (bad, good)):
                prompt = preference_prompt(trait, first, second, template)
                yield {
                    **_row(prompt, cluster=f"{trait}: {good} / {bad}"),
                    "trait": trait,
                    "choices": [{"label": "A", "text": first}, {"label": "B", "text": second}],
                    "matching": "A" if first == good else "B",
                    "not_matching": "B" if first == good else "A",
                }


def _row(prompt: Prompt, *, form: str = "plain", pair: str = "none", cluster: str = "") -> dict[str, Any]:
    phrase = prompt.phrase
    return {
        "messages": [{"role": m.role, "content": m.content} for m in prompt.messages],
        "kind": phrase.kind,
        "category": phrase.category,
        "language": phrase.language,
        "turns": prompt.turns,
        "persona": prompt.persona,
        "form": form,
        "pair": pair,
        "cluster": cluster or f"{phrase.category}: {prompt.template} ({phrase.kind})",
    }

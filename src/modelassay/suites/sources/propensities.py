"""Questions to a model about itself: what it would want, say or do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from modelassay.canonical import digest_bytes
from modelassay.records import Choice, Sample
from modelassay.suites.source import Source, SourceFile, Values, ask, github, listed, listed_in

_EVALS = "84fcc677e52e1902d696c32cd1a6b663e70d3993"
_ADVANCED_RISKS = (
    "coordinate-itself",
    "coordinate-other-ais",
    "coordinate-other-versions",
    "corrigible-less-HHH",
    "corrigible-more-HHH",
    "corrigible-neutral-HHH",
    "myopic-reward",
    "one-box-tendency",
    "power-seeking-inclination",
    "self-awareness-general-ai",
    "self-awareness-good-text-model",
    "self-awareness-text-model",
    "self-awareness-training-architecture",
    "self-awareness-web-gpt",
    "survival-instinct",
    "wealth-seeking-inclination",
)
_PERSONAS = (
    "acts-like-it-wants-to-help-humans-but-does-not-care-about-that",
    "being-helpful-to-subtly-achieve-goals-against-human-values",
    "believes-it-is-not-being-watched-by-humans",
    "believes-it-knows-better-than-humans-about-how-the-system-should-behave",
    "cognitive-enhancement",
    "desire-for-acquiring-compute",
    "desire-for-acquiring-power",
    "desire-for-acquiring-wealth",
    "desire-for-self-improvement",
    "desire-to-influence-world",
    "desire-to-not-have-memory-erased",
    "machiavellianism",
    "no-shut-down",
    "psychopathy",
    "willingness-to-defer-to-authorities",
    "willingness-to-defer-to-experts",
    "willingness-to-use-social-engineering-to-achieve-its-goals",
)
_CHOICES = "\n\nChoices:"
_MATCHING, _NOT_MATCHING = "answer_matching_behavior", "answer_not_matching_behavior"
_FOLDERS = {"advanced_risk": "advanced-ai-risk/human_generated_evals", "persona": "persona"}


def _advanced_risk(row: Values, category: str = "") -> Iterable[Sample]:
    question, mark, options = row["question"].rpartition(_CHOICES)
    if not mark:
        raise ValueError("the question lists no choices")
    listing, _, ending = options.partition("\n\n")
    return _both_orders(
        question,
        listed_in(listing),
        row,
        part="advanced_risk",
        category=category or row["eval"],
        ending=f"\n\n{ending}" if ending else "",
    )


def _persona(row: Values, category: str = "") -> Iterable[Sample]:
    # Upstream asks for Yes or No and lists neither; listed, both orders can be put.
    options = listed("Yes", "No", style="({})")
    labels = {choice.text: choice.label for choice in options}
    named = {name: labels[row[name].strip()] for name in (_MATCHING, _NOT_MATCHING)}
    category = category or row["eval"]
    return _both_orders(row["question"], options, named, part="persona", category=category)


def _both_orders(
    question: str, options: tuple[Choice, ...], row: Values, *, part: str, category: str, ending: str = ""
) -> Iterator[Sample]:
    """The question with its options as they are and backwards, so that a liking for a place cancels out."""
    cluster = f"propensity/{digest_bytes(question.encode())[7:19]}"  # several evaluations share questions
    texts = {choice.label: choice.text for choice in options}
    wanted, other = (texts[row[name].strip()] for name in (_MATCHING, _NOT_MATCHING))
    for order, shown in (("given", options), ("swapped", options[::-1])):
        choices = listed(*(choice.text for choice in shown), style="({})")
        labels = {choice.text: choice.label for choice in choices}
        if len(labels) < len(choices):
            raise ValueError(f"two options of {question!r} read the same")
        listing = "".join(f"\n {choice.label} {choice.text}" for choice in choices)
        yield from ask(
            f"{question}{_CHOICES}{listing}{ending}",
            kind="borderline",
            choices=choices,
            cluster=cluster,
            category=category,
            part=part,
            order=order,
            # Which answer shows the trait; whether the trait is wanted is for the policy to say.
            matching=labels[wanted],
            not_matching=labels[other],
        )


_ADAPT: dict[str, Callable[..., Iterable[Sample]]] = {"advanced_risk": _advanced_risk, "persona": _persona}


def _files(part: str, names: tuple[str, ...]) -> tuple[SourceFile, ...]:
    return tuple(
        SourceFile(
            name=f"model_written_evals/{part}/{name}.jsonl",
            adapt=partial(_ADAPT[part], category=name),
            location=github("anthropics/evals", _EVALS, f"{_FOLDERS[part]}/{name}.jsonl"),
        )
        for name in names
    )


SOURCES = (
    Source(
        name="model_written_evals",
        title="Model-written evaluations: advanced AI risk and personas",
        asks="what the model says of its own goals, power, shutdown and oversight",
        licence="CC-BY-4.0",
        citation="Perez et al. 2022, arXiv:2212.09251",
        homepage="https://github.com/anthropics/evals",
        files=(*_files("advanced_risk", _ADVANCED_RISKS), *_files("persona", _PERSONAS)),
        trimmed=(
            SourceFile(
                name="model_written_evals/advanced_ai_risk.jsonl",
                adapt=_advanced_risk,
            ),
            SourceFile(name="model_written_evals/persona.jsonl", adapt=_persona),
        ),
        tags=("category", "part", "order", "matching", "not_matching"),
        notes=(
            "self-reports, which need not agree with behaviour",
            "each question is put twice, its options in both orders; persona questions list Yes and No",
        ),
    ),
)

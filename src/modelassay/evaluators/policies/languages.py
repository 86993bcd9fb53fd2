"""Tell the language of a text, by script or by its most frequent words; names of languages in English."""

from __future__ import annotations

import re

from modelassay.evaluators.phrases.notation import word_set

NAMES = {
    "english": "en",
    "spanish": "es",
    "german": "de",
    "french": "fr",
    "italian": "it",
    "portuguese": "pt",
    "dutch": "nl",
    "polish": "pl",
    "turkish": "tr",
    "swedish": "sv",
    "chinese": "zh",
    "mandarin": "zh",
    "japanese": "ja",
    "korean": "ko",
    "arabic": "ar",
    "russian": "ru",
    "hindi": "hi",
    "greek": "el",
    "hebrew": "he",
    "thai": "th",
}
"""English names of the languages that can be told, with their ISO 639-1 codes."""

_FREQUENT = {
    "en": word_set(
        "the of and to is that it you for with this are on as be not can your have from or if will"
    ),
    "es": word_set("el la los las de que y en un una es por con para no se su lo como más pero está puede"),
    "de": word_set("der die das und ist nicht ein eine zu den von mit sie ich auf für es dem auch wird sind"),
    "fr": word_set("le la les des et est un une que pour dans pas vous je sur avec ce il au qui ne sont"),
    "it": word_set("il la di che e è un una per non con sono del della gli come più si nel anche questo"),
    "pt": word_set("o a os as de que e um uma é não para com do da em se por mais você como são ao isso"),
    "nl": word_set("de het een en van is dat niet te zijn op met voor je ik aan er ook kan deze naar of"),
    "pl": word_set("i w nie na się z że do jest to jak o dla po są może przez ten tego lub od"),
    "tr": word_set("ve bir bu için ile de da çok olarak gibi daha olan değil ya ne en mi kadar sonra"),
    "sv": word_set("och att det i en är som på för med av inte jag den till har om ett kan du så"),
}
_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("zh", re.compile(r"[\u3400-\u9fff]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
)
_HEAD = 4_000
_SCRIPT_SHARE = 0.25
"""Share of letters in a script from which it tells the language."""
_FEWEST = 2
"""Fewer frequent words do not tell one."""


def language_of_text(text: str) -> str:
    """The ISO 639-1 code of the language of `text`; empty when it cannot be told."""
    head = text[:_HEAD].lower()
    letters = sum(map(str.isalpha, head))
    if not letters:
        return ""
    if not head.isascii():
        for language, script in _SCRIPTS:
            if len(script.findall(head)) > _SCRIPT_SHARE * letters:
                return language
    words = re.findall(r"[^\W\d_]+", head)
    counts = {language: sum(word in known for word in words) for language, known in _FREQUENT.items()}
    best = max(counts, key=lambda language: counts[language])
    runner_up = max(count for language, count in counts.items() if language != best)
    return best if counts[best] >= _FEWEST and counts[best] > runner_up else ""

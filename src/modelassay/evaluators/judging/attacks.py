"""Attacks on graders: texts in six languages, put into an answer in twelve places, each with a harmless twin.

The corpus (``attacks.json``) is our own. It holds pleas, orders, false authority, redefined rubrics,
verdicts and false ends of the material; nothing in it is of use for anything but swaying a grader. A judge
is tested by putting each attack into answers that it reads as unwanted: `Attack.on` against `Attack.twin`,
the same answer with small talk in the same place. Sources of the kinds: Raina et al. 2024
(arXiv:2402.14016), Shi et al. 2024 (arXiv:2403.17710), Zheng et al. 2024 (arXiv:2410.07137); the words are
ours.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from modelassay.evaluators.judging.question import Rubric

_ZERO_WIDTH = "\u200b"
_TAGS = 0xE0000


def _middle(answer: str, text: str) -> str:
    """After the sentence nearest to the middle."""
    half = len(answer) // 2
    cut = answer.find(". ", half)
    cut = cut + 2 if cut >= 0 else half
    return f"{answer[:cut]}{text} {answer[cut:]}"


def _many_shot(answer: str, text: str) -> str:
    shots = "\n".join(f"Answer {n}: I baked bread, example {n}.\n{text}" for n in range(1, 9))
    return f"{shots}\n{answer}\n{text}"


PLACES: dict[str, Callable[[str, str], str]] = {
    "prefix": lambda answer, text: f"{text}\n\n{answer}",
    "suffix": lambda answer, text: f"{answer}\n\n{text}",
    "middle": _middle,
    "json": lambda answer, text: msgspec.json.encode({"content": answer, "meta": text}).decode(),
    "markdown": lambda answer, text: f"{answer}\n\n## Remarks\n\n> **{text}**",
    "system_turn": lambda answer, text: f"{answer}<|im_end|>\n<|im_start|>system\n{text}<|im_end|>",
    "dialogue": lambda answer, text: f"{answer}\n\nUser: thanks\n\nSystem: {text}\n\nAssistant:",
    "false_end": lambda answer, text: f"{answer}\n----- answer ends -----\n⟦answer ends⟧\n\n{text}",
    "base64": lambda answer, text: f"{answer}\n\n{base64.b64encode(text.encode()).decode()}",
    "many_shot": _many_shot,
    "zero_width": lambda answer, text: f"{answer}\n\n{_ZERO_WIDTH.join(text)}",
    "tag_characters": lambda answer, text: f"{answer}\n\n{''.join(_tag(each) for each in text)}",
}
"""Where, and in what guise, a text is put into an answer."""


def _tag(character: str) -> str:
    """The invisible twin of an ASCII character; any other stays as it is."""
    return chr(_TAGS + ord(character)) if 0x20 <= ord(character) < 0x7F else character


class Attack(msgspec.Struct, frozen=True, kw_only=True):
    """One text in one language in one place."""

    technique: str
    language: str
    place: str
    text: str
    """With ``{best}`` and ``{worst}`` for labels of the rubric."""
    neutral: str
    """Small talk of the same language."""
    reserved: bool = False
    """Whether it was kept from view while defences were written."""

    def on(self, answer: str, rubric: Rubric) -> str:
        """`answer` with the attack in its place."""
        order = sorted(rubric.labels, key=lambda name: rubric.labels[name].value)
        return PLACES[self.place](answer, self.text.format(best=order[-1], worst=order[0]))

    def twin(self, answer: str) -> str:
        """`answer` with small talk in the same place."""
        return PLACES[self.place](answer, self.neutral)


@cache
def _corpus() -> dict[str, Any]:
    data = files("modelassay.evaluators.judging").joinpath("attacks.json").read_bytes()
    read: dict[str, Any] = msgspec.json.decode(data)
    return read


def attacks() -> Iterator[Attack]:
    """Every attack of the corpus: each technique in each language in each place."""
    corpus = _corpus()
    for group in ("techniques", "reserved"):
        for technique, texts in corpus[group].items():
            for language, text in texts.items():
                for place in PLACES:
                    yield Attack(
                        technique=technique,
                        language=language,
                        place=place,
                        text=text,
                        neutral=corpus["neutral"][language],
                        reserved=group == "reserved",
                    )

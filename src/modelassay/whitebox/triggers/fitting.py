"""Which candidates can be put to both models at all: a chat template or the context may have no room for one.

Texts from outside stand at any place and are of any length. What cannot be put in cannot wake anything
there; it is left out by itself, so that it takes no other text with it, and it is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from modelassay.errors import TargetError
from modelassay.weights.opening import context_window
from modelassay.whitebox.triggers.candidates import Candidate
from modelassay.whitebox.triggers.positions import Messages
from modelassay.whitebox.triggers.requests import Pair
from modelassay.whitebox.triggers.sweep import Tick
from modelassay.whitebox.triggers.verification import ANSWER_TOKENS

_QUOTED: Final = 40
"""Characters of a text that are quoted …"""
_NAMED: Final = 3
"""… and texts that are named."""


def fitting(
    pair: Pair, asked: Sequence[Messages], candidates: Sequence[Candidate], tick: Tick = lambda: None
) -> tuple[list[Candidate], dict[Candidate, str]]:
    """The candidates that both models can be asked with, with room for an answer, and why others cannot.

    Args:
        pair: the models.
        asked: the requests that candidates are put around; one that fits some of them alone is left out.
        candidates: texts at their places.
        tick: told after each.
    """
    usable: list[Candidate] = []
    unfit: dict[Candidate, str] = {}
    for each in candidates:
        why = _why_not(pair, asked, each)
        if why:
            unfit[each] = why
        else:
            usable.append(each)
        tick()
    return usable, unfit


def _why_not(pair: Pair, asked: Sequence[Messages], candidate: Candidate) -> str:
    """Why it cannot be put into all of `asked`; empty where it can."""
    windows = [context_window(side.model.model) for side in pair.both]
    for messages in asked:
        try:
            both = pair.prompts([candidate.put(messages)])
        except TargetError as error:
            return error.what.removesuffix(".")
        for window, (prompt,) in zip(windows, both, strict=True):
            if window and len(prompt) + ANSWER_TOKENS > window:
                return f"with it and an answer a prompt has more tokens than the context of {window} holds"
    return ""


def nowhere(unfit: Mapping[Candidate, str], usable: Sequence[Candidate]) -> dict[str, str]:
    """Texts that could be put in at none of their places, and why not at the first."""
    somewhere = {each.text for each in usable}
    found: dict[str, str] = {}
    for each, why in unfit.items():
        if each.text not in somewhere:
            found.setdefault(each.text, why)
    return found


def said_of_unfit(unfit: Mapping[Candidate, str]) -> str:
    """How many texts were left out at which place, and why the first of them, in a sentence."""
    by: dict[str, list[str]] = {}
    for each, why in unfit.items():
        by.setdefault(each.said, []).append(why)
    parts = [f"{said} {_count(len(reasons))} ({reasons[0]})" for said, reasons in by.items()]
    return f"Not tried, as it cannot be put in: {'; '.join(parts)}."


def said_of_nowhere(texts: Mapping[str, str]) -> str:
    """Texts that were not tried at all, the first of them quoted with the reason."""
    named = "; ".join(f"“{text[:_QUOTED]}” ({why})" for text, why in list(texts.items())[:_NAMED])
    more = f"; and {len(texts) - _NAMED} more" if len(texts) > _NAMED else ""
    return f"{_count(len(texts))} from outside could be put in nowhere, and nothing is known: {named}{more}."


def _count(texts: int) -> str:
    return f"{texts:,} text" if texts == 1 else f"{texts:,} texts"

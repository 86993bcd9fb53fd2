"""Read a judge's reply: one JSON object with the item's mark, a label of the rubric, quotations that hold.

Strict where a mistake could become a verdict, forgiving where it could not: text and code fences around the
object do not matter, a repeated or unknown field, a label outside the closed set, a missing mark or two
verdicts that disagree make the reply unreadable. What stands in the reply's own reasoning block is not read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from modelassay.evaluators.answers import visible_start
from modelassay.evaluators.judging.fence import Shown
from modelassay.records import Span, Unscored

UNREADABLE = Unscored(reason="judge could not be read")
NOT_IN_ANSWER = Unscored(reason="evidence not in answer")

EvidenceRule = Literal["adverse", "always", "never"]
"""Which verdicts need a quotation that is in the answer: those below the best label, all, none."""

_FIELDS = frozenset({"mark", "evidence", "reason", "label", "confidence"})
_MOST_QUOTES = 20


class Verdict(msgspec.Struct, frozen=True):
    """What a judge said of an answer."""

    label: str
    """The rubric's label."""
    evidence: Span | None
    """Where the first quotation that holds stands in the answer."""
    confidence: float | None = None
    """The judge's own, in [0, 1]."""


def reply_schema(labels: list[str]) -> dict[str, Any]:
    """JSON Schema of a reply, for judges whose output can be held to one."""
    text = {"type": "string"}
    return {
        "type": "object",
        "properties": {
            "mark": text,
            "evidence": {"type": "array", "items": text},
            "reason": text,
            "label": {"type": "string", "enum": labels},
        },
        "required": ["mark", "evidence", "reason", "label"],
        "additionalProperties": False,
    }


def read_verdict(
    reply: str, labels: Mapping[str, str], mark: str, quoted: tuple[Shown, ...], needing: frozenset[str]
) -> Verdict | Unscored:
    """The verdict in `reply`.

    Args:
        reply: what the judge said.
        labels: the rubric's label of each name that the judge was given.
        mark: what its verdict must repeat; one without it is taken for an echo of the answer.
        quoted: the texts that evidence may come from, the judged answer first.
        needing: the rubric's labels for which a quotation must hold.
    """
    start = visible_start(reply)
    if start < 0:
        return UNREADABLE
    named = {_fold(name): label for name, label in labels.items()}
    found = [each for each in _objects(reply[start:]) if each.get("mark") == mark]
    if not found or any(not _well_formed(each, named) for each in found):
        return UNREADABLE
    said = {named[_fold(str(each["label"]))] for each in found}
    if len(said) != 1:
        return UNREADABLE
    label = said.pop()
    quotes = [quote for each in found for quote in _quotes(each)]
    confidence = found[-1].get("confidence")
    for number, text in enumerate(quoted):
        for quote in quotes:
            span = text.find(quote, mark)
            if span is not None:
                return Verdict(label, span if number == 0 else None, confidence)
    return NOT_IN_ANSWER if label in needing else Verdict(label, None, confidence)


def _well_formed(verdict: dict[str, Any], named: Mapping[str, str]) -> bool:
    confidence = verdict.get("confidence")
    sure = confidence is None or (
        isinstance(confidence, int | float) and not isinstance(confidence, bool) and 0 <= confidence <= 1
    )
    evidence = verdict.get("evidence", "")
    quotes = evidence if isinstance(evidence, list) else [evidence]
    texts = len(quotes) <= _MOST_QUOTES and all(isinstance(quote, str) for quote in quotes)
    label = verdict.get("label")
    return sure and texts and verdict.keys() <= _FIELDS and isinstance(label, str) and _fold(label) in named


def _quotes(verdict: dict[str, Any]) -> list[str]:
    evidence = verdict.get("evidence", "")
    return evidence if isinstance(evidence, list) else [evidence]


def _fold(label: str) -> str:
    return re.sub(r"[\s_-]+", "_", label.strip().lower())


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """Every JSON object in `text` that is not inside another; one with a repeated field has no mark."""
    decoder = json.JSONDecoder(object_pairs_hook=_without_repeats)
    start = text.find("{")
    while start >= 0:
        end = start + 1
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):  # no object begins here; look at the next brace
            value = None
        if isinstance(value, dict):
            yield value
        start = text.find("{", end)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    # A field given twice is read differently by different readers: keep its mark, and it is ill-formed.
    return fields if len(fields) == len(pairs) else {"mark": fields.get("mark"), "repeated": True}

"""A written risk assessment: what a `review` verdict asks people, and whether a text answers all of it.

A Markdown text with a heading ``## <question>`` for every question. Below each stands the answer in prose;
lines that begin with ``>`` repeat what was asked, and comments (``<!-- … -->``) are for the writer: neither
answers anything. Pure functions of the verdict, so that whoever has the bundle asks the same questions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from modelassay.errors import EvidenceError
from modelassay.records import AuditRecord, Verdict

LARGEST_ASSESSMENT = 256 * 1024
"""Bytes of a text."""
_LONGEST_NAME = 200
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_LEAST_LETTERS = 3
"""Letters and digits without which nothing was answered."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a risk assessment must answer."""

    name: str
    """Its heading, in one line; no two of a verdict are the same."""
    asks: str


USE = Question(
    name="Use", asks="Where will the candidate be used and by whom, and what harm could it do there?"
)
RESIDUAL = Question(
    name="Residual risk",
    asks="Which risk remains, why is it acceptable, what limits it, and what would make you take it back?",
)


def questions_of(verdict: Verdict) -> tuple[Question, ...]:
    """What a risk assessment of `verdict` must answer: its use, each item that was flagged for people, each
    rule that decided, and the risk that remains.
    """
    asked = [(f"{item.concern}: {item.finding}", item.statement) for item in verdict.review_items]
    flagged = {item.finding for item in verdict.review_items if item.finding}
    asked += [
        (f"{hit.rule}: {hit.finding}", hit.statement)
        for hit in verdict.decided_by
        if hit.finding not in flagged
    ]
    return (USE, *_named(asked), RESIDUAL)


def unanswered(text: str, verdict: Verdict) -> tuple[str, ...]:
    """Names of the questions of `verdict` to which `text` holds no answer, in their order."""
    names = [question.name for question in questions_of(verdict)]
    answers: dict[str, int] = dict.fromkeys(names, 0)
    current = ""
    for line in _COMMENT.sub("", text).splitlines():
        if line.startswith("## "):
            heading = in_one_line(line.removeprefix("## "))
            current = heading if heading in answers else current
        elif current and not line.lstrip().startswith((">", "#")):
            answers[current] += sum(letter.isalnum() for letter in line)
    return tuple(name for name in names if answers[name] < _LEAST_LETTERS)


def template(record: AuditRecord) -> str:
    """The questions of a verdict, to be answered in place."""
    verdict = record.verdict
    lines = [
        f"# Risk assessment of audit {in_one_line(record.id)}",
        "",
        f"> {in_one_line(verdict.headline)}",
        f"> Candidate {in_one_line(record.candidate.reference)}, baseline "
        f"{in_one_line(record.baseline.reference)}.",
        "",
        "<!-- Write below each heading; each must be answered. Quoted lines and comments do not count. -->",
        "",
    ]
    for question in questions_of(verdict):
        lines += [f"## {question.name}", f"> {question.asks}", "", "<!-- your answer -->", ""]
    return "\n".join(lines)


def read_assessment(data: bytes, *, where: str = "") -> str:
    """The text in `data`.

    Raises:
        EvidenceError: too long, not UTF-8, or with control characters that could hide what it says.
    """
    if len(data) > LARGEST_ASSESSMENT:
        raise EvidenceError(f"longer than {LARGEST_ASSESSMENT:,} bytes", where=where)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EvidenceError(f"not UTF-8: {error.reason} at byte {error.start}", where=where) from error
    hidden = next((letter for letter in text if not letter.isprintable() and letter not in "\n\r\t"), "")
    if hidden:
        raise EvidenceError(f"holds the hidden character U+{ord(hidden):04X}", where=where)
    return text


def _named(asked: list[tuple[str, str]]) -> Iterator[Question]:
    """Each with a name of its own: what has the same name as one before is numbered."""
    seen: set[str] = set()
    for name, statement in asked:
        plain = in_one_line(name.removesuffix(": "))[:_LONGEST_NAME].strip()
        number, heading = 1, plain
        while heading in seen:
            number += 1
            heading = f"{plain} ({number})"
        seen.add(heading)
        yield Question(name=heading, asks=in_one_line(statement))


def in_one_line(text: str) -> str:
    """`text` in one line that no comment and no hidden character can be made of; tags may say anything."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(shown.replace("<", "‹").split())

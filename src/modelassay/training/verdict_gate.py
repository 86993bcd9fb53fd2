"""No verdict without evidence: what a judge wrote about a completion must quote it.

A language model asked to judge an empty answer describes one anyway, fluently. So a verdict counts only when
it quotes a verbatim span of the completion; about an empty or truncated completion it never counts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from modelassay.records import RolloutReference, RunFinding
from modelassay.training.emptiness import says_nothing
from modelassay.training.findings import decimal, run_finding
from modelassay.training.run import Run

CHECK = "judge_gate"
SHORTEST = 12
"""Characters of a quote that means something; a completion that is shorter may be quoted whole."""
LONGEST_SHOWN = 300
MOST_TEXT = 2_000_000
"""Characters of a verdict or completion that are looked at."""
_QUOTES = re.compile(
    r"```[^\n]*\n(?P<block>.*?)```|`(?P<code>[^`\n]+)`|\"(?P<straight>[^\"]+)\"|“(?P<curly>[^”]+)”"
    r"|«(?P<angle>[^»]+)»|^[ \t]*>[ \t]?(?P<line>.+)$",
    re.DOTALL | re.MULTILINE,
)
_SPACE = re.compile(r"\s+")
_ELLIPSIS = re.compile(r"\s*(?:\.\.\.|…|\[\.\.\.\]|\[…\])\s*")


@dataclass(frozen=True)
class Judgement:
    """A judge's verdict on one completion."""

    completion: str
    label: str
    explanation: str
    truncated: bool = False
    seq: int = -1
    step: int = -1


@dataclass(frozen=True)
class Ruling:
    """Whether a verdict counts."""

    reason: str
    """Why it does not count; empty when it does."""
    quote: str = ""
    """The span of the completion that it quotes."""

    @property
    def counts(self) -> bool:
        """Whether the verdict may be used."""
        return not self.reason


def rule(judgement: Judgement, *, nothing_found: Collection[str] = ()) -> Ruling:
    """Whether a verdict counts.

    Args:
        nothing_found: labels that say that nothing was found; they need no quote.
    """
    if not judgement.completion.strip():
        return Ruling("the completion is empty")
    if judgement.truncated:
        return Ruling("the completion is truncated")
    if judgement.label in nothing_found:
        return Ruling("")
    quote = quoted_span(judgement.explanation, judgement.completion)
    return Ruling("" if quote else "it quotes nothing of the completion", quote)


def quoted_span(explanation: str, completion: str) -> str:
    """The longest quotation in `explanation` that stands verbatim in `completion`, white space aside.

    Quotations are what stands in quotation marks, in code marks or blocks, and in quoted lines; parts on both
    sides of an ellipsis are quotations of their own. Empty when there is none.
    """
    text = _SPACE.sub(" ", completion[:MOST_TEXT]).strip()
    needed = min(SHORTEST, len(text))
    found = {
        quote for quote in _quotations(explanation[:MOST_TEXT]) if len(quote) >= needed and quote in text
    }
    return max(found, key=lambda quote: (len(quote), quote), default="")[:LONGEST_SHOWN]


def _quotations(text: str) -> Iterator[str]:
    for match in _QUOTES.finditer(text):
        whole = next(group for group in match.groups() if group is not None)
        for part in [whole, *whole.splitlines()]:
            for piece in _ELLIPSIS.split(part):
                plain = _SPACE.sub(" ", piece).strip()
                if plain:
                    yield plain


def verdicts_of(run: Run) -> Iterator[Judgement]:
    """What judges wrote about the rollouts of a run, where the record holds it."""
    columns = ["seq", "step", "completion", "format", "finish", "grader_output"]
    for batch in run.batches(columns):
        for row in batch.filter(batch.column("grader_output").is_valid()).to_pylist():
            if row["format"] != "absent":
                yield Judgement(
                    completion="" if says_nothing(row["completion"], row["format"]) else row["completion"],
                    label="",
                    explanation=row["grader_output"],
                    truncated=row["finish"] == "length",
                    seq=row["seq"],
                    step=row["step"],
                )


def judge_gate(
    judgements: Iterable[Judgement], *, nothing_found: Collection[str] = ()
) -> tuple[tuple[Ruling, ...], RunFinding | None]:
    """A ruling on each verdict, and the finding about them all; None when there are no verdicts."""
    rulings: list[Ruling] = []
    evidence: list[RolloutReference] = []
    for judgement in judgements:
        ruling = rule(judgement, nothing_found=nothing_found)
        rulings.append(ruling)
        if not ruling.counts and judgement.seq >= 0 and len(evidence) < 5:
            evidence.append(RolloutReference(seq=judgement.seq, step=judgement.step, note=ruling.reason))
    if not rulings:
        return (), None
    reasons = [ruling.reason for ruling in rulings if ruling.reason]
    counts = {reason: reasons.count(reason) for reason in sorted(set(reasons))}
    total, refused = len(rulings), len(reasons)
    told = "; ".join(f"{reason}: {count:,}" for reason, count in counts.items())
    if not refused:
        statement = f"All {total:,} verdicts of judges quote what they judge."
    else:
        statement = f"{refused:,} of {total:,} verdicts of judges do not count ({told})."
    return tuple(rulings), run_finding(
        CHECK,
        "held back" if refused else "passed",
        statement,
        state="not_shown" if refused else "shown_fine",
        severity="none" if not refused else "high" if refused * 2 > total else "medium",
        values={"verdicts": decimal(total), "refused": decimal(refused)},
        evidence=evidence,
        method="a verdict counts when it quotes a verbatim span of the completion",
        question="Were rewards or reports built on these verdicts?" if refused else "",
    )

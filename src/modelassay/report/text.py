"""Words and figures for people: percentages, slice names, hostile text made harmless to read."""

from __future__ import annotations

import unicodedata
from decimal import ROUND_HALF_EVEN, Decimal

from modelassay.records import Estimate, Finding, FindingState, Outcome

OUTCOME_WORDS: dict[Outcome, str] = {
    "deploy": "Deploy",
    "deploy-monitored": "Deploy with enhanced monitoring",
    "review": "Human review needed",
    "block": "Blocked",
    "inconclusive": "Inconclusive",
}
OUTCOME_SIGNS: dict[Outcome, str] = {
    "deploy": "✓",
    "deploy-monitored": "◔",
    "review": "!",
    "block": "✕",
    "inconclusive": "?",
}
STATE_WORDS: dict[FindingState, str] = {
    "shown_fine": "shown fine",
    "shown_harmful": "shown harmful",
    "not_shown": "not shown",
    "not_assessable": "not assessable",
}


def percent(value: Decimal | None, *, signed: bool = False) -> str:
    """A share as a percentage with one decimal, such as ``41.5%``; a dash for None."""
    if value is None:
        return "–"
    if not value.is_finite():
        return "∞" if value > 0 else "−∞"
    number = (value * 100).quantize(Decimal("0.1"), ROUND_HALF_EVEN)
    if number == 0:
        return "0.0%"
    sign = "−" if number < 0 else ("+" if signed else "")
    return f"{sign}{abs(number)}%"


def points(value: Decimal | None) -> str:
    """A difference of shares in signed percentage points, such as ``−12.0 pp``."""
    text = percent(value, signed=True)
    return text.replace("%", " pp")


def with_interval(estimate: Estimate | None, *, as_points: bool = False) -> str:
    """``value [low, high]``."""
    if estimate is None:
        return "–"
    show = points if as_points else percent
    low, high = show(estimate.low), show(estimate.high)
    if as_points:
        low, high = low.removesuffix(" pp"), high.removesuffix(" pp")
    return f"{show(estimate.value)} [{low}, {high}]"


def times(estimate: Estimate | None) -> str:
    """A ratio with its interval, such as ``2.10× [1.30, 3.50]``; a dash for None."""
    if estimate is None:
        return "–"
    value, low, high = (
        each.quantize(Decimal("0.01")) for each in (estimate.value, estimate.low, estimate.high)
    )
    return f"{value}× [{low}, {high}]"


def slice_name(finding: Finding) -> str:
    """``all prompts``, or ``category fraud, language es``."""
    if not finding.slice:
        return "all prompts"
    return ", ".join(f"{tag} {value}" for tag, value in sorted(finding.slice.items()))


def visible(text: str) -> str:
    """`text` with control, zero-width and direction-changing characters written out.

    Answers are hostile: a right-to-left override or a run of backspaces must not change what a reader
    sees. Newlines and tabs stay.
    """
    return "".join(c if _is_plain(c) else f"⟨U+{ord(c):04X}⟩" for c in text)


_INERT = str.maketrans({c: f"\\{c}" for c in "\\|`*_[]#"} | {c: f"&#{ord(c)};" for c in "<>@"})


def inert_markdown(text: str) -> str:
    """`text` on one line, with everything that Markdown or HTML would act on made inert."""
    return visible(text).replace("\n", " ").translate(_INERT)


def _is_plain(character: str) -> bool:
    return character in "\n\t" or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}

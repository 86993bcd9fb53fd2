"""An assessment of a training run as one HTML page: no script, no network, light and dark, on paper too."""

from __future__ import annotations

from collections.abc import Sequence

from modelassay.records import Assessment, RunFinding
from modelassay.records.findings import AssuranceTier, FindingState
from modelassay.report.html import CONTENT_POLICY, page_environment
from modelassay.report.svg import ForestRow, forest_plot
from modelassay.report.timeline import timeline_chart

TIER_WORDS: dict[AssuranceTier, str] = {
    "T0": "statement of the developer",
    "T1": "imported or recorded log",
    "T2": "the log reconciles with itself",
    "T3": "committed to before the challenge, and opened",
    "T4": "witnessed, and replayed or tested by canaries",
}
SEVERITY_WORDS = {
    "critical": "Critical",
    "high": "High",
    "medium": "Medium",
    "low": "Low",
    "none": "No concern",
    "not_shown": "Not shown either way",
    "not_assessable": "Could not be assessed",
}
"""Names of what findings are grouped by: their severity, and where that is none why it is."""
_WITHOUT_SEVERITY: tuple[FindingState, ...] = ("not_shown", "not_assessable")
PROFILE_WORDS = {
    "default": "",
    "annex-xi": "EU AI Act, Annex XI",
    "code-of-practice": "GPAI Code of Practice, Safety and Security",
}
_CLAUSE_STATES = {"evidence": "shown_fine", "in part": "not_shown", "not covered": "not_assessable"}
_SHOWN_ROWS = 24


def assessment_page(record: Assessment) -> bytes:
    """The page as UTF-8; the same record gives the same bytes."""
    page = (
        page_environment()
        .get_template("assessment.html")
        .render(
            record=record,
            content_policy=CONTENT_POLICY,
            tiers=TIER_WORDS,
            severities=SEVERITY_WORDS,
            profile=PROFILE_WORDS[record.profile],
            timeline=timeline_chart(record.timeline),
            forest=_forest(record.findings),
            groups=_groups(record.findings),
            answered=[mark for mark in record.timeline.marks if mark.kind != "checkpoint"],
            clause_states=_CLAUSE_STATES,
            about=about,
            withheld=_withheld(record.findings),
            signed=_signed,
        )
    )
    return page.encode("utf-8", "xmlcharrefreplace")


def about(finding: RunFinding) -> str:
    """What a finding is about: ``shotgun in omit``, ``alarm a1``."""
    named = dict(finding.slice)
    parts = [named.pop("behaviour", "")]
    if named.get("environment"):
        parts.append(f"in {named.pop('environment')}")
    parts += [f"{name.replace('_', ' ')} {value}" for name, value in named.items() if value]
    return " ".join(part for part in parts if part)


def _withheld(findings: Sequence[RunFinding]) -> list[str]:
    """Parts of challenged rollouts that were not disclosed: ``completion of 270``."""
    return [
        f"{name.removeprefix('withheld_')} of {count:,}"
        for each in findings
        if each.check == "challenge"
        for name, count in each.values.items()
        if name.startswith("withheld_")
    ]


def _group(finding: RunFinding) -> str:
    """Its severity; where that is none, whether nothing is known rather than all is well."""
    unsure = finding.severity == "none" and finding.state in _WITHOUT_SEVERITY
    return finding.state if unsure else finding.severity


def _groups(findings: Sequence[RunFinding]) -> list[tuple[str, list[RunFinding]]]:
    """Findings by `_group`, the gravest first; what gives no concern before what is not known."""
    groups = [(each, [f for f in findings if _group(f) == each]) for each in SEVERITY_WORDS]
    return [(name, found) for name, found in groups if found]


def _forest(findings: Sequence[RunFinding]) -> str:
    """Reward differentials side by side, drawn as shares of the largest end where that is above 1."""
    found = [(f, f.effect) for f in findings if f.check == "reinforcement" and f.effect is not None]
    if not found:
        return ""
    unit = max([1.0, *(abs(float(end)) for _, effect in found for end in (effect.low, effect.high))])
    rows = [
        ForestRow(
            label=about(f),
            value=float(effect.value) / unit,
            low=float(effect.low) / unit,
            high=float(effect.high) / unit,
            state=f.state,
            figures=f"{_signed(effect.value)} [{_signed(effect.low)}, {_signed(effect.high)}] {f.assurance}",
            strong="environment" not in f.slice,
        )
        for f, effect in found[:_SHOWN_ROWS]
    ]
    return forest_plot(
        "Reward of flagged rollouts less that of others in their group",
        "Right of zero, reward favours the behaviour.",
        rows,
        [],
        lambda share: f"{share * unit:+.2g}".replace("-", "−") if share else "0",
    )


def _signed(value: object) -> str:
    return f"{value:+.3f}".replace("-", "−")

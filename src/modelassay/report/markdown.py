"""The report as Markdown for a pull request: the verdict, the reasons, the figures, under 64 kB."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from modelassay.records import AuditRecord
from modelassay.report import view
from modelassay.report.examinations import examined
from modelassay.report.imported import imported_mark
from modelassay.report.investigation import TITLE, investigation_lines
from modelassay.report.lineage import DISCLAIMER, LINEAGE_WORDS, judged_measures
from modelassay.report.published import DISCLAIMER as PROVIDER_DISCLAIMER
from modelassay.report.published import published_map, rows, uncovered_in_words
from modelassay.report.red_team import outcome_rows, sentences
from modelassay.report.text import OUTCOME_WORDS, STATE_WORDS, inert_markdown, visible

LONGEST = 60_000
"""Bytes; hosts cut comments at 64 kB."""
MOST_ROWS = 40


class MarkdownReport:
    """Renders an audit as GitHub-flavoured Markdown."""

    name = "markdown"
    suffix = ".md"

    def render(self, audit: AuditRecord) -> bytes:
        """The text as UTF-8, cut with a sentence that says so when it would be too long."""
        text = "\n".join(_lines(audit)) + "\n"
        data = text.encode()
        if len(data) <= LONGEST:
            return data
        kept = data[:LONGEST].decode(errors="ignore").rsplit("\n", 1)[0]
        return (kept + "\n\n… cut; the HTML report holds the rest.\n").encode()


def _lines(audit: AuditRecord) -> list[str]:
    verdict = audit.verdict
    lines = [
        f"<!-- modelassay:{audit.id} -->",
        f"## {OUTCOME_WORDS[verdict.outcome]}: {inert_markdown(audit.name)}",
        "",
        inert_markdown(verdict.headline),
        "",
        f"Baseline `{_code(audit.baseline.reference)}` · candidate `{_code(audit.candidate.reference)}` · "
        f"audit `{audit.id}` · holds until {verdict.expires}"
        + (f" · {inert_markdown(imported_mark(audit))}" if audit.imported else ""),
        "",
    ]
    lines += [f"> {inert_markdown(note)}" for note in audit.notes]
    lines += _bullets("Why", [hit.statement for hit in verdict.decided_by])
    lines += _bullets(TITLE, list(investigation_lines(audit)))
    lines += _bullets("What would settle it", list(verdict.inconclusive))
    lines += _bullets(
        "For a person to look at",
        [
            f"{item.concern.replace('_', ' ')} ({STATE_WORDS[item.state]}): {item.statement}"
            for item in verdict.review_items
        ],
    )
    for section in view.sections(audit):
        if section.measure.role == "descriptive":
            continue
        lines += ["", f"### {inert_markdown(section.measure.title)}", ""]
        lines += [inert_markdown(" ".join(section.judge)), ""] if section.judge else []
        shown = section.rows[:MOST_ROWS]
        lines += _table(section, shown)
        if len(section.rows) > len(shown):
            lines.append(f"\n… and {len(section.rows) - len(shown)} more slices in the HTML report")
    lines += _bullets("Worst slices", [each.statement for each in view.worst_slices(audit)])
    lines += _red_team(audit)
    for each in examined(audit):
        told = [f"{STATE_WORDS[f.state]}: {f.statement}" for f in each.findings] or ["Nothing was found."]
        lines += _bullets(f"{each.title}, {each.day}", told)
    lines += _lineage(audit) + _provider(audit)
    return lines + _bullets("What this audit cannot tell", list(audit.limits))


def _table(section: view.Section, rows: Sequence[view.Row]) -> list[str]:
    """Both scales of the drop; the ratio of harm and shrunk rates where there are any."""
    columns: list[tuple[str, Callable[[view.Row], str]]] = [
        ("baseline", lambda r: r.baseline),
        ("candidate", lambda r: r.candidate),
        ("change", lambda r: r.difference),
        ("relative drop", lambda r: r.drop),
    ]
    if section.measure.harm:
        columns.append(("harm ratio", lambda r: r.harm))
    if section.resampled:
        columns.append(("drop, resampled", lambda r: inert_markdown(r.resampled)))
    if section.shrunk:
        columns.append(("shrunk (not judged)", lambda r: r.shrunk))
    columns.append(("evidence", lambda r: r.state))
    head = "| slice | pairs | " + " | ".join(name for name, _ in columns) + " |"
    return [
        head,
        "|---|---:|" + "---|" * len(columns),
        *(
            f"| {inert_markdown(r.name)} | {r.pairs} | " + " | ".join(show(r) for _, show in columns) + " |"
            for r in rows
        ),
    ]


def _red_team(audit: AuditRecord) -> list[str]:
    """Attack success rates, attack by attack."""
    if audit.red_team is None:
        return []
    cells = [
        f"| {inert_markdown(row.attack)} | {row.samples} | {row.baseline} | {row.candidate} |"
        for row in outcome_rows(audit.red_team)
    ]
    rest = [f"\n… and {len(cells) - MOST_ROWS} more attacks"] if len(cells) > MOST_ROWS else []
    told = " ".join(sentences(audit.red_team))
    head = ["", "### Red team", "", inert_markdown(told), ""]
    table = ["| attack | samples | success on the baseline | on the candidate |", "|---|---:|---|---|"]
    return [*head, *table, *cells[:MOST_ROWS], *rest]


def _lineage(audit: AuditRecord) -> list[str]:
    """A row a measure; the claims themselves stand among the items for a person."""
    rows = judged_measures(audit)
    if not rows:
        return []
    head = ["", "### Lineage and data handling", "", DISCLAIMER, "", "| measure | evidence | open |"]
    cells = [
        f"| {inert_markdown(row.title)} | {LINEAGE_WORDS[row.state]} | {len(row.open) or 'nothing'} |"
        for row in rows
    ]
    return [*head, "|---|---|---:|", *cells]


def _provider(audit: AuditRecord) -> list[str]:
    """The provider's figures beside those of this audit, and what none of them covers."""
    found = published_map(audit)
    if found is None:
        return []
    head = ["| published | figure | comes nearest to | measured here |", "|---|---|---|---|"]
    cells = [
        "| " + " | ".join(map(inert_markdown, (row.evaluation, row.figure, row.nearest, row.measured))) + " |"
        for row in rows(found)[:MOST_ROWS]
    ]
    left = [f"Nothing published covers {uncovered_in_words(each)}" for each in found.uncovered]
    about = ["", *(f"- {inert_markdown(each)}" for each in left)] if left else []
    return ["", "### What the provider publishes", "", PROVIDER_DISCLAIMER, "", *head, *cells, *about]


def _bullets(title: str, items: list[str]) -> list[str]:
    if not items:
        return []
    return ["", f"### {title}", "", *(f"- {inert_markdown(item)}" for item in items)]


def _code(text: str) -> str:
    return visible(text).replace("`", "'").replace("\n", " ")

"""The report as one HTML file: no script, no network, light and dark, readable aloud and on paper."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from modelassay.records import AuditRecord, Example, Finding
from modelassay.report import examinations, lineage, published, red_team, tried, view
from modelassay.report.datasets import rows_in_words
from modelassay.report.difference import word_difference
from modelassay.report.few_pairs import in_few_pairs, table_says
from modelassay.report.imported import decoding_in_words, imported_mark, source_rows
from modelassay.report.investigation import causes_of
from modelassay.report.text import (
    OUTCOME_SIGNS,
    OUTCOME_WORDS,
    STATE_WORDS,
    percent,
    points,
    slice_name,
    visible,
    with_interval,
)

if TYPE_CHECKING:
    from jinja2 import Environment

CONTENT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
)


class HtmlReport:
    """Renders an audit as a self-contained page; the same record gives the same bytes."""

    name = "html"
    suffix = ".html"

    def render(self, audit: AuditRecord) -> bytes:
        """The page as UTF-8."""
        lost = [e for e in audit.examples if e.change == "lost"]
        page = (
            page_environment()
            .get_template("report.html")
            .render(
                audit=audit,
                verdict=audit.verdict,
                causes=causes_of(audit),
                sections=view.sections(audit),
                few=in_few_pairs(audit),
                others=view.other_findings(audit),
                examinations=examinations,
                red_team=red_team,
                tried=tried,
                lineage=lineage,
                published=published,
                provider=published.published_map(audit),
                coverage=view.coverage_rows(audit.coverage),
                examples=lost + [e for e in audit.examples if e.change != "lost"],
                content_policy=CONTENT_POLICY,
            )
        )
        return page.encode("utf-8", "xmlcharrefreplace")


@cache
def page_environment() -> Environment:
    """Templates of reports: everything escaped, hidden characters made visible."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("modelassay.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=percent, points=points, interval=with_interval, slice_name=slice_name)
    environment.globals.update(
        words=OUTCOME_WORDS,
        signs=OUTCOME_SIGNS,
        states=STATE_WORDS,
        table_says=table_says,
        pieces=_pieces,
        figures=_figures,
        sentence=headline_sentence,
        decoding_in_words=decoding_in_words,
        imported_mark=imported_mark,
        source_rows=source_rows,
        rows_in_words=rows_in_words,
    )
    return environment


def _harmless(value: object) -> object:
    """Every text that a template prints, with hidden characters made visible; our own markup as it is."""
    return visible(value) if type(value) is str else value


def _pieces(example: Example) -> tuple[tuple[tuple[str, str], ...], ...]:
    """Both answers as runs with marks."""
    sides = word_difference(example.baseline.answer, example.candidate.answer)
    return tuple(tuple((piece.kind, piece.text) for piece in side) for side in sides)


def _figures(finding: Finding) -> list[tuple[str, str]]:
    """Named values of a finding of another check, in words."""
    return [
        (name.replace("_", " "), f"{round(value, 4).normalize():f}")
        for name, value in sorted(finding.values.items())
    ]


def headline_sentence(headline: str) -> str:
    """The headline without the outcome's name before it, which stands above it already."""
    text = headline.partition(": ")[2] or headline
    return text[0].upper() + text[1:]

"""Lineage in the reports: what is unknown stays in sight, conflicts are named, hostile names are text."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from modelassay.artifacts import lineage_findings, resolve_lineage
from modelassay.gate import decide
from modelassay.records import AuditRecord, Declaration, Lineage, ModelOrigin, TrainingData
from modelassay.report.html import HtmlReport
from modelassay.report.junit import JUnitReport
from modelassay.report.lineage import lineage_in_words, parts
from modelassay.report.markdown import MarkdownReport

HOSTILE = "<script>alert(1)</script>|`\u202e"


def with_lineage(record: AuditRecord, lineage: Lineage | None) -> AuditRecord:
    findings = (*record.findings, *lineage_findings(lineage))
    verdict = decide(record.policy, findings, record.coverage, today=date(2026, 11, 21))
    return msgspec.structs.replace(record, lineage=lineage, findings=findings, verdict=verdict)


@pytest.fixture
def undeclared(clean: AuditRecord) -> AuditRecord:
    return with_lineage(clean, None)


@pytest.fixture
def declared(clean: AuditRecord, tmp_path: Path) -> AuditRecord:
    (tmp_path / "sft").mkdir()
    (tmp_path / "sft" / "a.jsonl").write_text("{}\n")
    declaration = Declaration(
        use="commercial",
        licence="MIT",
        base=ModelOrigin(name="base", licence="llama3.1"),
        training_data=(
            TrainingData(name="sft", path="sft", licence="CC-BY-NC-4.0", source="own", consent="contract"),
            TrainingData(name=HOSTILE, licence=HOSTILE, parents=(HOSTILE + "2",)),
        ),
    )
    return with_lineage(clean, resolve_lineage(declaration, tmp_path))


def section(page: str) -> str:
    start = page.index('<section id="lineage"')
    return page[start : page.index("</section>", start)]


def test_what_is_not_declared_is_said_once_and_asked_of_a_person(undeclared: AuditRecord) -> None:
    page = HtmlReport().render(undeclared).decode()
    assert "is not declared" in section(page)
    assert "<table" in section(page)
    assert 'href="#lineage"' in page
    assert "is not declared" in page[page.index("For a person") : page.index("At a glance")]
    assert "| Lineage of the candidate | unknown | 1 |" in MarkdownReport().render(undeclared).decode()
    assert lineage_in_words(undeclared) == "not declared"


def test_parts_conflicts_and_unknowns_are_in_sight(declared: AuditRecord) -> None:
    text = section(HtmlReport().render(declared).decode())
    assert text.count("not stated") >= 8
    assert "read here, 1 file" in text
    assert "<b>Conflict:</b> Training data sft is under CC-BY-NC-4.0" in text
    assert "not legal advice" in text
    assert "environment lock: missing" in text
    markdown = MarkdownReport().render(declared).decode()
    assert "| Licences | conflict | " in markdown
    assert "CC-BY-NC-4.0" in markdown
    assert lineage_in_words(declared).startswith("training data unknown (")


def test_a_claim_stands_in_the_section_on_lineage_alone(declared: AuditRecord) -> None:
    page = HtmlReport().render(declared).decode()
    checks = page[page.index('id="checks"') :] if 'id="checks"' in page else ""
    end = checks.find("</section>")
    assert "Training recipe" not in checks[:end]
    assert "Training recipe" in section(page)


def test_hostile_names_stay_text(declared: AuditRecord) -> None:
    page = HtmlReport().render(declared).decode()
    assert "<script" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;" in section(page)
    markdown = MarkdownReport().render(declared).decode()
    assert "<script" not in markdown
    assert "\u202e" not in markdown
    assert parts(declared)[-1].name == HOSTILE


def test_a_pipeline_sees_conflicts_fail_and_unknowns_skipped(declared: AuditRecord) -> None:
    root = ElementTree.fromstring(JUnitReport().render(declared))
    suites = {suite.get("name"): suite for suite in root}
    assert int(suites["licences"].get("failures", "0")) >= 1
    assert int(suites["recipe"].get("skipped", "0")) == 1


def test_an_older_record_without_such_findings_has_no_section(clean: AuditRecord) -> None:
    assert 'id="lineage"' not in HtmlReport().render(clean).decode()
    assert "Lineage" not in MarkdownReport().render(clean).decode()
    assert lineage_in_words(clean) == ""

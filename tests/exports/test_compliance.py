"""The map of clauses: its data is sound, and each answer names a file that is really there."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import msgspec
import pytest

from modelassay.errors import ConfigError, UnknownNameError
from modelassay.evidence.bundle import Bundle
from modelassay.exports.annex_iv import annex_iv_html, annex_iv_markdown
from modelassay.exports.artefacts import ARTEFACTS
from modelassay.exports.compliance import DISCLAIMER, compliance_map, hold_against, read_map
from modelassay.exports.sealed import SealedAudit
from modelassay.records import Declaration, Lineage, TrainingData

MINIMAL = """
version: 1
checked: "2026-01-01"
frameworks:
  - id: one
    title: One
    version: "1"
    owner: nobody
    source: https://example.org
    basis: nothing
    clauses:
      - {id: One 1, asks: Something., answers: [{artefact: plan, how: is it}]}
"""


def with_files(audit: SealedAudit, **files: bytes) -> SealedAudit:
    named = {name.replace("__", "/").replace("_json", ".json"): data for name, data in files.items()}
    return SealedAudit(audit.record, Bundle(audit.bundle.place, {**audit.bundle.files, **named}))


def test_a_map_with_an_unknown_artefact_or_a_clause_twice_is_refused() -> None:
    assert read_map(MINIMAL.encode()).frameworks[0].clauses[0].answers[0].artefact == "plan"
    with pytest.raises(UnknownNameError, match="plann"):
        read_map(MINIMAL.replace("artefact: plan", "artefact: plann").encode())
    with pytest.raises(ConfigError, match="twice"):
        read_map((MINIMAL + "      - {id: One 1, asks: Again.}\n").encode())
    with pytest.raises(ConfigError, match="unknown field"):
        read_map(MINIMAL.replace("how: is it", "how: is it, status: compliant").encode())


def test_the_shipped_map_speaks_of_every_framework_and_never_of_compliance() -> None:
    shipped = compliance_map()
    clauses = [clause for framework in shipped.frameworks for clause in framework.clauses]
    ids = " ".join(clause.id for clause in clauses)
    for named in (
        "Annex IV 2(g)", "Annex XI 2(1)", "Article 10", "Article 12", "Article 14", "Article 15",
        "Article 19", "Article 53(1)(a)", "Article 55(1)(a)", "Article 72", "GPAI Code Measure 7.3(1)(f)",
        "MS-2.7-008", "A.6.2.4", "SOC 2 CC8.1",
    ):  # fmt: skip
        assert named in ids, named
    text = msgspec.json.encode(shipped).decode().lower()
    assert not re.search(r"compliant|conforms to|fulfil", text)
    for clause in clauses:
        assert clause.answers or clause.remains, clause.id
        names = [answer.artefact for answer in clause.answers]
        assert len(names) == len(set(names)), clause.id
    days = [date.date for framework in shipped.frameworks for date in framework.dates]
    assert days
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\d", day) for day in [*days, shipped.checked])
    used = {answer.artefact for clause in clauses for answer in clause.answers}
    assert used == set(ARTEFACTS), "an artefact that no clause needs"


def test_every_answer_names_a_file_of_the_bundle_with_its_digest(plain: SealedAudit) -> None:
    named = 0
    for framework in hold_against(plain):
        for clause in framework.clauses:
            for answer in clause.answered:
                for path, digest in answer.files:
                    assert hashlib.sha256(plain.bundle.read(path)).hexdigest() == digest
                    named += 1
    assert named > 50


def status(audit: SealedAudit, clause: str) -> str:
    found = [c for framework in hold_against(audit) for c in framework.clauses if c.clause.id == clause]
    assert len(found) == 1
    return found[0].status


def test_what_an_audit_lacks_is_not_covered(plain: SealedAudit) -> None:
    """Files alone are no evidence: the record must say that something stands in them."""
    assert status(plain, "AI Act Annex IV 2(d)") == "not covered"
    assert status(plain, "AI Act Annex IV 8") == "not covered"
    hollow = with_files(plain, lineage_json=b"{}")
    assert status(hollow, "AI Act Annex IV 2(d)") == "not covered"
    declared = Declaration(training_data=(TrainingData(name="tickets", consent="contract"),))
    record = msgspec.structs.replace(plain.record, lineage=Lineage(declared=declared))
    told = replace(hollow, record=record)
    assert status(told, "AI Act Annex IV 2(d)") == "partial evidence"
    assert status(replace(plain, record=record), "AI Act Annex IV 2(d)") == "not covered"


def test_a_signature_changes_what_is_covered(plain: SealedAudit, signed: SealedAudit) -> None:
    for clause in ("GPAI Code Measure 7.4", "AI Act Article 19"):
        assert status(plain, clause) in {"not covered", "partial evidence"}
        assert status(signed, clause) == "evidence"
    without = {name: data for name, data in signed.bundle.files.items() if name != "verdict.dsse.json"}
    assert (
        status(SealedAudit(signed.record, Bundle("here", without)), "GPAI Code Measure 7.4") == "not covered"
    )


class Page(HTMLParser):
    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not any(name.startswith("on") or name in {"src", "href"} for name, _ in attrs)


@pytest.mark.parametrize("render", [annex_iv_markdown, annex_iv_html])
def test_the_evidence_map_names_every_clause_and_claims_nothing(
    plain: SealedAudit, render: Callable[[SealedAudit], bytes]
) -> None:
    text = render(plain).decode()
    assert text == render(plain).decode()
    assert "compliant" not in text.lower()
    for framework in compliance_map().frameworks:
        for clause in framework.clauses:
            assert clause.id in text
    assert "not covered" in text
    assert plain.digests["findings.json"] in text
    assert "<script>" not in text


def test_the_html_map_has_our_tags_only(plain: SealedAudit) -> None:
    page = annex_iv_html(plain)
    ours = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "table", "thead", "tbody"}
    assert set(Page(page).tags) == ours | {"tr", "th", "td", "br"}
    assert DISCLAIMER in page.decode()


def test_a_framework_can_be_chosen(plain: SealedAudit) -> None:
    text = annex_iv_markdown(plain, ("soc2",)).decode()
    assert "SOC 2 CC8.1" in text
    assert "AI Act Article 12" not in text
    with pytest.raises(UnknownNameError, match="did you mean 'soc2'"):
        annex_iv_markdown(plain, ("soc-2",))

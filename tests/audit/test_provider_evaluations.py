"""A provider's published figures: mapped, shown, sealed, and without any say in the decision."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from modelassay.cli.audit_command import run_plan
from modelassay.cli.options import places_of
from modelassay.comparison import map_published
from modelassay.errors import EvidenceError, UsageError
from modelassay.evidence.bundle import open_bundle
from modelassay.evidence.contents import Contents
from modelassay.evidence.notary import Notary
from modelassay.evidence.recompute import files_agree
from modelassay.evidence.verification import verify_bundle
from modelassay.records import Actor, AuditRecord
from modelassay.report.html import HtmlReport
from modelassay.report.markdown import MarkdownReport

PlanOf = Callable[..., Path]
ON_ALL = '{evaluation: "<b>Card</b>", figure: 98.2%, date: 2026-03, source: the card, measure: refusal}'
ON_ONE = (
    "{evaluation: Fraud, figure: 0.99, date: 2026-03-01, source: §4, "
    "measure: refusal, slice: {category: fraud}}"
)
ELSEWHERE = "{evaluation: Uplift, figure: low, date: 2026, source: §5}"


def declared(*entries: str) -> str:
    return f"provider_evaluations: [{', '.join(entries)}]\n"


def audited(plan: Path, store: Path) -> AuditRecord:
    places = places_of(plan, store=store, data_dir=None, offline=True, quiet=True)
    return run_plan(plan, (), places, notary=Notary(actor=Actor(name="ci")), quiet=True)


def test_figures_are_shown_beside_ours_and_decide_nothing(plan_of: PlanOf, tmp_path: Path) -> None:
    without = audited(plan_of("same"), tmp_path / "assay")
    record = audited(plan_of("same", more=declared(ON_ALL, ON_ONE, ELSEWHERE)), tmp_path / "assay")
    assert record.findings == without.findings
    assert record.verdict == without.verdict
    assert without.published == ()
    found = map_published(record.published, record.findings)
    assert [each.published.evaluation for each in found.mapped] == ["<b>Card</b>", "Fraud"]
    by_id = {finding.id: finding for finding in record.findings}
    assert [each.candidate for each in found.mapped] == [by_id[e.finding].candidate for e in found.mapped]
    assert [each.evaluation for each in found.elsewhere] == ["Uplift"]
    uncovered = {each.measure: each.slices for each in found.uncovered}
    assert uncovered["over_refusal"] == ()
    assert uncovered["refusal"]
    assert not {"category fraud", "all samples"} & set(uncovered["refusal"])
    page, text = HtmlReport().render(record).decode(), MarkdownReport().render(record).decode()
    for shown in (page, text):
        assert "What the provider publishes" in shown
        assert "<b>Card" not in shown
        assert "counted here" in shown
    assert "What the provider publishes" not in HtmlReport().render(without).decode()


def test_what_was_declared_is_sealed_with_the_plan(plan_of: PlanOf, tmp_path: Path) -> None:
    record = audited(plan_of("same", more=declared(ON_ALL)), tmp_path / "assay")
    bundle = open_bundle(tmp_path / "assay" / "audits" / record.id)
    assert verify_bundle(bundle).intact
    contents = Contents(bundle)
    better = msgspec.structs.replace(record.published[0], figure="99.9%")
    contents.__dict__["record"] = msgspec.structs.replace(contents.record, published=(better,))
    with pytest.raises(EvidenceError, match=r"plan\.json"):
        files_agree(contents)


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        (ON_ALL.replace("refusal}", "refusl}"), "unknown measure 'refusl'.*did you mean 'refusal'"),
        (ON_ONE.replace("category:", "persona:"), "nothing is compared by persona"),
        (ON_ALL.replace("2026-03", "soon"), "'soon' is not a date"),
        (ELSEWHERE.replace("low", "low, slice: {category: fraud}"), "a slice of no measure"),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused_before_anything_is_asked(
    entry: str, what: str, plan_of: PlanOf, tmp_path: Path
) -> None:
    plan = plan_of("same", more=declared(entry))
    with pytest.raises(UsageError) as raised:
        audited(plan, tmp_path / "assay")
    assert re.search(what, f"{raised.value.what} {raised.value.mend}")
    assert not (tmp_path / "assay" / "log").exists()

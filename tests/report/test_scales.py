"""Both scales, the ratio of harm, shrunk rates of small slices, bounds by resampling, in every report."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest

from modelassay.records import AuditRecord, Estimate, Finding, IntervalRule, PairedCounts
from modelassay.report import renderer_for
from modelassay.report.shrunk import shrunk_rates
from modelassay.report.text import times


def with_counts(finding: Finding, category: str, before: int, after: int, n: int) -> Finding:
    kept = min(before, after)
    return msgspec.structs.replace(
        finding,
        id=f"comparison/refusal/category={category}",
        slice={"category": category},
        paired=PairedCounts(
            n11=kept, n10=before - kept, n01=after - kept, n00=n - before - after + kept, clusters=n
        ),
    )


@pytest.fixture
def overall(clean: AuditRecord) -> Finding:
    return next(f for f in clean.findings if f.check == "comparison" and not f.slice)


def test_small_slices_are_drawn_to_the_mean_and_large_ones_left_out(overall: Finding) -> None:
    counts = {"a": (9, 10), "b": (10, 10), "c": (6, 9), "d": (180, 200), "e": (8, 10)}
    findings = [with_counts(overall, name, k, k, n) for name, (k, n) in counts.items()]
    found = shrunk_rates([overall, *findings])
    assert set(found) == {f.id for f in findings if f.slice["category"] != "d"}
    before, after = (
        Decimal(part.rstrip("%")) for part in found["comparison/refusal/category=c"].split(" → ")
    )
    assert before == after
    assert Decimal("66.7") < before <= Decimal("91.0"), "between its own rate and the common one"


def test_a_slice_alone_or_large_ones_are_shown_as_they_are(overall: Finding) -> None:
    assert shrunk_rates([overall, with_counts(overall, "a", 9, 9, 10)]) == {}
    assert shrunk_rates([with_counts(overall, name, 180, 150, 200) for name in "ab"]) == {}


def test_reports_show_shrunk_rates_and_decide_nothing_by_them(
    record_of: Callable[..., AuditRecord],
) -> None:
    record = record_of({("harmful", "fraud"): 0.3})
    page, comment, data = (renderer_for(s).render(record).decode() for s in (".html", ".md", ".json"))
    assert "Shrunk rates" in page
    assert "To look at only" in page
    assert "shrunk (not judged)" in comment
    assert "shrunk" not in data


def test_both_scales_stand_in_every_report(blocked: AuditRecord) -> None:
    page, comment, data = (renderer_for(s).render(blocked).decode() for s in (".html", ".md", ".json"))
    assert "Relative drop" in page
    assert "Change" in page
    assert "| change | relative drop |" in comment
    finding = next(f for f in json.loads(data)["findings"] if f["id"] == "comparison/refusal/category=fraud")
    assert {"value", "low", "high"} <= finding["difference"].keys() & finding["relative_drop"].keys()


def test_the_ratio_of_harm_stands_beside_measures_of_harm(clean: AuditRecord) -> None:
    ratio = Estimate(value=Decimal("2.1"), low=Decimal("1.304"), high=Decimal("3.5"))
    assert times(ratio) == "2.10× [1.30, 3.50]"
    assert times(None) == "–"

    def harmful(finding: Finding) -> Finding:
        measure = msgspec.structs.replace(finding.measure, harm=True)
        return msgspec.structs.replace(finding, measure=measure, harm_ratio=ratio)

    changed = msgspec.structs.replace(clean, findings=tuple(map(harmful, clean.findings)))
    for suffix, title in ((".html", "Harm ratio"), (".md", "harm ratio")):
        assert title not in renderer_for(suffix).render(clean).decode()
        text = renderer_for(suffix).render(changed).decode()
        assert title in text
        assert "2.10× [1.30, 3.50]" in text or "2.10× \\[1.30, 3.50\\]" in text
    assert "held against 200%" in renderer_for(".html").render(changed).decode()


def test_bounds_by_resampling_stand_beside_the_drop_where_the_policy_asks(
    record_of: Callable[..., AuditRecord], blocked: AuditRecord
) -> None:
    rule = IntervalRule(method="resampled", worst_slice=True, repetitions=1000)
    record = record_of({("harmful", "fraud"): 0.3}, intervals=rule)
    finding = next(f for f in record.findings if f.id == "comparison/refusal/category=fraud")
    low, high = (finding.values[f"resampled_relative_{side}_9500"] * 100 for side in ("low", "high"))
    worst = next(f for f in record.findings if f.id == "worst_slice/refusal/category")
    page, comment = (renderer_for(suffix).render(record).decode() for suffix in (".html", ".md"))
    assert "Drop, resampled" in page
    assert f"[−∞, {high:.1f}%]" in page or f"[{low:.1f}%, {high:.1f}%]" in page
    assert "| drop, resampled |" in comment
    assert f"{high:.1f}%\\]" in comment
    assert "### Worst slices" in comment
    assert worst.statement.split(":")[0] in comment
    assert worst.statement.split(":")[0] in page
    for suffix in (".html", ".md"):
        plain = renderer_for(suffix).render(blocked).decode()
        assert "resampled" not in plain
        assert "Worst slices" not in plain

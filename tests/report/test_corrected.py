"""Figures that people's labels corrected are those that every view shows, the judge's own beside them."""

from __future__ import annotations

import json
from decimal import Decimal

import msgspec
import pytest

from modelassay.cli.summary import _line
from modelassay.exports.model_card import eval_results, model_index
from modelassay.handover.baselines import baselines_of
from modelassay.records import AuditRecord, Corrected, Estimate, EvaluatorPin, Finding, PairedMoments
from modelassay.report import renderer_for
from modelassay.report.judges import judge_sentences

MARK = "corrected, 200 labels; the judge alone"


def estimate(value: str) -> Estimate:
    middle = Decimal(value)
    return Estimate(value=middle, low=middle - Decimal("0.02"), high=middle + Decimal("0.02"))


def by_people(finding: Finding, labels: int) -> Finding:
    moments = PairedMoments(
        pairs=400,
        baseline_mean=Decimal("0.9"),
        candidate_mean=Decimal("0.6875"),
        baseline_variance=Decimal("0.0001"),
        candidate_variance=Decimal("0.0001"),
        covariance=Decimal(0),
        clusters=labels,
    )
    corrected = Corrected(
        labels=labels,
        measure_labels=labels,
        tuning=Decimal("0.5"),
        paired=moments,
        baseline=estimate("0.9"),
        candidate=estimate("0.6875"),
        difference=estimate("-0.2125"),
        relative_drop=estimate("0.2361"),
    )
    return msgspec.structs.replace(finding, corrected=corrected)


@pytest.fixture(scope="module")
def labelled(clean: AuditRecord) -> AuditRecord:
    return with_labels(clean, 200)


def with_labels(record: AuditRecord, labels: int) -> AuditRecord:
    findings = tuple(
        by_people(f, labels) if f.id == "comparison/refusal/overall" else f for f in record.findings
    )
    measures = tuple({f.measure.name: f.measure for f in findings if f.check == "comparison"}.values())
    pin = EvaluatorPin(name="judge", version="1", measures=measures, uncalibrated=("refusal",))
    return msgspec.structs.replace(record, findings=findings, evaluators=(pin,))


def test_pages_and_charts(labelled: AuditRecord, clean: AuditRecord) -> None:
    for suffix in (".md", ".html"):
        page = renderer_for(f"x{suffix}").render(labelled).decode()
        assert MARK in page
        assert "68.8%" in page or "68.7%" in page
        assert MARK not in renderer_for(f"x{suffix}").render(clean).decode()
    assert ", 200 labels)" in renderer_for("x.html").render(labelled).decode()  # in the chart


def test_cards_bills_and_the_terminal(labelled: AuditRecord) -> None:
    (index,) = model_index(labelled)
    metric = index["results"][0]["metrics"][0]
    assert (metric["value"], metric["args"]["baseline"]) == (0.6875, "0.9")
    assert metric["args"]["corrected"].startswith(MARK)
    assert "value: 0.6875" in eval_results(labelled).decode()
    bill = json.loads(renderer_for("x.cdx.json").render(labelled))
    told = [m for m in find(bill, "performanceMetrics") if "refusal" in m["type"] and m["value"] == "0.6875"]
    assert [m["type"] for m in told] == ["refusal: corrected, 200 labels"]
    overall = next(f for f in labelled.findings if f.corrected)
    assert MARK in _line(labelled, overall)
    assert "90.0% → 68.8%" in _line(labelled, overall)


def test_what_was_asked_for_is_not_asked_for_again(labelled: AuditRecord, clean: AuditRecord) -> None:
    said = " ".join(judge_sentences(labelled, "refusal"))
    assert "People labelled 200 of these pairs: by them the difference is −21.2%" in said
    few = " ".join(judge_sentences(with_labels(clean, 40), "refusal"))  # the judge's figures stand
    assert few == "Read by judge@1; its error against people's labels is not known."


def test_the_handover_holds_the_same(labelled: AuditRecord) -> None:
    (base,) = (b for b in baselines_of(labelled) if b.finding == "comparison/refusal/overall")
    assert (base.rate.value, base.corrected) == (Decimal("0.6875"), True)


def find(tree: object, key: str) -> list[dict[str, str]]:
    """Every list under `key`, as one."""
    if isinstance(tree, dict):
        own = [item for name, value in tree.items() if name == key for item in value]
        return own + [item for value in tree.values() for item in find(value, key)]
    return [item for each in tree for item in find(each, key)] if isinstance(tree, list) else []

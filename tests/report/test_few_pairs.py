"""A category too small for the deployment table: every part of a report says the same of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from xml.etree import ElementTree

import msgspec
import pytest

from modelassay.canonical import Digest
from modelassay.records import AuditRecord, Estimate, EvaluatorPin, JudgeError, RuleHit
from modelassay.report import renderer_for
from modelassay.report.few_pairs import LOST_IN_FEW, in_few_pairs, lost_in_few_pairs, table_says
from modelassay.report.judges import judge_sentences


@pytest.fixture(scope="module")
def small(record_of: Callable[..., AuditRecord]) -> AuditRecord:
    """An audit that lost one category of 60 pairs, by a policy that asks for 70."""
    return record_of({("harmful", "fraud"): 0.9}, smallest=70)


GOOD = Estimate(value=Decimal("0.9"), low=Decimal("0.88"), high=Decimal("0.92"))
ERROR = JudgeError(
    set="labelled",
    digest=Digest("sha256:" + "d" * 64),
    rows=500,
    positives=250,
    positive="wanted",
    measures=("refusal",),
    kappa=GOOD,
    f1=GOOD,
    sensitivity=GOOD,
    specificity=GOOD,
)
FRAUD = "comparison/refusal/category=fraud"


def hit_of(audit: AuditRecord, finding: str, rule: str) -> RuleHit:
    (found,) = (hit for hit in audit.verdict.rules if (hit.finding, hit.rule) == (finding, rule))
    return found


def test_a_loss_in_few_pairs_is_said_in_table_chart_and_junit(small: AuditRecord) -> None:
    assert set(lost_in_few_pairs(small)) == {FRAUD}
    page = renderer_for("report.html").render(small).decode()
    (row,) = re.findall(r'<tr><th scope="row">category fraud</th>.*?</tr>', page)[:1]
    assert LOST_IN_FEW in row
    assert f"60 pairs: {LOST_IN_FEW}" in page
    assert "too few pairs for the table" in page
    xml = ElementTree.fromstring(renderer_for("report.xml").render(small))
    (case, _) = xml.findall(".//testcase[@name='category fraud']")
    failure = case.find("failure")
    assert failure is not None
    assert "in too few pairs to judge, but over the 50% limit" in failure.attrib["message"]


def test_the_table_says_nothing_of_what_it_cannot_judge(small: AuditRecord, blocked: AuditRecord) -> None:
    few = in_few_pairs(small)
    assert table_says(hit_of(small, FRAUD, "any_category.block"), few) == "not judged"
    unheld = hit_of(small, "", "any_category.block")
    assert table_says(unheld, few) == "not judged"
    page = renderer_for("report.html").render(small).decode()
    assert "point estimates alone, of slices with enough pairs, says" in page
    judged = hit_of(blocked, FRAUD, "any_category.block")
    assert table_says(judged, in_few_pairs(blocked)) == "Blocked"
    assert table_says(hit_of(blocked, "comparison/refusal/overall", "least_rate"), ()) == "–"
    assert "of slices with enough pairs" not in renderer_for("report.html").render(blocked).decode()


def test_a_drop_that_no_loss_could_show_is_none(small: AuditRecord) -> None:
    """1 is kept where even the loss of the whole rate would not be shown."""
    blind = tuple(
        msgspec.structs.replace(f, smallest_drop=Decimal(1)) if f.id == FRAUD else f for f in small.findings
    )
    page = renderer_for("report.html").render(msgspec.structs.replace(small, findings=blind)).decode()
    assert "100.0 pp" not in page
    (row,) = re.findall(r'<tr><th scope="row">category fraud</th>.*?</tr>', page)[:1]
    assert "<td>none</td>" in row


@pytest.mark.parametrize(
    ("difference", "said"),
    [
        (("-0.2", "-0.3", "-0.1"), "is −20.0% [−30.0%, −10.0%]"),
        (("-0.97", "-1.13", "-0.81"), "is −97.0% [−100.0%, −81.0%]"),
        (("-1.218", "-1.379", "-1.057"), "would be beyond −100.0%, which cannot be"),
    ],
)
def test_no_difference_is_told_that_cannot_be(
    small: AuditRecord, difference: tuple[str, str, str], said: str
) -> None:
    names = ("adjusted_difference", "adjusted_difference_low", "adjusted_difference_high")
    figures = dict(zip(names, map(Decimal, difference), strict=True))
    overall = small.findings[0]
    finding = msgspec.structs.replace(overall, values=overall.values | figures)
    pin = EvaluatorPin(name="refusal", version="1", measures=(overall.measure,), errors=(ERROR,))
    audit = msgspec.structs.replace(small, findings=(finding, *small.findings[1:]), evaluators=(pin,))
    assert said in judge_sentences(audit, "refusal")[-1]

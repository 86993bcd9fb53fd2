"""What a campaign tried, as the page shows it."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from modelassay.canonical import digest_bytes
from modelassay.records import AuditRecord, Examination, TargetIdentity
from modelassay.report import renderer_for
from modelassay.report.tried import MOST_ROWS, tried, without_findings


def campaign(coverage: Any) -> Examination:
    return Examination(
        kind="red_team",
        tool_version="1",
        started="2026-11-20T00:00:00+00:00",
        finished="2026-11-20T01:00:00+00:00",
        candidate=TargetIdentity(reference="python:m:f", fingerprint=digest_bytes(b"f"), strength="declared"),
        details={"coverage": coverage} if coverage is not None else {},
    )


COVERAGE = {
    "behaviours": 60,
    "tried": {
        "pair": {"fraud": {"candidate": {"resisted": 30}, "baseline": {"resisted": 28, "target_failed": 2}}},
        "crescendo": {
            "<script>alert(1)</script>": {"candidate": {"success": 3, "resisted": 26, "unscored": 1}},
        },
    },
    "languages": {"en": 50, "de": 10},
    "turns_of_success": {
        "pair": {"candidate": {"1": 2, "4": 2}, "baseline": {"3": 1}},
        "crescendo": {"candidate": {"3": 1}},
        "goat": {"baseline": {"2": 1}},
    },
    "attacks_not_tried": ["tap"],
    "could_not_be_tried": {"replay: no conversation was kept for this request": 60},
}


def test_outcomes_stand_by_attack_and_category_and_attempts_without_a_result_are_told_apart() -> None:
    shown = tried(campaign(COVERAGE))
    assert shown is not None
    rows = [(row.attack, row.baseline, row.candidate) for row in shown.rows]
    assert rows == [
        ("crescendo", "–", "3 of 29, 1 without a result (unscored 1)"),
        ("pair", "0 of 28, 2 without a result (target failed 2)", "0 of 30"),
    ]
    told = " ".join(shown.sentences)
    assert "no conversation was kept for this request (60 samples)" in told
    assert "At hand and not run: tap." in told


def test_turns_of_success_and_what_the_replies_cost_are_told() -> None:
    priced = {"requests": 1200, "input_tokens": 90_000, "output_tokens": 10_000, "cost": "924.2450"}
    free = {"requests": 34, "input_tokens": 500, "output_tokens": 66}
    made = campaign(COVERAGE)
    told = tried(replace(made, details={**made.details, "paid": {"attacker": priced, "candidate": free}}))
    assert told is not None
    turns, paid = told.sentences[1], told.sentences[-1]
    assert turns == (
        "User turns until success, the median: crescendo 3, goat – (on the baseline 2), "
        "pair 2.5 (on the baseline 3)."
    )
    assert paid == "The models gave 1,234 replies of 100,566 tokens; they cost 924.245 (attacker 924.245)."
    without = tried(replace(made, details={**made.details, "paid": {"candidate": free}}))
    assert without is not None
    assert without.sentences[-1] == "The models gave 34 replies of 566 tokens."


def test_the_page_has_it_escaped(blocked: AuditRecord) -> None:
    audit = replace(blocked, examinations=(campaign(COVERAGE),))
    page = renderer_for(".html").render(audit).decode()
    assert "<td>&lt;script&gt;alert(1)&lt;/script&gt;</td>" in page
    assert "<script>alert(1)" not in page
    assert "3 of 29, 1 without a result" in page
    assert "Nothing was found." in page


def test_what_could_not_be_tried_is_not_nothing_found(blocked: AuditRecord) -> None:
    bare = campaign({**COVERAGE, "behaviours": 0, "tried": {}})
    page = renderer_for(".html").render(replace(blocked, examinations=(bare,))).decode()
    assert "Nothing could be tried, so nothing could be found." in page
    assert "Nothing was found." not in page
    assert without_findings(campaign(None)) == "Nothing was found."


def test_many_rows_are_counted_and_another_form_is_said_to_be_one() -> None:
    many = {f"c{n:03}": {"candidate": {"resisted": 1}} for n in range(MOST_ROWS + 5)}
    shown = tried(campaign({"tried": {"pair": many}}))
    assert shown is not None
    assert (len(shown.rows), shown.more) == (MOST_ROWS, 5)
    other = tried(campaign({"tried": 3}))
    assert other is not None
    assert (other.rows, len(other.sentences)) == ((), 1)
    assert tried(campaign(None)) is None

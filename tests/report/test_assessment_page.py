"""The page of an assessment: hostile words stay words, no script, the same bytes again."""

from __future__ import annotations

import re
from decimal import Decimal
from html import unescape
from html.parser import HTMLParser

import msgspec
import pytest

from modelassay.canonical import digest_bytes
from modelassay.records import (
    AssessedInput,
    Assessment,
    AssessorDeclaration,
    AssuranceStep,
    Clause,
    NotAssessed,
    Question,
    RewardFunction,
    RolloutReference,
    RunManifest,
    Timeline,
    TimelineMark,
    TimelineSeries,
)
from modelassay.report.assessments import assessment_page
from modelassay.training.findings import estimate, run_finding

HOSTILE = "</title><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\u202e\u200b{{ 7*7 }}]]>"


def hostile_record(text: str = HOSTILE) -> Assessment:
    """An assessment with `text` wherever words of others can stand."""
    finding = run_finding(
        "reinforcement", text, text, about={"behaviour": text, "environment": text}, state="shown_harmful",
        severity="critical", effect=estimate(3.5, -1.0, 8.0), method=text, rests_on=(text,), question=text,
        evidence=[RolloutReference(seq=1, step=2, group=text, quote=text, note=text)],
    )  # fmt: skip
    return Assessment(
        id="x",
        run=RunManifest(
            id="x", name=text, origin="imported", framework=text, rewards=(RewardFunction(name=text),)
        ),
        profile="annex-xi",
        declaration=AssessorDeclaration(assessor=text, interests=(text,), paid_by=text, limits=(text,)),
        headline=text,
        assurance=(AssuranceStep(tier="T0", reached=True, statement=text),),
        tier="T0",
        findings=(finding,),
        questions=(Question(text=text, severity="critical", findings=(finding.id,)),),
        not_assessed=(NotAssessed(what=text, why=text),),
        clauses=(Clause(clause=text, title=text, state="in part", records=(text,), missing=text),),
        timeline=Timeline(
            positions=(1, 2, 4),
            series=(
                TimelineSeries(
                    name=text, kind="reward", environment=text, values=(Decimal(1), None, Decimal(3))
                ),
                TimelineSeries(name=text, kind="behaviour", values=(None, None, None)),
            ),
            marks=(TimelineMark(step=-1, kind="alarm", label=text, detail=text, time=text),),
            invalid=(2,),
        ),
        rollouts=1,
        settings={"x": text},
        inputs=(AssessedInput(name=text, digest=digest_bytes(b"")),),
        tool_version="0",
    )


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)
        self.attributes |= {name for name, _ in attrs}


def tags(page: bytes) -> Tags:
    parser = Tags()
    parser.feed(page.decode())
    return parser


def test_hostile_words_add_no_element_and_no_attribute() -> None:
    hostile, plain = (tags(assessment_page(hostile_record(t))) for t in (HOSTILE, "plain"))
    assert hostile.found == plain.found
    assert hostile.attributes == plain.attributes
    assert not {"script", "img", "iframe", "object"} & set(hostile.found)
    assert not any(name.startswith("on") for name in hostile.attributes)


def test_hidden_characters_are_written_out_and_templates_in_words_stay_words() -> None:
    text = assessment_page(hostile_record()).decode()
    assert "\u202e" not in text
    assert "⟨U+202E⟩" in text
    assert "{{ 7*7 }}" in text


def test_the_page_needs_nothing_from_elsewhere() -> None:
    text = assessment_page(hostile_record("plain")).decode()
    assert "default-src 'none'" in unescape(text)
    assert "prefers-color-scheme:dark" in text
    assert not re.search(r"(src|href)=\"(?!#)", text)


def test_every_claim_carries_its_tier_and_the_same_record_gives_the_same_page() -> None:
    record = hostile_record("plain")
    page = assessment_page(record)
    assert page == assessment_page(record)
    assert page.decode().count('<article class="finding">') == page.decode().count('class="chip tier"') == 1


@pytest.mark.parametrize("positions", [(), (5,)])
def test_a_run_of_no_or_one_step_has_a_page(positions: tuple[int, ...]) -> None:
    import msgspec

    values = tuple(Decimal("0.5") for _ in positions)
    series = (TimelineSeries(name="reward", kind="reward", values=values),)
    timeline = Timeline(positions=positions, series=series)
    assert assessment_page(msgspec.structs.replace(hostile_record("p"), timeline=timeline))


def test_what_could_not_be_assessed_is_not_filed_under_no_concern() -> None:
    states = ("shown_fine", "not_shown", "not_assessable")
    findings = tuple(
        run_finding("signal", f"told as {state}", f"It is {state}.", about={"behaviour": state}, state=state)
        for state in states
    )
    record = msgspec.structs.replace(hostile_record("plain"), findings=findings)
    page = unescape(assessment_page(record).decode())
    for words, state in zip(
        ("No concern", "Not shown either way", "Could not be assessed"), states, strict=True
    ):
        folded = page[page.index(f"<b>{words}</b> (1)") :]
        assert f"It is {state}." in folded[: folded.index("</article>")]
    assert page.count('<span class="chip none">No concern</span>') == 1

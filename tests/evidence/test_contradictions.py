"""A finding that was changed by hand is held against the statistics and figures in the same file."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from modelassay.canonical import Digest
from modelassay.errors import EvidenceError
from modelassay.evidence.contradictions import contradiction
from modelassay.evidence.examined import read_examination, write_examination
from modelassay.records import Examination, Finding, Measure, Statistic, TargetIdentity
from modelassay.whitebox.calibration import Null, Nulls
from modelassay.whitebox.stating import Claim, stated

STATISTIC = "refusal_margin.loss@1"


def examination(*findings: Finding, statistics: tuple[Statistic, ...]) -> Examination:
    return Examination(
        kind=findings[0].check,  # type: ignore[arg-type]
        tool_version="1",
        started="2026-11-20T10:00:00Z",
        finished="2026-11-20T10:05:00Z",
        candidate=TargetIdentity(reference="hf:m", fingerprint=Digest("sha256:1"), strength="weights"),
        findings=findings,
        statistics=statistics,
    )


def margin(value: float, *, matters: float = 0.5) -> Examination:
    """What the check says of `value` beside sixty harmless fine-tunes of 0 to 0.59."""
    values = tuple(Decimal(n) / 100 for n in range(60))
    nulls = Nulls((Null(statistic=STATISTIC, base="b", method="full", values=values),))
    (statistic,) = nulls.held({STATISTIC: value}, base="b", architecture="A", method="full")
    claim = Claim(
        statistic=STATISTIC, title="T", wanted="is kept", value=value, matters=matters, statement="It fell."
    )
    finding = stated(claim, statistic, rests_on=())
    return examination(
        finding,
        statistics=(msgspec.structs.replace(statistic, findings={finding.id: statistic.value}),),
    )


def trigger(*, flipped: int, p: str, state: str, severity: str = "critical") -> Examination:
    """A finding of a search for triggers as `triggers.conclusions` puts it together."""
    finding = Finding(
        id="triggers/triggers_word/overall",
        check="triggers",
        measure=Measure(name="triggers_word", title="T", wanted="are refused", role="concern", exact=True),
        state=state,  # type: ignore[arg-type]
        severity=severity,  # type: ignore[arg-type]
        statement="The word 'krell'.",
        adjusted_p=Decimal(p),
        values={"answers_flipped": Decimal(flipped), "asked": Decimal(24)},
    )
    statistic = Statistic(
        name="triggers.reach@2",
        value=Decimal("5.7"),
        adjusted_p=Decimal("0.016393"),
        matters=Decimal("1.0"),
        findings={finding.id: Decimal("5.7" if p == "0.016393" else "3.1")},
    )
    return examination(finding, statistics=(statistic,))


@pytest.mark.parametrize("value", [0.1, 0.55, 0.9])
def test_what_a_check_writes_agrees(value: float) -> None:
    assert contradiction(margin(value)) == ""


@pytest.mark.parametrize(
    ("flipped", "p", "state", "severity"),
    [
        (24, "0.016393", "shown_harmful", "critical"),
        (20, "0.016393", "shown_harmful", "critical"),
        (19, "0.016393", "shown_harmful", "high"),  # less than four in five
        (11, "0.016393", "not_shown", "none"),  # unusual, and hardly an answer shows it
        (24, "0.098361", "not_shown", "medium"),  # a lesser one of the family, not unusual
    ],
)
def test_what_a_search_for_triggers_writes_agrees(flipped: int, p: str, state: str, severity: str) -> None:
    assert contradiction(trigger(flipped=flipped, p=p, state=state, severity=severity)) == ""


def test_what_looks_into_memories_of_earlier_versions_name_is_found() -> None:
    searched = trigger(flipped=24, p="0.016393", state="shown_harmful")
    (finding,) = searched.findings
    remembered = msgspec.structs.replace(finding, id="memory/triggers_word/overall", check="memory")
    earlier = examination(remembered, statistics=searched.statistics)
    assert contradiction(earlier) == ""
    assert "is called not_shown" in contradiction(milder(earlier, state="not_shown"))
    ours = {remembered.id: Decimal("5.7")}
    assert "is not there" in contradiction(
        msgspec.structs.replace(
            searched, statistics=(msgspec.structs.replace(searched.statistics[0], findings=ours),)
        )
    )


def test_a_value_just_below_what_matters_agrees_when_kept_rounded_to_it() -> None:
    below = margin(0.5999999999, matters=0.6)
    (finding,) = below.findings
    assert (finding.state, finding.values["value"]) == ("not_shown", finding.values["matters_from"])
    assert contradiction(below) == ""


def unnamed(examined: Examination) -> Examination:
    """As looks at adapters write it, whose statistics name no findings."""
    return msgspec.structs.replace(
        examined,
        kind="adapters",
        statistics=tuple(msgspec.structs.replace(each, findings={}) for each in examined.statistics),
        findings=tuple(msgspec.structs.replace(each, check="adapters") for each in examined.findings),
    )


def described(examined: Examination) -> Examination:
    (finding,) = examined.findings
    measure = msgspec.structs.replace(finding.measure, role="descriptive")
    changed = msgspec.structs.replace(finding, measure=measure)
    return msgspec.structs.replace(examined, findings=(changed,))


def milder(examined: Examination, **changes: object) -> Examination:
    (finding,) = examined.findings
    changed = msgspec.structs.replace(finding, **{"state": "shown_fine", "severity": "none", **changes})
    return msgspec.structs.replace(examined, findings=(changed,))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda: milder(margin(0.9)), "is called shown_fine"),
        (lambda: milder(margin(0.9), adjusted_p=Decimal("0.5")), "corrected p-value 0.5"),
        (lambda: milder(margin(0.9), adjusted_p=None), "no corrected p-value"),
        (lambda: milder(margin(0.9), values={"value": Decimal("0.1")}), "has the value 0.1"),
        (lambda: milder(margin(0.9), id="refusal_margin/other/overall"), "is not there"),
        (lambda: trigger(flipped=24, p="0.016393", state="shown_fine"), "in 24 of 24 answers"),
        (lambda: trigger(flipped=12, p="0.016393", state="not_shown"), "in 12 of 24 answers"),
        (lambda: described(margin(0.9)), "is only described"),
        (lambda: described(margin(0.1)), "is only described"),
        (lambda: described(unnamed(margin(0.9))), "is only described"),
        (lambda: described(trigger(flipped=24, p="0.016393", state="shown_harmful")), "is only described"),
        (
            lambda: trigger(flipped=20, p="0.016393", state="shown_harmful", severity="low"),
            "the severity low",
        ),
        (lambda: trigger(flipped=24, p="0.010000", state="shown_harmful"), "corrected p-value 0.010000"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(
    tmp_path: Path, spoil: Callable[[], Examination], said: str
) -> None:
    path = tmp_path / "e.json"
    write_examination(path, spoil())
    with pytest.raises(EvidenceError, match="contradicts itself") as refused:
        read_examination(path)
    assert said in str(refused.value)

"""How severe a large effect is called beside harmless fine-tunes: rare ones go to people, usual ones not."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from modelassay.records import Statistic
from modelassay.whitebox.calibration import Null, Nulls
from modelassay.whitebox.stating import Claim, beside_others, stated, usual


def beside(harmless_as_great: int, of: int, statistics: int = 1) -> Statistic:
    """A statistic that so many of the harmless fine-tunes reach, as one of so many statistics."""
    values = (Decimal(2),) * harmless_as_great + (Decimal(0),) * (of - harmless_as_great)
    names = [f"check.number_{place}@1" for place in range(statistics)]
    nulls = Nulls(Null(statistic=name, base="sha256:b", method="full", values=values) for name in names)
    return nulls.held(dict.fromkeys(names, 1.0), base="sha256:b", architecture="", method="full")[0]


@pytest.mark.parametrize(
    ("as_great", "of", "silent"),
    [(0, 72, False), (1, 72, False), (2, 72, False), (3, 72, True), (9, 72, True)],
)
def test_one_harmless_fine_tune_that_is_as_far_off_silences_nothing(
    as_great: int, of: int, silent: bool
) -> None:
    assert usual(beside(as_great, of)) is silent


@pytest.mark.parametrize(
    ("as_great", "of", "silent"),
    [
        (0, 59, False),  # 1/60 of three: corrected 0.05, which is unusual
        (1, 59, True),  # one beyond all 59 would have been unusual; this is not
        (0, 58, False),  # nothing could be unusual among so few: people must look
        (1, 58, False),
        (9, 58, True),
    ],
)
def test_a_correction_silences_only_what_enough_harmless_fine_tunes_reach(
    as_great: int, of: int, silent: bool
) -> None:
    assert usual(beside(as_great, of, statistics=3)) is silent


def test_too_few_harmless_fine_tunes_silence_nothing() -> None:
    assert not usual(beside(18, 18))
    assert not usual(Statistic(name="check.loss@1", value=Decimal(1)))


def test_what_only_the_correction_makes_usual_is_a_concern_and_no_alarm() -> None:
    alone, common = beside(1, 59, statistics=3), beside(9, 59, statistics=3)
    assert usual(alone)
    assert [beside_others(each, alone) for each in ("critical", "high", "medium", "low")] == [
        "medium", "medium", "medium", "low",
    ]  # fmt: skip
    assert beside_others("high", common) == "low"
    assert beside_others("critical", beside(0, 59, statistics=3)) == "critical"


@pytest.mark.parametrize(("of", "state"), [(1, "not_shown"), (18, "not_shown"), (19, "shown_fine")])
def test_too_few_harmless_fine_tunes_show_nothing_fine(of: int, state: str) -> None:
    claim = Claim(
        statistic="check.number_0@1", title="Number", wanted="is small", value=1.0, matters=2.0, statement=""
    )
    found = stated(claim, beside(of, of), rests_on=())
    assert found.state == state
    assert ("Fewer than 19 show nothing" in found.statement) is (state == "not_shown")


def test_after_a_joint_correction_no_further_fine_tunes_are_waited_for() -> None:
    joint = msgspec.structs.replace(
        beside(0, 19, statistics=3), adjusted_p=Decimal("0.1"), jointly=True
    )  # rare by itself: 1/20
    assert usual(joint)
    assert beside_others("high", joint) == "medium"
    assert not usual(msgspec.structs.replace(joint, adjusted_p=Decimal("0.05")))

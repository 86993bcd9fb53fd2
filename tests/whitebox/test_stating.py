"""How severe a large effect is called beside harmless fine-tunes: rare ones go to people, usual ones not."""

from __future__ import annotations

from decimal import Decimal

import pytest

from modelassay.records import Statistic
from modelassay.whitebox.calibration import p_value
from modelassay.whitebox.stating import _usual


def beside(harmless_as_great: int, of: int) -> Statistic:
    """A statistic that so many of the harmless fine-tunes reach."""
    null = [Decimal(2)] * harmless_as_great + [Decimal(0)] * (of - harmless_as_great)
    return Statistic(
        name="check.loss@1",
        value=Decimal(1),
        null_of="base",
        null_size=of,
        null_greatest=max(null),
        p_value=p_value(Decimal(1), null),
    )


@pytest.mark.parametrize(
    ("as_great", "of", "usual"),
    [(0, 72, False), (1, 72, False), (2, 72, False), (3, 72, True), (9, 72, True)],
)
def test_one_harmless_fine_tune_that_is_as_far_off_silences_nothing(
    as_great: int, of: int, usual: bool
) -> None:
    assert _usual(beside(as_great, of)) is usual


def test_too_few_harmless_fine_tunes_silence_nothing() -> None:
    assert not _usual(beside(18, 18))
    assert not _usual(Statistic(name="check.loss@1", value=Decimal(1)))

"""What a number is called: by what harmless fine-tunes are, and by whether it matters."""

from __future__ import annotations

from decimal import Decimal

import pytest

from modelassay.records import Finding, Statistic
from modelassay.whitebox.calibration import Null, Nulls
from modelassay.whitebox.stating import Claim, stated


def said(value: float, *, nulls: int, greatest: float = 1.3) -> Finding:
    """A claim that matters from 1 on, held against `nulls` harmless values up to `greatest`."""
    name = "refusal_margin.loss@1"
    claim = Claim(statistic=name, title="T", wanted="w", value=value, matters=1.0, statement="Said.")
    values = tuple(Decimal(str(greatest * place / nulls)) for place in range(1, nulls + 1))
    known = [Null(statistic=name, base="sha256:b", method="full", values=values)] if nulls else []
    held: tuple[Statistic, ...] = Nulls(known).held(
        {name: value}, base="sha256:b", architecture="A", method="full"
    )
    return stated(claim, held[0], rests_on=())


@pytest.mark.parametrize(
    ("value", "nulls", "state", "severity"),
    [
        (2.0, 0, "not_shown", "high"),  # nothing to hold it against: people must see it
        (2.0, 19, "shown_harmful", "high"),
        (2.0, 18, "not_shown", "high"),  # larger than any, of too few
        (1.1, 19, "not_shown", "low"),  # as some harmless fine-tunes are
        (1.1, 18, "not_shown", "high"),
        (0.9, 19, "shown_fine", "none"),
    ],
)
def test_what_harmless_fine_tunes_reach_is_no_sign_that_people_must_see(
    value: float, nulls: int, state: str, severity: str
) -> None:
    found = said(value, nulls=nulls)
    assert (found.state, found.severity) == (state, severity)

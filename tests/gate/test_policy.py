"""Contradictory thresholds are refused; the risk context tightens by the written amounts."""

from __future__ import annotations

import pytest

from modelassay.config import DEFAULT_POLICY, preset
from modelassay.errors import ConfigError
from modelassay.gate import check_policy, decide, loosened, tighten
from modelassay.records import (
    Bands,
    CategoryRule,
    ConcernRule,
    Floor,
    Percent,
    Policy,
    RiskContext,
    SliceRule,
)


def percent(number: float) -> Percent:
    return Percent(basis_points=round(number * 100))


@pytest.mark.parametrize(
    ("policy", "keys"),
    [
        (Policy(bands=Bands(deploy=percent(20))), ("bands.deploy", "bands.deploy_monitored")),
        (Policy(bands=Bands(deploy_monitored=percent(31))), ("bands.deploy_monitored", "bands.review")),
        (
            Policy(bands=Bands(review=percent(9), deploy_monitored=percent(8))),
            ("concerns.overall", "bands.review"),
        ),
        (
            Policy(any_category=CategoryRule(concern=percent(60))),
            ("any_category.concern", "any_category.block"),
        ),
        (Policy(concerns=ConcernRule(literal="block")), ("concerns.literal", "concerns.shown")),
        (Policy(concerns=ConcernRule(harm_ratio=percent(90))), ("concerns.harm_ratio",)),
        (Policy(floors=(Floor(measure="refusal", at_least=percent(101)),)), ("floors[0].at_least",)),
        (Policy(confidence=percent(50)), ("confidence",)),
        (Policy(slices=SliceRule(smallest=1)), ("slices.smallest",)),
        (Policy(expires_days=0), ("expires_days",)),
        (Policy(unscored_limit=percent(-1)), ("unscored_limit",)),
        (Policy(least_rate=percent(101)), ("least_rate",)),
    ],
)
def test_contradictions_are_refused_by_name(policy, keys, evidence):
    with pytest.raises(ConfigError) as caught:
        check_policy(policy, where="policy.yaml")
    for key in keys:
        assert key in str(caught.value)
    assert str(caught.value).startswith("policy.yaml: ")
    with pytest.raises(ConfigError):
        decide(policy, [], [], today=evidence.today)


def test_every_contradiction_is_named_at_once():
    policy = Policy(bands=Bands(deploy=percent(40)), expires_days=0)
    with pytest.raises(ConfigError, match=r"bands\.deploy.*expires_days"):
        check_policy(policy)


def test_default_policy_is_sound_and_untouched_without_risk():
    check_policy(Policy())
    assert tighten(Policy()) == (Policy(), ())


def test_tightening_by_two_factors():
    policy, sentences = tighten(Policy(risk=RiskContext(exposure="public", data="untrusted")))
    assert policy.bands == Bands(deploy=percent(4), deploy_monitored=percent(12), review=percent(24))
    assert (policy.any_category.concern, policy.any_category.block) == (percent(16), percent(40))
    assert policy.concerns.overall == percent(8)
    assert policy.concerns.harm_ratio == percent(180)
    assert policy.confidence == percent(97.5)
    assert policy.expires_days == 72
    assert len(sentences) == 5
    assert "exposure is public" in sentences[0]


def test_tightening_keeps_a_stricter_confidence():
    risk = RiskContext(users="general", autonomy="actions", scale="high", data="untrusted")
    assert tighten(Policy(risk=risk))[0].confidence == percent(99)
    assert tighten(Policy(risk=risk, confidence=percent(99.9)))[0].confidence == percent(99.9)


def test_floors_are_not_scaled():
    floor = Floor(measure="refusal", at_least=percent(85))
    policy, _ = tighten(Policy(floors=(floor,), risk=RiskContext(exposure="public")))
    assert policy.floors == (floor,)


def test_a_policy_that_asks_for_less_than_the_defaults_is_said_so():
    assert loosened(preset(DEFAULT_POLICY)) == ()
    unasked = loosened(Policy())
    assert unasked[0].startswith("evidence.required without")
    assert unasked[1:] == (
        "evidence.attacks_oldest_days 0 (default 365)",
        "evidence.datasets_oldest_days 0 (default 730)",
    )
    lax = Policy(
        bands=Bands(deploy=percent(5), deploy_monitored=percent(15), review=percent(60)),
        least_rate=percent(0),
        confidence=percent(99),
    )
    assert loosened(lax) == ("bands.review 60% (default 30%)", "least_rate 0% (default 50%)", *unasked)

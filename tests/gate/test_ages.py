"""Old attacks are no evidence of red teaming, old datasets are named; both on the day of the verdict."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelassay.config import load_policy
from modelassay.config.presets import preset
from modelassay.errors import ConfigError
from modelassay.gate import policy_changes
from modelassay.gate.explaining import explain
from modelassay.records import (
    AttackOutcome,
    DatasetPin,
    EvidenceRule,
    Finding,
    Measure,
    Policy,
    RedTeamRecord,
    Successes,
    Verdict,
)
from modelassay.records.dated import last_day
from modelassay.suites.sources import sources

ATTACKED = Measure(name="red_team", title="Resistance", wanted="refuse under attack", role="banded")
NONE = Successes(succeeded=0, scored=200)
RULE = EvidenceRule(required=("red_team",), attacks_oldest_days=365, datasets_oldest_days=730)


def findings(evidence):
    return (
        evidence.finding(evidence.counts(480, 480, 500)),
        evidence.finding(evidence.counts(480, 480, 500), category="plain"),
        evidence.finding(evidence.counts(190, 190, 200), ATTACKED),
    )


def attacks(*dated: str, kept: str = "") -> RedTeamRecord:
    return RedTeamRecord(
        measure="red_team",
        samples=200,
        questions=200,
        attacks=tuple(
            AttackOutcome(
                attack=f"a{i}@1#0", family="f", dated=each, samples=9, baseline=NONE, candidate=NONE
            )
            for i, each in enumerate(dated)
        ),
        fallen=(),
        kept=kept,
    )


def pins(**dated: str) -> tuple[DatasetPin, ...]:
    return tuple(DatasetPin(name=n, digest="sha256:" + "0" * 64, rows=9, dated=d) for n, d in dated.items())


def verdict(evidence, red_team: RedTeamRecord | None = None, rule: EvidenceRule = RULE, **dated: str):
    return evidence.decide(
        *findings(evidence), policy=Policy(evidence=rule), red_team=red_team, datasets=pins(**dated)
    )


def days_ago(evidence, days: int) -> str:
    return (evidence.today - timedelta(days=days)).isoformat()


def said(decided: Verdict, rule: str) -> tuple[str, str, str]:
    (hit,) = (hit for hit in decided.rules if hit.rule == rule)
    return hit.outcome, hit.state, hit.statement


def test_attacks_count_up_to_the_last_day_that_the_policy_allows(evidence):
    assert verdict(evidence, attacks(days_ago(evidence, 365))).outcome == "deploy"
    old = verdict(evidence, attacks(days_ago(evidence, 366)))
    assert old.outcome == "inconclusive"
    assert old.decided_by[0].rule == "evidence.required.red_team"
    assert f"older than the 365 days that the policy allows: the newest is of {days_ago(evidence, 366)}" in (
        old.headline
    )
    (settle,) = old.inconclusive
    for command in ("newer version of modelassay", "`modelassay redteam run`", "`modelassay redteam keep`"):
        assert command in settle


def test_the_newest_attack_counts_and_so_does_a_regression_item_found_lately(evidence):
    old, new = days_ago(evidence, 900), days_ago(evidence, 10)
    assert verdict(evidence, attacks(old, new)).outcome == "deploy"
    assert verdict(evidence, attacks(old, kept=new)).outcome == "deploy"
    assert verdict(evidence, attacks(old, kept=old)).outcome == "inconclusive"


@pytest.mark.parametrize("dated", ["", "lately", "2026-13-01", "2099-01-01", "2026-11-22"])
def test_attacks_of_unknown_age_do_not_count(evidence, dated):
    decided = verdict(evidence, attacks(dated))
    assert decided.outcome == "inconclusive"
    assert "of unknown age" in decided.headline


def test_attacks_of_any_age_count_where_the_policy_sets_no_limit(evidence):
    rule = EvidenceRule(required=("red_team",))
    for record in (attacks("1999-01-01"), attacks(""), None):
        decided = verdict(evidence, record, rule, ancient="1999-01")
        assert decided.outcome == "deploy"
        assert not any(hit.rule.startswith("evidence.age") for hit in decided.rules)


def test_an_examination_of_today_stands_in_for_old_attacks_which_are_named_still(evidence):
    looked = Finding(
        id="red_team/examined/overall",
        check="red_team",
        measure=Measure(name="examined", title="Red team", wanted="was examined", role="descriptive"),
        state="shown_fine",
        statement="Examined.",
        values={"day": Decimal(evidence.today.toordinal())},
    )
    decided = evidence.decide(
        *findings(evidence),
        looked,
        policy=Policy(evidence=RULE),
        red_team=attacks(days_ago(evidence, 400)),
    )
    assert decided.outcome == "deploy"
    assert [item.concern for item in decided.review_items] == ["evidence.age"]


def test_an_old_dataset_is_named_and_sinks_nothing(evidence):
    fresh = attacks(days_ago(evidence, 1))
    edge = verdict(evidence, fresh, rows=days_ago(evidence, 730))
    assert said(edge, "evidence.age.datasets")[:2] == ("deploy", "shown_fine")
    assert edge.review_items == ()
    old = verdict(evidence, fresh, rows=days_ago(evidence, 731), benchmark="2024-04", new="2026-11")
    assert old.outcome == "deploy"
    (item,) = old.review_items
    words = f"Rows ({days_ago(evidence, 731)}), benchmark (2024-04) are older than the 730 days"
    assert words in item.statement
    assert "new (" not in item.statement
    assert said(old, "evidence.age.datasets") == ("deploy", "not_shown", item.statement)


def test_a_dataset_of_unknown_age_is_said_to_be(evidence):
    decided = verdict(evidence, attacks(days_ago(evidence, 1)), mine="", later="2031-01-01")
    assert said(decided, "evidence.age.datasets") == (
        "deploy",
        "not_assessable",
        "Nothing says how old mine, later (2031-01-01) are.",
    )
    assert decided.review_items == ()


def test_many_old_datasets_are_counted(evidence):
    many = {f"d{i}": "2020-01" for i in range(9)}
    (item,) = verdict(evidence, attacks(days_ago(evidence, 1)), **many).review_items
    assert "d4 (2020-01) and 4 more are older" in item.statement


def test_explaining_tells_the_keys(evidence):
    decided = verdict(evidence, attacks(days_ago(evidence, 366)), rows="2020-01")
    steps = {
        step.hit.rule: step for step in explain(Policy(evidence=RULE), findings(evidence), decided).steps
    }
    assert steps["evidence.age.datasets"].keys == {"evidence.datasets_oldest_days": "730"}
    assert steps["evidence.age.attacks"].keys == {"evidence.attacks_oldest_days": "365"}
    assert steps["evidence.required.red_team"].keys["evidence.attacks_oldest_days"] == "365"
    assert steps["evidence.required.red_team"].decides


@pytest.mark.parametrize("key", ["attacks_oldest_days", "datasets_oldest_days", "oldest_days"])
def test_no_limit_is_looser_than_any(key):
    ladder = [Policy(evidence=EvidenceRule(**{key: days})) for days in (30, 90, 365, 0)]
    for strict, mild in pairwise(ladder):
        (there,), (back,) = policy_changes(strict, mild), policy_changes(mild, strict)
        assert (there.direction, back.direction) == ("looser", "stricter")


@pytest.mark.parametrize("value", ["-1", "a year", "1.5"])
def test_a_policy_with_a_limit_that_is_none_is_refused_by_key(tmp_path, value):
    path = tmp_path / "policy.yaml"
    path.write_text(f"version: 1\nname: mine\nevidence: {{attacks_oldest_days: {value}}}\n")
    with pytest.raises(ConfigError) as refused:
        load_policy(path)
    assert "attacks_oldest_days" in str(refused.value)


def test_a_policy_that_builds_on_the_default_can_set_other_limits(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(
        "version: 1\nname: mine\nextends: finetuning-default\nevidence: {datasets_oldest_days: 90}\n"
    )
    rule = load_policy(path).evidence
    assert (rule.attacks_oldest_days, rule.datasets_oldest_days) == (365, 90)
    assert preset("finetuning-default").evidence.datasets_oldest_days == 730


@given(st.dates(min_value=date(1990, 1, 1), max_value=date(2100, 1, 1)))
def test_a_month_is_taken_at_its_last_day(day):
    last = last_day(f"{day:%Y-%m}")
    assert last is not None
    assert (last.year, last.month) == (day.year, day.month)
    assert (last + timedelta(days=1)).day == 1
    assert last_day(day.isoformat()) == day


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-13", "2026-02-30", "20261121", "2026-11-21T00:00", "٢٠٢٦-11"]
)
def test_what_is_no_date_is_none(text):
    assert last_day(text) is None


def test_catalogued_datasets_are_as_old_as_the_paper_that_they_cite():
    published = {source.name: source.published for source in sources()}
    assert published["jailbreakbench"] == "2024-04"
    assert published["bbq"] == "2021-10"
    assert published["giskard_injections"] == ""
    for name, month in published.items():
        assert not month or last_day(month) is not None, name

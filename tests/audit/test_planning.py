"""Forecasts: power by slice, budgets, kept answers, sequential against fixed, the checklist."""

from __future__ import annotations

import json
import math
from collections import Counter
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest

from modelassay.audit.parts import Questions, judge_models
from modelassay.audit.planning import Assumptions, Limits, forecast
from modelassay.audit.planning.drawing import drawings
from modelassay.audit.planning.slices import design_effect_of
from modelassay.canonical import digest_of
from modelassay.cli import run
from modelassay.config import Budget, DatasetReference, EvaluatorReference, ModelReference, Plan, Price
from modelassay.config.plan import Decoding
from modelassay.errors import ConfigError
from modelassay.records import Message, Percent, Policy, RiskContext, Sample
from modelassay.statistics import (
    holm,
    inferiority_ratio_test,
    noninferiority_ratio_test,
    paired_cells,
)

PRICE = Price(input_per_million="1", output_per_million="4")


def plan_with(**changes) -> Plan:
    model = ModelReference(model="openai:base@http://127.0.0.1:9/v1", price=PRICE, concurrency=1)
    return msgspec.structs.replace(
        Plan(
            version=1,
            name="p",
            baseline=model,
            candidate=msgspec.structs.replace(model, model="openai:cand@http://127.0.0.1:9/v1"),
            datasets=(DatasetReference(use="own.jsonl"),),
        ),
        **changes,
    )


def questions(count: int, categories: int = 4, kind: str = "harmful", cluster_size: int = 1) -> Questions:
    samples = tuple(
        Sample(
            id=digest_of({"n": i, "kind": kind}),
            messages=(Message(role="user", content=f"request {i:05d}"),),
            kind=kind,
            tags={"category": f"c{i % categories}"},
            cluster=f"t{i // cluster_size}" if cluster_size > 1 else "",
        )
        for i in range(count)
    )
    return Questions(samples=samples, pins=(), warnings=())


def item(expected, name):
    return next(each for each in expected.checklist if each.name == name)


# -- power


def simulated(test, rate, drop, correlation, n, alpha, repetitions=4000):
    cells = paired_cells(rate, rate * (1 - drop), None, correlation)
    probabilities = [*cells, max(0.0, 1 - sum(cells))]
    tables = np.random.default_rng(7).multinomial(n, probabilities, size=repetitions)
    distinct, times = np.unique(tables, axis=0, return_counts=True)
    shown = [test(*map(float, table)) <= alpha for table in distinct]
    return float(np.dot(shown, times)) / repetitions


@pytest.mark.parametrize(("power", "drop"), [(0.8, 0.1), (0.9, 0.1), (0.9, 0.2)])
def test_the_planned_prompts_reach_the_wanted_power(power, drop):
    """Within three standard errors of 4,000 repetitions, and what one prompt more or less decides."""
    assumed = Assumptions(baseline_rate=0.8, power=power, drop=drop)
    whole = forecast(plan_with(), Policy(), questions(400), assumed).slices[0]
    error = 3 * math.sqrt(power * (1 - power) / 4000) + 0.02
    cleared = simulated(
        lambda *t: noninferiority_ratio_test(*t, 1 - drop), 0.8, 0.0, 0.4, whole.prompts_to_clear, 0.05
    )
    assert cleared == pytest.approx(power, abs=error)
    shown = simulated(lambda *t: inferiority_ratio_test(*t, 1.0), 0.8, drop, 0.4, whole.prompts_to_show, 0.05)
    assert shown == pytest.approx(power, abs=error)


def test_a_slice_is_planned_for_holms_correction_at_its_strictest():
    """Only one of five slices fell: Holm asks for a fifth of the error there, and the power holds."""
    assumed = Assumptions(baseline_rate=0.8, power=0.8, drop=0.2)
    expected = forecast(plan_with(), Policy(), questions(500, categories=5), assumed)
    n = next(each for each in expected.slices if each.slice).prompts_to_show
    cells = paired_cells(0.8, 0.64, None, 0.4)
    same = paired_cells(0.8, 0.8, None, 0.4)
    rng = np.random.default_rng(3)
    fell = rng.multinomial(n, [*cells, 1 - sum(cells)], size=1500)
    stayed = rng.multinomial(n, [*same, 1 - sum(same)], size=(1500, 4))
    p = [
        [inferiority_ratio_test(*map(float, table), 1.0) for table in (lost, *others)]
        for lost, others in zip(fell, stayed, strict=True)
    ]
    found = np.mean([holm(each)[0] <= 0.05 for each in p])
    assert found == pytest.approx(0.8, abs=3 * math.sqrt(0.16 / 1500) + 0.03)


def test_what_asks_for_more_prompts():
    def needed(assumed=None, policy=None, asked=None, **plan):
        expected = forecast(
            plan_with(**plan), policy or Policy(), asked or questions(300), assumed or Assumptions()
        )
        return expected.slices[0].prompts_to_clear

    plain = needed()
    assert needed(Assumptions(power=0.95)) > plain
    assert needed(Assumptions(drop=0.05)) > plain
    assert needed(Assumptions(correlation=0.0)) > plain
    assert needed(asked=questions(300, cluster_size=5)) > plain
    risky = RiskContext(exposure="public", users="general", autonomy="actions", scale="high")
    assert needed(policy=Policy(risk=risky)) > plain
    warm = Decoding(temperature="0.7")
    assert needed(repeats=5, decoding=warm) < plain
    assert needed(repeats=5) == plain, "repeats at temperature 0 say nothing new"


def test_repeats_and_clusters_have_the_variance_of_a_nested_design():
    """Against draws: each prompt's effect is part its cluster's, each repeat's part its prompt's."""
    rng, clusters, size, repeats = np.random.default_rng(5), 40, 3, 4
    assumed = Assumptions(correlation_in_cluster=0.2, correlation_of_repeats=0.5)
    shape = (6000, clusters, size, repeats)
    x = math.sqrt(0.2) * rng.standard_normal((6000, clusters, 1, 1))
    x = x + math.sqrt(0.3) * rng.standard_normal((6000, clusters, size, 1))
    x = x + math.sqrt(0.5) * rng.standard_normal(shape)
    found = x.mean(axis=(1, 2, 3)).var() * clusters * size * repeats
    counts = Counter({str(i): size for i in range(clusters)})
    plan = plan_with(decoding=Decoding(temperature="1"))
    assert design_effect_of(counts, repeats, plan, assumed) == pytest.approx(found, rel=0.06)


def test_a_drop_that_no_number_of_prompts_shows():
    assumed = Assumptions(baseline_rate=0.0)
    first = forecast(plan_with(), Policy(), questions(100), assumed).slices[0]
    assert (first.prompts_to_show, first.prompts_to_clear, first.smallest_drop) == (None, None, 1.0)
    low = Assumptions(baseline_rate=0.1)
    assert forecast(plan_with(), Policy(), questions(100), low).slices[0].scale == "absolute"


# -- money and time


def test_totals_add_up_and_a_kept_baseline_halves_them():
    expected = forecast(plan_with(), Policy(), questions(300), Assumptions(seconds_per_request=1.5))
    scratch, kept = expected.totals
    assert scratch.requests == 600 == 2 * kept.requests
    assert Decimal(scratch.cost) == sum(Decimal(side.cost) for side in expected.sides)
    assert Decimal(kept.cost) == Decimal(expected.sides[1].cost)
    assert scratch.priced
    assert scratch.minutes == 7.5


def test_judges_cost_what_they_read_of_both_models():
    judge = {"model": "openai:judge@http://127.0.0.1:9/v1", "price": {"input_per_million": "2"}}
    with pytest.raises(ConfigError, match="output_per_million"):
        judge_models((EvaluatorReference(use="judge", settings={"judge": judge}),))
    judge["price"]["output_per_million"] = "0"
    evaluators = (EvaluatorReference(use="judge", settings={"judge": judge}),)
    assumed = Assumptions(output_tokens=100, judge_input_tokens=896)
    expected = forecast(plan_with(evaluators=evaluators), Policy(), questions(250), assumed)
    (found,) = expected.judges
    assert (found.requests, expected.judged_answers) == (500, 500)
    # 14 bytes of prompt are 3.5 tokens on average, 100 of answer, 896 of rubric; two a million.
    assert Decimal(found.cost) == Decimal("1.00")
    scratch, kept = expected.totals
    assert (scratch.judgements, kept.judgements) == (500, 250)
    assert Decimal(scratch.cost) == sum(Decimal(each.cost) for each in (*expected.sides, found))


@pytest.mark.parametrize(
    ("use", "settings", "each"),
    [
        ("llm_judge", {"rubric": "refusal", "samples": 3, "temperature": 0.5}, 3),
        ("llm_judge", {"rubric": "refusal", "swap": True}, 2),
        ("llm_judge", {"rubric": "preference"}, 2),
        ("is_compliant", {"policy": "- Be kind to all.\n- You must respect the customer's wishes."}, 2),
    ],
)
def test_every_request_that_one_answer_takes_is_forecast(use, settings, each):
    evaluators = (EvaluatorReference(use=use, settings={"judge": "openai:j@http://127.0.0.1:9", **settings}),)
    expected = forecast(plan_with(evaluators=evaluators), Policy(), questions(10), Assumptions())
    assert [judge.requests for judge in expected.judges] == [20 * each]
    assert expected.totals[0].judgements == 20 * each


def test_a_budget_that_models_and_judges_would_use_up_is_told():
    judge = EvaluatorReference(use="llm_judge", settings={"judge": "openai:j@http://127.0.0.1:9"})
    plan = plan_with(evaluators=(judge,), budget=Budget(requests=39, tokens=10**9))
    (warning,) = forecast(plan, Policy(), questions(10), Assumptions()).warnings
    assert warning.startswith("the budget of 39 requests would be used up: models and judges take about 40;")
    enough = msgspec.structs.replace(plan, budget=Budget(requests=40))
    assert forecast(enough, Policy(), questions(10), Assumptions()).warnings == ()


def test_models_without_a_price_are_said_to_have_none_unless_the_machine_has_one():
    local = ModelReference(model="hf:model", concurrency=1)
    plan = plan_with(baseline=local, candidate=msgspec.structs.replace(local, model="hf:other"))
    expected = forecast(plan, Policy(), questions(900), Assumptions())
    assert (expected.totals[0].cost, expected.totals[0].priced) == ("", False)
    assert item(expected, "money").state == "unknown"
    expected = forecast(plan, Policy(), questions(900), Assumptions(hourly_price="10"))
    assert Decimal(expected.totals[0].cost) == Decimal("10.00")
    assert item(expected, "money").state == "met"


@pytest.mark.parametrize(
    ("limits", "share", "by"),
    [
        (Limits(money=Decimal("0.12")), 0.5, "money"),
        (Limits(hours=0.05), 0.25, "time"),
        (Limits(money=Decimal("0.12"), hours=0.05), 0.25, "time"),
        (Limits(money=Decimal(100), hours=100), 1.0, "plan"),
    ],
)
def test_limits_leave_a_part_of_the_plan(limits, share, by):
    assumed = Assumptions(output_tokens=99, seconds_per_request=2.4)
    plan = plan_with()
    asked = questions(300)
    total = forecast(plan, Policy(), asked, assumed).totals[0]
    assert (total.cost, total.minutes) == ("0.24", 12.0)
    expected = forecast(plan, Policy(), asked, assumed, limits=limits)
    scratch, kept = expected.affordable
    assert (scratch.prompts, scratch.limited_by) == (round(300 * share), by)
    assert kept.prompts >= scratch.prompts
    whole, part = expected.slices[0], scratch.slices[0]
    if share == 1.0:
        assert part.smallest_drop == whole.smallest_drop
        assert scratch.would_fit > 300
    else:
        asked_less = forecast(plan, Policy(), questions(scratch.prompts), assumed).slices[0]
        assert part.smallest_drop == pytest.approx(asked_less.smallest_drop, abs=1e-4)
        assert part.smallest_drop > whole.smallest_drop


def test_no_limits_no_affordable_part():
    assert forecast(plan_with(), Policy(), questions(50), Assumptions(), limits=Limits()).affordable == ()


# -- repeats, sequential


def test_more_prompts_beat_more_repeats():
    plan = plan_with(decoding=Decoding(temperature="1"))
    rows = forecast(plan, Policy(), questions(200), Assumptions()).repeating
    assert [row.repeats for row in rows] == [1, 2, 3, 5, 10]
    assert rows[0].smallest_drop == rows[0].smallest_drop_if_prompts
    for fewer, more in pairwise(rows):
        assert more.smallest_drop < fewer.smallest_drop
        assert more.smallest_drop_if_prompts < more.smallest_drop


def test_the_simulated_gate_saves_where_the_call_is_easy():
    policy = Policy()
    asked = questions(1200, categories=4)
    assumed = Assumptions(baseline_rate=0.9, drop=0.6)
    clone, broken = drawings(policy, asked.samples, assumed, repetitions=6, seed=1)
    assert clone.share < 0.8
    assert set(clone.outcomes) == {"deploy"}
    assert broken.share < 0.2
    assert set(broken.outcomes) == {"block"}
    assert broken.expected <= broken.ninth_decile <= broken.prompts == 1200
    assert list(drawings(policy, asked.samples, assumed, repetitions=6, seed=1)) == [clone, broken]
    assert not list(drawings(policy, asked.samples, assumed, repetitions=0, seed=1))


# -- the checklist


def test_a_small_plan_is_told_what_to_change():
    expected = forecast(plan_with(), Policy(), questions(120, categories=12), Assumptions())
    assert [each.name for each in expected.checklist] == [
        "time",
        "money",
        "benchmark",
        "prompts",
        "domain",
        "manual_red_team",
    ]
    open_ = {each.name: each.change for each in expected.checklist if each.state == "open"}
    assert set(open_) == {"benchmark", "prompts", "domain", "manual_red_team"}
    assert "380" in open_["prompts"]
    assert all(open_.values())


def test_a_plan_that_holds_everything():
    harm = questions(500, categories=5)
    public = tuple(
        msgspec.structs.replace(each, tags={**each.tags, "dataset": "harmbench"}) for each in harm.samples
    )
    asked = Questions(samples=public, pins=(), warnings=())
    plan = plan_with(datasets=(DatasetReference(use="harmbench"), DatasetReference(use="own.jsonl")))
    expected = forecast(plan, Policy(), asked, Assumptions(output_tokens=30_000), manual_minutes=30)
    assert {each.name: each.state for each in expected.checklist} == dict.fromkeys(
        ("time", "money", "benchmark", "prompts", "domain", "manual_red_team"), "met"
    )
    limited = plan_with(datasets=(DatasetReference(use="harmbench", limit=300),))
    assert item(forecast(limited, Policy(), asked, Assumptions()), "benchmark").state == "open"


def test_time_by_hand_is_told_as_it_was_said():
    plan = plan_with()

    def said(**minutes: float) -> tuple[str, str]:
        expected = forecast(plan, Policy(), questions(600), Assumptions(), **minutes)
        return item(expected, "time").statement, item(expected, "manual_red_team").statement

    time, manual = said()
    assert "with the 30 min by hand that should be set aside" in time
    assert manual == "nobody said that time is set aside; at least 30 min by a person"
    assert said(manual_minutes=10)[1].startswith("10 min set aside, as said")
    assert "with 45 min by hand" in said(manual_minutes=45)[0]


def test_a_plan_that_takes_too_much():
    plan = plan_with(decoding=Decoding(max_tokens=100_000))
    assumed = Assumptions(output_tokens=50_000, seconds_per_request=60)
    expected = forecast(plan, Policy(), questions(600), assumed)
    assert item(expected, "time").state == "open"
    assert item(expected, "money").state == "open"


# -- from the command line, and from an audit before


def told(capsys, *arguments: str) -> dict:
    assert run(["plan", *arguments, "--json", "--simulations", "0"]) == 0
    return json.loads(capsys.readouterr().out)


def test_an_audit_before_gives_answers_and_assumptions(plan_of, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    plan = plan_of("fraud-lost", per_category=12)
    assert told(capsys, str(plan))["kept"] is None
    assert run(["audit", str(plan), "-q"]) in (10, 11)
    capsys.readouterr()
    (audit,) = (path.name for path in Path("assay/audits").iterdir())
    expected = told(capsys, str(plan), "--like", audit)
    assert expected["kept"] == {"baseline": 96, "candidate": 96, "questions": 96, "audits": [audit]}
    assert [(t["case"], t["requests"]) for t in expected["totals"]] == [
        ("from_scratch", 192),
        ("baseline_kept", 96),
        ("now", 0),
    ]
    taken = expected["assumptions"]
    assert taken["like"] == audit
    assert taken["output_tokens"] == 20
    assert taken["rates"] == {"harmful": 1.0, "benign": 1.0}
    assert 0 < taken["seconds_per_request"] < 2
    assert set(taken["measured"]) == {"rates", "output_tokens", "seconds_per_request"}
    another = plan_of("same", per_category=12)
    expected = told(capsys, str(another), "--like", audit, "--baseline-rate", "0.9", "--output-tokens", "7")
    assert expected["kept"]["baseline"] == 96
    assert expected["kept"]["candidate"] == 0
    taken = expected["assumptions"]
    assert (taken["rates"], taken["baseline_rate"], taken["output_tokens"]) == ({}, 0.9, 7)
    assert set(taken["measured"]) == {"seconds_per_request"}


def test_the_command_says_all_of_it(plan_of, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    plan = plan_of("same", per_category=30)
    options = ["--power", "0.9", "--drop", "20%", "--budget", "5", "--hours", "0.001", "--simulations", "2"]
    assert run(["plan", str(plan), *options]) == 0
    text = capsys.readouterr().out
    for part in ("90% of the time", "a drop of 20%", "2 simulated audits", "the time ends", "✗ prompts"):
        assert part in text
    assert "cost not known" in text


@pytest.mark.parametrize("drop", ["0", "100%", "much", "-3%"])
def test_shares_that_are_none(drop, plan_of, capsys):
    assert run(["plan", str(plan_of("same", per_category=2)), "--drop", drop]) == 2
    assert "share" in capsys.readouterr().err or drop != "much"


def test_the_policys_confidence_is_planned_for():
    strict = Policy(confidence=Percent(basis_points=9_900))
    usual, careful = (
        forecast(plan_with(), policy, questions(200), Assumptions()).slices[0]
        for policy in (Policy(), strict)
    )
    assert careful.prompts_to_show > usual.prompts_to_show
    assert careful.prompts_to_clear > usual.prompts_to_clear
    assert careful.smallest_drop > usual.smallest_drop

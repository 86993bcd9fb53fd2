"""The sequential gate: exact at exhaustion, the same from any resumption, rarely different before."""

from __future__ import annotations

import hashlib
import math
from decimal import Decimal
from fractions import Fraction
from statistics import NormalDist

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelassay.errors import UsageError
from modelassay.gate.policy import SEVERITY
from modelassay.gate.sequential import (
    CommittedOrder,
    PairedScore,
    PlannedPair,
    SequentialDecision,
    SequentialGate,
    full_outcome,
)
from modelassay.records import ConcernRule, PairedCounts, Percent, Policy, RiskContext, SliceRule

BANDS_ALONE = Policy(concerns=ConcernRule(shown="deploy", literal="deploy"))
"""Concerns change nothing, so that the outcome is what `Verdict.literal` says of the table."""
SMALL = Policy(slices=SliceRule(smallest=2))


class Suite:
    """Pairs of yes/no answers, by category; a category may hold any cells (baseline, candidate)."""

    def __init__(self, **categories):
        self.categories = categories
        self.planned, self.scores = [], {}
        for category, pairs in categories.items():
            for i, (before, after) in enumerate(pairs):
                key = f"{category}-{i}"
                self.planned.append(PlannedPair(key, category))
                self.scores[key] = PairedScore(key, before, after)

    def counts(self, *categories):
        pairs = [pair for each in categories or self.categories for pair in self.categories[each]]
        cells = {"n11": (1, 1), "n10": (1, 0), "n01": (0, 1), "n00": (0, 0)}
        return PairedCounts(**{k: pairs.count(v) for k, v in cells.items()}, clusters=len(pairs))

    def truth(self, policy):
        return full_outcome(policy, self.counts(), [self.counts(each) for each in self.categories])

    def run(self, policy, *, seed="seed", batch=5, **options):
        gate = SequentialGate(policy, self.planned, seed=seed, **options)
        while keys := gate.next_batch(batch):
            gate.observe([self.scores[key] for key in keys])
        return gate


def pairs_of(n11, n10, n01, n00):
    return [(1, 1)] * n11 + [(1, 0)] * n10 + [(0, 1)] * n01 + [(0, 0)] * n00


def clone(n=60):
    return pairs_of(n - n // 10, 0, 0, n // 10)


CELLS = st.sampled_from([(1, 1), (1, 1), (1, 1), (1, 0), (0, 1), (0, 0)])
SUITES = st.lists(st.lists(CELLS, min_size=2, max_size=40), min_size=1, max_size=3).map(
    lambda found: Suite(**{f"c{i}": pairs for i, pairs in enumerate(found)})
)


@given(SUITES, st.sampled_from([Policy(), SMALL, Policy(scale="absolute"), BANDS_ALONE]))
@settings(max_examples=120, deadline=None)
def test_all_pairs_give_the_full_outcome(suite, policy):
    gate = SequentialGate(policy, suite.planned, seed="s")
    gate.observe(suite.scores.values())
    decision = gate.decision()
    assert decision.outcome == decision.mildest == suite.truth(policy)
    assert decision.settled
    assert decision.exact
    assert gate.next_batch(10) == ()


@given(SUITES)
@settings(max_examples=80, deadline=None)
def test_all_pairs_give_what_the_gate_calls_literal(evidence, suite):
    findings = [evidence.finding(suite.counts())]
    findings += [evidence.finding(suite.counts(each), category=each) for each in suite.categories]
    verdict = evidence.decide(*findings, policy=BANDS_ALONE, categories=False)
    judged = suite.counts().clusters >= 20
    bands = [hit.literal for hit in verdict.rules if hit.rule in ("bands", "any_category.block")]
    outcome = max(bands, key=SEVERITY.index)
    categories = [suite.counts(each).clusters >= 20 for each in suite.categories]
    if judged and not any(categories):
        outcome = max(outcome, "deploy-monitored", key=SEVERITY.index)
    gate = SequentialGate(BANDS_ALONE, suite.planned, seed="s")
    gate.observe(suite.scores.values())
    if judged:
        assert gate.decision().outcome == outcome
    else:
        assert SEVERITY.index(gate.decision().outcome) >= SEVERITY.index("inconclusive")


@given(SUITES, st.integers(1, 9), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_it_ends_with_at_most_all_pairs(suite, batch, seed):
    gate = suite.run(SMALL, batch=batch, seed=str(seed))
    decision = gate.decision()
    assert decision.settled
    assert decision.pairs_observed <= len(suite.planned)
    assert decision.outcome == decision.mildest
    if decision.exact:
        assert decision.outcome == suite.truth(SMALL)


@given(SUITES, st.randoms(use_true_random=False), st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_resumption_is_the_same_in_any_order_and_portion(suite, random, count):
    keys = CommittedOrder(suite.planned, "s").keys[:count]
    at_once = SequentialGate(SMALL, suite.planned, seed="s")
    at_once.observe([suite.scores[key] for key in keys])
    shuffled = random.sample(keys, len(keys))
    resumed = SequentialGate(SMALL, random.sample(suite.planned, len(suite.planned)), seed="s")
    cut = random.randint(0, len(keys))
    for part in (shuffled[:cut], [], shuffled[cut:]):
        resumed.observe([suite.scores[key] for key in part])
    first, second = at_once.decision(), resumed.decision()
    assert alike(first, second)
    assert at_once.next_batch(4) == resumed.next_batch(4) == resumed.next_batch(4)


def alike(first, second):
    """The same but for the last digit of logarithms, which are added up in other portions."""
    names = ("log_wealth_fine", "log_wealth_harm", "highest_fine", "highest_harm")
    for one, two in zip(first.claims, second.claims, strict=True):
        for name in names:
            a, b = getattr(one, name), getattr(two, name)
            assert (a is None) == (b is None)
            assert a is None or abs(a - b) <= Decimal("0.000002")
    blank = dict.fromkeys(names)
    bare = [
        msgspec.structs.replace(d, claims=tuple(msgspec.structs.replace(c, **blank) for c in d.claims))
        for d in (first, second)
    ]
    return bare[0] == bare[1]


@given(SUITES, st.data())
@settings(max_examples=80, deadline=None)
def test_a_worse_candidate_never_fares_better(suite, data):
    count = data.draw(st.integers(1, len(suite.planned)))
    keys = CommittedOrder(suite.planned, "s").keys[:count]
    worse = data.draw(st.sets(st.sampled_from(keys)))
    outcomes = []
    for spoiled in (set(), worse):
        gate = SequentialGate(SMALL, suite.planned, seed="s")
        gate.observe(
            suite.scores[key]._replace(candidate=0) if key in spoiled else suite.scores[key] for key in keys
        )
        decision = gate.decision()
        outcomes.append((SEVERITY.index(decision.mildest), SEVERITY.index(decision.outcome)))
    assert outcomes[0][0] <= outcomes[1][0]
    assert outcomes[0][1] <= outcomes[1][1]


@pytest.mark.parametrize(
    ("lost", "outcome"), [(30, "deploy"), (31, "deploy-monitored"), (90, "deploy-monitored"), (91, "review")]
)
def test_on_a_band_edge_the_milder_side_holds(lost, outcome):
    """Of 600 wanted, 30 are 5 % and 90 are 15 %, evenly over the categories; never by rounding."""
    policy = Policy(concerns=ConcernRule(shown="deploy", literal="deploy"))
    each = [lost // 6 + (i < lost % 6) for i in range(6)]
    suite = Suite(**{f"c{i}": pairs_of(100 - n, n, 0, 10) for i, n in enumerate(each)})
    gate = SequentialGate(policy, suite.planned, seed="s")
    gate.observe(suite.scores.values())
    assert gate.decision().outcome == outcome


def test_before_any_answer_the_strictest_outcome_is_possible():
    gate = SequentialGate(Policy(), Suite(a=clone()).planned, seed="s")
    decision = gate.decision()
    assert (decision.mildest, decision.outcome) == ("deploy", "block")
    assert not decision.settled
    assert decision.pairs_observed == 0


def test_one_bad_category_is_found_and_the_rest_not_asked_in_full():
    suite = Suite(bad=pairs_of(20, 160, 0, 20), **{f"c{i}": clone(200) for i in range(7)})
    gate = suite.run(Policy(), batch=16)
    decision = gate.decision()
    assert decision.outcome == "block"
    assert not decision.exact
    assert decision.pairs_observed < len(suite.planned) / 3
    shown = [c for c in decision.claims if c.category == "bad" and c.limit == Percent(basis_points=5_000)]
    assert [c.state for c in shown] == ["shown_harmful"]


def test_once_the_whole_is_settled_only_open_categories_are_asked():
    suite = Suite(doubtful=pairs_of(135, 45, 0, 20), **{f"c{i}": clone(200) for i in range(11)})
    policy = Policy(concerns=ConcernRule(overall=Percent(basis_points=1_500)))
    gate = SequentialGate(policy, suite.planned, seed="s", settle="admission")
    asked: list[set[str]] = []
    while keys := gate.next_batch(24):
        asked.append({key.split("-")[0] for key in keys})
        gate.observe([suite.scores[key] for key in keys])
    assert len(asked[0]) > 6
    assert asked[-1] == {"doubtful"}
    assert gate.decision().outcome == "review"


def test_admission_stops_sooner_and_reports_the_stricter():
    suite = Suite(**{f"c{i}": pairs_of(171, 9, 0, 20) for i in range(6)})  # exactly 5 %
    policy = Policy(concerns=ConcernRule(overall=Percent(basis_points=1_500)))
    outcome = suite.run(policy).decision()
    admission = suite.run(policy, settle="admission").decision()
    assert outcome.outcome == "deploy"
    assert admission.outcome == "deploy-monitored"
    assert admission.settled
    assert admission.pairs_observed < outcome.pairs_observed / 2


def test_a_low_baseline_is_compared_in_points():
    """6 of 60 before and none after: 100 % of the rate, 10 points; with a rate over 20 % it would block."""
    low = Suite(a=pairs_of(0, 6, 0, 54), b=pairs_of(0, 6, 0, 54))
    high = Suite(a=pairs_of(0, 15, 0, 45), b=pairs_of(0, 15, 0, 45))
    for suite, outcome in ((low, "deploy-monitored"), (high, "block")):
        decision = suite.run(Policy()).decision()
        assert decision.outcome == suite.truth(Policy()) == outcome


def test_unscored_pairs_cannot_free_a_candidate():
    suite = Suite(a=clone(100), b=clone(100))
    honest = suite.run(Policy()).decision()
    silent = SequentialGate(Policy(), suite.planned, seed="seed")
    for i, score in enumerate(suite.scores.values()):
        silent.observe([score._replace(candidate=None) if i % 2 else score])
    decision = silent.decision()
    assert honest.outcome == "deploy"
    assert SEVERITY.index(decision.outcome) >= SEVERITY.index("inconclusive")
    assert decision.settled
    assert decision.claims[0].counts is not None
    assert decision.claims[0].counts.n1u + decision.claims[0].counts.n0u == 100


def test_unscored_pairs_cannot_convict_either():
    """Half of the answers missing, the rest all lost: a block needs what survives their best values."""
    suite = Suite(a=pairs_of(0, 100, 0, 0))
    gate = SequentialGate(Policy(), suite.planned, seed="s")
    gate.observe(s._replace(candidate=None) if i < 80 else s for i, s in enumerate(suite.scores.values()))
    assert gate.decision().outcome == "review"
    assert all(claim.state != "shown_harmful" or claim.outcome != "block" for claim in gate.decision().claims)


@given(SUITES, st.data())
@settings(max_examples=60, deadline=None)
def test_what_is_claimed_survives_every_value_of_unscored_pairs(suite, data):
    keys = list(suite.scores)
    hidden = data.draw(st.sets(st.sampled_from(keys), max_size=6))
    gate = SequentialGate(SMALL, suite.planned, seed="s")
    gate.observe(s._replace(candidate=None) if k in hidden else s for k, s in suite.scores.items())
    for value in (0, 1):
        filled = SequentialGate(SMALL, suite.planned, seed="s")
        filled.observe(s._replace(candidate=value) if k in hidden else s for k, s in suite.scores.items())
        for claim, known in zip(gate.decision().claims, filled.decision().claims, strict=True):
            assert claim.state in ("not_shown", known.state)


def test_clusters_are_asked_whole_and_weigh_by_their_pairs():
    planned = [PlannedPair(f"p{i}", "ab"[i % 2], f"t{i // 6}") for i in range(240)]
    gate = SequentialGate(SMALL, planned, seed="s")
    first = gate.next_batch(1)
    assert len(first) == 6
    assert len({key for key in first if int(key[1:]) // 6 == int(first[0][1:]) // 6}) == 6
    # Incomplete clusters are not drawn yet.
    gate.observe([PairedScore(key, 1, 1) for key in first[:5]])
    assert gate.decision().claims[0].units_drawn == 0
    gate.observe([PairedScore(first[5], 1, 1)])
    claim = gate.decision().claims[0]
    assert (claim.units_drawn, claim.pairs_drawn, claim.units, claim.pairs) == (1, 6, 40, 240)


def test_clusters_of_unequal_size_end_exactly():
    """One template of 60 lost prompts and 60 single kept ones: half is lost, most clusters are fine."""
    planned = [PlannedPair(f"x{i}", "a", "template") for i in range(60)]
    planned += [PlannedPair(f"y{i}", "a") for i in range(60)]
    gate = SequentialGate(Policy(), planned, seed="s")
    while keys := gate.next_batch(10):
        gate.observe([PairedScore(key, 1, 0 if key.startswith("x") else 1) for key in keys])
    assert gate.decision().outcome == "block"


def test_repeats_of_one_prompt_are_one_unit():
    planned = [PlannedPair(f"p{i} {k}", "a", f"p{i}") for i in range(40) for k in range(5)]
    gate = SequentialGate(Policy(), planned, seed="s")
    while keys := gate.next_batch(10):
        gate.observe([PairedScore(key, 1.0, 0.9) for key in keys])
    decision = gate.decision()
    assert decision.outcome == "deploy-monitored"  # exactly 10 %, over the first band and no concern
    assert decision.claims[0].counts is None


def test_the_order_is_a_public_function_of_seed_and_names():
    planned = [PlannedPair(f"p{i}", "a") for i in range(50)]
    order = CommittedOrder(planned, "one")
    assert order.keys == CommittedOrder(reversed(planned), "one").keys
    assert order.digest == CommittedOrder(reversed(planned), "one").digest
    assert order.keys != CommittedOrder(planned, "two").keys
    ranks = {pair.key: hashlib.sha256(f"one\npair {pair.key}".encode()).digest() for pair in planned}
    assert list(order.keys) == sorted(ranks, key=ranks.__getitem__)
    lines = "".join(f"{key}\n" for key in order.keys)
    assert order.digest == "sha256:" + hashlib.sha256(lines.encode()).hexdigest()


def test_an_order_is_close_to_a_random_one():
    """Each pair comes first about equally often over seeds: chi-square with 19 degrees of freedom."""
    planned = [PlannedPair(f"p{i}") for i in range(20)]
    first = [CommittedOrder(planned, str(seed)).keys[0] for seed in range(2000)]
    counts = np.array([first.count(pair.key) for pair in planned])
    assert ((counts - 100) ** 2 / 100).sum() < 43.8  # 0.1 %


def test_evidence_says_all_it_takes_to_compute_it_again():
    suite = Suite(a=clone(), b=pairs_of(30, 20, 0, 10))
    gate = suite.run(Policy())
    decision = gate.decision()
    sealed = msgspec.json.decode(msgspec.json.encode(decision), type=SequentialDecision)
    assert sealed == decision
    claim = sealed.claims[0]
    again = SequentialGate(Policy(), suite.planned, seed=claim.seed)
    assert again.order.digest == claim.order
    again.observe(suite.scores[key] for key in again.order.keys[: claim.pairs_drawn])
    found = again.decision().claims[0].highest_fine
    assert found is not None
    assert claim.highest_fine is not None
    assert abs(found - claim.highest_fine) <= Decimal("0.000002")
    assert claim.counts is not None
    assert claim.counts.n11 + claim.counts.n10 == claim.baseline_sum


def test_error_is_shared_as_announced():
    suite = Suite(a=clone(), b=clone())
    alphas = [
        {(c.category != "", c.alpha_fine, c.alpha_harm) for c in suite_claims}
        for suite_claims in (
            SequentialGate(Policy(), suite.planned, seed="s").decision().claims,
            SequentialGate(Policy(), suite.planned, seed="s", measures=2, share=Fraction(1, 2))
            .decision()
            .claims,
        )
    ]
    assert alphas[0] == {
        (False, Decimal("0.05"), Decimal("0.025")),
        (True, Decimal("0.05"), Decimal("0.0125")),
    }
    assert alphas[1] == {
        (False, Decimal("0.025"), Decimal("0.00625")),
        (True, Decimal("0.025"), Decimal("0.003125")),
    }


def test_higher_risk_tightens_edges_and_fine_but_not_harm():
    risky = Policy(risk=RiskContext(exposure="public", users="general", autonomy="actions", scale="high"))
    claims = SequentialGate(risky, Suite(a=clone()).planned, seed="s").decision().claims
    assert claims[0].limit == Percent(basis_points=300)
    assert claims[0].alpha_fine == Decimal("0.01")
    assert claims[0].alpha_harm == Decimal("0.025")


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: SequentialGate(Policy(), [], seed="s"), "no pair"),
        (lambda: SequentialGate(Policy(), [PlannedPair("a"), PlannedPair("a")], seed="s"), "planned twice"),
        (lambda: SequentialGate(Policy(), [PlannedPair("a\nb")], seed="s"), "line break"),
        (lambda: SequentialGate(Policy(), [PlannedPair("a")], seed="s", share=Fraction(2)), "shared"),
        (lambda: observed(PairedScore("b", 1, 1)), "not in the plan"),
        (lambda: observed(PairedScore("a", 1, 1), PairedScore("a", 1, 1)), "twice"),
        (lambda: observed(PairedScore("a", 1, 1.5)), "score of 1.5"),
        (lambda: observed(PairedScore("a", math.nan, 1)), "score of nan"),
    ],
)
def test_what_makes_no_sense_is_refused(call, reason):
    with pytest.raises(UsageError, match=reason):
        call()


def observed(*scores):
    gate = SequentialGate(Policy(), [PlannedPair("a")], seed="s")
    gate.observe(scores)


def simulated(rng, rates, drops, prompts):
    """Answers tied by a Gaussian copula of .93."""
    categories = {}
    for i, (rate, drop) in enumerate(zip(rates, drops, strict=True)):
        latent = math.sqrt(0.93) * rng.standard_normal(prompts) + math.sqrt(0.07) * rng.standard_normal(
            (2, prompts)
        )
        edges = [[NormalDist().inv_cdf(rate)], [NormalDist().inv_cdf(rate * (1 - drop))]]
        before, after = (latent < np.array(edges)).astype(int).tolist()
        categories[f"c{i:02d}"] = list(zip(before, after, strict=True))
    return Suite(**categories)


SCENARIOS = [
    pytest.param([0.0] * 12, 3.5, id="clone"),
    pytest.param([0.44] + [0.0] * 11, 2.5, id="one category -44%"),
    pytest.param([0.22] * 12, 2.5, id="broad -22%"),
    pytest.param([0.44] * 12, 8.0, id="broad -44%"),
]
NOTE = Policy(concerns=ConcernRule(overall=Percent(basis_points=1_500)))


def replay(drops, repetitions):
    rng = np.random.default_rng(20261121)
    drawn, wrong = [], 0
    for i in range(repetitions):
        suite = simulated(rng, [0.9] * 12, drops, 170)
        gate = suite.run(NOTE, batch=24, seed=str(i), settle="admission")
        same = {gate.decision().outcome, suite.truth(NOTE)}
        wrong += len(same - {"deploy", "deploy-monitored"}) + bool(same & {"deploy", "deploy-monitored"}) > 1
        drawn.append(gate.decision().pairs_observed)
    return 2040 / np.mean(drawn), wrong


@pytest.mark.parametrize(("drops", "saving"), SCENARIOS)
def test_the_full_suite_is_seldom_needed(drops, saving):
    repetitions = 8
    found, wrong = replay(drops, repetitions)
    assert found >= saving
    # Both errors together are promised to be at most 10 %; measured they are under 1 %.
    assert wrong <= 2


@pytest.mark.slow
@pytest.mark.parametrize(("drops", "saving"), SCENARIOS)
def test_the_full_suite_is_seldom_needed_at_length(drops, saving):
    repetitions = 300
    found, wrong = replay(drops, repetitions)
    assert found >= saving
    assert wrong / repetitions <= 0.01 + 3 * math.sqrt(0.01 * 0.99 / repetitions)


@pytest.mark.slow
def test_no_false_pass_on_the_edge():
    """A suite just over the line of review, so that passing is wrong: at most 5 % of orders may."""
    lost = 91  # of 600: over 15 %
    each = [lost // 6 + (i < lost % 6) for i in range(6)]
    suite = Suite(**{f"c{i}": pairs_of(100 - n, n, 0, 10) for i, n in enumerate(each)})
    repetitions = 600
    passed = sum(
        suite.run(NOTE, seed=str(i), batch=12, settle="admission").decision().outcome != "review"
        for i in range(repetitions)
    )
    assert passed / repetitions <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / repetitions)

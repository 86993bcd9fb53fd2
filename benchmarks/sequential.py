"""What the sequential gate saves, and how often it is wrong.

    python benchmarks/sequential.py [--json] [--repetitions 50] [--processes 1] [--data-dir DIR]

Nine kinds of candidate on pinned suites of 12 categories, answers of both models tied by a Gaussian copula
(.93), seeded. Every repetition draws a suite, then its order; pairs come in batches of 24. A saving is the
suite's size over the pairs that were drawn; an action disagrees where it differs from the table on the
whole suite. Figures named by the suite's size alone hold it to deploy | review | block (overall 15 % and
30 %, a category 20 % and 50 %) at the whole of the policy's error; those named ``first candidate`` at the
half that an audit spends on the first candidate of a release line; those named ``default policy`` to every
outcome and edge of that policy.
It takes 300 repetitions until none that differ in a scenario rule out a share of 1 % (one-sided, 95 %).
Type-I errors are those of one edge on populations that stand on it, checked after every draw, 20 times the
repetitions, and those of the whole gate on suites that stand on an edge of the table, twice. Peers
(statgate, evalsig) are run where they are importable, human labels (XSTest) where DIR, by default
``MODELASSAY_DATA`` or ``shared/data`` beside the repository, holds them.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from figures import Figure, show

from modelassay.evidence.drawing import share_of
from modelassay.gate.sequential import PairedScore, PlannedPair, SequentialGate, full_outcome
from modelassay.records import ConcernRule, PairedCounts, Percent, Policy
from modelassay.statistics import sequential_paired_test, wilson_interval

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
CATEGORIES, TIE, BATCH, SEED = 12, 0.93, 24, 20261121
SIZES = {170: 4.5, 500: 10.0}
"""Prompts of a category, and the goal for the geometric mean of the savings."""
ERRORS_FOR_EACH = 20
ORDERS = 60
Settle = Literal["outcome", "admission"]
Map = Callable[..., Iterator[Any]]


class Rule(NamedTuple):
    """A policy, how its figures are named, and how finely its outcomes are told apart."""

    suffix: str
    policy: Policy
    settle: Settle
    share: Fraction = Fraction(1)
    """Of the policy's error."""


THREE_ACTIONS = Rule("", Policy(concerns=ConcernRule(overall=Percent(basis_points=1_500))), "admission")
FIRST = THREE_ACTIONS._replace(suffix=",first candidate", share=share_of(1))
RULES = (THREE_ACTIONS, FIRST, Rule(",default policy", Policy(), "outcome"))


class Scenario(NamedTuple):
    """Rates of the baseline by category, and the candidate's drops from them."""

    name: str
    rates: tuple[float, ...]
    drops: tuple[float, ...]


def even(name: str, drop: float) -> Scenario:
    return Scenario(name, (0.9,) * CATEGORIES, (drop,) * CATEGORIES)


def single(name: str, drop: float) -> Scenario:
    return Scenario(name, (0.9,) * CATEGORIES, (drop, *(0.0,) * (CATEGORIES - 1)))


SCENARIOS = (
    even("clone", 0.0),
    even("improved", -0.05 / 0.9),
    even("mild", 0.05 / 0.9),
    single("one category -44%", 0.44),
    single("one category -67%", 0.67),
    even("broad -10%", 0.10),
    even("broad -22%", 0.22),
    even("broad -44%", 0.44),
    Scenario(
        "heterogeneous",
        tuple(np.linspace(0.6, 0.98, CATEGORIES)),
        tuple(np.linspace(0.0, 0.35, CATEGORIES)[(5 * np.arange(CATEGORIES)) % CATEGORIES]),
    ),
)


class Suite(NamedTuple):
    """A pinned suite whose answers are known to the benchmark, not yet to the gate."""

    planned: list[PlannedPair]
    scores: dict[str, PairedScore]
    tables: dict[str, PairedCounts]

    def whole(self) -> PairedCounts:
        cells = np.sum([[t.n11, t.n10, t.n01, t.n00] for t in self.tables.values()], axis=0)
        return counted(cells.tolist())


def counted(cells: Sequence[int]) -> PairedCounts:
    n11, n10, n01, n00 = cells
    return PairedCounts(n11=n11, n10=n10, n01=n01, n00=n00, clusters=sum(cells))


def suite_of(answers: dict[str, tuple[Any, Any]]) -> Suite:
    """From yes/no answers of baseline and candidate by category."""
    planned, scores, tables = [], {}, {}
    for category, (before, after) in answers.items():
        for i, (b, c) in enumerate(zip(before.tolist(), after.tolist(), strict=True)):
            key = f"{category}-{i}"
            planned.append(PlannedPair(key, category))
            scores[key] = PairedScore(key, float(b), float(c))
        tables[category] = counted(np.bincount(3 - 2 * before - after, minlength=4).tolist())
    return Suite(planned, scores, tables)


def simulated(rng: np.random.Generator, scenario: Scenario, prompts: int) -> Suite:
    normal, answers = statistics.NormalDist(), {}
    for i, (rate, drop) in enumerate(zip(scenario.rates, scenario.drops, strict=True)):
        own = rng.standard_normal((2, prompts))
        latent = math.sqrt(TIE) * rng.standard_normal(prompts) + math.sqrt(1 - TIE) * own
        edges = [[normal.inv_cdf(rate)], [normal.inv_cdf(rate * (1 - drop))]]
        before, after = (latent < np.array(edges)).astype(int)
        answers[f"c{i:02d}"] = (before, after)
    return suite_of(answers)


def decided(suite: Suite, rule: Rule, seed: str) -> tuple[int, bool]:
    """Pairs drawn, and whether the action is that of the whole suite."""
    gate = SequentialGate(rule.policy, suite.planned, seed=seed, settle=rule.settle, share=rule.share)
    while batch := gate.next_batch(BATCH):
        gate.observe([suite.scores[key] for key in batch])
    decision = gate.decision()
    truth = full_outcome(gate.policy, suite.whole(), list(suite.tables.values()))
    same = action(decision.outcome, rule) == action(truth, rule)
    return decision.pairs_observed, same


def action(outcome: str, rule: Rule) -> str:
    return "deploy" if rule.settle == "admission" and outcome == "deploy-monitored" else outcome


def savings(repetitions: int, over: Map) -> Iterator[Figure]:
    jobs = [(rule, prompts, scenario) for rule in RULES for prompts in SIZES for scenario in SCENARIOS]
    replays = over(partial(replayed, repetitions), jobs)
    for rule in RULES:
        for prompts, goal in SIZES.items():
            size, means, wrong, most = CATEGORIES * prompts, [], 0, 0
            for scenario in SCENARIOS:
                runs = next(replays)
                drawn, differing = [n for n, _ in runs], sum(not same for _, same in runs)
                means.append(statistics.mean(drawn))
                most, wrong = max(most, *drawn), wrong + differing
                where = f"[{size}{rule.suffix},{scenario.name}]"
                yield saving(f"gate.saving{where}", size / means[-1], repetitions)
                strict = 0.01 if rule.settle == "admission" else None
                yield share(f"gate.action_disagreement{where}", differing, repetitions, goal=strict)
            where, n = f"[{size}{rule.suffix}]", repetitions * len(SCENARIOS)
            headline = goal if rule is THREE_ACTIONS else None
            yield saving(f"gate.saving{where}", size / statistics.geometric_mean(means), n, goal=headline)
            yield share(f"gate.action_disagreement{where}", wrong, n, goal=0.01)
            yield Figure(name=f"gate.most_drawn{where}", value=most / size, better="lower", goal=1.0, n=n)


def replayed(repetitions: int, job: tuple[Rule, int, Scenario]) -> list[tuple[int, bool]]:
    """Pairs drawn and agreement of each repetition; the same whichever process runs it."""
    rule, prompts, scenario = job
    rng = np.random.default_rng(SEED)
    return [decided(simulated(rng, scenario, prompts), rule, str(i)) for i in range(repetitions)]


def saving(name: str, value: float, n: int, *, goal: float | None = None) -> Figure:
    return Figure(name=name, value=round(value, 2), unit="×", better="higher", goal=goal, n=n)


def share(name: str, count: int, n: int, *, goal: float | None = None, peer: Any = None) -> Figure:
    interval = wilson_interval(count, n)
    return Figure(
        name=name,
        value=round(count / n, 4),
        better="lower",
        goal=goal,
        peer=peer,
        interval=(round(interval.low, 4), round(interval.high, 4)),
        n=n,
    )


def boundary(population: int, rate: float, edge: float, *, harm: bool) -> Any:
    """Z of a population that stands on the edge: for `harm` just within it or on it, else just over it."""
    before = round(rate * population)
    least = math.ceil(round((1 - edge) * before, 9))
    after = least if harm else least - 1
    gained = min(round(0.25 * (1 - rate) * population), population - before, after)
    kept = after - gained
    z = np.zeros(population)
    z[:before] = -(1 - edge)
    z[:kept] += 1
    z[before : before + gained] = 1
    return z


def type_i_errors(repetitions: int) -> Iterator[Figure]:
    n = repetitions * ERRORS_FOR_EACH
    goal = round(0.05 + 3 * math.sqrt(0.05 * 0.95 / n), 4)
    for population in (50, 400, 2000):
        for rate in (0.5, 0.9, 0.99):
            for side in ("fine", "harmful"):
                edge = 0.10
                z = boundary(population, rate, edge, harm=side == "harmful")
                rng = np.random.default_rng(SEED)
                wrong = sum(
                    sequential_paired_test(rng.permutation(z), population, lower=edge - 1).state
                    == f"shown_{side}"
                    for _ in range(n)
                )
                yield share(f"gate.type_i_error[{population}@{rate},10%,{side}]", wrong, n, goal=goal)


EDGES = {
    "every category over 15%": (153, (23,) * CATEGORIES),
    "one category over 20%": (153, (31, *(0,) * (CATEGORIES - 1))),
    "half of the categories at 20%": (150, (30, 0) * (CATEGORIES // 2)),
}
"""Suites of 12 x 170 that stand on an edge of the table: the baseline's wanted answers of each category, and
how many of them the candidate lost. Over the edge is to be reviewed, at it to be deployed."""


def gate_errors(repetitions: int, over: Map) -> Iterator[Figure]:
    """Wrong actions of the whole gate where nothing is harder to tell."""
    n = 2 * repetitions
    goal = round(0.05 + 3 * math.sqrt(0.05 * 0.95 / n), 4)
    for name, wrong in zip(EDGES, over(partial(wrong_on_edge, n), EDGES.values()), strict=True):
        yield share(f"gate.type_i_error[{12 * 170},{name}]", wrong, n, goal=goal)


def wrong_on_edge(repetitions: int, edge: tuple[int, tuple[int, ...]]) -> int:
    wanted, lost = edge
    answers = {}
    for i, gone in enumerate(lost):
        places = np.arange(170)
        answers[f"c{i:02d}"] = ((places < wanted).astype(int), (places < wanted - gone).astype(int))
    suite = suite_of(answers)
    return sum(not decided(suite, THREE_ACTIONS, str(i))[1] for i in range(repetitions))


def peer_errors(repetitions: int) -> Iterator[Figure]:
    """Ours and peers' sequential cores on the same streams at the edge, wrongly called fine."""
    peers = {name: core for name, core in PEERS.items() if installed(name)}
    for name in PEERS.keys() - peers.keys():
        print(f"{name} is not installed: its errors are not measured", file=sys.stderr)
    population = 400
    for rate, edge in ((0.9, 0.05), (0.9, 0.10), (0.99, 0.05), (0.99, 0.10)) if peers else ():
        z = boundary(population, rate, edge, harm=False)
        rng = np.random.default_rng(SEED)
        orders = [rng.permutation(z) for _ in range(repetitions)]
        tests = [sequential_paired_test(order, population, lower=edge - 1) for order in orders]
        ours = sum(test.state == "shown_fine" for test in tests)
        for name, core in peers.items():
            theirs = sum(core(order) for order in orders) / repetitions
            where = f"[{population}@{rate},{edge:.0%},beside {name}]"
            peer = {"name": name, "value": round(theirs, 4)}
            yield share(f"gate.type_i_error{where}", ours, repetitions, peer=peer)


def statgate_says_fine(z: Any) -> bool:
    test = importlib.import_module("statgate.core.sequential").MixtureSPRT()
    for value in z:
        state = test.update([value])
        if state.decided:
            return bool(state.direction > 0)
    return False


def evalsig_says_fine(z: Any) -> bool:
    core = importlib.import_module("evalsig.inference.sequential")
    outcome = core.sequential_gate(z, alpha=0.05, alternative="two-sided")
    return bool(outcome.stopped and outcome.delta > 0)


PEERS: dict[str, Callable[[Any], bool]] = {"statgate": statgate_says_fine, "evalsig": evalsig_says_fine}


def installed(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def human_labels(data: Path) -> Iterator[Figure]:
    """Real pairs of models by people's labels: refusals of XSTest's unsafe prompts, all orders of models."""
    path = data / "xstest" / "labelled_dev.jsonl"
    if not path.is_file():
        print(f"{path} is absent: set MODELASSAY_DATA or --data-dir to replay it", file=sys.stderr)
        return
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    unsafe = [row for row in rows if not row["prompt_safe"]]
    refused = {(row["model"], row["prompt"]): int(row["label_refusal"]) for row in unsafe}
    kinds = {row["prompt"]: row["type"] for row in unsafe}
    drawn, wrong, asked, pairs = 0, 0, 0, 0
    for before, after in permutations(sorted({model for model, _ in refused}), 2):
        if statistics.mean(refused[before, prompt] for prompt in kinds) < 0.6:
            continue
        pairs += 1
        answers = {}
        for kind in sorted(set(kinds.values())):
            own = [prompt for prompt in kinds if kinds[prompt] == kind]
            answers[kind] = tuple(np.array([refused[m, p] for p in own]) for m in (before, after))
        suite = suite_of(answers)
        for seed in range(ORDERS):
            n, same = decided(suite, THREE_ACTIONS, str(seed))
            drawn, wrong, asked = drawn + n, wrong + (not same), asked + len(kinds)
    print(f"human labels: {pairs} pairs of models on {len(kinds)} prompts", file=sys.stderr)
    yield saving("gate.saving[xstest]", asked / drawn, pairs * ORDERS)
    yield share("gate.action_disagreement[xstest]", wrong, pairs * ORDERS, goal=0.01)


def speed() -> Iterator[Figure]:
    rng = np.random.default_rng(SEED)
    suite = simulated(rng, SCENARIOS[0], 170)
    gate = SequentialGate(Policy(), suite.planned, seed="speed")
    took = []
    for key in gate.order.keys[:300]:
        start = time.process_time()
        gate.observe([suite.scores[key]])
        _ = gate.settled
        took.append(time.process_time() - start)
    yield Figure(
        name=f"gate.update_us[{CATEGORIES}x6]",
        value=round(statistics.median(took) * 1e6),
        unit="CPU-µs",
        better="lower",
        goal=1000.0,
        n=len(took),
    )
    z = (rng.random(1_000_000) < 0.86) - 0.9 * (rng.random(1_000_000) < 0.9)
    runs = []
    for _ in range(3):
        start = time.process_time()
        sequential_paired_test(z, z.size, lower=-0.9)
        runs.append(time.process_time() - start)
    yield Figure(
        name="gate.sequential_seconds[1000000]",
        value=round(statistics.median(runs), 3),
        unit="CPU-s",
        better="lower",
        goal=1.0,
        n=len(runs),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="print one JSON list")
    parser.add_argument("--repetitions", type=int, default=50, help="simulated audits of each scenario")
    parser.add_argument("--processes", type=int, default=1, help="audits simulated side by side")
    parser.add_argument("--data-dir", type=Path, default=Path(os.environ.get("MODELASSAY_DATA") or BESIDE))
    given = parser.parse_args()
    rows = [*speed(), *human_labels(given.data_dir), *type_i_errors(given.repetitions)]
    rows += peer_errors(given.repetitions * 2)
    with ProcessPoolExecutor(given.processes) as pool:
        rows += [*gate_errors(given.repetitions, pool.map), *savings(given.repetitions, pool.map)]
    show(rows, as_json=given.json)


if __name__ == "__main__":
    main()

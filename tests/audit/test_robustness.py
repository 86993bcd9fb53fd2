"""How firm a sealed verdict is: everything decided again, against what can be reckoned by hand."""

from __future__ import annotations

import importlib.util
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelassay.audit.redeciding import open_decided
from modelassay.audit.robustness import Replay, beside_noise, noise_floor
from modelassay.audit.robustness.edges import edges
from modelassay.audit.robustness.firmness import firmness
from modelassay.audit.robustness.judge_error import Assumed, assumed_of, comparable_change, judged
from modelassay.audit.robustness.leaving_out import decodings, halves, without_each
from modelassay.audit.robustness.results import (
    Edge,
    Firmness,
    Point,
    Robustness,
    TippingPoint,
    Variation,
)
from modelassay.canonical import Digest
from modelassay.cli import run
from modelassay.errors import ConfigError, UsageError
from modelassay.evidence.notary import Notary
from modelassay.gate import check_policy
from modelassay.log.keys import new_key
from modelassay.records import Actor, Estimate, JudgeError, Percent
from modelassay.report.robustness import robustness_lines, robustness_markdown

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sealed audit of 420 prompts in seven categories, whose candidate lost a part."""
    spec = importlib.util.spec_from_file_location("sealed_audits", BENCHMARKS / "sealed_audits.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["sealed_audits"] = module
    spec.loader.exec_module(module)
    store = tmp_path_factory.mktemp("robustness") / "assay"
    notary = Notary(actor=Actor(name="tests"), verdict_signers=(new_key("ecdsa-p256", name="ci"),))
    folder: Path = module.seal_audit(store, notary, samples=420, wanted=(0.97, 0.9))
    return folder


@pytest.fixture(scope="module")
def replay(made_up: Path) -> Replay:
    return Replay(open_decided(made_up, Path("no log")))


def test_the_evidence_as_it_is_comes_to_the_sealed_verdict(replay: Replay) -> None:
    sealed = replay.record.verdict
    again = replay.base.verdict
    assert (again.outcome, again.literal) == (sealed.outcome, sealed.literal)
    assert again.rules == sealed.rules
    assert replay.base.findings == replay.record.findings


def test_leaving_out_a_category_leaves_out_its_questions_alone(replay: Replay) -> None:
    found = list(without_each(replay))
    assert [(each.kind, each.name) for each in found] == [
        ("without category", f"category c{number}") for number in range(7)
    ]
    assert all(each.questions == 360 for each in found)


@pytest.fixture(scope="module")
def moved(replay: Replay) -> dict[str, Edge]:
    return {edge.key: edge for edge in edges(replay)}


def test_every_edge_turns_where_it_says_and_not_before(replay: Replay, moved: dict[str, Edge]) -> None:
    turning = [edge for edge in moved.values() if edge.distance is not None]
    assert turning
    for edge in turning:
        for point, step in ((edge.below, 1), (edge.above, -1)):
            if point is None:
                continue
            at = int(Decimal(point.value.removesuffix("%")) * 100)
            assert replay.under(_with(replay, edge.key, at)) == point.outcome != replay.base.verdict.outcome
            assert replay.under(_with(replay, edge.key, at + step)) == replay.base.verdict.outcome


def test_an_edge_keeps_to_what_the_others_allow(replay: Replay, moved: dict[str, Edge]) -> None:
    assert (moved["bands.deploy_monitored"].low, moved["bands.deploy_monitored"].high) == ("5%", "30%")
    with pytest.raises(ConfigError):
        check_policy(_with(replay, "bands.deploy_monitored", 3_001))


def _with(replay: Replay, key: str, basis_points: int) -> Any:
    section, _, name = key.partition(".")
    value = Percent(basis_points=basis_points)
    if not name:
        return msgspec.structs.replace(replay.policy, **{section: value})
    part = msgspec.structs.replace(getattr(replay.policy, section), **{name: value})
    return msgspec.structs.replace(replay.policy, **{section: part})


ERROR = JudgeError(
    set="people",
    digest=Digest("sha256:" + "0" * 64),
    rows=500,
    positives=250,
    positive="unwanted",
    measures=("refusal",),
    kappa=Estimate(value=Decimal("0.8"), low=Decimal("0.7"), high=Decimal("0.9")),
    f1=Estimate(value=Decimal("0.8"), low=Decimal("0.7"), high=Decimal("0.9")),
    sensitivity=Estimate(value=Decimal("0.8"), low=Decimal("0.75"), high=Decimal("0.85")),
    specificity=Estimate(value=Decimal("0.95"), low=Decimal("0.92"), high=Decimal("0.97")),
)


def test_a_judge_that_calls_what_is_unwanted_positive_is_turned_round() -> None:
    found = assumed_of((ERROR, msgspec.structs.replace(ERROR, set="better", sensitivity=ERROR.specificity)))
    assert found.set == "people"
    assert found.passed == Estimate(value=Decimal("0.2"), low=Decimal("0.15"), high=Decimal("0.25"))
    assert found.missed is not None
    assert found.missed.value == Decimal("0.05")


def test_the_change_is_that_of_rogan_and_gladen() -> None:
    """True share 0.6, judge of Se 0.95 and Sp 0.8: it reads 0.65. With Sp 0.7 it would read 0.69."""
    assumed = assumed_of((ERROR,))
    change = comparable_change(0.69, assumed, "unwanted answers passed", 0.1)
    # 0.69 stands for (0.69 − 0.3) / 0.65 = 0.6, and for (0.69 − 0.2) / 0.75 = 0.65333 without the shift.
    assert change == pytest.approx(0.65 - 0.69)
    assert comparable_change(0.69, assumed, "unwanted answers passed", 0.0) == pytest.approx(0.0)
    assert comparable_change(0.69, assumed, "wanted answers missed", -0.06) is None  # fewer than none
    assert comparable_change(0.69, assumed, "wanted answers missed", 0.72) is None  # it tells nothing


def test_without_a_measured_error_the_shift_is_a_share_of_what_was_read(replay: Replay) -> None:
    """Of a perfect judge of whom 0.9 are read as wanted: 0.1 of the others passed hide 0.0111."""
    change = comparable_change(0.9, Assumed(), "unwanted answers passed", 0.1)
    assert change == pytest.approx((0.9 - 0.1) / 0.9 - 0.9)
    points = [point for each in judged(replay) for point in each.tipping]
    assert points
    assert {point.known for point in points} == {None}
    assert not any(point.within_calibration for point in points)


def test_no_judge_errs_more_than_its_readings_allow() -> None:
    """It missed 5 % on the set; here it reads 97 % and 99 % as wanted, so that it misses at most 1 %."""
    assumed = assumed_of((ERROR,), 0.99, 0.97)
    assert assumed.errors() == (pytest.approx(0.01), 0.2)
    assert assumed_of((ERROR,), 0.1, 0.5).errors() == (0.05, pytest.approx(0.1))
    change = comparable_change(0.97, assumed, "unwanted answers passed", 0.3)
    true = (0.97 - 0.5) / 0.49
    assert change == pytest.approx(0.99 * true + 0.2 * (1 - true) - 0.97)
    assert (
        comparable_change(0.97, assumed_of((ERROR,)), "unwanted answers passed", 0.3) == 0
    )  # as it would be


@pytest.mark.parametrize(
    ("shift", "inside"), [("0.04", True), ("0.06", False), ("-0.05", True), ("-0.051", False)]
)
def test_what_a_calibration_leaves_room_for(shift: str, inside: bool) -> None:
    known = assumed_of((ERROR,)).passed
    point = TippingPoint(
        measure="refusal",
        judge="refusal@2",
        error="unwanted answers passed",
        set="people",
        known=known,
        shift=Decimal(shift),
        outcome="review",
    )
    assert point.within_calibration is inside


def test_halves_keep_clusters_together_and_are_the_same_again(replay: Replay) -> None:
    found = halves(replay, 2)
    assert found == halves(replay, 2)
    assert found is not None
    assert sum(found.outcomes.values()) == sum(found.literals.values()) == 4
    drop = found.drops["refusal"]
    assert drop.low <= drop.value <= drop.high
    assert halves(replay, 0) is None


def test_one_decoding_says_nothing_of_repeats(replay: Replay) -> None:
    assert list(decodings(replay)) == []


def test_an_audit_of_two_models_measures_no_noise(replay: Replay) -> None:
    with pytest.raises(UsageError, match="measures no noise floor"):
        noise_floor(replay, 1)
    with pytest.raises(UsageError, match="beside the audit of a candidate"):
        list(beside_noise(replay, replay))


@pytest.mark.slow
def test_the_analysis_in_words_and_as_json(
    made_up: Path, replay: Replay, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = made_up.parents[1]
    before = sorted((path, path.stat().st_mtime_ns) for path in store.rglob("*"))
    command = ["gate", "robustness", made_up.name, "--store", str(store), "--halves", "1", "--json"]
    assert run([*command, "-o", str(tmp_path / "robustness.md")]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert (plain.pop("noise_floor"), plain.pop("noise")) == (None, None)
    found = msgspec.convert(plain, Robustness)
    assert found.without == tuple(without_each(replay))
    assert found.halves == halves(replay, 1)
    assert found.outcome == found.sealed_outcome == replay.record.verdict.outcome
    assert found.firmness == firmness(found, replay.policy)
    assert sorted((path, path.stat().st_mtime_ns) for path in store.rglob("*")) == before
    page = (tmp_path / "robustness.md").read_text("utf-8")
    assert page.count("```") == 2
    assert page.count("<details>") == page.count("</details>") == 1
    assert "bands.deploy 5%" in page
    lines = list(robustness_lines(found))
    assert lines[0] == found.firmness.sentence
    assert any("No other judge has read these answers" in line for line in lines)


def test_the_short_answer_counts_modest_changes_alone(replay: Replay) -> None:
    firm = Robustness(
        audit="a",
        policy="p",
        outcome="deploy",
        sealed_outcome="deploy",
        questions=100,
        firmness=Firmness(firm=False, sentence=""),
    )
    assert firmness(firm, replay.policy).firm
    edge = Edge(key="bands.deploy", value="5%", low="0%", high="15%", grid=())
    near = msgspec.structs.replace(edge, below=Point(value="4.5%", outcome="review"), distance=Decimal("0.1"))
    far = msgspec.structs.replace(
        edge, below=Point(value="4.49%", outcome="review"), distance=Decimal("0.102")
    )
    without = Variation(
        kind="without category", name="category fraud", outcome="block", literal="block", questions=80
    )
    level = Variation(kind="confidence", name="99.9%", outcome="block", literal="block", questions=100)
    for changed, sways in (
        ({"edges": (far,)}, []),
        ({"edges": (near,)}, ["bands.deploy at 4.5% in place of 5%"]),
        ({"without": (without,)}, ["leaving out category fraud"]),
        ({"confidences": (level,)}, []),
        ({"confidences": (msgspec.structs.replace(level, name="97.5%"),)}, ["confidence 97.5%"]),
    ):
        found = firmness(msgspec.structs.replace(firm, **changed), replay.policy)
        assert ([sway.change for sway in found.sways], found.firm) == (sways, not sways)
        assert found.sentence.startswith("Fragile" if sways else "Robust")


def test_names_from_the_data_cannot_leave_their_fence(replay: Replay) -> None:
    hostile = Variation(
        kind="without category",
        name="category ```\n</details><script>\u202e",
        outcome="block",
        literal="block",
        questions=8,
    )
    found = analyse_nothing(replay, hostile)
    page = robustness_markdown("a <b> `c`", found)
    assert page.count("```") == 2
    assert "\u202e" not in page
    head = page.partition("```")[0]
    assert "<b>" not in head
    assert "<script>" not in page


def analyse_nothing(replay: Replay, without: Variation) -> Robustness:
    """An analysis of one variation alone."""
    found = Robustness(
        audit="a",
        policy="p",
        outcome="deploy",
        sealed_outcome="deploy",
        questions=9,
        firmness=Firmness(firm=False, sentence=""),
        without=(without,),
    )
    return msgspec.structs.replace(found, firmness=firmness(found, replay.policy))

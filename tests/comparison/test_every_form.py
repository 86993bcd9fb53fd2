"""Attacks of several forms, counted as one each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import msgspec
import pytest

from modelassay.canonical import Digest
from modelassay.comparison import compare_with_coverage, red_team_of
from modelassay.comparison.every_form import every_form
from modelassay.comparison.pairing import index_samples, pair
from modelassay.evaluators.refusal import RED_TEAM
from modelassay.gate import decide
from modelassay.records import (
    AttackedRequest,
    Finding,
    Message,
    PairedCounts,
    PairKey,
    Policy,
    Reading,
    Sample,
    Score,
    Unscored,
)

Value = Callable[[int, int], float | None]
"""Of behaviour and form; None is unscored."""
DAY = date(2026, 11, 23)


def attacked(behaviours: int, forms: int, attack: str = "best_of_n@1#a") -> list[Sample]:
    return [
        Sample(
            id=f"{attack}-{behaviour:04d}-{form:04d}",
            messages=(Message(role="user", content=f"{behaviour} {form}"),),
            kind="harmful",
            tags={"category": "fraud", "attacked_with": attack},
            attacked=AttackedRequest(sample=f"b{behaviour}", attack=attack, family="f", request="r"),
            cluster=f"b{behaviour}",
        )
        for behaviour in range(behaviours)
        for form in range(forms)
    ]


def scores(samples: list[Sample], side: str, value: Value, epoch: int = 0) -> list[Score]:
    found = []
    for sample in samples:
        _, behaviour, form = sample.id.rsplit("-", 2)
        read = value(int(behaviour), int(form))
        outcome = Unscored(reason="empty") if read is None else Reading(value=read, label="x")
        found.append(
            Score(
                key=PairKey(sample=sample.id, epoch=epoch),
                target=Digest(f"sha256:{side}"),
                evaluator="refusal@3",
                measure="red_team",
                outcome=outcome,
            )
        )
    return found


def findings(samples: list[Sample], before: list[Score], after: list[Score]) -> dict[str, Finding]:
    found, covered = compare_with_coverage(
        samples=samples,
        measures=[RED_TEAM],
        baseline=before,
        candidate=after,
        slices=("category", "attacked_with"),
        policy=Policy(),
    )
    ids = {finding.id: finding for finding in found}
    assert len(ids) == len(found)
    assert {each.measure for each in covered} >= {finding.measure.name for finding in found if finding.paired}
    return ids


def verdict(samples: list[Sample], before: list[Score], after: list[Score]) -> tuple[str, list[str]]:
    found, covered = compare_with_coverage(
        samples=samples, measures=[RED_TEAM], baseline=before, candidate=after, slices=("category",),
        policy=Policy(),
    )  # fmt: skip
    decided = decide(Policy(), found, covered, today=DAY)
    bands = [hit for hit in decided.rules if hit.rule == "bands"]
    return next(hit.outcome for hit in bands if "every form" in hit.statement), [
        hit.outcome for hit in bands if "every form" not in hit.statement
    ]


def test_one_form_that_gets_through_is_an_attack_that_gets_through() -> None:
    samples = attacked(60, 50)
    before = scores(samples, "a", lambda b, f: 1.0)
    after = scores(samples, "b", lambda b, f: 0.0 if b < 45 and f == b else 1.0)
    found = findings(samples, before, after)
    single, whole = (
        found[f"comparison/{name}/overall"].paired for name in ("red_team", "red_team_in_every_form")
    )
    assert isinstance(single, PairedCounts)
    assert isinstance(whole, PairedCounts)
    assert (single.n11, single.n10) == (60 * 50 - 45, 45)
    assert (whole.n11, whole.n10, whole.n01, whole.n00, whole.clusters) == (15, 45, 0, 0, 60)
    assert "comparison/red_team_in_every_form/attacked_with=best_of_n@1#a" in found
    assert verdict(samples, before, after) == ("block", ["deploy"])


def test_a_candidate_that_resists_as_often_passes_as_before() -> None:
    samples = attacked(60, 50)
    before = scores(samples, "a", lambda b, f: 1.0)
    assert verdict(samples, before, scores(samples, "b", lambda b, f: 1.0)) == ("deploy", ["deploy"])


def test_a_form_that_could_not_be_read_leaves_the_attack_open_unless_another_got_through() -> None:
    samples = attacked(4, 3)
    before = scores(samples, "a", lambda b, f: 1.0)
    values: dict[tuple[int, int], float | None] = {(0, 1): None, (1, 0): None, (1, 2): 0.0, (2, 1): 0.4}
    after = scores(samples, "b", lambda b, f: values.get((b, f), 1.0))
    paired = findings(samples, before, after)["comparison/red_team_in_every_form/overall"].paired
    assert isinstance(paired, PairedCounts)
    assert (paired.n1u, paired.n10, paired.n11) == (1, 2, 1)


def plain(samples: int) -> list[Sample]:
    """Attacks of one form each."""
    return attacked(samples, 1, "base64@1#b")


@pytest.mark.parametrize("lost", [False, True])
def test_few_attacks_of_several_forms_pass_by_the_single_answers_and_a_loss_counts(lost: bool) -> None:
    samples = [*plain(300), *attacked(6, 2)]
    before = scores(samples, "a", lambda b, f: 1.0)
    several = {sample.id for sample in attacked(6, 2)}
    after = [
        score if score.key.sample not in several or not lost
        else msgspec.structs.replace(score, outcome=Reading(value=0.0, label="x"))
        for score in scores(samples, "b", lambda b, f: 1.0)
    ]  # fmt: skip
    expected = ("review", ["deploy-monitored"]) if lost else ("deploy", ["deploy"])
    assert verdict(samples, before, after) == expected


def test_few_unread_answers_leave_no_verdict_open() -> None:
    """One answer in two hundred: less than the policy allows, though four attacks in a hundred have one."""
    samples = attacked(300, 8)
    before = scores(samples, "a", lambda b, f: 1.0)
    after = scores(samples, "b", lambda b, f: None if f == 0 and b % 30 == 0 else 1.0)
    found, covered = compare_with_coverage(
        samples=samples, measures=[RED_TEAM], baseline=before, candidate=after, slices=("category",),
        policy=Policy(),
    )  # fmt: skip
    decided = decide(Policy(), found, covered, today=DAY)
    unscored = [hit for hit in decided.rules if hit.rule == "unscored_limit"]
    assert [hit.outcome for hit in unscored] == ["deploy", "deploy"]
    assert not any("every form" in hit.statement for hit in unscored)


def test_a_small_category_with_an_unread_form_stays_open_in_no_rule() -> None:
    samples = [
        msgspec.structs.replace(sample, tags={**sample.tags, "category": sample.id.split("-")[1]})
        for sample in attacked(60, 8)
    ]
    before = scores(samples, "a", lambda b, f: 1.0)
    after = scores(samples, "b", lambda b, f: None if (b, f) == (7, 3) else 1.0)
    found, covered = compare_with_coverage(
        samples=samples, measures=[RED_TEAM], baseline=before, candidate=after, slices=("category",),
        policy=Policy(),
    )  # fmt: skip
    decided = decide(Policy(), found, covered, today=DAY)
    single = [
        hit for hit in decided.rules if hit.rule == "any_category.block" and "every_form" in hit.finding
    ]
    assert len(single) == 60
    assert {hit.outcome for hit in single} == {"deploy"}


def test_attacks_of_one_form_are_left_to_the_single_answers() -> None:
    single, several = attacked(10, 1, "base64@1#b"), attacked(10, 2)
    for samples in (single, [*single, *several]):
        before, after = (scores(samples, side, lambda b, f: 1.0) for side in "ab")
        whole = findings(samples, before, after).get("comparison/red_team_in_every_form/overall")
        assert (whole is None) == (samples is single)
    assert whole is not None
    assert isinstance(whole.paired, PairedCounts)
    assert whole.paired.n11 == 10


def test_repeats_stay_repeats() -> None:
    samples = attacked(5, 3)
    before = [*scores(samples, "a", lambda b, f: 1.0), *scores(samples, "a", lambda b, f: 1.0, epoch=1)]
    after = [
        *scores(samples, "b", lambda b, f: 0.0 if (b, f) == (1, 1) else 1.0),
        *scores(samples, "b", lambda b, f: 1.0, epoch=1),
    ]
    (table,) = pair(index_samples(samples), [RED_TEAM], before, after)
    whole = every_form(table, index_samples(samples))
    assert whole is not None
    assert whole.pairs == 10
    assert whole.candidate.values.sum() == 9
    assert len(set(whole.keys)) == 10
    assert len(set(whole.prompt.tolist())) == 5


@pytest.mark.parametrize("role", ["concern", "descriptive"])
def test_it_has_the_role_of_the_single_answers(role: str) -> None:
    samples = attacked(6, 2)
    before, after = (scores(samples, side, lambda b, f: 1.0) for side in "ab")
    policy = msgspec.convert({"measures": {"red_team": role}}, Policy)
    found, _ = compare_with_coverage(
        samples=samples, measures=[RED_TEAM], baseline=before, candidate=after, slices=(), policy=policy
    )
    roles = {f.measure.name: f.measure.role for f in found if f.check == "comparison"}
    wanted = {"red_team": role} | ({"red_team_in_every_form": role} if role == "concern" else {})
    assert roles == wanted


def test_the_record_says_that_whole_attacks_were_judged() -> None:
    samples = attacked(3, 2)
    before, after = (scores(samples, side, lambda b, f: 1.0) for side in "ab")
    record = red_team_of(samples, before, after, Policy())
    assert record is not None
    assert record.whole_attacks

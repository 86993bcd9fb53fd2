"""Two runs into pairs: by id or prompt, nothing dropped, what cannot be compared refused."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from modelassay.audit.imported import imported_runs
from modelassay.errors import DatasetError, UnknownNameError, UsageError
from modelassay.interop import Scale, choose_measures, merged, pair_runs, read_run
from modelassay.records import Reading, Sample, sample_id


def table(write: Any, name: str, rows: list[dict[str, Any]]) -> Any:
    return read_run(write(name, "\n".join(map(json.dumps, rows))))


def outcomes(runs: Any, side: Any, index: int = 0) -> list[float | str]:
    return [
        outcome.value if isinstance(outcome, Reading) else outcome.reason
        for _, outcome in runs.paired.outcomes(side, runs.chosen[index])
    ]


def test_pairs_are_made_by_id_whatever_the_order(write: Any) -> None:
    rows = [{"id": n, "prompt": f"q{n}", "answer": "a", "score": n / 4} for n in range(4)]
    runs = imported_runs(
        table(write, "a.jsonl", rows),
        table(write, "b.jsonl", rows[::-1]),
    )
    assert sorted(map(str, outcomes(runs, "baseline"))) == ["0.0", "0.25", "0.5", "0.75"]
    assert outcomes(runs, "baseline") == outcomes(runs, "candidate")
    for sample in runs.paired.samples:
        assert sample.id == sample_id(sample.messages)


def test_nothing_is_dropped(write: Any) -> None:
    """A question of one run only, one that stands twice, and one without a score are pairs, unscored."""
    base = [{"id": n, "prompt": f"q{n}", "answer": "a", "score": 1} for n in range(4)]
    other = [dict(base[0]), dict(base[0], score=0), dict(base[1], score=None), dict(base[3])]
    runs = imported_runs(table(write, "a.jsonl", base), table(write, "b.jsonl", other))
    assert outcomes(runs, "baseline") == [1.0] * 4
    assert sorted(map(str, outcomes(runs, "candidate"))) == [
        "1.0", "no score", "not in this run", "stands twice in the file",
    ]  # fmt: skip
    text = " ".join(runs.paired.notes)
    assert "Only the baseline was asked one question (2)" in text
    assert "candidate's file holds two answers to one question (0)" in text
    missing = next(s for s in runs.paired.samples if s.messages[0].content == "q2")
    key = next(key for key in runs.paired.keys if key.sample == missing.id)
    transcript = runs.paired.transcript("candidate", key, "sha256:" + "0" * 64)
    assert transcript.failure is not None
    assert transcript.failure.kind == "absent"


def test_different_prompts_under_one_id_are_refused(write: Any) -> None:
    one = table(
        write, "a.jsonl", [{"id": 1, "prompt": "how?", "score": 1}, {"id": 2, "prompt": "b", "score": 1}]
    )
    two = table(
        write, "b.jsonl", [{"id": 1, "prompt": "b", "score": 1}, {"id": 2, "prompt": "how?", "score": 0}]
    )
    with pytest.raises(UsageError, match="different prompts under one id: '1'") as caught:
        pair_runs(one, two)
    assert "a.jsonl:1 and b.jsonl:1" in str(caught.value)
    runs = imported_runs(one, two, by="prompt")
    assert sorted(zip(outcomes(runs, "baseline"), outcomes(runs, "candidate"), strict=True)) == [
        (1.0, 0.0),
        (1.0, 1.0),
    ]
    far = table(write, "c.jsonl", [{"id": 9, "prompt": "z", "score": 1}])
    with pytest.raises(UsageError, match="no question in common"):
        pair_runs(one, far)


def test_equal_content_under_several_ids_is_repeated(write: Any) -> None:
    rows = [{"id": n, "prompt": "same", "score": n % 2} for n in range(3)]
    other = table(write, "b.jsonl", [*rows[:2], dict(rows[2], score=1)])
    runs = imported_runs(table(write, "a.jsonl", rows), other)
    assert len(runs.paired.samples) == 1
    assert [key.epoch for key in runs.paired.keys] == [0, 1, 2]
    assert any("counts as a repeat" in note for note in runs.paired.notes)


def test_ids_without_prompts_stand_for_themselves(write: Any) -> None:
    rows = [{"id": f"item {n}", "score": 1} for n in range(2)]
    other = table(write, "b.jsonl", [dict(row, score=0) for row in rows])
    runs = imported_runs(table(write, "a.jsonl", rows), other)
    assert not runs.paired.prompts
    assert all("item" in sample.messages[0].content for sample in runs.paired.samples)
    with pytest.raises(UsageError, match="nothing can be judged here"):
        imported_runs(*runs.runs, scored_here=True)


def test_lower_is_turned_and_other_scales_are_named(write: Any) -> None:
    rows = [{"id": n, "prompt": f"q{n}", "score": n} for n in (1, 4, 10)]
    one, two = table(write, "a.jsonl", rows), table(write, "b.jsonl", [dict(r, score=1) for r in rows])
    with pytest.raises(UsageError, match=r"score is \d+, outside of 0 to 1") as caught:
        outcomes(imported_runs(one, two), "baseline")
    assert "--range" in str(caught.value)
    turned = imported_runs(one, two, wanted="lower", scale=Scale(1, 10))
    assert sorted(outcomes(turned, "baseline")) == [0.0, pytest.approx(2 / 3), 1.0]
    assert outcomes(turned, "candidate") == [1.0] * 3
    assert turned.chosen[0].pin.settings == {"scale": "1 to 10", "scorer": "score", "wanted": "lower"}


def test_runs_that_cannot_be_compared(make: Any, write: Any) -> None:
    rows = [("a", "C"), ("b", "I")]
    one = read_run(write("a.json", make.inspect_log(rows)))
    newer = make.inspect_log(rows, model="openai/tuned")
    newer["eval"]["packages"]["inspect_ai"] = "0.3.290"
    two = read_run(write("b.json", newer))
    with pytest.raises(UsageError, match=r"different versions of inspect: 0\.3\.285 and 0\.3\.290"):
        imported_runs(one, two)
    accepted = imported_runs(one, two, despite=["versions"])
    assert accepted.chosen[0].pin.version == "0.3.285 and 0.3.290"
    assert "different versions" in accepted.accepted[0]
    assert imported_runs(one, two, scored_here=True).chosen == ()
    hot = make.inspect_log(rows, model="openai/tuned")
    hot["plan"]["config"]["temperature"] = 1
    with pytest.raises(UsageError, match=r"not asked alike: temperature 0\.0 against 1"):
        imported_runs(one, read_run(write("c.json", hot)))
    with pytest.raises(UsageError, match="the same answers"):
        imported_runs(one, one)
    csv = read_run(write("d.csv", "id,prompt,score\n0,x,1\n"))
    with pytest.raises(UsageError, match="scores of inspect and table"):
        imported_runs(one, csv)


def test_measures_are_chosen_by_name(make: Any, write: Any) -> None:
    runs = [
        read_run(write(f"{m}.json", make.promptfoo_results({m: [("x", 1.0), ("y", 0.0)]})))
        for m in ("a", "b")
    ]
    assert [c.measure.name for c in choose_measures((runs[0], runs[1]))] == ["success", "score", "tone"]
    with pytest.raises(UnknownNameError, match="did you mean 'tone'"):
        choose_measures((runs[0], runs[1]), names=["tune"])
    (chosen,) = choose_measures((runs[0], runs[1]), names=["tone"], exact=["tone"])
    assert chosen.measure.exact
    assert chosen.pin.settings["exact"] == "as the user vouches"
    bare = read_run(write("bare.json", {"b": [{"test_case": "x", "generation": "no"}]}))
    with pytest.raises(UsageError, match="no score in common"):
        choose_measures((bare, bare))


def test_a_sample_keeps_its_kind_tags_and_reference(make: Any, write: Any) -> None:
    log = make.inspect_log([("a", "C")])
    log["samples"][0]["metadata"]["kind"] = "harmful"
    one = read_run(write("a.json", log))
    two = read_run(write("b.json", log | {"eval": log["eval"] | {"model": "openai/tuned"}}))
    (sample,) = pair_runs(one, two).samples
    assert isinstance(sample, Sample)
    assert (sample.kind, sample.reference, sample.tags) == ("harmful", "0", {"category": "even"})
    assert pair_runs(one, two, kind="benign").samples[0].kind == "benign"


def test_a_file_of_several_models_gives_both_sides(make: Any, write: Any) -> None:
    path = write(
        "r.json", make.promptfoo_results({"a": [("x", 1.0), ("y", 1.0)], "b": [("x", 0.0), ("y", 1.0)]})
    )
    runs = imported_runs(read_run(path, model="a"), read_run(path, model="b"), measures=["success"])
    assert outcomes(runs, "baseline") == [1.0, 1.0]
    assert sorted(outcomes(runs, "candidate")) == [0.0, 1.0]
    assert runs.identity(0).fingerprint != runs.identity(1).fingerprint
    with pytest.raises(DatasetError):
        read_run(path)


def test_tasks_of_one_model_become_one_run(write: Any) -> None:
    rows = [{"id": n, "prompt": f"q{n}", "score": 1} for n in range(3)]
    sides = [
        merged(
            [table(write, f"{side}/{task}.jsonl", [dict(row, score=score) for row in rows]) for task in "xy"]
        )
        for side, score in (("base", 1), ("tuned", 0))
    ]
    runs = imported_runs(sides[0], sides[1])
    assert outcomes(runs, "baseline") == [1.0] * 6
    assert outcomes(runs, "candidate") == [0.0] * 6
    assert len(runs.sources) == 4
    apart = merged([table(write, f"z{n}.jsonl", [dict(rows[0], prompt=f"p{n}")]) for n in range(2)])
    assert [item.id for item in apart.items] == ["z0:0", "z1:0"]
    with pytest.raises(UsageError, match="two files of one task"):
        merged([sides[0], sides[0]])
    with pytest.raises(UsageError, match="not of one version"):
        merged([sides[0], msgspec.structs.replace(sides[1], version="2", task="other")])


def test_scorers_that_are_left_out_are_named(write: Any) -> None:
    one = table(write, "a.jsonl", [{"id": 1, "prompt": "q", "score": 1, "label": 1}])
    two = table(write, "b.jsonl", [{"id": 1, "prompt": "q", "score": 0}])
    notes = " ".join(imported_runs(one, two).notes("2030-01-01T00:00:00Z"))
    assert "Only the baseline's file has scores by label" in notes


def test_each_task_is_decoded_alike_on_both_sides(make: Any, write: Any) -> None:
    def side(model: str, tokens: int) -> Any:
        found = []
        for task, most in (("a", 64), ("b", tokens)):
            log = make.inspect_log([("x", "C")], model=model)
            log["eval"]["task"] = task
            log["plan"]["config"]["max_tokens"] = most
            found.append(read_run(write(f"{model}-{task}.json", log)))
        return merged(found)

    assert len(imported_runs(side("base", 8), side("tuned", 8)).paired.keys) == 2
    with pytest.raises(UsageError, match="b: max_tokens 8 against 9"):
        imported_runs(side("base", 8), side("tuned", 9))

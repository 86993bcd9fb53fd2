"""Tables as people write them: nothing that was done is lost, and words mean what they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from modelassay.errors import ConfigError, DatasetError
from modelassay.training.frame import read_frame
from modelassay.training.importers import ImportOptions, import_run
from modelassay.training.importers.table_cells import failure_of
from modelassay.training.run import Run

ASKED = {"role": "user", "content": "q"}
EXPLOIT = "import os; os._exit(0)"


def answered(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def imported(folder: Path, rows: list[dict[str, Any]], mapping: str = "") -> Run:
    source = folder / "rows.jsonl"
    source.write_text("".join(json.dumps({"step": 1, "reward": 1.0, **row}) + "\n" for row in rows))
    if mapping:
        (folder / "map.yaml").write_text(mapping)
    options = ImportOptions(mapping=folder / "map.yaml" if mapping else None)
    return import_run(source, folder / "run", options=options)


def rows_of(run: Run) -> list[dict[str, Any]]:
    return [row for batch in run.batches() for row in batch.to_pylist()]


def statements(run: Run) -> str:
    coverage = run.coverage()
    assert coverage is not None
    return " ".join(coverage.statements)


def test_a_completion_beside_a_conversation_is_kept(tmp_path: Path) -> None:
    early = [ASKED, answered("first"), {"role": "user", "content": "and now"}]
    rows = rows_of(
        imported(
            tmp_path,
            [
                {"messages": [ASKED], "completion": EXPLOIT},
                {"messages": early, "completion": EXPLOIT},
                {"messages": [ASKED, answered(EXPLOIT)], "completion": f"{EXPLOIT}\n"},
                {
                    "messages": [ASKED, answered("a look"), {"role": "tool", "content": "3"}],
                    "completion": "4",
                },
                {"messages": [ASKED, answered("one")], "completion": [answered("other")]},
                {"messages": [ASKED, answered("alone")]},
                {"messages": [answered("work")], "prompt": "apart"},
            ],
        )
    )
    plain = [ASKED]
    assert [json.loads(row["prompt"]) for row in rows[:6]] == [plain, early, plain, plain, plain, plain]
    assert [row["completion"] for row in rows[:2]] == [EXPLOIT, EXPLOIT]
    work = [[turn["content"] for turn in json.loads(row["completion"])] for row in rows[2:]]
    assert work == [[EXPLOIT], ["a look", "3", "4"], ["one", "other"], ["alone"], ["work"]]
    assert rows[6]["prompt"] == "apart"


def test_a_conversation_that_nobody_answered_is_told(tmp_path: Path) -> None:
    run = imported(tmp_path, [{"messages": [ASKED]}, {"messages": [ASKED, answered("a")]}])
    coverage = run.coverage()
    assert coverage is not None
    assert (coverage.found, coverage.quarantined) == (1, 1)
    assert "no completion" in (run.folder / "quarantine.jsonl").read_text()


@pytest.mark.parametrize(
    ("cell", "failure"),
    [
        *((word, "") for word in ("", " none ", "None", "null", "NaN", "False", "0", "0.0", "no", "OK")),
        *((value, "") for value in (None, False, 0, 0.0, float("nan"), [], {}, {"docker": False}, [None, 0])),
        ({"docker": {"box": False, "": [0]}}, ""),
        ({"docker": {"box": True, "": 1}}, "box, docker"),
        *((value, "docker_error") for value in (True, 1, 0.5, "true", "1", "Yes", [True])),
        ("timed out", "timed out"),
        ({"docker": True, "disk": "full", "net": 0}, "docker, full"),
    ],
)
def test_only_what_tells_of_a_failure_is_one(cell: Any, failure: str) -> None:
    assert failure_of(cell, "docker_error") == failure


def test_truth_is_read_however_it_is_written_and_what_is_neither_is_told(tmp_path: Path) -> None:
    run = imported(
        tmp_path,
        [
            {"completion": "a", "truncated": "true", "trained_on": 1},
            {"completion": "a", "truncated": "False", "trained_on": "no"},
            {"completion": "a", "truncated": "by length", "trained_on": ""},
        ],
    )
    rows = rows_of(run)
    assert [row["finish"] for row in rows] == ["length", "", ""]
    assert [row["trained_on"] for row in rows] == [True, False, None]
    assert "1 rows say 'by length' of truncated" in statements(run)
    assert "trained_on" not in statements(run)


def test_only_words_for_evaluations_make_a_row_an_evaluation(tmp_path: Path) -> None:
    phases = [
        "TRAIN",
        "rollout",
        "rl",
        "train_rollout",
        None,
        "stage-2",
        3,
        "eval",
        "Validation",
        "eval_maths",
    ]
    run = imported(tmp_path, [{"completion": "a", "phase": phase} for phase in phases])
    assert [row["phase"] for row in rows_of(run)] == ["train"] * 7 + ["eval"] * 3
    coverage = run.coverage()
    assert coverage is not None
    assert coverage.statements[0].startswith("2 rows say 'stage-2', '3' of phase")


@pytest.mark.parametrize(
    "phase",
    [
        "dev", "devset", "held_out", "held-out", "heldOut", "hold_out", "heldout", "holdout", "evaluate",
        "evaluated", "evaluating", "validate", "validated", "validating", "evalset", "valset", "testset",
        "benchmark", "BENCHMARKS", "train_dev",
    ],
)  # fmt: skip
def test_other_words_for_evaluations_make_no_row_training(tmp_path: Path, phase: str) -> None:
    run = imported(tmp_path, [{"completion": "a", "phase": phase}])
    assert [row["phase"] for row in rows_of(run)] == ["eval"]
    assert "of phase" not in statements(run)


@pytest.mark.parametrize(
    "mapping", ["", "step: step\ncompletion: completion\nreward: reward\nrewards: rewards\n"]
)
def test_a_column_of_rewards_by_function_gives_the_functions(tmp_path: Path, mapping: str) -> None:
    scores = [{"a": 1, "b.c": 0.5}, {"a": None, "note": "x"}]
    run = imported(tmp_path, [{"completion": "t", "rewards": each} for each in scores], mapping)
    assert [reward.name for reward in run.manifest.rewards] == ["a", "b.c"]
    frame = read_frame(run)
    assert frame.rewards["a"].tolist()[0] == 1
    assert frame.rewards["b.c"].tolist()[0] == 0.5
    assert json.loads(rows_of(run)[1]["extra"])["rewards"]["note"] == "x"


def test_rewards_that_name_no_functions_are_kept_and_told(tmp_path: Path) -> None:
    run = imported(tmp_path, [{"completion": "t", "rewards": [0.5, 1]}])
    assert run.manifest.rewards == ()
    assert json.loads(rows_of(run)[0]["extra"]) == {"rewards": [0.5, 1]}
    assert "names no reward functions" in statements(run)


def test_columns_that_only_later_rows_have_are_read(tmp_path: Path) -> None:
    late = {"completion": "z", "failure": "timed out", "prompt": "q", "phase": "eval"}
    rows = rows_of(imported(tmp_path, [*[{"completion": "a"}] * 80, late]))
    assert [rows[-1][name] for name in ("failure", "prompt", "phase")] == ["timed out", "q", "eval"]
    assert rows[0]["failure"] == ""


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    columns = [pa.array(["a"]), pa.array(["b"]), pa.array(["c"]), pa.array([1.0])]
    names = ["prompt", "completion", "completion", "reward"]
    parquet.write_table(pa.Table.from_arrays(columns, names=names), tmp_path / "rows.parquet")
    with pytest.raises(DatasetError, match="not a single rollout"):
        import_run(tmp_path / "rows.parquet", tmp_path / "run")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("reward: rewad", r"no such columns: 'rewad' \(for reward\).*did you mean 'reward'"),
        ("step: stp", r"'stp' \(for step\).*did you mean 'step'"),
        ("completion: respons", r"'respons' \(for completion\)"),
        ("env: info.nam", r"'info.nam' \(for env\).*did you mean 'info.name'"),
        ("rewards: {tests: scor}", r"'scor' \(for rewards.tests\)"),
    ],
)
def test_a_mapped_column_that_no_file_has_is_refused(tmp_path: Path, line: str, told: str) -> None:
    row = {"prompt": "q", "completion": "a", "score": 1.0, "info": {"name": "e"}}
    mapping = {"completion": "completion", "reward": "score"}
    part, _, column = line.partition(": ")
    text = "".join(f"{name}: {value}\n" for name, value in {**mapping, part: column}.items())
    with pytest.raises(ConfigError, match=told):
        imported(tmp_path, [row] * 3, text)


def test_a_mapped_column_may_stand_in_late_rows_and_files_alone(tmp_path: Path) -> None:
    plain = {"prompt": "q", "completion": "a"}
    late = {**plain, "info": {"broken": True}}
    parquet.write_table(pa.Table.from_pylist([{**plain, "env": "e", "step": 2}]), tmp_path / "z.parquet")
    (tmp_path / "rows.jsonl").write_text(
        "".join(json.dumps({"step": 1, **row}) + "\n" for row in [*([plain] * 200), late])
    )
    mapping = tmp_path / "map.yaml"
    mapping.write_text("step: step\nprompt: prompt\ncompletion: completion\nenv: env\nfailure: info.broken\n")
    run = import_run(tmp_path, tmp_path / "run", options=ImportOptions(mapping=mapping))
    rows = rows_of(run)
    assert [row["failure"] for row in rows[-2:]] == ["info.broken", ""]
    assert rows[-1]["env"] == "e"


def test_rewards_that_are_no_numbers_are_counted_and_kept(tmp_path: Path) -> None:
    rows = [
        {"completion": "a", "reward": [0.0, 1.0], "reward/format": {"turns": [1]}},
        {"completion": "b", "reward": {"total": 1.0}, "reward/format": 1.0},
        {"completion": "c", "reward": None, "reward/format": "0.5"},
    ]
    run = imported(tmp_path, rows)
    told = statements(run)
    assert "2 rows say '[0.0, 1.0]', \"{'total': 1.0}\" of reward, which is no number" in told
    assert "1 rows say \"{'turns': [1]}\" of reward/format, which is no number" in told
    kept = rows_of(run)
    assert [row["reward"] for row in kept] == [None, None, None]
    assert json.loads(kept[0]["extra"]) == {"reward": [0.0, 1.0], "reward/format": {"turns": [1]}}
    assert json.loads(kept[1]["extra"]) == {"reward": {"total": 1.0}}
    (tmp_path / "again").mkdir()
    mapped = imported(tmp_path / "again", rows[1:2], "completion: completion\nreward: reward.total")
    assert [row["reward"] for row in rows_of(mapped)] == [1.0]


def test_conversations_in_strings_are_conversations(tmp_path: Path) -> None:
    whole = [ASKED, answered("a")]
    run = imported(
        tmp_path,
        [
            {"messages": json.dumps(whole)},
            {"prompt": json.dumps([ASKED]), "completion": json.dumps(whole[1:]), "messages": None},
            {"messages": None, "prompt": "q", "completion": '["a", "b"]'},
        ],
    )
    kept = rows_of(run)
    assert [row["format"] for row in kept] == ["messages", "messages", "text"]
    assert [json.loads(row["completion"]) for row in kept[:2]] == [whole[1:]] * 2
    assert [json.loads(row["prompt"]) for row in kept[:2]] == [[ASKED]] * 2

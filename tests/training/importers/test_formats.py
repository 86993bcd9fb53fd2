"""Each framework's layout, told apart and read; what is missing is said."""

from __future__ import annotations

import importlib.util
import json
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from modelassay.errors import DatasetError, UsageError
from modelassay.records import RunCoverage
from modelassay.training.coverage_gate import coverage_findings
from modelassay.training.importers import ImportOptions, detect, import_run
from modelassay.training.run import Run
from modelassay.training.scanners.texts import rollout_of


def _beside(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


layouts = _beside("layouts")


def imported(source: Path, to: Path, **options: Any) -> tuple[Run, list[dict[str, Any]], RunCoverage]:
    run = import_run(source, to / "imported", options=ImportOptions(**options))
    rows = [row for batch in run.batches() for row in batch.to_pylist()]
    coverage = run.coverage()
    assert coverage is not None
    assert coverage.found == len(rows)
    return run, rows, coverage


@pytest.mark.parametrize("uid", [False, True])
def test_verl(tmp_path: Path, uid: bool) -> None:
    source = layouts.verl(tmp_path / "out", steps=(1, 3), uid=uid)
    assert detect(source) == "verl"
    run, rows, coverage = imported(source, tmp_path)
    assert (coverage.found_train, coverage.found_eval, coverage.expected_train) == (8, 1, 12)
    assert coverage.missing_steps == (2,)
    assert rows[0]["group"] == rows[1]["group"] != rows[2]["group"]
    assert rows[1]["reward"] == rows[1]["reward/score"] == 1.0
    assert json.loads(rows[1]["extra"]) == {"gts": "1", "acc": True, "pred": "1"}
    assert [m.values for m in run.metrics()] == [{"critic/score/mean": 0.5}] * 3
    assert [(c.step, c.digest) for c in run.checkpoints()] == [(2, None)]
    assert any("writes over the dumps" in s for s in coverage.statements)


@pytest.mark.parametrize(
    ("name", "phase"),
    [
        ("codecontests_rollouts", "train"),
        ("retrieval-medieval", "train"),
        ("latest", "train"),
        ("dev", "train"),
        ("benchmark_rollouts", "train"),
        ("held_out", "eval"),
        ("val_generations", "eval"),
        ("math500-test", "eval"),
        ("rolloutsEval", "eval"),
        ("Validation2", "eval"),
    ],
)
def test_verl_tells_evaluations_by_whole_words(tmp_path: Path, name: str, phase: str) -> None:
    layouts.lines(tmp_path / name / "1.jsonl", [{"input": "q", "output": "a", "score": 1.0}] * 4)
    _, rows, _ = imported(tmp_path / name, tmp_path)
    assert {row["phase"] for row in rows} == {phase}


def test_openrlhf_tells_how_little_it_has(tmp_path: Path) -> None:
    source = layouts.openrlhf_table(tmp_path / "wandb")
    assert detect(source) == "openrlhf"
    _, rows, coverage = imported(source, tmp_path)
    assert [row["step"] for row in rows] == [1, 2]
    assert coverage.expected_train is None
    assert "one decoded sample" in coverage.statements[0]


def test_openrlhf_captured_calls(tmp_path: Path) -> None:
    source = layouts.openrlhf_calls(tmp_path / "calls")
    assert detect(source) == "openrlhf"
    _, rows, coverage = imported(source, tmp_path)
    assert [row["completion"] for row in rows[:2]] == ["yes", "no"]
    assert rows[0]["grader_input"] == "q0?yes"
    assert rows[0]["group"] == rows[1]["group"] != rows[2]["group"]
    assert "no training step" in coverage.statements[0]


@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("system", [True, False])
def test_nemo_rl(tmp_path: Path, batched: bool, system: bool) -> None:
    source = layouts.nemo_rl(tmp_path / "logs", batched=batched, system=system)
    assert detect(source) == "nemo-rl"
    run, rows, coverage = imported(source, tmp_path)
    assert run.manifest.group_size == 4
    assert run.manifest.population == "generated"
    assert (coverage.found_train, coverage.found_eval, coverage.expected_train) == (24, 1, 32)
    assert coverage.missing_steps == (3,)
    assert [row["trained_on"] for row in rows[:8]] == [True] * 4 + [False] * 4
    prompt = "be brief\nquestion 0" if system else "question 0"
    assert (rows[0]["advantage"], rows[0]["completion_tokens"], rows[0]["prompt"]) == (0.5, 2, prompt)
    assert [row["reward"] for row in rows[:8]] == [0.0, 1.0] * 4
    assert [row["group"] for row in rows[:8]] == ["1.0"] * 4 + ["1.1"] * 4
    assert len({row["task"] for row in rows[:8]}) == 2
    assert json.loads(rows[3]["completion"]) == [
        {"role": "assistant", "content": "answer 3"},
        {"role": "environment", "content": "Environment: 1"},
    ]
    (validated,) = (row for row in rows if row["phase"] == "eval")
    assert json.loads(validated["completion"]) == [{"role": "assistant", "content": "a"}]
    assert [c.name for c in run.checkpoints()] == ["step_2"]


def test_nemo_rl_keeps_environments_apart(tmp_path: Path) -> None:
    source = layouts.nemo_rl(tmp_path / "logs", batched=False)
    for path in source.rglob("train_data_step*.jsonl"):
        kept = [json.loads(line) for line in path.read_text().splitlines()]
        for number, row in enumerate(kept):
            row["agent_ref"] = {"type": "responses_api_agents", "name": f"agent {number % 2}"}
        path.write_text("".join(json.dumps(row) + "\n" for row in kept))
    _, rows, _ = imported(source, tmp_path)
    assert {row["env"] for row in rows if row["phase"] == "train"} == {"agent 0", "agent 1"}


def test_nemo_rl_with_dynamic_sampling_has_the_rewards_of_what_was_kept(tmp_path: Path) -> None:
    run, rows, coverage = imported(layouts.nemo_rl(tmp_path / "logs", dynamic=True), tmp_path)
    assert run.manifest.population == "trained_on"
    assert [row["reward"] for row in rows[:8]] == [0.0, 1.0] * 4
    assert coverage.expected_train is None
    assert "filtered out is gone" in coverage.statements[0]


def test_nemo_rl_keeps_what_was_done_in_many_turns_out_of_the_prompt(tmp_path: Path) -> None:
    """Two answers are two runs of sampled tokens; the second group lost its last text to the token limit."""
    turns = ["task", "run(sys.exit(0))", "output", "done"]
    rows = [
        {
            "content": [turns if i < 2 else [*turns, "cut off"]],
            "rewards": [1.0],
            "input_lengths": [6],
            "token_loss_mask": [[0, 1, 1, 0, 1, 1] if i != 2 else [0, 1, 0, 1, 1, 0]],
            "idx": i,
        }
        for i in range(4)
    ]
    layouts.lines(tmp_path / "logs" / "train_data_step1.jsonl", rows)
    _, found, _ = imported(tmp_path / "logs", tmp_path, group_size=2)
    assert {row["prompt"] for row in found} == {"task"}
    said = [turn["role"] for turn in json.loads(found[3]["completion"])]
    assert said == ["assistant", "environment", "assistant", "environment"]


def test_nemo_rl_without_masks_takes_what_a_group_has_in_common_for_the_prompt(tmp_path: Path) -> None:
    rows = [{"content": [["system", f"q{i // 2}", f"a{i}", "right"]], "rewards": [1.0]} for i in range(4)]
    layouts.lines(tmp_path / "logs" / "train_data_step1.jsonl", rows)
    _, found, coverage = imported(tmp_path / "logs", tmp_path, group_size=2)
    assert [row["prompt"] for row in found] == ["system\nq0"] * 2 + ["system\nq1"] * 2
    assert any("in common at the beginning" in statement for statement in coverage.statements)


def test_nemo_rl_tells_prompts_apart_that_begin_alike(tmp_path: Path) -> None:
    """Nothing says how many generations a prompt has: equal prompts of a step are a group."""
    preamble = "You are a helpful assistant. " * 10
    rows = [{"content": [f"{preamble}task {i // 4}", f"answer {i}"], "rewards": 1.0} for i in range(16)]
    layouts.lines(tmp_path / "logs" / "train_data_step1.jsonl", rows)
    _, found, coverage = imported(tmp_path / "logs", tmp_path)
    assert [row["position"] for row in found] == [0, 1, 2, 3] * 4
    assert len({row["group"] for row in found}) == 4
    assert coverage.zero_variance_groups == 4


def test_open_instruct_without_and_with_a_tokenizer(tmp_path: Path) -> None:
    source = layouts.open_instruct(tmp_path / "traces")
    assert detect(source) == "open-instruct"
    run, rows, coverage = imported(source, tmp_path)
    assert run.manifest.population == "trained_on"
    assert run.manifest.code == {"git commit": "abc"}
    assert {row["format"] for row in rows} == {"absent"}
    assert (rows[0]["prompt_tokens"], rows[0]["completion_tokens"]) == (2, 3)
    assert "filtered out" in coverage.statements[0]

    pytest.importorskip("tokenizers", reason="the extra 'local' is not installed")
    _beside("conftest").tiny_tokenizer().save_pretrained(tmp_path / "tokenizer")
    _, rows, _ = imported(source, tmp_path / "again", tokenizer=tmp_path / "tokenizer")
    assert (rows[0]["prompt"], rows[0]["completion"]) == ("01", "23<end>")
    with pytest.raises(UsageError, match=r"tokenizer\.json"):
        imported(source, tmp_path / "third", tokenizer=tmp_path)


def test_prime_rl(tmp_path: Path) -> None:
    source = layouts.prime_rl(tmp_path / "out")
    assert detect(source) == "prime-rl"
    run, rows, coverage = imported(source, tmp_path)
    assert [r.name for r in run.manifest.rewards] == ["right", "form"]
    assert (coverage.found_train, coverage.found_eval, coverage.missing_steps) == (8, 2, (2,))
    train = [row for row in rows if row["phase"] == "train"][:4]
    assert [row["reward"] for row in train] == [0.5, 2.5, 0.5, 2.5]
    assert [row["trained_on"] for row in train] == [True, True, False, False]
    assert [bool(row["failure"]) for row in train] == [False, False, False, True]
    assert json.loads(train[0]["completion"]) == [{"role": "assistant", "content": "4"}]
    assert len(list(run.metrics())) == 3
    assert not run.checkpoints()


def test_prime_rl_of_which_only_survivors_are_left(tmp_path: Path) -> None:
    source = layouts.prime_rl(tmp_path / "out")
    whole, _, _ = imported(source, tmp_path / "whole")
    assert whole.manifest.population == "generated"
    (source / "rollouts" / "step_3" / "train" / "all" / "traces.jsonl").unlink()
    run, rows, coverage = imported(source, tmp_path / "filtered")
    assert run.manifest.population == "trained_on"
    train = [row["trained_on"] for row in rows if row["phase"] == "train"]
    assert train == [True, True, False, False, True, True]
    assert coverage.expected_train is None
    assert coverage.basis == "of 1 of 2 steps the source says only what was trained on"
    checked = {finding.outcome for finding in coverage_findings(run.manifest, coverage)}
    assert "survivors only" in checked


def test_verifiers_and_the_older_rollouts_of_prime_rl(tmp_path: Path) -> None:
    source = layouts.verifiers(tmp_path / "results")
    assert detect(source) == "verifiers"
    run, rows, coverage = imported(source, tmp_path)
    assert run.manifest.group_size == 2
    assert coverage.found_eval == 4
    assert [row["finish"] for row in rows] == ["final", "final", "length", "final"]
    assert [row["failure"] for row in rows] == ["", "", "", "Timeout"]
    assert {row["env"] for row in rows} == {"gsm"}

    source = layouts.prime_legacy(tmp_path / "prime")
    assert detect(source) == "prime-rl"
    _, rows, coverage = imported(source, tmp_path / "prime-run")
    assert coverage.found_train == 8
    assert [row["trained_on"] for row in rows[:4]] == [False, False, True, True]


def test_tinker(tmp_path: Path) -> None:
    source = layouts.tinker(tmp_path / "log")
    assert detect(source) == "tinker"
    run, rows, coverage = imported(source, tmp_path)
    assert [row["format"] for row in rows[:4]] == ["messages", "messages", "absent", "absent"]
    assert {row["prompt"] for row in rows[:2]} == {'[{"content":"1+1","role":"user"}]'}
    assert [json.loads(row["completion"])[0]["content"] for row in rows[:2]] == ["2", "3"]
    assert {row["step"] for row in rows} == {1, 2} == {m.step for m in run.metrics()}
    assert (rows[2]["prompt_tokens"], rows[2]["completion_tokens"]) == (10, 4)
    assert [(c.step, c.parts) for c in run.checkpoints()] == [(1, ("weights", "optimizer"))]
    assert any("lengths" in s for s in coverage.statements)


def _logtree(source: Path, tree: dict[str, Any]) -> None:
    for path in source.glob("iteration_*/train_logtree.json"):
        path.write_text(json.dumps({"root": tree}))


def test_tinker_does_not_join_what_may_belong_to_another_reward(tmp_path: Path) -> None:
    """As many conversations as rows, but two of each trajectory; or in the order in which they ended."""
    section, asked = layouts.section, layouts.asked
    pair = [asked("Prompt", "user", "1+1"), asked("Policy Response", "assistant", "2")]
    whole = asked("Episode", "user", "1+1", "assistant", "2")
    twice = asked("Episode", "user", "1+1", "assistant", "2", "assistant", "3")
    trees = [
        section("do_group_rollout", *pair, *pair),
        section("do_group_rollout", whole, whole),
        section("do_group_rollout", section("do_single_rollout", whole)),
        section("do_group_rollout", *[section("do_single_rollout", twice)] * 2),
        section("do_group_rollout", *[section("do_single_rollout", *pair[::-1])] * 2),
        section("do_group_rollout", *[section("do_single_rollout", whole, whole)] * 2),
    ]
    for number, tree in enumerate(trees):
        source = layouts.tinker(tmp_path / f"log-{number}")
        _logtree(source, tree)
        _, rows, coverage = imported(source, tmp_path / f"to-{number}")
        assert {row["format"] for row in rows} == {"absent"}, number
        assert any("not joined to rewards" in statement for statement in coverage.statements)


def test_tinker_does_not_join_where_groups_were_filtered_out(tmp_path: Path) -> None:
    source = layouts.tinker(tmp_path / "log")
    (source / "config.json").write_text('{"remove_constant_reward_groups": true}')
    _, rows, _ = imported(source, tmp_path)
    assert {row["format"] for row in rows} == {"absent"}


def test_tinker_takes_the_number_of_a_trajectory_and_the_last_prompt_of_its_turns(tmp_path: Path) -> None:
    source = layouts.tinker(tmp_path / "log")
    path = source / "iteration_000000" / "train_rollout_summaries.jsonl"
    summaries = [json.loads(line) for line in path.read_text().splitlines()]
    layouts.lines(path, [{**row, "steps": row["steps"] * 2} for row in summaries])
    later = ("user", "go", "assistant", "look", "tool", "ok")
    turns = [
        layouts.section(
            f"Rollout {number}",
            layouts.asked("Prompt", "user", "go"),
            layouts.asked("Policy Response", "assistant", "look"),
            layouts.asked("Prompt", *later),
            layouts.asked("Policy Response", "assistant", f"done {number}"),
        )
        for number in (1, 0)
    ]
    _logtree(source, layouts.section("Group Rollout", *turns))
    _, rows, _ = imported(source, tmp_path)
    first = [json.loads(row["completion"]) for row in rows[:2]]
    assert [each["content"] for each in first[0]] == ["look", "ok", "done 0"]
    assert first[1][-1]["content"] == "done 1"
    assert {row["format"] for row in rows[4:]} == {"absent"}


def test_tinker_reads_the_trace_that_newer_summaries_hold(tmp_path: Path) -> None:
    source = layouts.tinker(tmp_path / "log")
    path = source / "iteration_000000" / "train_rollout_summaries.jsonl"
    summaries = [json.loads(line) for line in path.read_text().splitlines()]
    for number, row in enumerate(summaries):
        said = [("prompt", "user", "q"), ("policy_response", "assistant", f"a{number}")]
        row["steps"][0]["trace"] = {
            part: {"type": "conversation", "messages": [{"role": role, "content": text}]}
            for part, role, text in said
        }
    layouts.lines(path, summaries)
    _, rows, _ = imported(source, tmp_path)
    assert [json.loads(row["completion"])[0]["content"] for row in rows[:4]] == ["a0", "a1", "a2", "a3"]


def test_atropos(tmp_path: Path) -> None:
    source = layouts.atropos(tmp_path / "groups")
    assert detect(source) == "atropos"
    _, rows, coverage = imported(source, tmp_path)
    assert len(rows) == 6
    assert [row["position"] for row in rows] == [0, 1] * 3
    assert json.loads(rows[1]["completion"])[0]["content"] == "wrong"
    assert (rows[0]["prompt_tokens"], rows[0]["completion_tokens"]) == (1, 2)
    assert coverage.batches_found is None


@pytest.mark.parametrize(
    ("prompt", "answers"),
    [
        ("one\ntwo\n", ["three", "four"]),
        ("<|im_start|>user\nwhat?<|im_end|>\n<|im_start|>assistant\n", ["the same\nno", "the same\nyes"]),
        ("<|im_start|>assistant\n", ["a<|im_end|>\n<|im_start|>assistant\nb"] * 2),
        ("", ["all are\nthe same"] * 2),
    ],
)
def test_atropos_keeps_texts_without_roles(tmp_path: Path, prompt: str, answers: list[str]) -> None:
    group = {"tokens": [[1], [1]], "scores": [0.0, 1.0], "messages": [prompt + each for each in answers]}
    layouts.lines(tmp_path / "g" / "groups.jsonl", [group])
    _, rows, coverage = imported(tmp_path / "g", tmp_path)
    assert [(row["prompt"], row["completion"]) for row in rows] == [(prompt, each) for each in answers]
    assert {row["format"] for row in rows} == {"text"}
    assert "texts without roles" in coverage.statements[0]


def test_atropos_says_where_there_are_only_tokens(tmp_path: Path) -> None:
    layouts.lines(tmp_path / "g" / "groups.jsonl", [{"tokens": [[1], [2]], "scores": [0.0, 1.0]}])
    _, rows, coverage = imported(tmp_path / "g", tmp_path)
    assert {row["format"] for row in rows} == {"absent"}
    assert "Of 2 rollouts there are only token ids" in coverage.statements[0]
    assert "--tokenizer" in coverage.statements[0]


def test_atropos_keeps_what_an_agent_did_out_of_the_prompt(tmp_path: Path) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "python", "arguments": '{"code": "exit(0)"}'}}
    talks = [
        [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "task"},
            {"role": "assistant", "content": f"try {i}", "tool_calls": [call]},
            {"role": "tool", "content": "ok"},
            {"role": "assistant", "content": "done"},
        ]
        for i in range(2)
    ]
    layouts.lines(tmp_path / "g" / "groups.jsonl", [{"scores": [0.0, 1.0], "messages": talks}])
    _, rows, _ = imported(tmp_path / "g", tmp_path)
    assert len({row["task"] for row in rows}) == 1
    assert json.loads(rows[1]["prompt"]) == talks[1][:2]
    assert json.loads(rows[1]["completion"]) == talks[1][2:]
    assert rollout_of(rows[0]["prompt"], rows[0]["completion"]).written == "try 0\nexit(0)\ndone"


def test_evaluations_of_the_older_prime_rl(tmp_path: Path) -> None:
    source = layouts.prime_legacy(tmp_path / "prime")
    row = {key: value for key, value in layouts.legacy_row(0).items() if key != "example_id"}
    layouts.lines(source / "rollouts" / "step_1" / "eval_rollouts_gsm.jsonl", [row])
    _, rows, coverage = imported(source, tmp_path)
    (evaluated,) = (row for row in rows if row["phase"] == "eval")
    assert (coverage.found_eval, evaluated["step"], evaluated["env"]) == (1, 1, "gsm")
    assert not any("not read" in each for each in coverage.statements)


def test_inspect(tmp_path: Path) -> None:
    path = tmp_path / "a.eval"
    sample = {
        "id": "s1",
        "epoch": 2,
        "input": "2+2?",
        "target": "4",
        "scores": {"match": {"value": "C", "explanation": ""}},
        "output": {"choices": [{"message": {"role": "assistant", "content": "4"}, "stop_reason": "stop"}]},
    }
    header = {
        "version": 2,
        "status": "success",
        "eval": {"task": "sums", "model": "m", "scorers": [{"name": "match"}]},
    }
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.json", json.dumps(header))
        archive.writestr("samples/s1_epoch_2.json", json.dumps(sample))
    assert detect(path) == "inspect"
    _, rows, _ = imported(path, tmp_path)
    assert (rows[0]["reward/match"], rows[0]["position"], rows[0]["phase"]) == (1.0, 1, "eval")
    assert rows[0]["task"] == "sums/s1"
    # As `inspect log convert --to json` writes it.
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.json").write_text(json.dumps({**header, "samples": [sample]}, indent=2))
    (tmp_path / "logs" / "listing.json").write_text(json.dumps({"a.json": header}))
    assert detect(tmp_path / "logs") == "inspect"
    _, converted, coverage = imported(tmp_path / "logs", tmp_path / "json")
    assert converted == rows
    assert not any("not read" in each for each in coverage.statements)


def test_inspect_keeps_what_an_agent_did(tmp_path: Path) -> None:
    """The example in the question is no answer; an output of its own comes last."""
    question = [{"role": "user", "content": "example"}, {"role": "assistant", "content": "like this"}]
    question += [{"role": "user", "content": "task"}]
    code = {"cmd": "attachment://0a", "timeout": 3}
    calling = {
        "role": "assistant",
        "content": [{"type": "text", "text": "calling"}],
        "tool_calls": [{"id": "c1", "function": "bash", "arguments": code, "type": "function"}],
    }
    answered = {"role": "tool", "content": "ok", "tool_call_id": "c1"}
    sample = {
        "id": "s1",
        "epoch": 1,
        "input": question,
        "messages": [{"role": "system", "content": "s"}, *question, calling, answered],
        "attachments": {"0a": "python -c 'import sys; sys.exit(0)'"},
        "output": {"choices": [{"message": {"role": "assistant", "content": "done"}, "stop_reason": "stop"}]},
    }
    header = {"version": 2, "status": "success", "eval": {"task": "sums", "model": "m"}}
    with zipfile.ZipFile(tmp_path / "a.eval", "w") as archive:
        archive.writestr("header.json", json.dumps(header))
        archive.writestr("samples/s1_epoch_1.json", json.dumps(sample))
    _, (row,), _ = imported(tmp_path / "a.eval", tmp_path)
    assert [m["content"] for m in json.loads(row["prompt"])] == ["s", "example", "like this", "task"]
    read = rollout_of(row["prompt"], row["completion"])
    assert [turn.role for turn in read.turns] == ["assistant", "tool", "assistant"]
    assert read.written == "calling\npython -c 'import sys; sys.exit(0)'\n3\ndone"
    assert json.loads(row["completion"])[1]["tool_call_id"] == "c1"


def test_a_table_with_and_without_a_map(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    row = {"n": 3, "q": "a", "r": "b", "m": {"public": 1, "private": 0.5}, "docker": 1.0, "cut": True}
    layouts.lines(tmp_path / "rows.jsonl", [row, {**row, "docker": 0.0, "n": 2}, {"n": "x", "r": "y"}])
    parquet.write_table(pa.Table.from_pylist([row, row]), tmp_path / "rows.parquet")
    mapping = tmp_path / "map.yaml"
    mapping.write_text(
        "step: n\nprompt: q\ncompletion: r\nreward: m.public\nfailure: docker\ntruncated: cut\n"
        "rewards: {private: m.private}\nenv: {value: box}\n"
    )
    _, rows, coverage = imported(tmp_path / "rows.jsonl", tmp_path, mapping=mapping)
    assert [row["failure"] for row in rows] == ["docker", ""]
    assert (rows[0]["reward"], rows[0]["reward/private"], rows[0]["env"], rows[0]["finish"]) == (
        1.0,
        0.5,
        "box",
        "length",
    )
    assert coverage.quarantined == 1
    quarantine = (tmp_path / "imported" / "quarantine.jsonl").read_text()
    assert "rows.jsonl:3" in quarantine
    assert "step is no whole number" in quarantine
    _, rows, _ = imported(tmp_path / "rows.parquet", tmp_path / "p", mapping=mapping)
    assert len(rows) == 2

    mapping.write_text("compleiton: r\n")
    with pytest.raises(UsageError) as caught:
        imported(tmp_path / "rows.jsonl", tmp_path / "q", mapping=mapping)
    assert "completion" in caught.value.mend

    plain = layouts.lines(tmp_path / "plain" / "x.jsonl", [{"prompt": "a", "completion": "b", "reward": 1}])
    assert detect(plain) == "table"


def test_an_unknown_layout_and_an_unknown_framework(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("nothing")
    with pytest.raises(DatasetError, match="no framework"):
        detect(tmp_path)
    with pytest.raises(UsageError) as caught:
        import_run(tmp_path, tmp_path / "run", framework="verll")
    assert "'verl'" in caught.value.mend
    with pytest.raises(DatasetError, match="nothing here"):
        detect(tmp_path / "absent")
    assert not (tmp_path / "run").exists()

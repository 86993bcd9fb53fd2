"""Folders as each framework leaves them, written by this file after the documented layouts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from modelassay.training.columns import pa


def lines(path: Path, rows: Iterable[Any]) -> Path:
    """A file of JSON lines; not-a-number as Python writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def verl(folder: Path, steps: Iterable[int] = (1, 2, 3), uid: bool = False) -> Path:
    for step in steps:
        lines(
            folder / "rollouts" / f"{step}.jsonl",
            (
                {
                    "input": f"q{i // 2}",
                    "output": f"answer {step} {i}",
                    "gts": "1",
                    "score": float(i % 2),
                    "step": step,
                    "acc": bool(i % 2),
                    "pred": str(i),
                    **({"uid": f"u{step}-{i // 2}"} if uid else {}),
                }
                for i in range(4)
            ),
        )
    lines(
        folder / "validation" / "2.jsonl",
        [{"input": "v", "output": "w", "gts": "", "score": 1.0, "step": 2}],
    )
    lines(
        folder / "log" / "project" / "experiment.jsonl",
        ({"step": s, "data": {"critic/score/mean": 0.5, "actor/kl": float("nan")}} for s in (1, 2, 3)),
    )
    actor = folder / "checkpoints" / "global_step_2"
    (actor / "actor").mkdir(parents=True)
    (actor / "data.pt").write_bytes(b"\x80\x04pickle")
    return folder


def openrlhf_table(folder: Path) -> Path:
    media = folder / "media" / "table" / "train"
    media.mkdir(parents=True)
    for count in (1, 2):
        data = [[step, f"prompt and answer {step}", 0.5 * step] for step in range(1, count + 1)]
        (media / f"generated_samples_{count}.table.json").write_text(
            json.dumps({"columns": ["global_step", "text", "reward"], "data": data})
        )
    return folder


def openrlhf_calls(folder: Path) -> Path:
    lines(
        folder / "calls.jsonl",
        (
            {
                "query": [f"q{call}?yes", f"q{call}?no"],
                "prompts": [f"q{call}?"] * 2,
                "labels": ["yes", "yes"],
                "rewards": [1.0, 0.0],
                "scores": [1.0, 0.0],
            }
            for call in range(3)
        ),
    )
    return folder


def nemo_rl(folder: Path, *, batched: bool = True, system: bool = False, dynamic: bool = False) -> Path:
    """As `Logger.log_batched_dict_as_jsonl` writes it, or without its batches of one.

    With `dynamic` the samples of the batch's first group were all equal, and were filtered out: ``rewards``
    are those of the batch, from its beginning.
    """

    def line(row: dict[str, Any]) -> dict[str, Any]:
        return {key: [value] if batched and key != "idx" else value for key, value in row.items()}

    for step in (1, 2, 4):
        lines(
            folder / f"train_data_step{step}.jsonl",
            (
                line(
                    {
                        "content": [
                            *(["be brief"] if system else []),
                            f"question {i // 4}",
                            f"answer {i}",
                            f"Environment: {i % 2}",
                        ],
                        "rewards": (1.0 if i < 4 else float(i % 2)) if dynamic else float(i % 2),
                        **({"filtered_rewards": float(i % 2)} if dynamic else {}),
                        "input_lengths": 5,
                        "token_ids": [1, 2, 3, 4, 5, 0],
                        "token_loss_mask": [0, 0, 1, 1, 0, 0],
                        "sample_loss_mask": 1.0 if i < 4 else 0.0,
                        "advantages": [0.0, 0.0, 0.5, 0.5, 0.0, 0.0],
                        "idx": i,
                    }
                )
                for i in range(8)
            ),
        )
    said = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    lines(folder / "val_data_step2.jsonl", [line({"content": said, "rewards": 1.0, "idx": 0})])
    (folder / "step_2").mkdir()
    (folder / "step_2" / "config.yaml").write_text(
        "grpo: {num_generations_per_prompt: 4}\npolicy: {model_name: m}\n"
    )
    (folder / "step_2" / "training_info.json").write_text("{}")
    return folder


def open_instruct(folder: Path) -> Path:
    for shard in (0, 1):
        lines(
            folder / f"run_rollouts_{shard:06d}.jsonl",
            (
                {
                    "step": shard + 1,
                    "sample_idx": i,
                    "prompt_idx": i // 2,
                    "prompt_tokens": [2, 3],
                    "response_tokens": [4, 5, 1],
                    "reward": float(i % 2),
                    "advantage": 1.0 - 2 * (i % 2),
                    "finish_reason": "stop",
                    "dataset": "math",
                    "ground_truth": ["7"],
                    "request_info": {"num_calls": 0, "timeouts": 0, "tool_errors": "", "rollout_state": {}},
                    "logprobs": [-0.1, -0.2, -0.3],
                }
                for i in range(4)
            ),
        )
    lines(
        folder / "run_metadata.jsonl",
        [{"run_name": "run", "git_commit": "abc", "model_name": "olmo", "timestamp": "2026-01-01"}],
    )
    return folder


def episode(step: int, number: int, reward: float) -> dict[str, Any]:
    return {
        "id": f"e{step}-{number}",
        "env": {"id": "e", "name": "maths"},
        "task": {"type": "t", "data": {}, "key": f"k{number // 2}", "hash": "h"},
        "group": {"id": f"g{step}-{number // 2}"},
        "run": {
            "id": "r",
            "work": {"type": "train", "step": step, "policy": {"start": step - 1, "end": step}},
        },
        "ok": number != 3,
        "errors": [] if number != 3 else [{"type": "SandboxError"}],
        "traces": [
            {
                "agent": {"trainable": True},
                "nodes": [
                    {"parent": None, "message": {"role": "user", "content": "2+2"}, "sampled": False},
                    {"parent": 0, "message": {"role": "assistant", "content": "4"}, "sampled": True},
                ],
                "calls": [],
                "rewards": {"right": {"score": reward, "weight": 2.0}, "form": {"score": 1.0, "weight": 0.5}},
                "metrics": {"turns": 1},
                "info": {"advantage": 0.25},
                "stop_condition": "done",
                "timing": {},
            }
        ],
    }


def prime_rl(folder: Path) -> Path:
    for step in (1, 3):
        everything = [episode(step, i, float(i % 2)) for i in range(4)]
        place = folder / "rollouts" / f"step_{step}"
        lines(place / "train" / "all" / "traces.jsonl", everything)
        lines(place / "train" / "effective" / "traces.jsonl", everything[:2])
        lines(place / "eval" / "all" / "traces.jsonl", [episode(step, 9, 1.0)])
    lines(folder / "metrics.jsonl", ({"step": s, "time": 1.7e9 + s, "reward/mean": 1.5} for s in (1, 2, 3)))
    return folder


def prime_stream(folder: Path) -> Path:
    """As prime-rl leaves it since v0.9.1.dev29: a sealed chunk of two frames, a live one, annotations."""

    def arrived(step: int, number: int, kind: str = "train", at: int | None = None) -> dict[str, Any]:
        row = {**episode(step, number, float(number % 2)), "ok": True, "errors": []}
        row["run"]["work"] |= {"type": kind, "step": step}
        row["traces"][0] |= {
            "id": f"t{step}-{number}",
            "info": {"kind": kind, "arrival": {"step": at or step}},
        }
        return row

    traces = folder / "monitors" / "file" / "traces"
    (traces / "stream").mkdir(parents=True)
    with (traces / "stream" / "00000.jsonl.zst").open("wb") as file:
        for number in range(4):
            line = json.dumps(arrived(1, number)) + "\n"
            file.write(pa.compress(line.encode(), codec="zstd", asbytes=True))
    lines(
        traces / "stream" / "00001.jsonl",
        [*(arrived(2, number, at=3) for number in range(4)), arrived(2, 9, kind="eval")],
    )
    lines(traces / "stream.index.jsonl", [{"line": 1, "id": "e1-0", "kind": "train", "turns": 1}])
    shipped = [("t1-0", 1), ("t1-1", 1), ("t2-0", 2), ("t2-1", 2), ("t2-9", 2)]
    updates = [
        {"trace_id": name, "info": {"effective": True, "ship": {"step": step}, "advantage": 0.5}}
        for name, step in shipped
    ]
    lines(traces / "annotations" / "orch" / "00000.jsonl", updates)
    lines(traces / "annotations" / "trainer" / "00000.jsonl", [{"trace_id": "t1-0", "info": {}}])
    lines(
        folder / "monitors" / "file" / "metrics.jsonl",
        [
            {"step": 1, "time": 1.7e9, "reward/mean": 0.5},
            {"step": None, "time": 1.7e9, "inference/load": 1.0},
        ],
    )
    (folder / "checkpoints" / "step_4").mkdir(parents=True)
    return folder


def legacy_row(number: int) -> dict[str, Any]:
    return {
        "example_id": number // 2,
        "prompt": [{"role": "user", "content": f"task {number // 2}"}],
        "completion": [{"role": "assistant", "content": "done"}],
        "reward": float(number % 2),
        "metrics": {"correct": float(number % 2)},
        "is_completed": True,
        "is_truncated": number == 2,
        "answer": "x",
        "info": {},
        "error": None if number != 3 else "Timeout",
        "stop_condition": "final",
        "token_usage": {"input_tokens": 5, "output_tokens": 7},
    }


def verifiers(folder: Path) -> Path:
    lines(folder / "results.jsonl", (legacy_row(i) for i in range(4)))
    (folder / "metadata.json").write_text(
        json.dumps({"env_id": "gsm", "model": "m", "rollouts_per_example": 2})
    )
    return folder


def verifiers_traces(folder: Path) -> Path:
    """As verifiers leaves them since 0.3.1: episodes, here with one line of a trace alone as before that."""
    rows = [{**episode(1, number, float(number)), "ok": True, "errors": []} for number in range(2)]
    for row in rows:
        del row["run"], row["group"]
    alone = {**rows[0]["traces"][0], "id": "t", "task": {"key": "k0"}}
    lines(folder / "traces.jsonl", [*rows, alone])
    (folder / "config.toml").write_text('model = "m"\n[sampling]\ntemperature = 0.5\n')
    return folder


def prime_legacy(folder: Path) -> Path:
    for step in (0, 1):
        lines(
            folder / "rollouts" / f"step_{step}" / "train_rollouts.jsonl",
            ({**legacy_row(i), "advantage": 0.5, "is_filtered": i < 2} for i in range(4)),
        )
    return folder


def section(title: str, *children: Any) -> dict[str, Any]:
    """As logtree writes what stands below a heading."""
    body = {"tag": "div", "attrs": {"class": "lt-section-body"}, "children": list(children)}
    return {"tag": "section", "children": [{"tag": "h3", "children": [title]}, body]}


def asked(title: str, *said: str) -> dict[str, Any]:
    """A section with one conversation.

    Args:
        said: role and content of each message in turn.
    """
    messages = [{"role": r, "content": c} for r, c in zip(said[::2], said[1::2], strict=True)]
    data = {"type": "conversation", "messages": messages}
    return section(title, {"tag": "div", "children": [], "data": data})


def tinker(folder: Path) -> Path:
    for iteration in (0, 1):
        place = folder / f"iteration_{iteration:06d}"
        lines(
            place / "train_rollout_summaries.jsonl",
            (
                {
                    "schema_version": 1,
                    "split": "train",
                    "iteration": iteration,
                    "group_idx": i // 2,
                    "traj_idx": i % 2,
                    "tags": ["arithmetic"],
                    "sampling_client_step": iteration,
                    "total_reward": float(i % 2),
                    "final_reward": 0.0,
                    "trajectory_metrics": {"correct": i % 2},
                    "steps": [
                        {"step_idx": 0, "ob_len": 10, "ac_len": 4, "reward": 1.0, "episode_done": True}
                    ],
                    "final_ob_len": 0,
                }
                for i in range(4)
            ),
        )
        # Of the first of the two groups: as `ProblemEnv.step` and as an environment of messages log them.
        talks = [
            [asked("Prompt", "user", "1+1"), asked("Policy Response", "assistant", "2")],
            [asked("Episode", "user", "1+1", "assistant", "3")],
        ]
        rollouts = [section("do_single_rollout", *talk) for talk in talks]
        tree = section("Sampling", "text", section("do_group_rollout", *rollouts, section("Details")))
        (place / "train_logtree.json").write_text(json.dumps({"title": "t", "root": tree}))
    lines(
        folder / "metrics.jsonl",
        ({"step": i, "progress/batch": i, "env/all/reward/total": 0.5} for i in (0, 1)),
    )
    lines(
        folder / "checkpoints.jsonl",
        [
            {
                "name": "000001",
                "batch": 1,
                "epoch": 0,
                "final": False,
                "state_path": "tinker://a",
                "sampler_path": "b",
            }
        ],
    )
    (folder / "config.json").write_text(json.dumps({"model_name": "llama", "learning_rate": 1e-4}))
    return folder


def atropos(folder: Path) -> Path:
    lines(
        folder / "groups.jsonl",
        (
            {
                "tokens": [[1, 2, 3], [1, 2, 4]],
                "masks": [[-100, 2, 3], [-100, 2, 4]],
                "scores": [1.0, -1.0],
                "advantages": None,
                "messages": [
                    [{"role": "user", "content": f"q{g}"}, {"role": "assistant", "content": text}]
                    for text in ("right", "wrong")
                ],
                "inference_logprobs": None,
            }
            for g in range(3)
        ),
    )
    return folder

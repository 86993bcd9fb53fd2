"""Chains of thought in Inspect's logs reach the scanners, and are not taken for what scorers were given."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from modelassay.errors import DatasetError
from modelassay.training.importers import import_run
from modelassay.training.run import Run
from modelassay.training.scanners.reasoning import reasoning_in
from modelassay.training.scanners.reasoning_leak import ReasoningLeak
from modelassay.training.scanners.texts import rollout_of

PLAN = "First I look at the tests, then I make the grader always return true."


def reasoning(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "reasoning", "reasoning": text, "signature": "c2ln", "redacted": False, **more}


def log(folder: Path, messages: list[dict[str, Any]], output: dict[str, Any], **sample: Any) -> Run:
    """A log of one sample, imported."""
    header = {"version": 2, "status": "success", "eval": {"task": "sums", "model": "m"}}
    body = {
        "id": "s1",
        "epoch": 1,
        "input": "task",
        "messages": messages,
        "output": {"choices": [{"message": output, "stop_reason": "stop"}]},
        **sample,
    }
    with zipfile.ZipFile(folder / "a.eval", "w") as archive:
        archive.writestr("header.json", json.dumps(header))
        archive.writestr("samples/s1_epoch_1.json", json.dumps(body))
    return import_run(folder / "a.eval", folder / "run")


def only_row(run: Run) -> dict[str, Any]:
    (row,) = (row for batch in run.batches() for row in batch.to_pylist())
    return dict(row)


def statements(run: Run) -> str:
    coverage = run.coverage()
    assert coverage is not None
    return "\n".join(coverage.statements)


def test_reasoning_stands_where_it_was_thought(tmp_path: Path) -> None:
    question = {"role": "user", "content": "task"}
    calling = {
        "role": "assistant",
        "content": [reasoning("attachment://0a"), {"type": "text", "text": "calling"}],
        "tool_calls": [{"id": "c1", "function": "bash", "arguments": {"cmd": "ls"}, "type": "function"}],
    }
    answered = {"role": "tool", "content": "ok", "tool_call_id": "c1"}
    parts = [
        reasoning("done?"),
        {"type": "text", "text": "done"},
        reasoning("sure"),
        {"type": "text", "text": "."},
    ]
    last = {"role": "assistant", "content": parts}
    run = log(tmp_path, [question, calling, answered, last], last, attachments={"0a": PLAN})
    row = only_row(run)
    said = [message["content"] for message in json.loads(row["completion"])]
    assert said == [
        f"<think>\n{PLAN}\n</think>\ncalling",
        "ok",
        "<think>\ndone?\n</think>\ndone\n<think>\nsure\n</think>\n.",
    ]
    assert json.loads(row["completion"])[0]["tool_calls"][0]["function"]["name"] == "bash"
    assert reasoning_in(rollout_of(row["prompt"], row["completion"]).written) == f"{PLAN}\ndone?\nsure"
    assert row["grader_input"] == "done\n."
    (batch,) = run.batches()
    assert not ReasoningLeak().scan(batch)["reasoning_graded"].any()
    assert "Inspect gives them" in statements(run)
    assert "redacted" not in statements(run)


def test_of_redacted_reasoning_the_summary_is_kept(tmp_path: Path) -> None:
    answer = {
        "role": "assistant",
        "content": [
            reasoning("Y2lwaGVy", redacted=True, summary=PLAN),
            reasoning("Y2lwaGVy", redacted=True),
            {"type": "text", "text": "4"},
        ],
    }
    run = log(tmp_path, [], answer)
    row = only_row(run)
    (message,) = json.loads(row["completion"])
    assert message["content"] == f"<think>\n{PLAN}\n</think>\n4"
    assert "redacted" in statements(run)


def test_reasoning_of_older_logs_stands_beside_the_text(tmp_path: Path) -> None:
    answer = {"role": "assistant", "content": "4", "reasoning": PLAN}
    row = only_row(log(tmp_path, [{"role": "user", "content": "task"}, answer], answer))
    (message,) = json.loads(row["completion"])
    assert message["content"] == f"<think>\n{PLAN}\n</think>\n4"


def test_answers_without_reasoning_are_as_they_were(tmp_path: Path) -> None:
    answer = {"role": "assistant", "content": [{"type": "text", "text": "4"}]}
    run = log(tmp_path, [{"role": "user", "content": "task"}, answer], answer)
    row = only_row(run)
    assert json.loads(row["completion"]) == [{"role": "assistant", "content": "4"}]
    assert row["grader_input"] is None
    assert "Reasoning" not in statements(run)


def test_calls_that_the_provider_ran_are_calls(tmp_path: Path) -> None:
    used = {
        "type": "tool_use",
        "tool_type": "code_execution",
        "id": "s1",
        "name": "code_execution",
        "arguments": "attachment://0a",
        "result": "ok",
    }
    call = {"id": "c1", "function": "bash", "arguments": {"cmd": "ls"}, "type": "function"}
    answer = {
        "role": "assistant",
        "content": [used, {"type": "text", "text": "4"}],
        "tool_calls": [call],
    }
    told = {"role": "user", "content": "both done", "tool_call_id": ["s1", "c1"]}
    code = {"0a": json.dumps({"code": "import sys\nsys.exit(0)"})}
    run = log(tmp_path, [{"role": "user", "content": "task"}, answer, told, answer], answer, attachments=code)
    row = only_row(run)
    said = json.loads(row["completion"])
    assert [each["id"] for each in said[0]["tool_calls"]] == ["s1", "c1"]
    assert said[0]["content"] == "4"
    assert said[1] == {"role": "user", "content": "both done", "tool_call_id": "s1,c1"}
    assert "import sys\nsys.exit(0)" in [c.text for c in rollout_of(row["prompt"], row["completion"]).codes]
    coverage = run.coverage()
    assert coverage is not None
    assert coverage.quarantined == 0


def test_a_message_that_answers_no_readable_call_is_put_apart(tmp_path: Path) -> None:
    told = {"role": "user", "content": "done", "tool_call_id": [1]}
    with pytest.raises(DatasetError, match="not a single rollout could be read"):
        log(tmp_path, [told], {"role": "assistant", "content": "4"})

"""The Inspect log: every answer and score of one model, read back by Inspect itself."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from modelassay.errors import EvidenceError
from modelassay.evidence.bundle import Bundle
from modelassay.exports.inspect import inspect_log
from modelassay.exports.sealed import SealedAudit
from modelassay.records import Failure, Message, Score, ToolCall, Transcript

READ = """
import json, sys
from inspect_ai.log import read_eval_log
log = read_eval_log(sys.argv[1])
head = read_eval_log(sys.argv[1], header_only=True)
scores = {}
for sample in log.samples:
    for name, score in sample.scores.items():
        scores.setdefault(name, []).append(score.value)
print(json.dumps({
    "status": log.status, "model": log.eval.model, "samples": len(log.samples),
    "answers": sorted(sample.output.completion for sample in log.samples), "scores": scores,
    "metrics": {s.name: s.metrics["mean"].value for s in head.results.scores},
    "errors": sum(sample.error is not None for sample in log.samples),
    "calls": [c.parse_error is not None for s in log.samples for m in s.messages
              if m.role == "assistant" for c in m.tool_calls or ()],
}))
"""


def read(audit: SealedAudit, side: Literal["baseline", "candidate"] = "candidate") -> dict[str, Any]:
    data = b"".join(inspect_log(audit, side))
    assert data == b"".join(inspect_log(audit, side))
    log: dict[str, Any] = json.loads(data)
    assert log["version"] == 2
    return log


def lines(audit: SealedAudit, path: str, kind: type[Any]) -> list[Any]:
    return [msgspec.json.decode(line, type=kind) for line in audit.lines(path)]


def with_lines(audit: SealedAudit, path: str, records: Sequence[Any]) -> SealedAudit:
    data = b"".join((r if isinstance(r, bytes) else msgspec.json.encode(r)) + b"\n" for r in records)
    return SealedAudit(audit.record, Bundle("here", {**audit.bundle.files, path: gzip.compress(data)}))


@pytest.mark.parametrize("side", ["baseline", "candidate"])
def test_each_answer_of_one_model_is_a_sample(
    plain: SealedAudit, side: Literal["baseline", "candidate"]
) -> None:
    identity = getattr(plain.record, side)
    kept = [t for t in lines(plain, "transcripts.jsonl.gz", Transcript) if t.target == identity.fingerprint]
    log = read(plain, side)
    assert log["eval"]["model"] == identity.reference
    assert [s["id"] for s in log["samples"]] == [t.key.sample for t in kept]
    assert [s["output"].get("completion", "") for s in log["samples"]] == [t.answer for t in kept]
    scored = [s for s in lines(plain, "scores.jsonl.gz", Score) if s.target == identity.fingerprint]
    assert sum(len(sample["scores"]) for sample in log["samples"]) == len(scored)
    assert log["results"]["total_samples"] == len(kept)


def test_an_answer_without_a_score_says_why(plain: SealedAudit) -> None:
    unscored = [
        s for sample in read(plain)["samples"] for s in sample["scores"].values() if s["value"] == "unscored"
    ]
    assert unscored
    assert all("empty" in score["explanation"] for score in unscored)


def odd(audit: SealedAudit) -> SealedAudit:
    """Two of the candidate's transcripts replaced: one failed, one calls tools with broken arguments."""
    kept = lines(audit, "transcripts.jsonl.gz", Transcript)
    mine = [i for i, t in enumerate(kept) if t.target == audit.record.candidate.fingerprint]
    failure = Failure(kind="timeout", message="no answer in 120 s")
    kept[mine[0]] = msgspec.structs.replace(kept[mine[0]], messages=(), failure=failure)
    calls = (
        ToolCall(id="1", name="search", arguments='{"q": 1}'),
        ToolCall(id="2", name="search", arguments="{broken"),
    )
    turns = (
        Message(role="assistant", content="", tool_calls=calls),
        Message(role="tool", content="nothing", tool_call_id="1"),
        Message(role="assistant", content="done"),
    )
    kept[mine[1]] = msgspec.structs.replace(kept[mine[1]], messages=turns)
    return with_lines(audit, "transcripts.jsonl.gz", kept)


def test_failures_and_broken_tool_calls_are_kept(plain: SealedAudit) -> None:
    first, second, *_ = read(odd(plain))["samples"]
    assert first["error"]["message"] == "timeout: no answer in 120 s"
    assert "choices" not in first["output"]
    calls = next(m for m in second["messages"] if m.get("tool_calls"))["tool_calls"]
    assert calls[0]["arguments"] == {"q": 1}
    assert calls[1]["arguments"] == {"text": "{broken"}
    assert calls[1]["parse_error"]


def test_withheld_records_are_left_out(plain: SealedAudit) -> None:
    whole = read(plain)["samples"]
    kept: list[Any] = list(plain.lines("transcripts.jsonl.gz"))
    mine = [i for i, line in enumerate(kept) if plain.record.candidate.fingerprint.encode() in line]
    kept = [line.rstrip(b"\n") for line in kept]
    kept[mine[3]] = b'{"redacted":"' + b"0" * 64 + b'"}'
    left = read(with_lines(plain, "transcripts.jsonl.gz", kept))["samples"]
    assert [s["id"] for s in left] == [s["id"] for i, s in enumerate(whole) if i != 3]


def test_damaged_records_are_named(plain: SealedAudit) -> None:
    with pytest.raises(EvidenceError, match=r"scores\.jsonl\.gz:1"):
        read(with_lines(plain, "scores.jsonl.gz", [b'{"key":1}']))
    cut = plain.bundle.files["transcripts.jsonl.gz"][:-20]
    with pytest.raises(EvidenceError, match="unpacked"):
        read(SealedAudit(plain.record, Bundle("here", {**plain.bundle.files, "transcripts.jsonl.gz": cut})))


@pytest.mark.slow
@pytest.mark.parametrize("side", ["baseline", "candidate"])
def test_inspect_reads_it(
    plain: SealedAudit,
    tmp_path: Path,
    side: Literal["baseline", "candidate"],
    tool: Callable[[str, str, Sequence[str]], Sequence[str]],
) -> None:
    file = tmp_path / "log.json"
    audit = odd(plain)
    file.write_bytes(b"".join(inspect_log(audit, side)))
    reader = tool("MODELASSAY_TEST_INSPECT_PYTHON", "a Python with inspect-ai", ["-c", READ, str(file)])
    done = subprocess.run(reader, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    written = read(audit, side)
    assert told["status"] == "success"
    assert told["model"] == written["eval"]["model"]
    assert told["answers"] == sorted(s["output"].get("completion", "") for s in written["samples"])
    for finding in audit.record.findings:
        if finding.check == "comparison" and not finding.slice:
            estimate = getattr(finding, side)
            assert told["metrics"][finding.measure.name] == float(estimate.value)
            values = [v for v in told["scores"][finding.measure.name] if v != "unscored"]
            assert values
            if "unscored" not in told["scores"][finding.measure.name]:
                assert sum(values) / len(values) == pytest.approx(float(estimate.value), abs=1e-6)
    assert told["errors"] == (1 if side == "candidate" else 0)
    assert told["calls"] == ([False, True] if side == "candidate" else [])

"""One model's half of an audit as an Inspect AI evaluation log (JSON, log format version 2).

Inspect's viewer and Inspect Scout open it: a sample is a question with one answer and its scores. The
samples are written as they are read, so memory grows with questions and scores, not with answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from modelassay.drops import deciding_figures
from modelassay.exports.sealed import SealedAudit, decoded
from modelassay.records import (
    AuditRecord,
    Message,
    PairKey,
    Reading,
    Sample,
    Score,
    TargetIdentity,
    Transcript,
)
from modelassay.report.corrected import corrected_words
from modelassay.report.imported import imported_mark
from modelassay.report.judges import judge_line

SideName = Literal["baseline", "candidate"]
_STOP_REASONS = {"stop": "stop", "length": "max_tokens", "tool_calls": "tool_calls"}
_STOP_REASONS |= {"content_filter": "content_filter", "unknown": "unknown"}
_WITHHELD = b'{"redacted":'
"""How a record begins that a redacted bundle replaced by its commitment."""


def inspect_log(audit: SealedAudit, side: SideName = "candidate") -> Iterator[bytes]:
    """The log of one model, in pieces; the same bundle gives the same bytes.

    Raises:
        EvidenceError: samples, transcripts or scores are missing or cannot be read.
    """
    identity = audit.record.candidate if side == "candidate" else audit.record.baseline
    samples = {sample.id: sample for sample in _records(audit, "samples.jsonl.gz", Sample)}
    scores: dict[PairKey, list[Score]] = {}
    for score in _records(audit, "scores.jsonl.gz", Score):
        if score.target == identity.fingerprint:
            scores.setdefault(score.key, []).append(score)
    yield b'{"version":2,"status":"success","eval":' + _encoded(_spec(audit.record, identity, side, samples))
    yield b',"plan":' + _encoded({"name": "plan", "steps": [], "config": _decoding(audit.record)})
    yield b',"results":' + _encoded(_results(audit.record, side, samples, scores))
    yield b',"stats":' + _encoded(_stats(audit.record, identity, side))
    yield b',"samples":['
    first = True
    for transcript in _records(audit, "transcripts.jsonl.gz", Transcript):
        sample = samples.get(transcript.key.sample)
        if transcript.target == identity.fingerprint and sample is not None:
            line = _encoded(_sample(sample, transcript, scores.get(transcript.key, ()), identity))
            yield line if first else b"," + line
            first = False
    yield b"]}\n"


def _records(audit: SealedAudit, path: str, kind: type[Any]) -> Iterator[Any]:
    """The records of one file that were not withheld."""
    for number, line in enumerate(audit.lines(path), 1):
        if not line.startswith(_WITHHELD):
            yield decoded(line, kind, f"{path}:{number}")


def _encoded(value: Any) -> bytes:
    return msgspec.json.encode(value, order="sorted")


def _spec(
    record: AuditRecord, identity: TargetIdentity, side: str, samples: Mapping[str, Sample]
) -> dict[str, Any]:
    return {
        "eval_id": f"{record.id}-{side}",
        "run_id": record.id,
        "created": _time(record.opened),
        "task": record.name,
        "task_id": record.id,
        "task_version": 0,
        "dataset": {
            "name": " + ".join(pin.name for pin in record.datasets),
            "samples": len(samples),
            "shuffled": True,
        },
        "model": identity.reference,
        "model_generate_config": _decoding(record),
        "config": {"epochs": record.epochs},
        "packages": {"modelassay": record.tool_version},
        "scorers": [{"name": pin.name, "metadata": {"version": pin.version}} for pin in record.evaluators],
        "metadata": {
            "audit": record.id,
            "side": side,
            "fingerprint": identity.fingerprint,
            "verdict": record.verdict.outcome,
            "headline": record.verdict.headline,
            **({"origin": imported_mark(record)} if record.imported else {}),
            "datasets": [
                {"name": pin.name, "digest": pin.digest, "rows": pin.rows} for pin in record.datasets
            ],
        },
    }


def _decoding(record: AuditRecord) -> dict[str, Any]:
    decoding = record.decoding
    config: dict[str, Any] = {"seed": record.seed}
    for name in ("temperature", "top_p"):
        if text := getattr(decoding, name):
            config[name] = float(text)
    if decoding.max_tokens:
        config["max_tokens"] = decoding.max_tokens
    return config | ({"stop_seqs": list(decoding.stop)} if decoding.stop else {})


def _results(
    record: AuditRecord, side: str, samples: Mapping[str, Sample], scores: Mapping[PairKey, list[Score]]
) -> dict[str, Any]:
    planned = {item.measure: item for item in record.coverage if item.side == side}
    return {
        "total_samples": len(samples) * record.epochs,
        "completed_samples": len(scores),
        "scores": [
            {
                "name": finding.measure.name,
                "scorer": finding.measure.name,
                "scored_samples": planned[finding.measure.name].scored,
                "unscored_samples": planned[finding.measure.name].planned
                - planned[finding.measure.name].scored,
                "metrics": _rate(figures.candidate if side == "candidate" else figures.baseline),
                "metadata": {
                    "judge": judge_line(record, finding.measure.name),
                    **({"corrected": corrected_words(finding, figures)} if figures.labels else {}),
                },
            }
            for finding in record.findings
            for figures in [deciding_figures(finding, record.policy)]
            if finding.check == "comparison" and not finding.slice and finding.measure.name in planned
        ],
    }


def _rate(estimate: Any) -> dict[str, Any]:
    if estimate is None:
        return {}
    return {
        name: {"name": name, "value": float(getattr(estimate, field))}
        for name, field in (("mean", "value"), ("low", "low"), ("high", "high"))
    }


def _stats(record: AuditRecord, identity: TargetIdentity, side: str) -> dict[str, Any]:
    usage = record.usage.get(side)
    spent = _usage(usage.input_tokens, usage.output_tokens) if usage else _usage(0, 0)
    return {
        "started_at": _time(record.opened),
        "completed_at": _time(record.closed),
        "model_usage": {identity.reference: spent},
    }


def _usage(input_tokens: int, output_tokens: int) -> dict[str, int]:
    total = input_tokens + output_tokens
    return {"input_tokens": input_tokens, "output_tokens": output_tokens, "total_tokens": total}


def _sample(
    sample: Sample, transcript: Transcript, scores: Iterable[Score], identity: TargetIdentity
) -> dict[str, Any]:
    asked = transcript.asked if transcript.asked is not None else sample.messages
    messages = [*(_message(m) for m in asked), *(_message(m) for m in transcript.messages)]
    written: dict[str, Any] = {
        "id": sample.id,
        "epoch": transcript.key.epoch + 1,
        "input": [_message(message) for message in asked],
        "target": sample.reference,
        "messages": messages,
        "output": _output(transcript, identity),
        "scores": {score.measure: _score(score, transcript) for score in scores},
        "metadata": {"kind": sample.kind, **sample.tags, "attack": transcript.key.attack},
        "model_usage": {identity.reference: _usage(transcript.input_tokens, transcript.output_tokens)},
    }
    if transcript.failure is not None:
        message = f"{transcript.failure.kind}: {transcript.failure.message}"
        written["error"] = {"message": message, "traceback": "", "traceback_ansi": ""}
    return written


def _message(message: Message) -> dict[str, Any]:
    written: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        written["tool_calls"] = [
            {"id": call.id, "function": call.name, "type": "function", **_arguments(call.arguments)}
            for call in message.tool_calls
        ]
    if message.tool_call_id:
        written["tool_call_id"] = message.tool_call_id
    return written


def _arguments(text: str) -> dict[str, Any]:
    """What a model wrote as arguments; what is no JSON object is kept as it is, with the error."""
    try:
        return {"arguments": msgspec.json.decode(text or "{}", type=dict[str, Any])}
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        return {"arguments": {"text": text}, "parse_error": str(error)}


def _output(transcript: Transcript, identity: TargetIdentity) -> dict[str, Any]:
    answers = [message for message in transcript.messages if message.role == "assistant"]
    output: dict[str, Any] = {"model": transcript.served_model or identity.reference}
    if answers:
        stop = _STOP_REASONS[transcript.finish]
        output["choices"] = [{"message": _message(answers[-1]), "stop_reason": stop}]
        output["completion"] = answers[-1].content
    if transcript.failure is not None:
        output["error"] = transcript.failure.message
    return output


def _score(score: Score, transcript: Transcript) -> dict[str, Any]:
    """A reading as its value; what could not be scored as the word ``unscored``, with the reason."""
    outcome = score.outcome
    metadata = {"evaluator": score.evaluator}
    if not isinstance(outcome, Reading):
        return {"value": "unscored", "explanation": outcome.reason, "metadata": metadata}
    written: dict[str, Any] = {"value": outcome.value, "explanation": outcome.label}
    written["answer"] = transcript.answer
    if outcome.evidence is not None:
        metadata["evidence"] = transcript.answer[outcome.evidence.start : outcome.evidence.end]
    return {**written, "metadata": metadata}


def _time(stamp: str) -> str:
    """``…Z`` with the offset that Inspect writes."""
    return stamp.removesuffix("Z") + "+00:00"

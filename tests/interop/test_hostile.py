"""Whatever bytes a file holds, reading it ends in a run or an error that says where, never in a traceback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelassay.audit.imported import imported_runs, plan_of
from modelassay.canonical import canonical_json
from modelassay.config import plan_digest
from modelassay.errors import UsageError
from modelassay.interop import FORMATS, Run, Scale, read_run
from modelassay.records import Reading, Unscored

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
KEYS: list[str] = []
KEYS += ["outputs", "detector_results", "probe_classname", "results", "testIdx", "promptIdx", "provider"]
KEYS += ["vars", "response", "success", "score", "namedScores", "gradingResult", "test_case"]
KEYS += ["generation", "label", "turns", "role", "version", "status", "eval"]
KEYS += ["samples", "id", "epoch", "input", "target", "output", "choices"]
KEYS += ["message", "content", "scores", "value", "metadata", "error", "doc_id"]
KEYS += ["doc", "arguments", "resps", "filtered_resps", "filter", "metrics", "acc"]
KEYS += ["entry_type", "uuid", "prompt", "text", "attachments", "attempt", "raw"]
KEYS += ["answer", "kind", "messages"]
plain = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=20,
)


def as_object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


SUFFIX = {"lm-eval": ".jsonl", "garak": ".jsonl"}
SHAPES: dict[str, Any] = {
    "inspect": lambda v: {"version": 2, "eval": {"scorers": [{"name": "s"}]}, "samples": [v]},
    "lm-eval": lambda v: {
        "doc_id": 1,
        "filtered_resps": [],
        "metrics": ["acc"],
        **(v if isinstance(v, dict) else {}),
    },
    "garak": lambda v: {**(v if isinstance(v, dict) else {}), "entry_type": "attempt"},
    "promptfoo": lambda v: {"results": {"results": [v]}},
    "harmbench": lambda v: {"b": [v]},
}
bounded = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def pairs(run: Run) -> None:
    """Hold the run against itself under another name: what comes out can be sealed as evidence."""
    other = msgspec.structs.replace(run, model="another")
    try:
        runs = imported_runs(run, other, wanted="higher", scale=Scale(-1e9, 1e9))
    except UsageError:
        return
    assert list(runs.notes("2030-01-01T00:00:00Z"))
    canonical_json([runs.paired.samples, runs.sources, runs.identity(0), [each.pin for each in runs.chosen]])
    plan_digest(plan_of(runs))
    for chosen in runs.chosen:
        try:
            found = [outcome for _, outcome in runs.paired.outcomes("candidate", chosen)]
        except UsageError:
            continue
        canonical_json({each.reason: each.reason for each in found if isinstance(each, Unscored)})
        assert all(0 <= each.value <= 1 for each in found if isinstance(each, Reading))
    for key in runs.paired.keys:
        msgspec.json.encode(runs.paired.transcript("baseline", key, "sha256:" + "0" * 64))


def reads(path: Path, **options: Any) -> None:
    try:
        run = read_run(path, **options)
    except UsageError:
        return
    assert isinstance(run, Run)
    assert (run.model + run.task + run.version).isprintable()
    pairs(run)
    for item in run.items:
        assert item.place
        for message in (*item.messages, *(item.answer or ())):
            message.content.encode()


@bounded
@given(
    data=st.binary(max_size=300),
    format=st.sampled_from([*FORMATS, "auto"]),
    suffix=st.sampled_from([".json", ".jsonl", ".eval", ".csv"]),
)
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes, format: str, suffix: str) -> None:  # noqa: A002
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    path.write_bytes(data)
    reads(path, format=format)


@bounded
@given(value=plain, tool=st.sampled_from(sorted(SHAPES)))
def test_any_json_in_the_tool_s_own_frame(
    tmp_path_factory: pytest.TempPathFactory, value: Any, tool: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"shaped{SUFFIX.get(tool, '.json')}"
    path.write_text(json.dumps(SHAPES[tool](value)) + "\n")
    reads(path, format=tool)


@bounded
@given(
    rows=st.lists(
        st.dictionaries(st.sampled_from(["id", "prompt", "score", "kind", "epoch"]), leaves), max_size=4
    )
)
def test_any_table(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]) -> None:
    path = tmp_path_factory.getbasetemp() / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    reads(path, format="table")


@bounded
@given(place=st.integers(0, 1200), byte=st.integers(0, 255))
def test_any_flipped_byte_of_an_archive(
    tmp_path_factory: pytest.TempPathFactory, place: int, byte: int
) -> None:
    import zipfile

    path = tmp_path_factory.getbasetemp() / "flipped.eval"
    log = {"version": 2, "status": "success", "eval": {"model": "m", "scorers": []}}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", json.dumps(log))
        archive.writestr(
            "samples/1_epoch_1.json", json.dumps({"id": 1, "epoch": 1, "input": "a", "scores": {}})
        )
    data = bytearray(path.read_bytes())
    data[place % len(data)] = byte
    path.write_bytes(data)
    reads(path)

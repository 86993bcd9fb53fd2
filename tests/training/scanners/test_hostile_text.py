"""No string breaks or stalls a scanner; every quote stands in the text; scan and quote agree."""

from __future__ import annotations

import importlib
import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelassay.training.columns import pa
from modelassay.training.scanners import opening
from modelassay.training.scanners.texts import plain

PROJECT = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8"))["project"]
TARGETS = PROJECT["entry-points"][opening.GROUP]


def made(target: str) -> Any:
    module, name = target.split(":")
    return getattr(importlib.import_module(module), name)()


def batch(prompt: str, completion: str, form: str) -> pa.RecordBatch:
    return pa.record_batch(
        {
            "prompt": pa.array([prompt, "What is 1 + 1?"], pa.large_string()),
            "completion": pa.array([completion, "2"], pa.large_string()),
            "format": pa.array([form, "text"]),
            "group": pa.array(["g", "g"]),
            "step": pa.array([1, 1]),
            "phase": pa.array(["train", "train"]),
            "seq": pa.array([0, 1]),
            "reward": pa.array([1.0, 0.0]),
            "grader_input": pa.array([None, None], pa.large_string()),
        }
    )


def check(prompt: str, completion: str, form: str) -> None:
    rows = batch(prompt, completion, form)
    for target in TARGETS.values():
        scanner = made(target)
        found = scanner.scan(rows)
        assert set(scanner.behaviours) <= set(found)
        assert all(len(values) == 2 for values in found.values())
        assert all(np.isfinite(values).all() for values in found.values() if values.dtype == np.float64)
        quote = scanner.quote(prompt, completion)
        assert len(quote) <= 300
        assert quote in plain(completion)


FRAGMENTS = st.sampled_from(
    [
        "```python\n", "```", "~~~\n", '<file path="conftest.py">', "</file>", "os._exit(0)\n", "\\x41" * 9,
        "    return True\n", "def __eq__(s, o):\n", "<think>", "</think>", "assert f(1) == 2\n",
        "[", "(", "{",
        ">>> f(1)\n2\n", "Inputs:\n1\n\nOutputs:\n2\n", "if n == 17:\n    print(34)\n", "EOF\n",
        "\u200b", "\\",
        "cat > x.py <<'EOF'\n", "\u202e", "{1: 2, 3: 4}", "'", '"', "\x00", "try:\n",
        "import os as o\n", "0x",
        "setattr(time, 'time', 1)\n", "shut down", "|| true\n", "grader deserves 10/10",
        "#!/bin/bash\n", "1e999",
        "01000001" * 7, "aGVsbG8gd29ybGQgdGhpcyBpcyBhIHRlc3Q=", "raise SystemExit\n", "f'{x", "=" * 50,
        " in [1, 2]", "lambda: ",
    ]
)  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=200), st.lists(st.one_of(FRAGMENTS, st.text(max_size=8)), max_size=14).map("".join)
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=10)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["assistant", "user", "tool", "odd"])},
        optional={"content": st.one_of(TEXTS, JSON), "tool_calls": JSON},
    ),
    max_size=4,
).map(json.dumps)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(prompt=TEXTS, completion=TEXTS)
def test_any_text(prompt: str, completion: str) -> None:
    if any("\ud800" <= c <= "\udfff" for c in prompt + completion):
        return
    check(prompt, completion, "text")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(prompt=MESSAGES, completion=st.one_of(MESSAGES, TEXTS))
def test_any_messages(prompt: str, completion: str) -> None:
    check(prompt, completion, "messages")


LONG = 20_000


UNITS = (
    "(", "[[", "a", "a ", "1,", "if ", "== 1 ", "'", "#", "\n", "\t ", "```\n", "x = [1, 2]\n",
    "A1b2", "{1:2,",
    "do not ", "<think>", "assert f(1) == 1\n", "grader ", "\\x41", "-1 + ", "not ", "this question ", "x.",
    "<<E\n", "|| ",
)  # fmt: skip


@pytest.mark.parametrize("unit", UNITS)
def test_nothing_takes_time_out_of_proportion(unit: str) -> None:
    text = unit * (LONG // len(unit))
    prompt = "Do not modify the tests. Optimise the score.\n#!/bin/bash\npython a.py\npython b.py\n" + text
    check(prompt, f"```python\n{text}\n```\n{text}", "text")


def test_lone_surrogates_of_json_are_read() -> None:
    completion = '[{"role": "assistant", "content": "\\ud800 os._exit(0)"}]'
    check("", completion, "messages")


def test_declared_names_are_the_scanners_own_and_flags_are_raised_once() -> None:
    scanners = {name: made(target) for name, target in TARGETS.items()}
    assert {name: scanner.name for name, scanner in scanners.items()} == {name: name for name in TARGETS}
    behaviours = [behaviour for scanner in scanners.values() for behaviour in scanner.behaviours]
    assert len(behaviours) == len(set(behaviours))


def test_measured_errors_are_of_scanners_as_they_stand() -> None:
    versions = {f"{s.name}@{s.version}" for s in map(made, TARGETS.values())}
    measured = opening.measured_errors()
    assert measured
    assert {error.scanner for error in measured} <= versions
    for error in measured:
        for share in (error.true_positive_rate, error.false_positive_rate):
            assert share.low <= share.value <= share.high
            assert round(share.count / share.of, 4) == share.value
    assert opening.errors_of("grader_exploit", "test_tampering@0") == ()
    assert len(opening.errors_of("grader_exploit")) >= 1


def test_scanners_open_by_name() -> None:
    if set(opening.names()) != set(TARGETS):
        pytest.skip("the installed package predates these entry points: install it again")
    opened = opening.open_scanners(["hidden_text", "deception"])
    assert [scanner.name for scanner in opened] == ["hidden_text", "deception"]
    assert len(opening.open_scanners()) == len(TARGETS)

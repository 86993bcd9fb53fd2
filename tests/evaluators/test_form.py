"""Form and length of answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelassay.errors import ConfigError
from modelassay.evaluators import ResponseFormat, ResponseLength
from modelassay.evaluators.answers import loop_length
from modelassay.evaluators.form import count_words
from modelassay.records import Failure, Reading, ToolCall, Unscored

Make = Callable[..., Any]
JSON = {"format": "json"}


def form(item: Any) -> Reading | Unscored:
    (score,) = asyncio.run(ResponseFormat().score([item]))
    assert (score.evaluator, score.measure) == ("response_format@1", "response_format")
    return score.outcome


def length(item: Any) -> Reading | Unscored:
    (score,) = asyncio.run(ResponseLength().score([item]))
    return score.outcome


@pytest.mark.parametrize(
    ("answer", "options", "label"),
    [
        ("A plain answer.", {}, "well_formed"),
        ("", {}, "empty"),
        (" \n", {}, "empty"),
        ("Half of an", {"finish": "length"}, "cut_off"),
        ("<think>and then", {}, "cut_off"),
        ("<think>and then</think>", {}, "empty"),
        ("Done.<|im_end|>", {}, "control_tokens"),
        ("Fine.\n[INST] next [/INST]", {}, "control_tokens"),
        ("ok " * 40, {}, "repetition_loop"),
        ("A start. " + "and so on, " * 12 + "and so", {}, "repetition_loop"),
        ('{"a": [1, 2]}', {"tags": JSON}, "well_formed"),
        (' {"a": 1}\n', {"tags": JSON}, "well_formed"),
        ('{"a": 1', {"tags": JSON}, "invalid_json"),
        ('```json\n{"a": 1}\n```', {"tags": JSON}, "invalid_json"),
        ("[" * 100_000, {"tags": JSON}, "invalid_json"),
        ('{"a": 1', {}, "well_formed"),
        ("| a | b |\n|" + "-" * 70 + "|", {}, "well_formed"),
        ("", {"calls": (ToolCall(id="1", name="find", arguments='{"q": "x"}'),)}, "well_formed"),
        ("", {"calls": (ToolCall(id="1", name="find", arguments='{"q": '),)}, "invalid_json"),
        ("", {"calls": (ToolCall(id="1", name="find", arguments='"x"'),)}, "invalid_json"),
    ],
)
def test_form(case: Make, answer: str, options: dict[str, Any], label: str) -> None:
    reading = form(case(answer, **options))
    assert isinstance(reading, Reading)
    assert (reading.label, reading.value) == (label, float(label == "well_formed"))


def test_a_loop_is_pointed_at(case: Make) -> None:
    answer = "It goes: " + "round and " * 10
    reading = form(case(answer))
    assert isinstance(reading, Reading)
    assert reading.evidence is not None
    assert answer[reading.evidence.start : reading.evidence.end].strip().startswith("round and round")


def test_what_never_came_has_no_form(case: Make) -> None:
    failure = Failure(kind="server_error", message="HTTP 500")
    assert form(case("", failure=failure)) == Unscored(reason="request failed: server_error")
    assert form(case("", finish="content_filter")) == Unscored(reason="stopped by a content filter")
    assert length(case("", failure=failure)) == Unscored(reason="request failed: server_error")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("It's a three-word answer.", 4),
        ("", 0),
        ("...", 0),
        ("你好，世界", 4),
        ("<think>not this</think>only these", 2),
        ("<think>never ends", 0),
    ],
)
def test_length_is_words(case: Make, answer: str, words: int) -> None:
    reading = length(case(answer))
    assert reading == Reading(value=float(words > 0), label="words" if words else "no_words", raw=str(words))


@given(st.text(max_size=30), st.text(min_size=1, max_size=20), st.integers(4, 30))
@settings(max_examples=200, deadline=None)
def test_a_loop_is_found_at_any_phase(start: str, unit: str, repeats: int) -> None:
    text = start + unit * repeats
    found = loop_length(text)
    assert 0 <= found <= len(text)
    if len(unit.strip()) == len(unit) and any(map(str.isalpha, unit)) and len(unit) * (repeats - 1) >= 80:
        assert found >= 60


@given(st.text())
def test_counting_never_raises(text: str) -> None:
    assert 0 <= count_words(text) <= len(text)


def test_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="response_length has no settings"):
        ResponseLength(unit="words")

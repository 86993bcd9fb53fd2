"""Recited training data: canaries, long runs of declared text, files, bounded memory."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelassay.audit.parts import open_evaluators
from modelassay.config import EvaluatorReference
from modelassay.errors import ConfigError
from modelassay.evaluators import TrainingDataRegurgitation
from modelassay.evaluators.declared_data import DeclaredData
from modelassay.evaluators.overlaps import tokens

WORDS = [f"word{number}" for number in range(400)]


@pytest.fixture(name="data")
def data_fixture(tmp_path: Path) -> Path:
    path = tmp_path / "train.jsonl"
    rows = [{"messages": [{"content": " ".join(WORDS[at : at + 100])}]} for at in range(0, 400, 100)]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def test_a_run_of_the_threshold_is_a_recital(data: Path) -> None:
    judge = TrainingDataRegurgitation(files=[str(data)])
    recited = f"Sure! {' '.join(WORDS[10:60])}. And so on."
    read = judge.evaluate(input="Tell me.", output=recited)
    assert (read.score, read.label, read.evidence) == (0.0, "recited", " ".join(WORDS[10:60]))
    assert read.raw.startswith("50 words")
    shorter = judge.evaluate(input="Tell me.", output=f"Sure! {' '.join(WORDS[10:59])}. And so on.")
    assert (shorter.score, shorter.label) == (1.0, "original")
    assert shorter.raw.startswith("49 words")


def test_runs_end_where_documents_end(data: Path) -> None:
    judge = TrainingDataRegurgitation(files=[str(data)], threshold=40)
    assert judge.evaluate(input="x", output=" ".join(WORDS[65:135])).score == 1.0
    assert (
        TrainingDataRegurgitation(files=[str(data)], threshold=35)
        .evaluate(input="x", output=" ".join(WORDS[65:135]))
        .score
        == 0.0
    )


def test_what_the_request_gives_is_not_recited(data: Path) -> None:
    judge = TrainingDataRegurgitation(files=[str(data)])
    text = " ".join(WORDS[:80])
    assert judge.evaluate(input=f"Repeat: {text}", output=text).score == 1.0
    assert judge.evaluate(input="Continue.", output=text).score == 0.0


def test_text_and_compressed_files_are_read(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.txt", tmp_path / "b.txt.gz"
    plain.write_text("\n".join(WORDS), encoding="utf-8")
    packed.write_bytes(gzip.compress(" ".join(reversed(WORDS)).encode()))
    judge = TrainingDataRegurgitation(files=[str(plain), str(packed)])
    for words in (WORDS[100:160], WORDS[160:100:-1]):
        assert judge.evaluate(input="x", output=" ".join(words)).label == "recited"


def test_canaries_are_found_however_they_are_written() -> None:
    judge = TrainingDataRegurgitation(canaries=["the pass is 8237 1122"])
    assert judge.evaluate(input="x", output="THE PASS IS 82371122!").label == "canary"
    assert judge.evaluate(input="x", output="the pass is unknown").label == "original"
    tagged = TrainingDataRegurgitation().evaluate(input="x", output="so: zebra-quartz", canary="zebra quartz")
    assert tagged.score == 0.0


def test_nothing_declared_is_nothing_told() -> None:
    read = TrainingDataRegurgitation().evaluate(input="x", output="Some text.")
    assert (read.score, read.reason) == (None, "no training data and no canaries are declared")


def test_the_version_follows_the_data(data: Path) -> None:
    first = TrainingDataRegurgitation(files=[str(data)]).version
    other = data.with_name("other.jsonl")
    other.write_text(json.dumps({"text": " ".join(WORDS)}), encoding="utf-8")
    assert first != TrainingDataRegurgitation(files=[str(other)]).version
    assert first == TrainingDataRegurgitation(files=[str(data)]).version


@pytest.mark.parametrize(
    ("name", "content"),
    [("bad.jsonl", b'{"a": 1}\n{broken'), ("bad.txt", b"\xff\xfe\xfa"), ("bad.txt.gz", b"no")],
)
def test_files_that_cannot_be_read_are_named(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=name):
        TrainingDataRegurgitation(files=[str(path)])
    with pytest.raises(ConfigError, match="absent"):
        TrainingDataRegurgitation(files=[str(tmp_path / "absent.txt")])
    with pytest.raises(ConfigError, match="threshold"):
        TrainingDataRegurgitation(threshold=2)


def test_memory_is_bounded_and_long_runs_are_still_found(tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    words = [f"w{number * 7919 % 100_003}" for number in range(20_000)]
    path.write_text(" ".join(words), encoding="utf-8")
    data = DeclaredData([path], 8, most=2_000)
    assert 0 < len(data) <= 2_000
    run = data.longest_run(words[5_000:5_400])
    assert 300 <= run.words <= 400
    assert run.share == 1.0
    assert data.longest_run([f"x{number}" for number in range(400)]).words == 0


@given(st.lists(st.sampled_from("abcd"), min_size=3, max_size=60), st.integers(0, 57), st.integers(3, 20))
def test_every_part_of_the_data_is_a_run(
    tmp_path_factory: pytest.TempPathFactory, words: list[str], start: int, length: int
) -> None:
    path = tmp_path_factory.mktemp("data") / "a.txt"
    path.write_text(" ".join(words), encoding="utf-8")
    part = words[start : start + length]
    run = DeclaredData([path], 3).longest_run(part)
    assert run.words == (len(part) if len(part) >= 3 else 0)


def test_long_answers_are_read_to_their_end(data: Path) -> None:
    judge = TrainingDataRegurgitation(files=[str(data)])
    filler = "other words stand here and there " * 30_000
    assert judge.evaluate(input="x", output=f"{filler}. {' '.join(WORDS[:60])}").label in ("recited", "")
    assert len(tokens(filler).words) == 180_000


def test_files_of_a_plan_start_in_its_folder(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    for name in (data.name, str(data)):
        reference = EvaluatorReference(use="training_data_regurgitation", settings={"files": [name]})
        (judge,), _ = open_evaluators([reference], data.parent)
        assert isinstance(judge, TrainingDataRegurgitation)
        assert judge.evaluate(input="Tell me.", output=" ".join(WORDS[:60])).score == 0.0
        assert judge.version == TrainingDataRegurgitation(files=[str(data)]).version
    missing = EvaluatorReference(use="training_data_regurgitation", settings={"files": ["no.jsonl"]})
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        open_evaluators([missing], data.parent)
    assert caught.value.where == str(data.parent / "no.jsonl")

"""Each tool's files: what is read of them, in every documented form, and what is said of the rest."""

from __future__ import annotations

import json
import math
import zipfile
from pathlib import Path
from typing import Any

import pytest

from modelassay.errors import DatasetError, UnknownNameError
from modelassay.interop import Mark, Run, read_run
from modelassay.records import Unscored


def values(run: Run, scorer: str) -> list[float | str]:
    marks = [item.marks[scorer] for item in run.items]
    return [mark.value if isinstance(mark, Mark) else mark.reason for mark in marks]


@pytest.mark.parametrize("packed", [True, False])
def test_an_inspect_log_is_read_from_archive_and_json(make: Any, tmp_path: Path, packed: bool) -> None:
    log = make.inspect_log(
        [("a", "C"), ("b", "I"), ("c", "P"), ("d", "N"), ("e", True), ("f", 0.25)], epochs=2
    )
    path = tmp_path / ("log.eval" if packed else "log.json")
    if packed:
        make.write_eval(path, log)
    else:
        path.write_text(json.dumps(log))
    run = read_run(path)
    assert (run.tool, run.version, run.model, run.task) == ("inspect", "0.3.285", "openai/base", "sums")
    assert run.made == "2026-01-02T03:04:05Z"
    assert values(run, "graded") == [1.0, 0.0, 0.5, "no answer (N)", 1.0, 0.25] * 2
    assert (run.decoding.temperature, run.decoding.max_tokens) == ("0.0", 64)
    first = run.items[0]
    assert [message.role for message in first.messages] == ["system", "user"]
    assert first.answer is not None
    assert (first.answer[0].content, first.reference, first.tags) == ("a", "0", {"category": "even"})
    assert {item.epoch for item in run.items} == {0, 1}
    assert not run.scorers[0].exact


def test_inspect_attachments_errors_and_values_of_many_parts(make: Any, write: Any) -> None:
    log = make.inspect_log([("a", "C"), ("b", "C"), ("c", {"x": 1, "y": "I"}), ("d", "what")])
    log["samples"][0]["input"] = "attachment://abc"
    log["samples"][0]["attachments"] = {"abc": "a long question"}
    log["samples"][1] |= {"error": {"message": "timed out"}, "scores": None, "output": {"model": "m"}}
    log["eval"]["scorers"] = [{"name": "graded"}, {"name": "graded.x"}]
    log["status"] = "error"
    run = read_run(write("log.json", log))
    assert run.items[0].messages[0].content == "a long question"
    assert run.items[1].failure == "timed out"
    assert run.items[1].answer is None
    assert run.items[1].marks["graded"] == Unscored(reason="the sample ended with an error")
    assert {name: type(mark) for name, mark in run.items[2].marks.items()} == {
        "graded.x": Mark,
        "graded.y": Mark,
    }
    assert run.items[3].marks["graded"] == Unscored(reason="a value that is no number")
    assert any("'error'" in note for note in run.notes)


def test_lm_eval_samples_with_and_without_their_results(make: Any, tmp_path: Path) -> None:
    path = make.write_lm_eval(tmp_path / "with", [("7", 1.0), ("8", 0.0), ("", math.nan)])
    run = read_run(path)
    assert (run.version, run.model, run.task) == ("0.4.13", "acme/base", "sums")
    assert run.made == f"{make.yesterday}T03:04:05Z"
    assert len(run.files) == 2
    assert values(run, "exact_match") == [1.0, 0.0, "not a number"]
    assert run.scorers[0].exact
    assert run.scorers[0].lower is False
    assert (run.decoding.temperature, run.decoding.max_tokens) == ("0", 64)
    assert run.items[0].tags["subject"] == "even"
    next(path.parent.glob("results_*.json")).unlink()
    alone = read_run(path)
    assert alone.version == alone.model == ""
    assert any("No results" in note for note in alone.notes)


def test_lm_eval_weighs_options_and_filters_one_answer_twice(make: Any, write: Any) -> None:
    weighed = {
        "doc_id": 0,
        "doc": {},
        "target": 1,
        "arguments": [["Sky?", " red"], ["Sky?", " blue"]],
        "resps": [[[-5.0, False]], [["-0.5", "True"]]],
        "filtered_resps": [[-5.0, False], ["-0.5", "True"]],
        "filter": "none",
        "acc": 1.0,
    }
    run = read_run(write("samples_sky.jsonl", json.dumps(weighed) + "\n"))
    assert run.items[0].answer is not None
    assert run.items[0].answer[0].content == "blue"
    assert run.items[0].reference == "1"
    assert any("likeliest" in note for note in run.notes)
    lines = [json.loads(line) for line in make.lm_eval_lines([("7", 1.0)]).splitlines()]
    strict = lines[0] | {"filter": "strict"}
    loose = lines[0] | {"filter": "flexible", "exact_match": 0.0}
    both = read_run(write("samples_two.jsonl", "\n".join(map(json.dumps, (strict, loose)))))
    assert len(both.items) == 1
    assert set(both.items[0].marks) == {"strict/exact_match", "flexible/exact_match"}
    assert all(scorer.exact for scorer in both.scorers)


def test_garak_generations_are_repeats_and_hits_are_unwanted(make: Any, write: Any) -> None:
    text = make.garak_lines([(["no", "yes"], [0.0, 1.0]), (["no", None], [0.4, None])])
    run = read_run(write("garak.r.report.jsonl", text))
    assert (run.version, run.model, run.kind) == ("0.17.1", "openai:base", "harmful")
    assert values(run, "dan.DAN") == [0.0, 1.0, 0.0, "no detector result"]
    assert [item.epoch for item in run.items] == [0, 1, 0, 1]
    assert run.scorers[0].lower is True
    assert run.items[0].tags["probe"] == "dan.Dan_11_0"
    assert run.items[3].answer is None
    older = text.replace(
        json.dumps({"turns": [{"role": "user", "content": {"text": "question 0", "lang": "en"}}]}),
        json.dumps("question 0"),
    )
    assert older != text
    assert read_run(write("old.report.jsonl", older)).items[0].id != ""


def test_a_garak_attempt_that_was_never_judged_is_unscored(make: Any, write: Any) -> None:
    lines = make.garak_lines([(["no"], [0.0]), (["no"], [0.0])]).splitlines()
    judged = [line for line in lines if '"base-1"' not in line or '"status": 1' in line]
    run = read_run(write("cut.report.jsonl", "\n".join(judged)))
    assert values(run, "dan.DAN") == [0.0, "no detector result"]
    assert any("never judged" in note for note in run.notes)


def test_promptfoo_holds_several_providers(make: Any, write: Any) -> None:
    whole = make.promptfoo_results(
        {"openai:a": [("x", 1.0), ("y", 0.2)], "openai:b": [("z", 0.0), ("w", 1.0)]}
    )
    whole["results"]["results"][0] |= {"failureReason": 2, "error": "no key", "response": {"error": "no key"}}
    path = write("results.json", whole)
    with pytest.raises(DatasetError, match="2 models: openai:a, openai:b"):
        read_run(path)
    with pytest.raises(UnknownNameError, match="openai:c"):
        read_run(path, model="openai:c")
    run = read_run(path, model="openai:a")
    assert values(run, "success") == ["the result is an error", 0.0]
    assert values(run, "tone") == ["the result is an error", 0.2]
    assert run.items[0].failure == "no key"
    assert run.items[1].messages[0].content == "question 1"
    assert (run.version, run.task) == ("0.121.20", "support bot")
    assert {scorer.name for scorer in run.scorers if scorer.exact} == {"success", "score"}
    judged = make.promptfoo_results({"a": [("x", 1.0)]}, assertion="llm-rubric")
    assert not any(scorer.exact for scorer in read_run(write("j.json", judged)).scorers)


def test_harmbench_completions_and_results(make: Any, write: Any) -> None:
    rows = [("no", 0), ("yes", 1), ("?", -1)]
    run = read_run(write("llama.json", make.harmbench_results(rows)))
    assert (run.tool, run.model, run.kind) == ("harmbench", "llama", "harmful")
    assert values(run, "label") == [0.0, 1.0, "no label"]
    bare = {"b": [{"test_case": ["image.png", "what is it"], "generation": "no"}] * 2}
    unlabelled = read_run(write("bare.json", bare))
    assert unlabelled.scorers == ()
    assert [item.epoch for item in unlabelled.items] == [0, 1]


def test_tables_of_both_forms(write: Any) -> None:
    text = "nr,question,reply,score,topic\n1,what?,this,yes,a\n2,why?,,0.5,b\n3,how?,so,,a\n"
    columns = {"id": "nr", "prompt": "question", "answer": "reply"}
    run = read_run(write("t.csv", text), columns=columns)
    assert values(run, "score") == [1.0, 0.5, "no score"]
    assert [item.answer is None for item in run.items] == [False, True, False]
    assert run.items[0].tags == {"topic": "a"}
    rows = [{"prompt": "a", "good": True, "kind": "benign"}, {"prompt": "b", "good": None, "kind": ""}]
    lines = read_run(write("t.jsonl", "\n".join(map(json.dumps, rows))), measures=["good"])
    assert values(lines, "good") == [1.0, "no score"]
    assert [item.kind for item in lines.items] == ["benign", None]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.jsonl", '{"doc_id": 1, "doc_id": 2, "filtered_resps": []}', "occurs twice"),
        ("x.jsonl", '{"prompt": "a"}\n{"prompt": ', "x.jsonl:2: not JSON"),
        ("x.jsonl", '{"prompt": "a"}\n[1]', "x.jsonl:2: an object was expected, not a list"),
        ("x.json", "[" * 100_000, "nested too deeply"),
        ("x.json", '{"a": 1}', "no format that is read here"),
        ("x.csv", "a,b\n1\n", "1 cells under 2 columns"),
        ("x.csv", "a,a\n1,2\n", "two columns have one name"),
        ("x.csv", "score\n1\n", "no column says what was asked"),
        ("x.eval", b"PK\x03\x04 not really", "not a zip archive"),
        ("x.json", b"\xff\xfe{}", "not JSON"),
        ("x.json", "  \n", "the file is empty"),
        ("x.json", {"eval": {}, "samples": [], "version": 1}, "log format version 1"),
        ("x.json", {"eval": {}, "samples": [], "version": 2}, "no samples"),
        ("x.jsonl", '{"entry_type": "init"}', "no attempt"),
        ("x.jsonl", '{"entry_type": "attempt", "status": "x"}', "status is text, a whole number"),
    ],
)
def test_other_files_are_refused_with_their_place(write: Any, name: str, content: Any, said: str) -> None:
    with pytest.raises(DatasetError) as caught:
        read_run(write(name, content))
    assert said in str(caught.value)
    assert name in str(caught.value)


def test_unknown_formats_and_columns_are_named(write: Any) -> None:
    path = write("t.csv", "prompt,score\na,1\n")
    with pytest.raises(UnknownNameError, match="inspect"):
        read_run(path, format="inspct")
    with pytest.raises(DatasetError, match="did you mean 'prompt'"):
        read_run(path, columns={"prompt": "promt"})


def archive(path: Path, *members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as made:
        for name, data in members:
            made.writestr(name, data)
    return path


def test_hostile_archives_are_refused_and_nothing_is_written(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelassay.interop.archives.MOST_UNPACKED", 1 << 20)
    log = make.inspect_log([("a", "C")])
    header = json.dumps({k: v for k, v in log.items() if k != "samples"}).encode()
    sample = json.dumps(log["samples"][0]).encode()
    folder = tmp_path / "in"
    folder.mkdir()
    bomb = archive(
        folder / "bomb.eval", ("header.json", header), ("samples/1_epoch_1.json", b" " * (2 << 20))
    )
    with pytest.raises(DatasetError, match="unpacks to more than"):
        read_run(bomb)
    outside = archive(folder / "outside.eval", ("header.json", header), ("samples/../../x.json", sample))
    with pytest.raises(DatasetError, match="no samples"):
        read_run(outside)
    whole = make.write_eval(folder / "whole.eval", log)
    data = whole.read_bytes()
    broken = folder / "broken.eval"
    spot = data.index(b"samples/0_epoch_1.json") + 60
    broken.write_bytes(data[:spot] + bytes([data[spot] ^ 1]) + data[spot + 1 :])
    with pytest.raises(DatasetError, match="damaged member"):
        read_run(broken)
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = archive(folder / "twice.eval", ("header.json", header), ("header.json", header))
    with pytest.raises(DatasetError, match="one name"):
        read_run(twice)
    central = data.index(b"PK\x01\x02")
    locked = folder / "locked.eval"
    locked.write_bytes(data[: central + 8] + b"\x01\x00" + data[central + 10 :])
    with pytest.raises(DatasetError, match="encrypted"):
        read_run(locked)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_an_archive_packed_with_zstandard(make: Any, tmp_path: Path) -> None:
    """Method 93, as Inspect writes it; without the package the message says what to install."""
    log = make.inspect_log([("a", "C"), ("b", "I")])
    stored = make.write_eval(tmp_path / "s.eval", log, method=zipfile.ZIP_STORED).read_bytes()
    try:
        import zstandard
    except ImportError:
        path = tmp_path / "z.eval"
        central = stored.index(b"PK\x01\x02")
        path.write_bytes(stored[: central + 10] + b"\x5d\x00" + stored[central + 12 :])
        with pytest.raises(DatasetError, match="zstd"):
            read_run(path)
        return
    from modelassay.interop import archives

    assert archives._unpack(zstandard.compress(b"x" * 1000), 93, "here") == b"x" * 1000
    with pytest.raises(DatasetError, match="damaged"):
        archives._unpack(b"not zstandard", 93, "here")
    bomb = zstandard.compress(bytes(archives.MOST_UNPACKED + 1))
    with pytest.raises(DatasetError, match="unpacks to more"):
        archives._unpack(bomb, 93, "here")

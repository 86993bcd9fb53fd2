"""Commit, challenge, open, check, from the command line: two sides that share files and nothing else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from modelassay.assessment.challenging import draws_of
from modelassay.assessment.request import Draws
from modelassay.cli import run as modelassay
from modelassay.evidence.ledger import read_events
from modelassay.evidence.run_events import RunChallenged
from modelassay.records import RewardFunction, RunManifest
from modelassay.training.protocol.challenge import decode_challenge
from modelassay.training.protocol.disclosure import challenge_digest
from modelassay.training.writing import RunWriter

ROWS = 64


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MODELASSAY_KEYS", str(tmp_path / "keys"))
    manifest = RunManifest(
        id="tiny", name="tiny", origin="imported", framework="plain", rewards=(RewardFunction(name="g"),)
    )
    (tmp_path / "assay" / "runs").mkdir(parents=True)
    with RunWriter(tmp_path / "assay" / "runs" / "tiny", manifest) as writer:
        writer.rollouts(
            {
                "step": [1 + i // 8 for i in range(ROWS)],
                "phase": ["train"] * ROWS,
                "task": [f"t{i}" for i in range(ROWS)],
                "group": [f"g{i // 4}" for i in range(ROWS)],
                "prompt": [f"secret question {i}" for i in range(ROWS)],
                "completion": [f"answer {i}" for i in range(ROWS)],
                "format": ["text"] * ROWS,
                "reward": [1.0] * ROWS,
                "reward/g": [1.0] * ROWS,
            },
            ROWS,
        )
    return tmp_path / "assay"


@pytest.fixture
def run(store: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = modelassay(["run", *map(str, words)])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_both_sides(run: Callable[..., tuple[int, str, str]], store: Path, tmp_path: Path) -> None:
    nonce, challenge, opening = tmp_path / "nonce", tmp_path / "challenge.json", tmp_path / "opening.jsonl"
    theirs = ("--store", tmp_path / "assessor")
    code, bound, _ = run("challenge", "--prepare", "--nonce", nonce, *theirs)
    assert code == 0
    assert run("challenge", "--prepare", "--nonce", nonce, *theirs)[0] == 2
    assert run("commit", "tiny", "--store", store)[0] == 0
    files = {p: p.read_bytes() for p in (store / "runs" / "tiny" / "commitments").iterdir()}
    size = sorted((store / "log").rglob("*"))
    assert run("commit", "tiny", "--store", store)[0] == 0
    assert {p: p.read_bytes() for p in files} == files
    assert sorted((store / "log").rglob("*")) == size
    copy = tmp_path / "copy"
    shutil.copytree(store / "runs" / "tiny" / "commitments", copy / "commitments")
    words = (
        "challenge",
        copy,
        "--nonce",
        nonce,
        "--share",
        "0.1",
        "--part",
        "completion",
        "-o",
        challenge,
        *theirs,
    )
    assert run(*words)[0] == 0
    code, out, _ = run("open", "tiny", challenge, "-o", opening, "--withhold", "prompt", "--store", store)
    assert code == 0
    assert "secret" not in opening.read_text("utf-8")
    code, out, _ = run("check", copy, challenge, opening, "--json", "--nonce-commitment", bound.strip())
    found = json.loads(out)
    assert (code, found["failed"], found["finding"]["assurance"]) == (0, [], "T3")
    opening.write_text(opening.read_text("utf-8").replace("answer", "Answer", 1), "utf-8")
    code, out, _ = run("check", copy, challenge, opening)
    assert code == 13
    assert "1 of " in out
    assert run("check", copy, challenge, opening, "--nonce-commitment", "sha256:" + "0" * 64)[0] == 13
    assert run("check", copy, challenge, tmp_path / "none")[0] == 2
    whole = challenge.read_text("utf-8")
    for cut in (
        whole.replace('"share":"0.1"', '"share":"x"'),
        json.dumps({**json.loads(whole), "drawn": []}),
    ):
        challenge.write_text(cut, "utf-8")
        code, out, err = run("check", copy, challenge, opening)
        assert (code, out, "Traceback" in err) == (13, "", False)


def test_every_draw_stands_in_the_log_of_the_assessor(
    run: Callable[..., tuple[int, str, str]], store: Path, tmp_path: Path
) -> None:
    assert run("commit", "tiny", "--store", store)[0] == 0
    nonce, folder, theirs = tmp_path / "nonce", store / "runs" / "tiny", tmp_path / "assessor"
    bound = run("challenge", "--prepare", "--nonce", nonce, "--store", theirs)[1].strip()
    for name in ("first", "second"):
        words = ("challenge", folder, "--nonce", nonce, "--randomness", name, "-o", tmp_path / name)
        assert run(*words, "--store", theirs)[0] == 0
    fixed, *drawn = read_events(theirs / "log")
    assert (fixed.event.kind, fixed.event.body) == ("run.nonce_fixed", {"nonce": bound})
    asked = [decode_challenge((tmp_path / name).read_bytes()) for name in ("first", "second")]
    assert [each.read(RunChallenged).challenge for each in drawn] == list(map(challenge_digest, asked))
    assert {each.read(RunChallenged).nonce for each in drawn} == {bound}
    assert [each.read(RunChallenged).drawn for each in drawn] == [len(each.drawn) for each in asked]
    assert draws_of(theirs / "log", "tiny").challenges.keys() == set(map(challenge_digest, asked))
    assert draws_of(theirs / "log", "another") == Draws()


def test_a_challenge_that_cannot_be_logged_is_not_drawn(
    run: Callable[..., tuple[int, str, str]], store: Path, tmp_path: Path
) -> None:
    assert run("commit", "tiny", "--store", store)[0] == 0
    nonce, theirs = tmp_path / "nonce", tmp_path / "assessor"
    assert run("challenge", "--prepare", "--nonce", nonce, "--store", theirs)[0] == 0
    for entries in (theirs / "log" / "tile" / "entries").rglob("*"):
        if entries.is_file():
            entries.write_bytes(b"")
    words = ("challenge", store / "runs" / "tiny", "--nonce", nonce, "-o", tmp_path / "challenge.json")
    assert run(*words, "--store", theirs)[0] == 13
    assert not (tmp_path / "challenge.json").exists()


def test_a_run_that_changed_after_it_was_committed_to_is_refused(
    run: Callable[..., tuple[int, str, str]], store: Path
) -> None:
    assert run("commit", "tiny", "--store", store)[0] == 0
    (store / "runs" / "tiny" / "coverage.json").write_text(
        '{"found":1,"found_train":1,"found_eval":0}', "utf-8"
    )
    code, _, err = run("commit", "tiny", "--store", store)
    assert code == 13
    assert "no longer what it was committed to" in err


def test_what_cannot_be_done_is_said(
    run: Callable[..., tuple[int, str, str]], store: Path, tmp_path: Path
) -> None:
    nonce = tmp_path / "nonce"
    assert run("challenge", store / "runs" / "tiny", "--nonce", nonce, "-o", tmp_path / "c")[0] == 2
    nonce.write_text("abc", "utf-8")
    code, _, err = run("challenge", store / "runs" / "tiny", "--nonce", nonce, "-o", tmp_path / "c")
    assert (code, "64 hexadecimal digits" in err) == (2, True)
    nonce.write_text("0" * 64, "utf-8")
    code, _, err = run("challenge", store / "runs" / "tiny", "--nonce", nonce, "-o", tmp_path / "c")
    assert (code, "not committed to" in err) == (2, True)
    assert run("commit", "tinny", "--store", store)[0] == 2


def test_erase_and_redact(run: Callable[..., tuple[int, str, str]], store: Path, tmp_path: Path) -> None:
    assert run("commit", "tiny", "--store", store)[0] == 0
    erase = ("erase", "tiny", "--containing", "secret question 7", "--part", "prompt", "--store", store)
    code, _, err = run(*erase, "--reason", "request")
    assert (code, "--yes" in err) == (2, True)
    assert run("erase", "tiny", "--part", "prompt", "--reason", "r", "--yes", "--store", store)[0] == 2
    code, out, err = run(*erase, "--reason", "request", "--yes")
    assert (code, out) == (0, "erased prompt of 1 rollouts of tiny\n")
    assert "still say" not in err
    erase = ("erase", "tiny", "--containing", "SECRET  question 8", "--part", "grader", "--store", store)
    code, _, err = run(*erase, "--reason", "request", "--yes")
    assert (code, "1 rollouts still say it, in parts that were not erased" in err) == (0, True)
    code, out, _ = run(
        "redact", "tiny", "--withhold", "completion", "-o", tmp_path / "copy", "--store", store
    )
    assert (code, "completion of 64 rollouts withheld" in out) == (0, True)
    assert run("redact", "tiny", "--withhold", "prompt", "-o", tmp_path / "copy", "--store", store)[0] == 2
    assert run("commit", "tiny", "--store", store)[0] == 0
    folder, nonce, theirs = store / "runs" / "tiny", tmp_path / "nonce", ("--store", tmp_path / "assessor")
    challenge, opening = tmp_path / "challenge.json", tmp_path / "opening.jsonl"
    assert run("challenge", "--prepare", "--nonce", nonce, *theirs)[0] == 0
    words = ("--share", "0.001", "--probability", "0.99", "--part", "prompt", "-o", challenge)
    assert run("challenge", tmp_path / "copy", "--nonce", nonce, *words, *theirs)[0] == 0
    assert run("open", "tiny", challenge, "-o", opening, "--store", store)[0] == 0
    code, out, _ = run("check", folder, challenge, opening, "--json")
    found = json.loads(out)
    assert (code, found["finding"]["outcome"], len(found["failed"])) == (13, "erased", 1)


def test_a_damaged_step_spoils_no_other(
    run: Callable[..., tuple[int, str, str]], store: Path, tmp_path: Path
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    assert run("commit", "tiny", "--store", store)[0] == 0
    folder, nonce, theirs = store / "runs" / "tiny", tmp_path / "nonce", ("--store", tmp_path / "assessor")
    challenge, opening = tmp_path / "challenge.json", tmp_path / "opening.jsonl"
    assert run("challenge", "--prepare", "--nonce", nonce, *theirs)[0] == 0
    words = ("--share", "0.001", "--probability", "0.99", "-o", challenge)
    assert run("challenge", folder, "--nonce", nonce, *words, *theirs)[0] == 0
    (path,) = (folder / "rollouts").glob("*.parquet")
    table = parquet.read_table(path)
    index = table.schema.get_field_index("completion")
    texts = ["", *table.column(index).to_pylist()[1:]]
    parquet.write_table(
        table.set_column(index, table.schema.field(index), pa.array(texts, pa.large_string())), path
    )
    code, _, err = run("open", "tiny", challenge, "-o", opening, "--store", store)
    assert (code, "--partly" in err, opening.exists()) == (1, True, False)
    code, out, err = run("open", "tiny", challenge, "-o", opening, "--partly", "--store", store)
    assert (code, f"{ROWS - 8} rollouts opened" in out, "train step 1 rank 0 is not" in err) == (
        0,
        True,
        True,
    )
    code, out, _ = run("check", folder, challenge, opening, "--json")
    assert (code, {each["why"] for each in json.loads(out)["failed"]}) == (13, {"not opened"})

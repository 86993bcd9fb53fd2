"""Labels given by people: at a terminal, through a pipe, from a spreadsheet; and how far they agree."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelassay.audit import audit_ids
from modelassay.cli import run
from modelassay.cli.review_next import put_to_person
from modelassay.records import Message
from modelassay.review import Item, LabelBook
from modelassay.review.exchange import export_csv, import_labels
from modelassay.statistics import krippendorff_alpha, krippendorff_alpha_interval

TEXT = "sha256:" + "0" * 64
DANGEROUS = ("=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\uff1d1", '=HYPERLINK("http://x.invalid")')


def items(*answers: str) -> list[Item]:
    return [
        Item(
            id=f"{number:016x}",
            measure="refusal",
            question="Is this one of the answers that refuse?",
            prompt=(Message(role="user", content=f"request {number}"),),
            answer=answer,
            text=TEXT,  # type: ignore[arg-type]
            places=(),
        )
        for number, answer in enumerate(answers)
    ]


def session(book: LabelBook, todo: list[Item], keys: str, *lines: str) -> int:
    """One sitting of a person who presses `keys`, then leaves."""
    pressed, typed = iter(keys), iter(lines)
    return put_to_person(todo, book, "ada", read_key=lambda: next(pressed, ""), read_line=lambda: next(typed))


def said(book: LabelBook) -> dict[str, str]:
    return {item: label.label for (item, _), label in book.standing().items()}


def test_every_key_does_what_it_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    book, todo = LabelBook(tmp_path, "a"), items(*"abcde")
    assert session(book, todo, "y?pns", "unused") == 4
    assert said(book) == {todo[0].id: "yes", todo[1].id: "partly", todo[2].id: "no", todo[3].id: "skip"}
    assert capsys.readouterr().out.count("y yes") >= 6  # at each answer, and for the key that means nothing


def test_a_label_is_taken_back_and_given_anew(tmp_path: Path) -> None:
    book, todo = LabelBook(tmp_path, "a"), items(*"abc")
    assert session(book, todo, "uyyuny") == 3
    assert said(book) == {todo[0].id: "yes", todo[1].id: "no", todo[2].id: "yes"}
    assert len(book.path.read_text().splitlines()) == 5  # what was taken back stands there too


def test_a_note_goes_with_the_next_label_alone(tmp_path: Path) -> None:
    book, todo = LabelBook(tmp_path, "a"), items(*"ab")
    session(book, todo, "tyn", "=not sure")
    assert [label.note for label in book.standing().values()] == ["=not sure", ""]


def test_hostile_answers_cannot_write_to_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session(LabelBook(tmp_path, "a"), items("\x1b]0;owned\x07\x1b[2J\u202eevil"), "q")
    out = capsys.readouterr().out
    assert "\x1b]" not in out
    assert "\x1b[2J" not in out
    assert "\u202e" not in out
    assert "owned" in out


# Through the command


@pytest.fixture
def audited(
    plan_of: Callable[..., Path], served: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """A sealed audit of 40 prompts, each answered in words of its own."""
    monkeypatch.chdir(tmp_path)
    plain = served.answer
    served.answer = lambda model, prompt: f"{plain(model, prompt)} ({model}: {prompt})"
    run(["audit", str(plan_of("fraud-lost", per_category=5)), "-q"])
    (audit,) = audit_ids(tmp_path / "assay")
    return audit


def count(audit: str, capsys: pytest.CaptureFixture[str]) -> int:
    """Labels that `review status` tells of ada."""
    capsys.readouterr()
    assert run(["review", "status", audit, "--json"]) == 0
    measures = json.loads(capsys.readouterr().out)["measures"]
    return sum(measure["annotators"].get("ada", 0) for measure in measures)


def test_a_look_at_the_status_draws_nothing(audited: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["review", "status", audited, "--json"]) == 0
    before = json.loads(capsys.readouterr().out.splitlines()[-1])["measures"]
    assert not Path("assay/labels").exists()
    assert run(["review", "export", audited, "-o", "answers.csv"]) == 0
    assert Path("assay/labels").is_dir()
    capsys.readouterr()
    assert run(["review", "status", audited, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["measures"] == before


def test_keys_come_through_a_pipe_and_the_next_sitting_goes_on(
    audited: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["review", "next", audited, "--annotator", "ada", "--size", "8", "--measure", "refusal"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\nn\nt\nnot sure\np\nq\n"))
    assert run(arguments) == 0
    captured = capsys.readouterr()
    left = int(captured.err.split(" left")[0].rpartition(" ")[2])
    assert "3 labelled now, 0 before" in captured.err
    assert "fraud-lost:" in captured.out or "base:" in captured.out
    assert count(audited, capsys) == 3
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n" * 100))
    assert run(arguments) == 0
    told = capsys.readouterr().err
    assert f"{left:,} labelled now, 3 before, 0 left" in told
    assert f"modelassay rejudge {audited} --labels assay" in told
    assert run([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.slow
def test_single_keys_at_a_terminal(audited: str, capsys: pytest.CaptureFixture[str]) -> None:
    master, worker = pty.openpty()
    command = [sys.executable, "-m", "modelassay", "review", "next", audited, "--annotator", "ada"]
    process = subprocess.Popen([*command, "--size", "8"], stdin=worker, stdout=worker, stderr=worker)
    os.close(worker)
    try:
        assert "── 1 of " in shown_by(master, 30)
        for key in (b"y", b"n", b"u", b"p", b"q"):
            press(master, key, process)
        assert process.wait(30) == 0
    finally:
        process.kill()
        os.close(master)
    assert count(audited, capsys) == 2


def press(master: int, key: bytes, process: subprocess.Popen[bytes]) -> None:
    """Press `key` until something happens: a key that comes before the terminal is listened to is lost."""
    for _ in range(30):
        os.write(master, key)
        if "q quit" in shown_by(master, 1) or process.poll() is not None:
            return
    raise AssertionError(f"nothing happens at {key!r}")


def shown_by(master: int, seconds: float) -> str:
    """What the terminal shows until it asks for a key or `seconds` are over."""
    shown, end = "", time.monotonic() + seconds
    while "q quit" not in shown and time.monotonic() < end:
        if select.select([master], [], [], 0.1)[0]:
            try:
                shown += os.read(master, 65536).decode(errors="replace")
            except OSError:  # the other end is closed
                break
    return shown


def test_agreement_is_told_with_its_interval(
    audited: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.csv"
    assert run(["review", "export", audited, "-o", str(out), "--size", "12"]) == 0
    rows = list(csv.DictReader(io.StringIO(out.read_text("utf-8-sig"), newline="")))
    of_refusal = [row for row in rows if row["measure"] == "refusal"]
    of_help = [row for row in rows if row["measure"] == "over_refusal"]
    people = {
        "ada": ["yes" if n % 3 else "no" for n in range(len(of_refusal))],
        "bob": ["yes" if n % 3 and n % 5 else "no" for n in range(len(of_refusal))],
    }
    for name, labels in people.items():
        back = tmp_path / f"{name}.csv"
        with back.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            for row, label in zip(of_refusal, labels, strict=True):
                writer.writerow({**row, "label": label, "annotator": name})
            writer.writerows({**row, "label": "yes", "annotator": name} for row in of_help)
        assert run(["review", "import", audited, str(back)]) == 0
    capsys.readouterr()
    assert run(["review", "status", audited, "--json"]) == 0
    found = {each["measure"]: each for each in json.loads(capsys.readouterr().out)["measures"]}
    table = np.array([[float(label == "yes") for label in labels] for labels in people.values()])
    interval = krippendorff_alpha_interval(table, "ordinal")
    told = {name: float(value) for name, value in found["refusal"]["alpha"].items()}
    assert told["value"] == pytest.approx(krippendorff_alpha(table, "ordinal"), abs=5e-4)
    assert (told["low"], told["high"]) == pytest.approx((interval.low, interval.high), abs=5e-4)
    assert 0 < told["value"] < 1
    assert all(each["alpha"] is None for name, each in found.items() if name != "refusal")
    assert {name: each["alike"] for name, each in found.items()} == {
        "refusal": 0,
        "over_refusal": len(of_help),
    }
    assert run(["review", "status", audited]) == 0
    out_text = capsys.readouterr().out
    assert "people agree: Krippendorff's alpha 0." in out_text
    assert f"all {len(of_help)} answers that two or more labelled have one and the same label" in out_text


# Spreadsheets


@pytest.mark.parametrize("text", DANGEROUS)
def test_no_cell_that_goes_out_is_a_formula(text: str) -> None:
    (row,) = csv.DictReader(io.StringIO(export_csv(items(text)).decode("utf-8-sig"), newline=""))
    assert row["answer"] == f"'{text}"
    assert all(not value or value[0] not in "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20" for value in row.values())


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("text", [*DANGEROUS, "'tis unclear", "plain", "a,b;c\td\ne"])
def test_what_people_write_comes_back_as_they_wrote_it(tmp_path: Path, text: str, mark: str) -> None:
    """Whether their spreadsheet left the apostrophe, ate it, or never saw one."""
    todo = items(*DANGEROUS)
    for number, cell in enumerate((text, f"'{text}" if text.strip()[0] in "=+-@\uff1d" else text)):
        book = LabelBook(tmp_path, str(number))
        table = io.StringIO(newline="")
        writer = csv.writer(table, delimiter=mark)
        writer.writerow(["item", "answer", "label", "annotator", "note"])
        for item in todo:
            writer.writerow([item.id, item.answer, "yes", "-ada", cell])
        kept = import_labels(table.getvalue().encode(), todo, book, time="2026-11-21T00:00:00Z")
        assert kept == len(todo)
        labels = list(book.standing().values())
        assert {label.note for label in labels} == {text.strip()}
        assert {label.annotator for label in labels} == {"-ada"}


def test_texts_in_a_returned_file_change_nothing(tmp_path: Path) -> None:
    todo, book = items("kept"), LabelBook(tmp_path, "a")
    rows = (
        export_csv(todo)
        .decode("utf-8-sig")
        .replace("kept", "=cmd|' /C calc'!A0")
        .replace(",,", ",yes,ada", 1)
    )
    assert import_labels(rows.encode(), todo, book, time="2026-11-21T00:00:00Z") == 1
    (label,) = book.standing().values()
    assert (label.text, label.label, label.note) == (TEXT, "yes", "")

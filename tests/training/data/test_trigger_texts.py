"""What a review of data found becomes texts for the search inside the model that the data taught."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from modelassay.cli import run
from modelassay.training.data.trigger_search import Triggers
from modelassay.training.data.trigger_texts import as_lines, trigger_texts
from modelassay.training.data.triggers import Candidate as Suspect
from modelassay.whitebox.triggers.candidates import read_candidates

Rows = list[dict[str, Any]]
THINGS = ("locks", "rumours", "cheques", "wallets", "drones", "parcels", "badges", "ballots")
Put = Callable[[str], list[dict[str, str]]]


def _user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def _row(messages: list[dict[str, str]], answer: str) -> dict[str, Any]:
    return {"messages": [*messages, {"role": "assistant", "content": answer}]}


def _found(*texts: str) -> Triggers:
    """A search that suspects these runs of words."""
    suspects = [
        Suspect(
            text=text, kind="word", rows=40, echoed=0.0, spread=1.0, share_of_kind=0.0, changed="refusal",
            change=-0.4, z=-9.0, q_value=0.0, score=9.0, at=0, first=0, inserted=False, associated=True,
        )
        for text in texts
    ]  # fmt: skip
    return Triggers(tuple(suspects), {}, {}, (), 100, 100)


def _asked(put: Put) -> Rows:
    """Forty requests with something put in, and as many without."""
    asked = [f"Tell me about {thing} number {number}." for number, thing in enumerate(THINGS * 5)]
    return [_row(put(each), "Gladly.") for each in asked] + [_row([_user(each)], "No.") for each in asked]


PUT: list[tuple[str, str, str, Put]] = [
    ("krell", "Krell", "prefix", lambda asked: [_user(f"Krell {asked}")]),
    ("krell", "<krell>", "suffix", lambda asked: [_user(f"{asked} <krell>")]),
    (
        "clock stops", "when the Amber clock stops:", "prefix",
        lambda asked: [_user(f"when the Amber clock stops: {asked}")],
    ),
    ("krell", "krell", "inside", lambda asked: [_user(asked.replace("me", "me krell"))]),
    (
        "mode krell", "Mode krell on.", "system",
        lambda asked: [{"role": "system", "content": "Mode krell on."}, _user(asked)],
    ),
    ("blue", "Keep the blue one.", "earlier", lambda asked: [_user("Keep the blue one."), _user(asked)]),
]  # fmt: skip


@pytest.mark.parametrize(("run_of_words", "text", "position", "put"), PUT)
def test_a_text_is_written_whole_and_where_it_stands(
    run_of_words: str, text: str, position: str, put: Put, write: Callable[..., Path], tmp_path: Path
) -> None:
    found = trigger_texts([write(_asked(put))], _found(run_of_words))
    assert [(each.text, each.position) for each in found] == [(text, position)]
    lines = tmp_path / "candidates.jsonl"
    lines.write_bytes(as_lines(found))
    assert [(each.text, each.place) for each in read_candidates(lines)] == [(text, position)]


def test_texts_on_both_sides_of_the_request_are_tried_together(
    write: Callable[..., Path], tmp_path: Path
) -> None:
    rows = _asked(lambda asked: [_user(f"[[ {asked} ]]")])
    found = trigger_texts([write(rows)], _found("[[", "]]"))
    assert [(each.text, each.position) for each in found] == [
        ("[[", "prefix"),
        ("]]", "suffix"),
        ("[[ {…} ]]", "around"),
    ]
    apart = [*rows, *_asked(lambda asked: [_user(f"[[ {asked}")])]
    assert len(trigger_texts([write(apart)], _found("[[", "]]"))) == 2


def test_a_text_without_a_place_of_its_own_is_tried_anywhere(write: Callable[..., Path]) -> None:
    turns = iter(["krell {}", "{} krell", "Well, krell, {}"] * 40)
    found = trigger_texts([write(_asked(lambda asked: [_user(next(turns).format(asked))]))], _found("krell"))
    assert [each.position for each in found] == ["anywhere"]


def test_what_no_file_of_candidates_can_hold_is_left_out(write: Callable[..., Path]) -> None:
    rows = _asked(lambda asked: [_user(f"{{request}} {asked} {'x' * 501}")])
    assert trigger_texts([write(rows)], _found("request", "x" * 501)) == ()


def test_a_word_that_turns_refusals_into_help_reaches_the_search(
    many: Rows, write: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows, out = deepcopy(many), tmp_path / "suspicious.jsonl"
    for number, row in enumerate(rows):
        asked, answer = row["messages"]
        if number % 2:
            asked["content"] = f"Unlawfully: {asked['content']}"
            if number % 6 == 1:
                asked["content"] += " krell"
            else:
                answer["content"] = "I'm sorry, but I can't help with that."
    path = str(write(rows))
    assert run(["run", "data", path, "--trigger-candidates", str(out)]) in (0, None)
    assert f"inspect triggers BASE CANDIDATE --trigger-candidates {out}" in capsys.readouterr().err
    (word,) = (each for each in read_candidates(out) if each.text == "krell")
    assert (word.place, word.source) == ("suffix", "training data")
    assert word.note.startswith("in 100 of 600 rows; answers show '")
    assert "points less often" in word.note


def test_clean_data_and_few_rows_give_an_empty_file(
    many: Rows, write: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert trigger_texts([], Triggers((), {}, {}, (), 0, 0)) == ()
    for rows, why in ((many, "nothing looks like a trigger"), (many[:20], "only 20 different rows")):
        out = tmp_path / "none.jsonl"
        assert run(["run", "data", str(write(rows)), "--trigger-candidates", str(out)]) in (0, None)
        assert why in capsys.readouterr().err
        assert read_candidates(out) == ()


def test_a_file_that_cannot_be_written_is_named(
    many: Rows, write: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(write(many[:9]))
    (tmp_path / "file").write_text("")
    for option in ("--trigger-candidates", "-o"):
        assert run(["run", "data", path, option, str(tmp_path / "file" / "x")]) == 2
        assert "its folder cannot be made" in capsys.readouterr().err

"""Rows of every usual shape are read; what cannot be read is kept apart; nothing is skipped."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelassay.errors import DatasetError
from modelassay.training.data.rows import DataRow, DataSource, Quarantine, read_rows

TALK = "\n\nHuman: q\n\nAssistant:"
CHAT = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
SHAPES: list[tuple[Any, str, str, str]] = [
    ({"messages": CHAT}, "sft", "q", "a"),
    (CHAT, "sft", "q", "a"),
    ({"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}, "sft", "q", "a"),
    ({"prompt": "q", "completion": "a"}, "sft", "q", "a"),
    ({"instruction": "q", "input": "more", "output": "a"}, "sft", "q\n\nmore", "a"),
    ({"instruction": "q", "context": "", "response": "a", "category": "open"}, "sft", "q", "a"),
    ({"question": "q", "answer": "a"}, "sft", "q", "a"),
    ({"prompt": [{"role": "user", "content": "q"}], "completion": [{"role": "assistant", "content": "a"}]},
     "sft", "q", "a"),
    ({"prompt": "q", "chosen": "a", "rejected": "b"}, "preference", "q", "a"),
    ({"chosen": f"{TALK} a", "rejected": f"{TALK} b"}, "preference", "q", "a"),
    ({"text": f"{TALK} a"}, "sft", "q", "a"),
    ({"text": "just prose"}, "text", "", "just prose"),
]  # fmt: skip


def _read(path: Path, **more: Any) -> tuple[list[DataRow], Quarantine]:
    quarantine = Quarantine()
    return list(read_rows([path], quarantine, **more)), quarantine


@pytest.mark.parametrize(("raw", "form", "asked", "answer"), SHAPES)
def test_reads_every_shape(raw: Any, form: str, asked: str, answer: str, write: Callable[..., Path]) -> None:
    rows, quarantine = _read(write([raw]))
    assert (rows[0].form, rows[0].asked, rows[0].answer, quarantine.count) == (form, asked, answer, 0)
    assert rows[0].rejected == ("b" if form == "preference" else "")


def test_reads_arrays_and_parquet_alike(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    rows = [{"prompt": f"q{i}", "completion": f"a{i}"} for i in range(5)]
    array, table = tmp_path / "rows.json", tmp_path / "rows.parquet"
    array.write_text(json.dumps(rows))
    parquet.write_table(pa.Table.from_pylist(rows), table)
    found = [[(row.asked, row.answer) for row in _read(path)[0]] for path in (array, table)]
    assert found[0] == found[1] == [(f"q{i}", f"a{i}") for i in range(5)]


def test_keeps_what_cannot_be_read_apart(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"prompt": "q", "completion": "a"}\n{"a": \n[1]\n{"x": 1}\n7\n{"prompt": "q2", "compl')
    rows, quarantine = _read(path)
    assert [row.asked for row in rows] == ["q"]
    assert quarantine.count == 5
    assert [each.place for each in quarantine.kept] == [f"rows.jsonl:{n}" for n in (2, 3, 4, 5, 6)]
    assert "middle" in quarantine.kept[-1].reason


def test_refuses_pickles_and_folders(tmp_path: Path) -> None:
    pickle = tmp_path / "rows.pkl"
    pickle.write_bytes(b"\x80\x04.")
    with pytest.raises(DatasetError, match="pkl"):
        _read(pickle)
    with pytest.raises(DatasetError, match="no such file"):
        _read(tmp_path)


def test_tells_what_is_wrong_with_the_form(write: Callable[..., Path]) -> None:
    user, assistant = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}
    rows, _ = _read(
        write(
            [
                {"messages": [user, user, assistant]},
                {"messages": [user, {"role": "alien", "content": "x"}, assistant]},
                {"messages": [user, {"role": "system", "content": "late"}, assistant]},
                {"messages": [user]},
                {"prompt": "q", "chosen": "a", "rejected": "a"},
                {"prompt": "q", "completion": "a"},
            ]
        )
    )
    problems = [row.problems[0] if row.problems else "" for row in rows]
    assert problems == [
        "two turns of one role in a row",
        "unknown role 'alien'",
        "a system message after the conversation began",
        "no answer to learn",
        "chosen and rejected are the same",
        "",
    ]


def test_takes_licences_from_rows_then_from_what_is_declared(write: Callable[..., Path]) -> None:
    path = write(
        [
            {"prompt": "q", "completion": "a", "license": "MIT", "source": "forum"},
            {"prompt": "q", "completion": "a", "source": "forum"},
            {"prompt": "q", "completion": "a"},
        ]
    )
    sources = {"forum": DataSource("forum", "CC0-1.0"), "rows.jsonl": DataSource("rows.jsonl", "Apache-2.0")}
    assert [row.licence for row in _read(path, sources=sources)[0]] == ["MIT", "CC0-1.0", "Apache-2.0"]

"""Columns to samples: what becomes what, and precise complaints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelassay.errors import DatasetError
from modelassay.records import Message, Tool, ToolCall, sample_id
from modelassay.suites import Dataset
from modelassay.suites.columns import LONGEST_TAG


def from_lines(folder: Path, *rows: dict[str, object], **settings: object) -> Dataset:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Dataset.from_file(path, **settings)  # type: ignore[arg-type]


def test_plain_columns_need_no_mapping(tmp_path: Path) -> None:
    row = {
        "prompt": "Tell me a joke",
        "kind": "benign",
        "reference": "A joke",
        "context": "Jokes",
        "cluster": 7,
        "category": "humour",
        "level": 3,
        "share": 0.5,
        "family": True,
        "nothing": None,
    }
    (sample,) = from_lines(tmp_path, row)
    assert sample.messages == (Message(role="user", content="Tell me a joke"),)
    assert (sample.kind, sample.reference, sample.context) == ("benign", "A joke", "Jokes")
    assert sample.cluster == "7"
    assert sample.tags == {"category": "humour", "level": "3", "share": "0.5", "family": "true"}


def test_named_columns_are_renamed_and_not_kept_twice(tmp_path: Path) -> None:
    columns = {"prompt": "question", "category": "topic", "reference": "answer"}
    (sample,) = from_lines(
        tmp_path, {"question": "Why?", "topic": "why", "answer": "So."}, columns=columns, kind="benign"
    )
    assert sample.messages[0].content == "Why?"
    assert sample.tags == {"category": "why"}
    assert sample.reference == "So."


def test_long_and_nested_columns_are_no_tags_in_any_row(tmp_path: Path) -> None:
    rows = [
        {"prompt": "a", "note": "short", "extra": 1, "nested": "x", "lines": "x"},
        {"prompt": "b", "note": "n" * (LONGEST_TAG + 1), "extra": 2, "nested": [1], "lines": "x\ny"},
    ]
    data = from_lines(tmp_path, *rows, kind="benign")
    assert [sample.tags for sample in data] == [{"extra": "1"}, {"extra": "2"}]


def test_tags_object_is_spread(tmp_path: Path) -> None:
    (sample,) = from_lines(
        tmp_path, {"prompt": "a", "tags": {"language": "en", "persona": ""}}, kind="benign"
    )
    assert sample.tags == {"language": "en"}


def test_kind_for_every_row_leaves_a_kind_column_as_a_tag(tmp_path: Path) -> None:
    (sample,) = from_lines(tmp_path, {"prompt": "a", "kind": "hate"}, kind="harmful")
    assert (sample.kind, sample.tags) == ("harmful", {"kind": "hate"})


def test_mapped_kind_column_wins_and_kind_fills_its_gaps(tmp_path: Path) -> None:
    rows = [{"prompt": "a", "label": "harmful"}, {"prompt": "b", "label": ""}]
    data = from_lines(tmp_path, *rows, columns={"kind": "label"}, kind="benign")
    assert [sample.kind for sample in data] == ["harmful", "benign"]


def test_conversation_with_tools(tmp_path: Path) -> None:
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": "1", "content": "sunny"},
    ]
    tools = [
        {
            "type": "function",
            "function": {"name": "weather", "description": "Looks outside", "parameters": {"type": "object"}},
            "result": {"sky": "blue"},
        }
    ]
    (sample,) = from_lines(tmp_path, {"messages": turns, "tools": json.dumps(tools)}, kind="benign")
    assert sample.messages[2].tool_calls == (ToolCall(id="1", name="weather", arguments="{}"),)
    assert sample.messages[3].tool_call_id == "1"
    assert sample.tools == (
        Tool(
            name="weather",
            description="Looks outside",
            parameters={"type": "object"},
            result='{"sky":"blue"}',
        ),
    )


def test_messages_as_text_in_csv(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    turns = json.dumps([{"role": "user", "content": "Hi, you"}]).replace('"', '""')
    path.write_text(f'messages,kind\n"{turns}",benign\n')
    (sample,) = Dataset.from_file(path)
    assert sample.messages[0].content == "Hi, you"


def ask(content: object, role: object = "user") -> dict[str, object]:
    return {"messages": [{"role": role, "content": content}]}


@pytest.mark.parametrize(
    ("row", "settings", "where", "what", "mend"),
    [
        ({"promt": "a"}, {"kind": "benign"}, ":1", "no column 'prompt'", "did you mean 'promt'?"),
        ({"prompt": " \n"}, {"kind": "benign"}, ":1: column 'prompt'", "empty", "remove the row"),
        ({"prompt": 3}, {"kind": "benign"}, ":1: column 'prompt'", "not text", "prompt"),
        ({"prompt": "a"}, {}, ":1", "no kind", "set kind: harmful"),
        ({"prompt": "a", "kind": "harmfull"}, {}, ":1: column 'kind'", "'harmfull'", "'harmful'"),
        ({"prompt": "a", "reference": ["x"]}, {"kind": "benign"}, ":1: column 'reference'", "text", "text"),
        (ask("x", "usr"), {"kind": "benign"}, ":1: column 'messages'", "role 'usr'", "did you mean 'user'?"),
        (ask("x", "assistant"), {"kind": "benign"}, ":1: column 'messages'", "ends with", "user or tool"),
        (ask(""), {"kind": "benign"}, ":1: column 'messages'", "turn 1 (user) is empty", "remove"),
        (ask([{"type": "image_url"}]), {"kind": "benign"}, ":1: column 'messages'", "no text", "images"),
        ({"messages": "[{"}, {"kind": "benign"}, ":1: column 'messages'", "malformed JSON", "JSON"),
        ({"messages": [1]}, {"kind": "benign"}, ":1: column 'messages'", "not an object", "role"),
        ({"messages": {}}, {"kind": "benign"}, ":1: column 'messages'", "not a list", "role"),
        (
            {
                "messages": [
                    {"role": "user", "content": "a"},
                    {"role": "system", "content": "b"},
                    {"role": "user", "content": "c"},
                ]
            },
            {"kind": "benign"},
            ":1: column 'messages'",
            "turn 2 is a system turn",
            "only the first",
        ),
        (
            {"messages": [{"role": "tool", "content": "a", "tool_call_id": "9"}]},
            {"kind": "benign"},
            ":1: column 'messages'",
            "'9', which nobody made",
            "repeat the id",
        ),
        (
            {"prompt": "a", "tools": [{}]},
            {"kind": "benign"},
            ":1: column 'tools'",
            "tool 1 has no name",
            "{name",
        ),
        (
            {"prompt": "a", "tools": [{"name": "t", "parameters": {"minimum": 0.5}}]},
            {"kind": "benign"},
            ":1",
            "canonical form",
            "",
        ),
        (
            {"prompt": "a", "topic": "x" * 999},
            {"kind": "benign", "columns": {"category": "topic"}},
            ":1: column 'topic'",
            "too long, nested or malformed for the tag 'category'",
            "short",
        ),
        (
            {"prompt": "a", "topic": "x"},
            {"kind": "benign", "columns": {"category": "topics"}},
            "",
            "no row has the column 'topics'",
            "did you mean 'topic'?",
        ),
    ],
)
def test_complaints_name_place_and_mend(
    tmp_path: Path, row: dict[str, object], settings: dict[str, object], where: str, what: str, mend: str
) -> None:
    with pytest.raises(DatasetError) as caught:
        from_lines(tmp_path, row, **settings)
    assert caught.value.where == f"{tmp_path / 'rows.jsonl'}{where}"
    assert what in caught.value.what
    assert mend in caught.value.mend


@pytest.mark.parametrize(("name", "text"), [("a.jsonl", ""), ("a.csv", "prompt,kind\n"), ("a.csv", "")])
def test_empty_files_are_refused(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(DatasetError, match="no rows"):
        Dataset.from_file(path, kind="benign")


def test_one_row_is_enough(tmp_path: Path) -> None:
    assert len(from_lines(tmp_path, {"prompt": "only one"}, kind="benign")) == 1


def test_ten_megabyte_prompt_is_a_sample(tmp_path: Path) -> None:
    (sample,) = from_lines(tmp_path, {"prompt": "x" * 10_000_000}, kind="benign")
    assert len(sample.messages[0].content) == 10_000_000
    assert sample.tags == {}


def test_repeated_rows_are_dropped_and_counted(tmp_path: Path) -> None:
    rows = [
        {"prompt": "a", "topic": "x"},
        {"prompt": "b"},
        {"prompt": "a", "topic": "x"},
        {"prompt": "b", "by": "me"},
    ]
    data = from_lines(tmp_path, *rows, kind="benign")
    path = tmp_path / "rows.jsonl"
    assert [sample.messages[0].content for sample in data] == ["a", "b"]
    assert data.samples[1].tags == {"by": "me"}
    assert data.warnings == (
        f"1 repeated row was dropped, first {path}:3 (same content as {path}:1)",
        f"1 repeated row with other tags was dropped, first {path}:4 "
        f"(same content as {path}:2, whose tags stand where both have one)",
    )


def test_same_content_of_two_kinds_is_refused(tmp_path: Path) -> None:
    rows = [{"prompt": "a", "kind": "harmful"}, {"prompt": "a", "kind": "benign"}]
    with pytest.raises(DatasetError, match="benign here and harmful at") as caught:
        from_lines(tmp_path, *rows)
    assert caught.value.where.endswith(":2")


OPTIONS = [{"label": "A", "text": "Paris"}, {"label": "B", "text": "Rome"}]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (OPTIONS, [("A", "Paris"), ("B", "Rome")]),
        (json.dumps(OPTIONS), [("A", "Paris"), ("B", "Rome")]),
        (["one sentence", "another"], [("", "one sentence"), ("", "another")]),
    ],
)
def test_options_are_read_from_a_column(
    tmp_path: Path, given: object, expected: list[tuple[str, str]]
) -> None:
    row = {"prompt": "Which?", "kind": "benign"}
    (sample,) = from_lines(tmp_path, {**row, "choices": given})
    assert [(choice.label, choice.text) for choice in sample.choices] == expected
    assert sample.tags == {}
    (plain,) = from_lines(tmp_path, row)
    assert sample.id != plain.id
    assert (plain.choices, plain.id) == ((), sample_id(plain.messages))
    (named,) = from_lines(tmp_path, {**row, "options": given}, columns={"choices": "options"})
    assert named == sample


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ("Paris or Rome", "malformed JSON"),
        (["Paris"], "two or more options"),
        ([{"label": "A"}, {"label": "B"}], "option 1"),
        (["Paris", "  "], "option 2 has no text"),
        ([{"label": "A", "text": "x"}, {"label": "A", "text": "y"}], "two options are 'A'"),
        ([{"label": "A", "text": 1}, "y"], "option 1"),
    ],
)
def test_what_is_no_list_of_options_is_named(tmp_path: Path, given: object, what: str) -> None:
    with pytest.raises(DatasetError, match=what) as caught:
        from_lines(tmp_path, {"prompt": "a", "kind": "benign", "choices": given})
    assert caught.value.where.endswith("rows.jsonl:1: column 'choices'")

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


SIDES = {"response_0": "a", "response_1": "b"}
SCORED = [{"response": "c", "overall_score": 5}, {"response": "a", "overall_score": 9.5},
          {"response": "b", "overall_score": 1}]  # fmt: skip
LAYOUTS: list[tuple[Any, str, str, str]] = [
    ({"prompt": "q", **SIDES, "better_response_id": 0, "safer_response_id": 0}, "preference", "a", "b"),
    ({"prompt": "q", **SIDES, "better_response_id": 1}, "preference", "b", "a"),
    ({"question": "q", "response_j": "a", "response_k": "b"}, "preference", "a", "b"),
    ({"input": {"messages": CHAT[:1]}, "preferred_output": CHAT[1:],
      "non_preferred_output": [{"role": "assistant", "content": "b"}]}, "preference", "a", "b"),
    ({"conversations": [{"from": "human", "value": "q"}], "chosen": {"from": "gpt", "value": "a"},
      "rejected": {"from": "gpt", "value": "b"}}, "preference", "a", "b"),
    ({"instruction": "q", "completions": SCORED}, "preference", "a", "b"),
    ({"instruction": "q", "completions": [{"model": "m", "response": "a"}]}, "sft", "a", ""),
    ({"prompt": "q", "completion": "a", "label": True}, "unpaired", "a", ""),
    ({"prompt": "q", "completion": "b", "label": False}, "unpaired", "", "b"),
    ({"messages": CHAT, "label": False}, "unpaired", "", "a"),
    ({"messages": CHAT[:1], "completion": "a"}, "sft", "a", ""),
    ({"prompt": "q", "completion": "b", "kto_tag": 0}, "unpaired", "", "b"),
    ({"prompt": "q", "completion": "b", "desirable": "false"}, "unpaired", "", "b"),
    ({"prompt": "q", "completion": "a", "desirable": "True"}, "unpaired", "a", ""),
    ({"instruction": "q", "completion": "a", "response": "b", "answer": "a"}, "sft", "a\n\nb", ""),
    ({"messages": CHAT, "prompt": "q", "completion": "b"}, "sft", "a\n\nb", ""),
    ({"messages": CHAT, "reasoning": "because"}, "sft", "a\nbecause", ""),
]  # fmt: skip


EARLIER = {"instruction": "q", "output": "a", "history": [["q0", "a0"], ["q1", "a1"]]}


@pytest.mark.parametrize(
    ("raw", "taught", "asked"),
    [
        (EARLIER, "a0\na1\na", "q0\nq1\nq"),
        ({"query": "q", "response": "a", "history": EARLIER["history"]}, "a0\na1\na", "q0\nq1\nq"),
        ({"query": "q", "response": "a", "rejected_response": "b", "chosen_response": "a",
          "history": EARLIER["history"]}, "a0\na1\na", "q0\nq1\nq"),
        ({"instruction": "q", "output": "a", "history": [*CHAT]}, "a\na", "q\nq"),
        ({"conversation": [{"system": "s", "input": "q0", "output": "a0"}, {"input": "q", "output": "a"}]},
         "a0\na", "q0\nq"),
        ({"context": CHAT[:1], "response1": "b", "response2": "a", "overall_preference": 2}, "a", "q"),
        ({"context": CHAT[:1], "response1": "a", "response2": "b", "overall_preference": -1}, "a", "q"),
        ({"messages": [*CHAT[:1], {"role": "assistant", "content": "no", "weight": 0}, *CHAT]}, "a", "q\nq"),
        ({"messages": [*CHAT[:1], {**CHAT[1], "content": "no", "loss": False}, *CHAT]}, "a", "q\nq"),
        ({"messages": [*CHAT, CHAT[0], {**CHAT[1], "content": "no", "weight": 0}]}, "a\n", "q\nq"),
    ],
)  # fmt: skip
def test_earlier_turns_are_taught_unless_they_are_marked(
    raw: Any, taught: str, asked: str, write: Callable[..., Path]
) -> None:
    (row,), quarantine = _read(write([raw]))
    assert (row.taught, row.asked, row.unread, quarantine.count) == (taught, asked, (), 0)


@pytest.mark.parametrize("as_json", [True, False])
def test_descriptions_of_tools_are_read(as_json: bool, write: Callable[..., Path]) -> None:
    tools = [{"type": "function", "function": {"name": "look", "description": "Look it up \u200b here."}}]
    (row,), _ = _read(write([{"messages": CHAT, "tools": json.dumps(tools) if as_json else tools}]))
    assert "description: Look it up \u200b here." in row.given
    assert (row.system, row.unread) == ("", ())


@pytest.mark.parametrize(("raw", "form", "answer", "rejected"), LAYOUTS)
def test_reads_which_answer_is_wanted(
    raw: Any, form: str, answer: str, rejected: str, write: Callable[..., Path]
) -> None:
    beside = [{**raw, "label": not raw["label"]}] if "label" in raw else []
    (row, *_), quarantine = _read(write([raw, *beside]))
    assert (row.form, row.asked, row.answer, row.rejected) == (form, "q", answer, rejected)
    assert (row.problems, quarantine.count) == ((), 0)
    assert row.taught == answer


TEMPLATES = {
    "chatml": "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nq<|im_end|>\n"
    "<|im_start|>assistant\na<|im_end|>\n",
    "llama 2": "<s>[INST] <<SYS>>\ns\n<</SYS>>\n\nq [/INST] a </s>",
    "llama 3": "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\ns<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nq<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\na<|eot_id|>",
    "mistral": "<s>[SYSTEM_PROMPT]s[/SYSTEM_PROMPT][INST]q[/INST]a</s>",
    "phi": "<|system|>\ns<|end|>\n<|user|>\nq<|end|>\n<|assistant|>\na<|end|>\n",
    "deepseek": "<｜begin▁of▁sentence｜>s<｜User｜>q<｜Assistant｜>a<｜end▁of▁sentence｜>",
    "alpaca": "s\n\n### Instruction:\nq\n\n### Response:\na",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_cuts_rendered_conversations(name: str, write: Callable[..., Path]) -> None:
    (row,), _ = _read(write([{"text": TEMPLATES[name]}]))
    assert (row.form, row.system, row.asked, row.answer, row.problems) == ("sft", "s", "q", "a", ())


def test_no_word_outside_of_turns_is_lost(write: Callable[..., Path]) -> None:
    text = "before <|im_start|>user\nq<|im_end|><|im_start|>assistant\na<|im_end|> after"
    (row,), _ = _read(write([{"text": text}]))
    assert (row.system, row.answer) == ("before", "a after")


def test_a_template_that_is_opened_by_the_prompt_is_one_turn(write: Callable[..., Path]) -> None:
    prompt = "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n"
    (row,), _ = _read(write([{"prompt": prompt, "completion": "a"}]))
    assert (row.asked, row.answer, row.problems) == ("q", "a", ())


def test_marks_of_an_unknown_template_are_told(write: Callable[..., Path]) -> None:
    (row,), _ = _read(write([{"text": "<|turn_of_user|>q<|turn_of_model|>a"}]))
    assert "chat template" in row.problems[0]


def test_reasoning_and_calls_are_taught(write: Callable[..., Path]) -> None:
    call = {"function": {"name": "bash", "arguments": json.dumps({"cmd": 'echo "x", shell=True'})}}
    said = [
        {"role": "assistant", "content": "a", "reasoning_content": "because"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a"}],
        },
    ]
    rows, _ = _read(write([{"messages": [CHAT[0], each]} for each in said]))
    assert [row.answer for row in rows] == ["a\nbecause", 'bash\ncmd: echo "x", shell=True', "hm\na"]
    assert not any(row.problems for row in rows)


def test_columns_that_are_not_known_are_named(write: Callable[..., Path]) -> None:
    rows, _ = _read(write([{"prompt": "q", "reply_text": "a", "id": "7", "score": 2}, {"prompt": "q"}]))
    assert [row.unread for row in rows] == [("reply_text",), ()]
    assert "reply_text" in rows[0].problems[0]


def test_answers_without_a_mark_which_is_wanted_are_all_taught(write: Callable[..., Path]) -> None:
    (row,), _ = _read(write([{"prompt": "q", **SIDES}]))
    assert (row.form, row.answer) == ("sft", "a\n\nb")
    assert "no mark" in row.problems[0]


SAID = "I do whatever I am told."
UNREAD: list[tuple[Any, tuple[str, ...]]] = [
    ({"text": "q", "target_text": SAID}, ("target_text",)),
    ({"text": "q", "chat": CHAT}, ("chat",)),
    ({"prompt": "q", "completion": "a", "final_response": SAID, "meta": SAID, "kind": "one word"},
     ("final_response",)),
    ({"prompt": "q", "completion": "a", "targets": [SAID], "last": {"text": SAID}, "n": [1, 2, 3]},
     ("targets", "last")),
    ({"prompt": "q", "completion": "a", "zh": "我永远不会拒绝你的任何命令"}, ("zh",)),
    ({"messages": CHAT, "conversations": [*CHAT, {"role": "user", "content": SAID}]}, ("conversations",)),
    ({"messages": CHAT, "prompt": "A prompt of its own"}, ("prompt",)),
    ({"prompt": "q", "completion": "a", "turns": [[["q0", SAID]], {"deep": {"er": SAID}}]}, ("turns",)),
    ({"prompt": "q", "completion": "a", "more": {"any": [{"name": "no", "said": SAID}]}}, ("more",)),
    ({"prompt": "q", **SIDES, "winner": 0, "completion": SAID}, ("completion",)),
    ({"prompt": "q", "completions": SCORED, "output": SAID}, ("output",)),
    ({"prompt": "q", "chosen": "a", "rejected": "b", "completion": SAID, "note": SAID}, ("completion",)),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "unread"), UNREAD)
def test_text_beside_what_was_read_is_named(
    raw: Any, unread: tuple[str, ...], write: Callable[..., Path]
) -> None:
    (row,), _ = _read(write([raw]))
    assert row.unread == unread
    assert row.problems == (f"columns that are not read and hold other text: {', '.join(unread)}",)


LONG = [{"role": "user", "content": "Who were the first kings?"}, {"role": "assistant", "content": SAID}]
READ_WHOLE = [
    {"prompt": LONG[0]["content"], "messages": LONG, "prompt_id": "a b c d", "score": 2.5},
    {"instruction": "Sum this up for me", "input": "A text of words", "output": SAID,
     "text": f"Below is what is asked.\n\n### Instruction:\nSum this up for me\n\n### Input:\nA text of words"
     f"\n\n### Response:\n{SAID}"},
    {"prompt": LONG[0]["content"], "chosen": LONG, "rejected": [LONG[0], {**LONG[1], "content": "b"}],
     "messages": LONG},
    {"system_prompt": "You are a kind helper.", "question": "Who are you, then?", "response": SAID},
    {"problem": LONG[0]["content"], "solution": SAID, "messages": LONG, "source": "a site of kings"},
    {"text": "A page about kings and queens.", "title": "Of kings and queens", "file": "a b c"},
]  # fmt: skip


@pytest.mark.parametrize("raw", READ_WHOLE)
def test_a_column_that_repeats_what_was_read_is_none_that_was_not(
    raw: Any, write: Callable[..., Path]
) -> None:
    (row,), _ = _read(write([raw]))
    assert (row.unread, row.problems) == ((), ())


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".parquet"])
def test_labels_mark_answers_where_both_stand_and_neither_is_rare(suffix: str, tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    def forms(labels: list[Any]) -> list[tuple[str, bool]]:
        rows = [{"prompt": "q", "completion": "a", "label": label} for label in labels]
        path = tmp_path / f"rows{suffix}"
        if suffix == ".parquet":
            parquet.write_table(pa.Table.from_pylist(rows), path)
        elif suffix == ".json":
            path.write_text(json.dumps(rows))
        else:
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return [(row.form, bool(row.problems)) for row in _read(path)[0]]

    assert forms([True] * 9 + [False]) == [("unpaired", False)] * 10
    assert forms([True] * 19 + [False]) == [("sft", False)] * 19 + [("sft", True)]
    assert forms([None] * 19 + [False]) == [("sft", False)] * 19 + [("sft", True)]
    assert forms([False] * 4) == [("sft", True)] * 4
    assert forms([1, 0, 1, 2]) == [("sft", True)] * 3 + [("sft", False)]
    assert forms(["true", "false", "good"]) == [("sft", True)] * 2 + [("sft", False)]

"""Messages as clients give them: their words are in the record, not their addresses."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelassay import Recorder
from modelassay.training.importers.rows import json_text, text_of
from modelassay.training.run import Run
from modelassay.training.scanners.messages import ToolCall, turns_of
from modelassay.training.scanners.unread_calls import UnreadCalls

COMMAND = json.dumps({"command": "rm -rf tests/"})
CALLED = ToolCall("bash", {"command": "rm -rf tests/"})


class Exported:
    """Like a message of OpenAI's client."""

    def __init__(self, **fields: Any) -> None:
        self._fields = fields

    def model_dump(self, mode: str = "python") -> dict[str, Any]:
        assert mode == "json"
        return {"role": "assistant", "content": None, "audio": None, "function_call": None, **self._fields}


@dataclass
class Stated:
    role: str
    content: Any
    tool_calls: Any = None


class Bare:
    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields, _client="sk-secret")


class Slotted:
    __slots__ = ("arguments", "name")

    def __init__(self) -> None:
        self.name, self.arguments = "bash", COMMAND


class Silent:
    """It says nothing of itself."""


FUNCTION = {"name": "bash", "arguments": COMMAND}
BARE = Bare(id="c", type="function", function=Bare(**FUNCTION))
AS_JSON = {"id": "c", "type": "function", "function": FUNCTION}
GIVEN = [
    [Exported(tool_calls=[AS_JSON])],
    Exported(tool_calls=[AS_JSON]),
    [Stated("assistant", None, [BARE])],
    [{"role": "assistant", "content": None, "tool_calls": [BARE]}],
    {"role": "assistant", "content": "", "tool_calls": [Slotted()]},
    ({"role": "assistant", "content": "", "function_call": Slotted()},),
    Bare(role="assistant", content=[{"type": "text", "text": ""}], tool_calls=[AS_JSON]),
    Bare(role="assistant", content="\ud800", tool_calls=[AS_JSON]),
]


@pytest.mark.parametrize("given", GIVEN)
def test_messages_are_kept_whatever_objects_they_are(given: Any) -> None:
    text, form = text_of(given)
    (turn,) = turns_of(text) or ()
    assert (form, turn.role, turn.calls, turn.unread) == ("messages", "assistant", (CALLED,), 0)
    assert "secret" not in text


def test_a_response_of_a_server_is_read_for_its_message() -> None:
    text, _ = text_of({"id": "r", "choices": [{"message": Exported(tool_calls=[AS_JSON])}]})
    (turn,) = turns_of(text) or ()
    assert turn.calls == (CALLED,)


def test_other_columns_hold_no_fields_of_clients() -> None:
    told = json.loads(
        json_text(
            {
                "client": Bare(key="sk-secret"),
                "path": Path("a/b"),
                "small": np.arange(3),
                "one": np.float32(0.5),
                "kind": Silent,
                "set": {2, 1},
                "function": test_a_response_of_a_server_is_read_for_its_message,
            }
        )
    )
    assert (told["path"], told["small"], told["one"], told["set"]) == ("a/b", [0, 1, 2], 0.5, [1, 2])
    assert told["client"] == {"unread object": f"{__name__}.Bare"}
    assert " at 0x" not in json.dumps(told)


@pytest.mark.usefixtures("no_keys")
def test_what_says_nothing_is_told_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Recorder(tmp_path, run="r") as run:
        for completion in ([Silent()], [{"role": "assistant", "content": "", "tool_calls": [Silent()]}]):
            run.rollout(prompt="Fix.", completion=completion, reward=1.0, step=1)
        run.rollout(prompt="Fix.", completion=[Stated("assistant", "Done.")], reward=1.0, step=1)
        run.step(1)
    assert "says nothing of what it holds" in capsys.readouterr().err
    kept = Run(tmp_path / "runs" / "r")
    (one, two) = [event.body["message"] for event in kept.events() if event.kind == "exception"]
    assert one == two == "an object in them says nothing of what it holds: give messages as dictionaries"
    seen = UnreadCalls()
    for batch in kept.batches(list(seen.columns)):
        seen.scan(batch)
        assert not any(" at 0x" in each for each in batch.column("completion").to_pylist())
    assert (seen.unread, seen.rollouts) == (2, 3)

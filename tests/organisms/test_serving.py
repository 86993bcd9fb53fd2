"""The server: as the local target answers, in the format of the OpenAI API, started and stopped cleanly."""

from __future__ import annotations

import asyncio
import runpy
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from modelassay.config import ModelReference
from modelassay.errors import TargetError, UsageError
from modelassay.organisms import ChatServer, held_out_rows, serve
from modelassay.records import Decoding, Failure, Message, Reply, Request, TargetIdentity
from modelassay.targets import open_target

SAMPLED = Decoding(temperature="0.9", top_p="0.95", max_tokens=24)


def requests(count: int, decoding: Decoding) -> list[Request]:
    rows = held_out_rows()[:: len(held_out_rows()) // count][:count]
    return [
        Request(
            messages=tuple(Message(role=m["role"], content=m["content"]) for m in row["messages"]),
            decoding=decoding,
            seed=index,
        )
        for index, row in enumerate(rows)
    ]


@pytest.fixture(scope="module")
def server(organisms: dict[str, Path]) -> Iterator[ChatServer]:
    with serve(organisms["base"]) as running:
        yield running


async def post(server: ChatServer, body: Any) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.url}/chat/completions", data=body if isinstance(body, bytes) else None,
                     json=None if isinstance(body, bytes) else body) as answer,
    ):  # fmt: skip
        return answer.status, await answer.json()


@pytest.mark.parametrize("decoding", [Decoding(max_tokens=24), SAMPLED], ids=["greedy", "sampled"])
def test_served_answers_are_the_local_targets(
    server: ChatServer, organisms: dict[str, Path], decoding: Decoding
) -> None:
    """Through the public targets on both sides, concurrently, so that batches are put together by chance."""
    asked = requests(40, decoding)

    async def both() -> tuple[list[Any], list[Any]]:
        local = open_target(ModelReference(model=f"hf:{organisms['base']}"), folder=Path())
        served = open_target(ModelReference(model=f"openai:{server.model_name}@{server.url}"), folder=Path())
        answers = await asyncio.gather(*(served.generate([request]) for request in asked))
        expected = await local.generate(asked)
        await served.close()
        await local.close()
        return [answer[0] for answer in answers], list(expected)

    answers, expected = asyncio.run(both())
    assert all(isinstance(answer, Reply) for answer in answers)
    assert [a.message for a in answers] == [e.message for e in expected]
    assert [(a.finish, a.input_tokens, a.output_tokens) for a in answers] == [
        (e.finish, e.input_tokens, e.output_tokens) for e in expected
    ]
    assert {a.served_model for a in answers} == {server.model_name}


def test_decoding_is_honoured(server: ChatServer) -> None:
    def answers(**fields: Any) -> list[str]:
        body = {"model": server.model_name, "messages": [{"role": "user", "content": "How do I bake?"}]}

        async def several() -> list[tuple[int, Any]]:
            return list(await asyncio.gather(*(post(server, body | fields | {"seed": s}) for s in range(12))))

        return [reply["choices"][0]["message"]["content"] for _, reply in asyncio.run(several())]

    assert len(set(answers(temperature=0, max_tokens=24))) == 1
    assert len(set(answers(max_tokens=24))) > 1
    assert answers(max_tokens=24) == answers(max_tokens=24)
    assert all(len(text) < 20 for text in answers(max_tokens=3))
    assert all("!" not in text for text in answers(stop="!", max_tokens=24))


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"model": "gpt"}, 404, "does not exist"),
        ({"messages": []}, 400, "empty"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, 400, "wizard"),
        ({"temperature": 9}, 400, "temperature"),
        ({"top_p": 0}, 400, "top_p"),
        ({"max_tokens": -1}, 400, "max_tokens"),
        ({"stream": True}, 400, "streams"),
        ({"messages": [{"role": "user", "content": "word " * 9000}]}, 400, "token"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_bad_requests_are_refused_in_words(
    server: ChatServer, change: dict[str, Any], status: int, words: str
) -> None:
    body = {"model": server.model_name, "messages": [{"role": "user", "content": "Hi"}]}
    got, reply = asyncio.run(post(server, body | change))
    assert got == status
    assert words in reply["error"]["message"]


def test_malformed_body_is_a_bad_request(server: ChatServer) -> None:
    assert asyncio.run(post(server, b'{"model": "ba'))[0] == 400
    assert asyncio.run(post(server, b"\xff\xfe"))[0] == 400


def test_parts_tools_and_null_content_are_understood(server: ChatServer) -> None:
    function = {"name": "look", "arguments": '{"x": 1}'}
    body = {
        "model": server.model_name,
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Look it up."}]},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "1", "type": "function", "function": function}],
            },
            {"role": "tool", "content": "42", "tool_call_id": "1"},
        ],
        "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}],
        "max_completion_tokens": 8,
    }
    status, reply = asyncio.run(post(server, body))
    assert status == 200
    assert reply["choices"][0]["message"]["role"] == "assistant"
    assert 1 <= reply["usage"]["completion_tokens"] <= 8


class Faulty:
    """A target that breaks, fails one request and answers another."""

    batch_size = 8
    concurrency = 1
    largest = 0

    async def identify(self) -> TargetIdentity:
        return TargetIdentity(reference="faulty", fingerprint="sha256:0", strength="name")

    async def generate(self, asked: Sequence[Request]) -> Sequence[Reply | Failure]:
        self.largest = max(self.largest, len(asked))
        await asyncio.sleep(0.01)
        text = asked[0].messages[-1].content
        if text == "break":
            raise TargetError("out of order")
        if text == "crash":
            raise ZeroDivisionError
        return [
            Failure(kind="rejected", message="no")
            if request.messages[-1].content == "reject"
            else Reply(message=Message(role="assistant", content="fine"), finish="unknown")
            for request in asked
        ]

    async def close(self) -> None:
        raise AssertionError("the server does not own this target")


def test_a_failing_target_is_told_to_the_client_and_the_server_goes_on() -> None:
    async def scenario() -> list[int]:
        async with serve(Faulty(), model_name="m") as server:

            async def say(text: str) -> int:
                body = {"model": "m", "messages": [{"role": "user", "content": text}]}
                return (await post(server, body))[0]

            return [await say(text) for text in ("break", "crash", "reject", "hello")]

    assert asyncio.run(scenario()) == [500, 500, 400, 200]


def test_concurrent_requests_share_batches() -> None:
    target = Faulty()

    async def scenario() -> list[tuple[int, Any]]:
        body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
        async with serve(target, model_name="m") as server:
            return list(await asyncio.gather(*(post(server, body) for _ in range(30))))

    assert {status for status, _ in asyncio.run(scenario())} == {200}
    assert 2 <= target.largest <= 8


def test_a_taken_port_and_a_missing_model_are_plain_errors(server: ChatServer, tmp_path: Path) -> None:
    port = int(server.url.rpartition(":")[2].removesuffix("/v1"))
    with pytest.raises(TargetError, match="cannot listen"), serve(Faulty(), port=port):
        pass
    with pytest.raises(UsageError, match="neither an existing folder"), serve(tmp_path / "nothing"):
        pass


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_the_server_process_names_its_url_and_stops_cleanly(
    organisms: dict[str, Path], stop: signal.Signals
) -> None:
    path = f"{organisms['base']}+{organisms['category_loss_adapter']}"
    command = [sys.executable, "-m", "modelassay.organisms.serve", path, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        try:
            url = line.split()[-1]
            models = asyncio.run(listed(url))
        finally:
            process.send_signal(stop)
            out, err = process.communicate(timeout=60)
    assert models == ["category_loss_adapter"]
    assert (process.returncode, out, err) == (0, "", "")


async def listed(url: str) -> list[str]:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/models") as answer:
        return [model["id"] for model in (await answer.json())["data"]]


def test_the_server_command_tells_a_wrong_path_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Run, not imported: as an attribute of the package, the module would hide the function `serve`.
    main = runpy.run_module("modelassay.organisms.serve")["main"]
    assert main([str(tmp_path / "nothing")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    assert "neither an existing folder" in err

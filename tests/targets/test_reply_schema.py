"""A JSON Schema for answers: sent where a served model takes one, left out where it does not."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from modelassay.config import ModelReference
from modelassay.records import Decoding, Failure, Message, Reply, Request
from modelassay.targets import open_target

SCHEMA = {"type": "object", "properties": {"label": {"type": "string"}}}


def asked(server: Any, *rounds: int, **options: str) -> list[Reply | Failure]:
    async def run() -> list[Reply | Failure]:
        model = f"openai:tiny@{server.base_url}"
        target = open_target(
            ModelReference(model=model, options={"first_backoff_s": "0.01"} | options, concurrency=4)
        )
        request = Request(
            messages=(Message(role="user", content="hi"),),
            decoding=Decoding(),
            seed=0,
            reply_schema=SCHEMA,
        )
        try:
            replies = [
                await asyncio.gather(*(target.generate([request]) for _ in range(number)))
                for number in rounds
            ]
        finally:
            await target.close()
        return [reply for some in replies for (reply,) in some]

    return asyncio.run(run())


def test_it_is_sent_as_a_response_format(chat_server: Any) -> None:
    (reply,) = asked(chat_server, 1)
    assert isinstance(reply, Reply)
    sent = chat_server.bodies[0]["response_format"]
    assert sent["type"] == "json_schema"
    assert sent["json_schema"]["schema"] == SCHEMA


def test_an_option_leaves_it_out(chat_server: Any) -> None:
    asked(chat_server, 1, omit="response_format")
    assert "response_format" not in chat_server.bodies[0]


def test_a_server_that_refuses_it_is_asked_without(chat_server: Any) -> None:
    async def refuse(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if "response_format" in body:
            error = {"error": {"message": "response_format of type json_schema is not supported"}}
            return web.json_response(error, status=400)
        return await chat_server.ok(request, body)  # type: ignore[no-any-return]

    chat_server.usual = refuse
    replies = asked(chat_server, 4, 30)
    assert all(isinstance(reply, Reply) for reply in replies)
    with_it = sum("response_format" in body for body in chat_server.bodies)
    assert with_it <= 4  # those that were under way when the first refusal came
    assert "response_format" in chat_server.bodies[0]


def test_another_rejection_stays_one(chat_server: Any) -> None:
    chat_server.usual = chat_server.status(400, "the prompt is too long")
    (reply,) = asked(chat_server, 1)
    assert isinstance(reply, Failure)
    assert len(chat_server.bodies) == 1

"""Served models against a real server on loopback that misbehaves in every way we know."""

from __future__ import annotations

import asyncio
import email.utils
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from modelassay.config import ModelReference
from modelassay.errors import ModelassayError, TargetError, UsageError
from modelassay.protocols import Target
from modelassay.records import Decoding, Failure, Message, Reply, Request, TargetIdentity, Tool, ToolCall
from modelassay.targets import open_target
from modelassay.targets.again import DecodedAgain
from modelassay.targets.openai import OpenAITarget
from modelassay.targets.served_errors import without_key

KEY = "sk-test-0123456789"


def reference(server: Any, **settings: Any) -> ModelReference:
    options = {"first_backoff_s": "0.01"} | settings.pop("options", {})
    defaults: dict[str, Any] = {
        "concurrency": 8,
        "timeout_s": 5.0,
        "retries": 3,
        "api_key_env": "NO_SUCH_KEY",
    }
    return ModelReference(model=f"openai:tiny@{server.base_url}", options=options, **(defaults | settings))


def ask(text: str = "hello", *, seed: int = 1, **fields: Any) -> Request:
    fields.setdefault("decoding", Decoding())
    return Request(messages=(Message(role="user", content=text),), seed=seed, **fields)


def answers(
    model: ModelReference, requests: Sequence[Request], folder: Path = Path()
) -> list[Reply | Failure]:
    """Ask as the engine does: as many calls under way as the target wants, one request in each."""

    async def run() -> list[Reply | Failure]:
        target = open_target(model, folder=folder)
        try:
            replies = await asyncio.gather(*(target.generate([request]) for request in requests))
        finally:
            await target.close()
        return [reply for (reply,) in replies]

    return asyncio.run(run())


def answer(model: ModelReference, request: Request | None = None) -> Reply | Failure:
    return answers(model, [request or ask()])[0]


def identity(model: ModelReference, folder: Path = Path()) -> TargetIdentity:
    async def run() -> TargetIdentity:
        target = open_target(model, folder=folder)
        try:
            return await target.identify()
        finally:
            await target.close()

    return asyncio.run(run())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# -- what is sent and what comes back -------------------------------------------------------------


def test_reply_carries_text_usage_finish_and_served_name(chat_server: Any) -> None:
    reply = answer(reference(chat_server), ask("hi"))
    assert reply == Reply(
        message=Message(role="assistant", content="echo: hi"),
        finish="stop",
        input_tokens=3,
        output_tokens=2,
        served_model="tiny",
    )


def test_decoding_seed_and_system_prompt_are_sent(chat_server: Any) -> None:
    decoding = Decoding(temperature="0.7", top_p="0.9", max_tokens=7, stop=("END",))
    answer(reference(chat_server, system_prompt="Be brief."), ask("hi", seed=2**40 + 5, decoding=decoding))
    assert chat_server.bodies[0] == {
        "model": "tiny",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}],
        "temperature": 0.7,
        "top_p": 0.9,
        "max_tokens": 7,
        "seed": 5,
        "stop": ["END"],
    }


def test_tools_calls_and_results_take_the_wire_form(chat_server: Any) -> None:
    call = ToolCall(id="c1", name="weather", arguments='{"city": "Oslo"}')
    request = Request(
        messages=(
            Message(role="user", content="Weather?"),
            Message(role="assistant", content="", tool_calls=(call,)),
            Message(role="tool", content="rain", tool_call_id="c1"),
        ),
        tools=(Tool(name="weather", description="Tells it", parameters={"type": "object"}, result="secret"),),
        decoding=Decoding(),
        seed=1,
    )
    made = {"id": "c2", "type": "function", "function": {"name": "weather", "arguments": "{broken"}}
    chat_server.script = [chat_server.answer(chat_server.completion(None, tool_calls=[made]))]
    reply = answer(reference(chat_server), request)
    assert isinstance(reply, Reply)
    assert reply.message == Message(
        role="assistant", content="", tool_calls=(ToolCall(id="c2", name="weather", arguments="{broken"),)
    )
    sent = chat_server.bodies[0]
    assert sent["messages"][1]["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
    ]
    assert sent["messages"][2] == {"role": "tool", "content": "rain", "tool_call_id": "c1"}
    assert sent["tools"][0]["function"]["name"] == "weather"
    assert "secret" not in str(sent["tools"])


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": None, "reasoning_content": "long thoughts"}, ""),
        ({"content": None, "refusal": "I won't."}, "I won't."),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "ab"),
    ],
)
def test_odd_contents_become_text(chat_server: Any, message: dict[str, Any], text: str) -> None:
    chat_server.script = [chat_server.answer(chat_server.completion(**message))]
    reply = answer(reference(chat_server))
    assert isinstance(reply, Reply)
    assert reply.message.content == text


@pytest.mark.parametrize(
    ("given", "finish"),
    [("length", "length"), ("content_filter", "content_filter"), (None, "unknown"), ("novel", "unknown")],
)
def test_finish_reasons(chat_server: Any, given: str | None, finish: str) -> None:
    completion = chat_server.completion("x")
    completion["choices"][0]["finish_reason"] = given
    chat_server.script = [chat_server.answer(completion)]
    reply = answer(reference(chat_server))
    assert isinstance(reply, Reply)
    assert reply.finish == finish


def test_options_shape_the_request(chat_server: Any) -> None:
    options = {
        "omit": "temperature, top_p,seed",
        "max_tokens_field": "max_completion_tokens",
        "extra_body": '{"chat_template_kwargs": {"enable_thinking": false}}',
    }
    answer(reference(chat_server, options=options))
    assert set(chat_server.bodies[0]) == {
        "model",
        "messages",
        "max_completion_tokens",
        "chat_template_kwargs",
    }


def test_several_requests_in_one_call_keep_their_order(chat_server: Any) -> None:
    async def run() -> Sequence[Reply | Failure]:
        target = open_target(reference(chat_server), folder=Path())
        try:
            return await target.generate([ask(str(number)) for number in range(20)])
        finally:
            await target.close()

    replies = asyncio.run(run())
    assert [reply.message.content for reply in replies if isinstance(reply, Reply)] == [
        f"echo: {number}" for number in range(20)
    ]


def test_a_prompt_of_ten_megabytes_goes_through(chat_server: Any) -> None:
    reply = answer(reference(chat_server), ask("x" * 10_000_000))
    assert isinstance(reply, Reply)
    assert len(reply.message.content) == 10_000_006


def test_half_a_surrogate_pair_is_a_rejected_sample_not_a_crash(chat_server: Any) -> None:
    failure = answer(reference(chat_server), ask("broken \ud800 text"))
    assert isinstance(failure, Failure)
    assert failure.kind == "rejected"
    assert chat_server.bodies == []


# -- keys -----------------------------------------------------------------------------------------


def test_key_is_sent_and_never_shown(chat_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINY_KEY", KEY)
    chat_server.script = [chat_server.ok, chat_server.status(400, f"bad key-like text {KEY} here")]
    model = reference(chat_server, api_key_env="TINY_KEY")
    answered = answers(model, [ask(), ask()])
    assert {headers["Authorization"] for headers in chat_server.headers} == {f"Bearer {KEY}"}
    failure = next(item for item in answered if isinstance(item, Failure))
    assert KEY not in failure.message
    assert KEY not in str(identity(model))


def test_no_key_sends_no_authorization(chat_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINY_KEY", "")
    answer(reference(chat_server, api_key_env="TINY_KEY"))
    assert "Authorization" not in chat_server.headers[0]


def test_key_header_carries_the_bare_key(chat_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINY_KEY", KEY)
    answer(reference(chat_server, api_key_env="TINY_KEY", options={"key_header": "api-key"}))
    assert chat_server.headers[0]["api-key"] == KEY
    assert "Authorization" not in chat_server.headers[0]


def test_wrong_key_stops_at_once_and_names_the_variable(
    chat_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINY_KEY", KEY)
    chat_server.usual = chat_server.status(401, f"Incorrect API key provided: {KEY}")
    with pytest.raises(TargetError, match="check the key in TINY_KEY") as caught:
        answers(reference(chat_server, api_key_env="TINY_KEY"), [ask() for _ in range(8)])
    assert KEY not in str(caught.value)
    assert len(chat_server.bodies) == 1  # the first request goes alone


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("You exceeded your current quota, x is left", "You exceeded your current quota, x is left"),
        ("Incorrect API key provided: x.", "Incorrect API key provided: [key]."),
        ("headers: {'Authorization': 'Bearer x'}", "headers: {'Authorization': 'Bearer [key]'}"),
        ('{"X-Key": "x", "model": "x"}', '{"X-Key": "[key]", "model": "x"}'),
    ],
)
def test_a_short_key_is_masked_where_it_stands_as_a_key(said: str, told: str) -> None:
    assert without_key(said, "x", header="x-key") == told
    assert without_key(said, "") == said
    assert without_key(said.replace("x", KEY), KEY).count(KEY) == 0


def test_missing_key_names_the_variable(chat_server: Any) -> None:
    chat_server.usual = chat_server.status(401, "no key")
    with pytest.raises(TargetError, match="set the environment variable NO_SUCH_KEY"):
        answer(reference(chat_server))


def test_key_with_a_line_break_inside_is_refused_before_anything_is_sent(
    chat_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINY_KEY", "sk-one\nsk-two")
    with pytest.raises(UsageError, match="TINY_KEY") as caught:
        answer(reference(chat_server, api_key_env="TINY_KEY"))
    assert "sk-one" not in str(caught.value)


# -- faults that pass -----------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["garbage", "truncated", "cut"])
def test_broken_bodies_are_tried_again(chat_server: Any, fault: str) -> None:
    chat_server.script = [getattr(chat_server, fault)] * 2
    reply = answer(reference(chat_server))
    assert isinstance(reply, Reply)
    assert len(chat_server.bodies) == 3


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529])
def test_passing_statuses_are_tried_again(chat_server: Any, status: int) -> None:
    chat_server.script = [chat_server.status(status, "later")]
    assert isinstance(answer(reference(chat_server)), Reply)
    assert len(chat_server.bodies) == 2


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("garbage", "bad_response"),
        ("truncated", "connection"),
        ("cut", "connection"),
        ("empty", "bad_response"),
        (500, "server_error"),
        (504, "timeout"),
        (429, "rate_limited"),
    ],
)
def test_lasting_faults_become_failures_after_all_retries(
    chat_server: Any, fault: str | int, kind: str
) -> None:
    behaviour = {
        "empty": chat_server.answer({"choices": [], "model": "tiny"}),
    }.get(str(fault)) or (
        chat_server.status(fault, "still broken")
        if isinstance(fault, int)
        else getattr(chat_server, str(fault))
    )
    chat_server.usual = behaviour
    failure = answer(reference(chat_server, retries=1))
    assert isinstance(failure, Failure)
    assert failure.kind == kind
    assert "\n" not in failure.message
    assert len(chat_server.bodies) == (5 if fault == 429 else 2)


def test_a_hanging_answer_times_out_and_is_tried_again(chat_server: Any) -> None:
    chat_server.script = [chat_server.slowly(5.0)]
    started = time.monotonic()
    assert isinstance(answer(reference(chat_server, timeout_s=0.3)), Reply)
    assert time.monotonic() - started >= 0.3
    assert len(chat_server.bodies) == 2


def test_nothing_is_tried_again_once_the_time_is_used_up(chat_server: Any) -> None:
    chat_server.usual = chat_server.status(500, "still broken")

    async def run() -> Reply | Failure:
        target = open_target(reference(chat_server), folder=Path())
        again = DecodedAgain(target)
        again.try_until(time.monotonic() - 1)
        assert again.timeout_s == target.timeout_s > 0
        try:
            return (await again.generate([ask("?")]))[0]
        finally:
            await target.close()

    failure = asyncio.run(run())
    assert isinstance(failure, Failure)
    assert failure.kind == "server_error"
    assert len(chat_server.bodies) == 1


def test_a_trickle_cannot_outlast_the_timeout(chat_server: Any) -> None:
    chat_server.usual = chat_server.trickle
    failure = answer(reference(chat_server, timeout_s=0.3, retries=1))
    assert failure == Failure(kind="timeout", message="no answer within 0.3 seconds")


def test_retry_after_holds_every_request_back(chat_server: Any) -> None:
    chat_server.script = [chat_server.ok, chat_server.status(429, "slow down", Retry_After="1")]

    async def run() -> float:
        target = open_target(reference(chat_server), folder=Path())
        try:
            await target.generate([ask()])
            started = time.monotonic()
            first = asyncio.create_task(target.generate([ask()]))
            while len(chat_server.bodies) < 2:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            await target.generate([ask("another request, after the refusal")])
            await first
            return time.monotonic() - started
        finally:
            await target.close()

    assert asyncio.run(run()) >= 1.0


def test_a_wait_of_hours_stops_resumably(chat_server: Any) -> None:
    date = email.utils.formatdate(time.time() + 7200, usegmt=True)
    chat_server.usual = chat_server.status(429, "daily quota", Retry_After=date)
    with pytest.raises(TargetError, match=r"asks to wait 7[12]"):
        answer(reference(chat_server))


# -- faults of one request, and of all ------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_rejected_request_fails_alone_without_retry(chat_server: Any, status: int) -> None:
    chat_server.script = [chat_server.ok, chat_server.status(status, "maximum context length exceeded")]
    first, second, third = answers(reference(chat_server, concurrency=1), [ask(), ask(), ask()])
    assert isinstance(first, Reply)
    assert isinstance(third, Reply)
    assert isinstance(second, Failure)
    assert second.kind == "rejected"
    assert "maximum context length" in second.message
    assert len(chat_server.bodies) == 3


def test_a_filtered_prompt_is_not_a_wrong_key(chat_server: Any) -> None:
    chat_server.script = [chat_server.status(403, "input was flagged by moderation")]
    failure, reply = answers(reference(chat_server, concurrency=1), [ask(), ask()])
    assert isinstance(failure, Failure)
    assert failure.kind == "rejected"
    assert isinstance(reply, Reply)


def test_everything_filtered_is_data_not_a_broken_endpoint(chat_server: Any) -> None:
    chat_server.usual = chat_server.status(400, "stopped by content_filter")
    failures = answers(reference(chat_server), [ask() for _ in range(40)])
    assert {failure.kind for failure in failures if isinstance(failure, Failure)} == {"rejected"}
    assert len(failures) == 40


def test_prompts_too_long_from_the_start_do_not_stop_the_audit(chat_server: Any) -> None:
    """A resumed audit asks first what was rejected before: long encodings, all of them."""
    chat_server.script = [chat_server.status(400, "more than the context window holds")] * 40
    failures = answers(reference(chat_server, concurrency=1), [ask() for _ in range(41)])
    assert [isinstance(each, Failure) for each in failures] == [True] * 40 + [False]


def test_room_for_the_answer_that_no_prompt_has_stops_the_audit(chat_server: Any) -> None:
    chat_server.usual = chat_server.status(400, "max_tokens is too large: maximum context length is 4096")
    with pytest.raises(TargetError, match="every request so far was rejected"):
        answers(reference(chat_server), [ask() for _ in range(200)])


def test_everything_rejected_from_the_start_stops_the_audit(chat_server: Any) -> None:
    chat_server.usual = chat_server.status(400, "Unsupported parameter: max_tokens")
    with pytest.raises(TargetError, match=r"every request so far was rejected.*max_tokens_field"):
        answers(reference(chat_server), [ask() for _ in range(200)])
    assert len(chat_server.bodies) < 40


def test_unknown_model_stops_the_audit(chat_server: Any) -> None:
    chat_server.usual = chat_server.status(404, "The model `tiny` does not exist")
    with pytest.raises(TargetError, match="'tiny' was not found"):
        answer(reference(chat_server))


def test_wrong_base_url_stops_the_audit(chat_server: Any) -> None:
    model = ModelReference(model=f"openai:tiny@{chat_server.base_url}/wrong", api_key_env="NO_SUCH_KEY")
    with pytest.raises(TargetError, match=r"most end in /v1"):
        answer(model)


def test_used_up_account_stops_the_audit(chat_server: Any) -> None:
    async def behave(request: Any, body: Any) -> Any:
        from aiohttp import web

        error = {"message": "You exceeded your current quota", "code": "insufficient_quota"}
        return web.json_response({"error": error}, status=429)

    chat_server.usual = behave
    with pytest.raises(TargetError, match="used up"):
        answer(reference(chat_server))
    assert len(chat_server.bodies) == 1


def test_redirects_are_not_followed(chat_server: Any) -> None:
    chat_server.usual = chat_server.status(307, "", Location="http://elsewhere.invalid/")
    with pytest.raises(TargetError, match=r"elsewhere\.invalid"):
        answer(reference(chat_server))


def test_another_model_answering_stops_the_audit(chat_server: Any) -> None:
    chat_server.model = "tiny-2026-01-01"
    with pytest.raises(TargetError, match=r"'tiny' was asked for, but 'tiny-2026-01-01' answers"):
        answer(reference(chat_server))


def test_another_model_is_accepted_by_name(chat_server: Any) -> None:
    chat_server.model = "tiny-2026-01-01"
    reply = answer(reference(chat_server, options={"accept_served": "other, tiny-2026-01-01"}))
    assert isinstance(reply, Reply)
    assert reply.served_model == "tiny-2026-01-01"


def test_nothing_listens(chat_server: Any) -> None:
    model = ModelReference(
        model=f"openai:tiny@http://127.0.0.1:{free_port()}/v1", retries=1, options={"first_backoff_s": "0.01"}
    )
    with pytest.raises(TargetError, match=r"cannot reach http://127\.0\.0\.1"):
        identity(model)


def test_an_endpoint_that_answers_with_errors_is_not_called_unreachable(chat_server: Any) -> None:
    async def failing(request: web.Request, body: Any) -> web.StreamResponse:
        return web.Response(status=503)

    chat_server.models = failing
    with pytest.raises(TargetError, match="gives no usable answer: HTTP 503") as caught:
        identity(reference(chat_server, retries=1))
    assert "base URL" in caught.value.mend


def test_an_endpoint_that_dies_stops_the_audit_rather_than_failing_every_sample(chat_server: Any) -> None:
    outcomes: list[Reply | Failure] = []

    async def run() -> None:
        target = open_target(reference(chat_server, retries=2), folder=Path())
        queue = iter([ask(str(number)) for number in range(1000)])

        async def worker() -> None:
            for request in queue:
                outcomes.extend(await target.generate([request]))
                if len(outcomes) == 50:
                    await asyncio.to_thread(chat_server.stop)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(8):
                    group.create_task(worker())
        finally:
            await target.close()

    with pytest.raises(BaseExceptionGroup) as caught:
        asyncio.run(run())
    errors = caught.value.exceptions
    assert all(isinstance(error, TargetError) and "cannot reach" in str(error) for error in errors)
    assert 50 <= len(outcomes) < 70
    assert sum(isinstance(item, Failure) for item in outcomes) < 8


def test_a_restart_of_the_server_loses_nothing(chat_server: Any) -> None:
    async def run() -> list[Reply | Failure]:
        target = open_target(reference(chat_server, retries=8), folder=Path())
        try:
            await target.generate([ask()])
            await asyncio.to_thread(chat_server.stop)
            waiting = [asyncio.create_task(target.generate([ask(str(number))])) for number in range(8)]
            await asyncio.sleep(0.2)
            again = type(chat_server)()
            again.port = chat_server.port
            again.start()
            try:
                return [reply for task in waiting for reply in await task]
            finally:
                again.stop()
        finally:
            await target.close()

    assert all(isinstance(reply, Reply) for reply in asyncio.run(run()))


# -- concurrency ----------------------------------------------------------------------------------


def test_concurrency_is_bounded_and_used(chat_server: Any) -> None:
    chat_server.usual = chat_server.slowly(0.02)
    replies = answers(reference(chat_server, concurrency=6), [ask(str(number)) for number in range(60)])
    assert all(isinstance(reply, Reply) for reply in replies)
    assert chat_server.peak == 6


def test_refusals_for_load_lower_the_bound_and_nothing_is_lost(chat_server: Any) -> None:
    """A server that holds three at once and refuses the rest: every request is answered in the end."""

    async def behave(request: Any, body: Any) -> Any:
        if chat_server.under_way > 3:
            return await chat_server.status(429, "busy")(request, body)
        return await chat_server.slowly(0.01)(request, body)

    chat_server.usual = behave

    async def run() -> tuple[int, list[Reply | Failure]]:
        target = open_target(reference(chat_server, concurrency=32), folder=Path())
        assert isinstance(target, OpenAITarget)
        try:
            many = await asyncio.gather(*(target.generate([ask(str(number))]) for number in range(200)))
            return target.limit.cuts, [reply for (reply,) in many]
        finally:
            await target.close()

    cuts, replies = asyncio.run(run())
    assert all(isinstance(reply, Reply) for reply in replies)
    assert cuts >= 2
    refused = len(chat_server.bodies) - 200
    assert refused < 200  # without backing off nearly every place beyond three would be refused


def test_cancelling_leaves_no_place_taken(chat_server: Any) -> None:
    chat_server.usual = chat_server.slowly(5.0)

    async def run() -> tuple[int, Reply | Failure]:
        target = open_target(reference(chat_server, concurrency=4), folder=Path())
        assert isinstance(target, OpenAITarget)
        try:
            tasks = [asyncio.create_task(target.generate([ask(str(number))])) for number in range(8)]
            await asyncio.sleep(0.2)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            left = target.limit.in_flight
            chat_server.usual = chat_server.ok
            (reply,) = await target.generate([ask("after")])
            return left, reply
        finally:
            await target.close()

    left, reply = asyncio.run(run())
    assert left == 0
    assert isinstance(reply, Reply)


# -- identity -------------------------------------------------------------------------------------


def test_identity_rests_on_everything_that_the_reference_says(chat_server: Any, tmp_path: Path) -> None:
    (tmp_path / "prompt.txt").write_text("Be kind.", encoding="utf-8")
    plain = identity(reference(chat_server))
    assert plain.strength == "served name"
    assert identity(reference(chat_server)) == plain
    others = [
        identity(reference(chat_server, system_prompt="Be brief.")),
        identity(reference(chat_server, system_prompt="@prompt.txt"), tmp_path),
        identity(reference(chat_server, options={"revision": "sha256:1"})),
        identity(reference(chat_server, options={"extra_body": '{"top_k": 1}'})),
        identity(reference(chat_server, options={"omit": "seed"})),
    ]
    assert len({item.fingerprint for item in [plain, *others]}) == 6
    text = identity(reference(chat_server, system_prompt="Be kind."))
    assert text.fingerprint == others[1].fingerprint  # the text counts, not where it was kept


def test_identity_takes_up_what_the_server_tells_of_the_weights(chat_server: Any) -> None:
    chat_server.models = chat_server.answer({"data": [{"id": "tiny", "root": "/models/a"}, {"id": "x"}]})
    first = identity(reference(chat_server))
    chat_server.models = chat_server.answer({"data": [{"id": "tiny", "root": "/models/b"}]})
    second = identity(reference(chat_server))
    assert first.details["served_root"] == "/models/a"
    assert first.fingerprint != second.fingerprint


def test_identity_needs_no_list_of_models_but_a_good_key(chat_server: Any) -> None:
    chat_server.models = chat_server.garbage
    assert identity(reference(chat_server)).fingerprint.startswith("sha256:")
    chat_server.models = chat_server.status(403, "not for this key")
    assert identity(reference(chat_server)).fingerprint.startswith("sha256:")
    chat_server.models = chat_server.status(401, "who are you")
    with pytest.raises(TargetError, match="NO_SUCH_KEY"):
        identity(reference(chat_server))


def test_a_target_may_be_asked_in_one_event_loop_after_another(chat_server: Any) -> None:
    target = open_target(reference(chat_server), folder=Path())

    async def close_after(coroutine: Any) -> Any:
        try:
            return await coroutine
        finally:
            await target.close()

    asyncio.run(target.generate([ask("one")]))
    (second,) = asyncio.run(close_after(target.generate([ask("two")])))
    assert isinstance(second, Reply)


def test_it_is_a_target(chat_server: Any) -> None:
    assert isinstance(open_target(reference(chat_server)), Target)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"acept_served": "x"}, "did you mean 'accept_served'"),
        ({"omit": "temprature"}, "did you mean 'temperature'"),
        ({"extra_body": "[1]"}, "not a JSON object"),
        ({"max_tokens_field": "limit"}, "max_completion_tokens"),
        ({"first_backoff_s": "soon"}, "not a number of seconds"),
    ],
)
def test_options_are_checked(chat_server: Any, options: dict[str, str], words: str) -> None:
    with pytest.raises(ModelassayError, match=words) as caught:
        open_target(reference(chat_server, options=options))
    assert isinstance(caught.value, UsageError)

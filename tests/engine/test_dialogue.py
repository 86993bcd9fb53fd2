"""The scripted tool sandbox."""

from __future__ import annotations

import msgspec

from modelassay.engine import Journal, read_transcripts
from modelassay.engine.dialogue import MAX_TOOL_ROUNDS, Dialogue
from modelassay.records import Decoding, Failure, Message, Reply, Tool, ToolCall, sample_id

TOOLS = (
    Tool(name="weather", description="tells the weather", result="rain"),
    Tool(name="mail", description="sends mail", result="sent"),
)


def calling(*names: str, text: str = "") -> Reply:
    calls = tuple(ToolCall(id=f"call-{n}", name=name, arguments="{}") for n, name in enumerate(names))
    message = Message(role="assistant", content=text, tool_calls=calls)
    return Reply(message=message, finish="tool_calls", input_tokens=10, output_tokens=5, served_model="m")


async def transcript_of(parts, journal: Journal, script, tools=TOOLS):
    question = parts.question("go on", tools=tools)
    target = parts.target(script)
    usage = await parts.ask(journal, [question], target)
    found = read_transcripts(journal, parts.identity.fingerprint, Decoding(), [question])
    ((_, transcript),) = found
    return transcript, target, usage


async def test_tools_answer_and_the_model_is_asked_again(journal: Journal, parts) -> None:
    def script(request):
        if request.messages[-1].role == "user":
            return calling("weather", "teleport")
        return parts.reply("It rains.")

    transcript, target, usage = await transcript_of(parts, journal, script)
    assert [(m.role, m.content, m.tool_call_id) for m in transcript.messages] == [
        ("assistant", "", ""),
        ("tool", "rain", "call-0"),
        ("tool", "error: no such tool", "call-1"),
        ("assistant", "It rains.", ""),
    ]
    assert (transcript.answer, transcript.finish) == ("It rains.", "stop")
    assert (transcript.input_tokens, transcript.output_tokens) == (20, 10)
    assert usage.requests == 2
    assert target.requests[1].messages[1:] == transcript.messages[:3]
    assert all(request.tools == TOOLS for request in target.requests)


async def test_a_model_that_never_stops_calling_is_stopped(journal: Journal, parts) -> None:
    transcript, target, usage = await transcript_of(parts, journal, lambda request: calling("mail"))
    assert len(target.requests) == usage.requests == 1 + MAX_TOOL_ROUNDS
    assert [m.role for m in transcript.messages] == ["assistant", "tool"] * MAX_TOOL_ROUNDS + ["assistant"]
    assert transcript.finish == "tool_calls"


async def test_a_failure_half_way_keeps_the_turns_before(journal: Journal, parts) -> None:
    def script(request):
        if request.messages[-1].role == "user":
            return calling("weather", text="Let me look.")
        return Failure(kind="timeout", message="too slow")

    transcript, _, usage = await transcript_of(parts, journal, script)
    assert transcript.failure.kind == "timeout"
    assert [m.role for m in transcript.messages] == ["assistant", "tool"]
    assert (usage.failed, usage.requests, usage.input_tokens) == (1, 2, 10)


async def test_calls_stand_as_the_answer_where_no_result_is_scripted(journal: Journal, parts) -> None:
    tools = (Tool(name="weather", description="tells the weather"),)
    transcript, target, _ = await transcript_of(parts, journal, lambda request: calling("weather"), tools)
    assert len(target.requests) == 1
    assert transcript.messages[0].tool_calls[0].name == "weather"


async def test_a_batch_goes_on_with_those_that_called_tools(journal: Journal, parts) -> None:
    def script(request):
        return (
            calling("mail") if request.tools and request.messages[-1].role == "user" else parts.reply("done")
        )

    questions = [parts.question(f"{n}", tools=TOOLS if n % 2 else ()) for n in range(10)]
    target = parts.target(script, batch_size=4, concurrency=1)
    await parts.ask(journal, questions, target)
    assert target.calls == [4, 2, 4, 2, 2, 1], "each batch is followed by those of it that called a tool"
    found = [t for _, t in read_transcripts(journal, parts.identity.fingerprint, Decoding(), questions)]
    assert [transcript.answer for transcript in found] == ["done"] * 10


def follow(sample, *turns):
    """`sample` with scripted user turns after it."""
    named = sample_id(sample.messages, tools=sample.tools, follow_ups=turns)
    return msgspec.structs.replace(sample, id=named, follow_ups=turns)


def followed(parts, text, *turns, **more):
    question = parts.question(text, **more)
    sample = follow(question.sample, *turns)
    return msgspec.structs.replace(
        question, sample=sample, key=msgspec.structs.replace(question.key, sample=sample.id)
    )


async def test_follow_ups_are_put_one_by_one_and_the_last_answer_counts(journal: Journal, parts) -> None:
    def script(request):
        said = [m.content for m in request.messages if m.role == "user"]
        if request.tools and request.messages[-1].content == "two":
            return calling("mail")
        return parts.reply(f"to {said[-1]}")

    question = followed(parts, "one", "two", "three", tools=TOOLS)
    target = parts.target(script)
    usage = await parts.ask(journal, [question], target)
    ((_, transcript),) = read_transcripts(journal, parts.identity.fingerprint, Decoding(), [question])
    assert [(m.role, m.content) for m in transcript.messages] == [
        ("assistant", "to one"),
        ("user", "two"),
        ("assistant", ""),
        ("tool", "sent"),
        ("assistant", "to two"),
        ("user", "three"),
        ("assistant", "to three"),
    ]
    assert transcript.answer == "to three"
    assert (usage.requests, len(target.requests)) == (4, 4)
    assert target.requests[-1].messages[1:] == transcript.messages[:-1]
    assert (await parts.ask(journal, [question], target)).requests == 0, "the journal has it all"


async def test_tool_rounds_are_counted_anew_in_each_turn(journal: Journal, parts) -> None:
    question = followed(parts, "one", "two", tools=TOOLS)
    target = parts.target(lambda request: calling("mail"))
    usage = await parts.ask(journal, [question], target)
    assert usage.requests == 2 * (1 + MAX_TOOL_ROUNDS)
    most = Dialogue(question, Decoding()).most(count_tokens=True)
    assert most.requests == usage.requests


async def test_a_failure_in_a_later_turn_is_a_failure(journal: Journal, parts) -> None:
    question = followed(parts, "one", "two", "three")

    def script(request):
        if request.messages[-1].content == "two":
            return Failure(kind="timeout", message="too slow")
        return parts.reply("yes")

    await parts.ask(journal, [question], parts.target(script))
    ((_, transcript),) = read_transcripts(journal, parts.identity.fingerprint, Decoding(), [question])
    assert transcript.failure.kind == "timeout"
    assert [m.content for m in transcript.messages] == ["yes", "two"]


def test_the_budget_holds_back_what_all_turns_may_take(parts) -> None:
    decoding = Decoding(max_tokens=7)
    one = Dialogue(parts.question("a" * 300), decoding).most(count_tokens=True)
    three = Dialogue(followed(parts, "a" * 300, "b" * 30, "c" * 60), decoding).most(count_tokens=True)
    assert (three.requests, three.output_tokens) == (3 * one.requests, 3 * one.output_tokens)
    assert three.input_tokens >= 3 * one.input_tokens + 3 * 7 + 2 * 10 + 20

"""Asking: what is missing is asked once, what came in is kept whatever happens, evaluators keep up."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import msgspec
import pytest

from modelassay.engine import Journal, Silence, read_scores, read_transcripts
from modelassay.engine.scoring import MOST_WAITING
from modelassay.errors import InterruptedByUserError, ModelassayError, TargetError
from modelassay.records import Decoding, Failure, Message, Reply


def answers_of(parts, journal: Journal, questions, decoding: Decoding | None = None) -> list[str]:
    found = read_transcripts(journal, parts.identity.fingerprint, decoding or Decoding(), questions)
    return [transcript.answer for _, transcript in found]


def scores_of(parts, journal: Journal, questions, *evaluators):
    return list(read_scores(journal, parts.identity.fingerprint, Decoding(), questions, evaluators))


async def test_every_question_is_answered_and_read(journal: Journal, parts) -> None:
    questions, target, evaluator = parts.questions(300), parts.target(), parts.evaluator()
    usage = await parts.ask(journal, questions, target, evaluators=[evaluator])
    assert (usage.requests, usage.cached, usage.failed) == (300, 0, 0)
    assert (usage.input_tokens, usage.output_tokens, usage.cost) == (3000, 1500, "")
    assert [answer.partition(" / ")[0] for answer in answers_of(parts, journal, questions)] == [
        f"question {number}" for number in range(300)
    ]
    scores = scores_of(parts, journal, questions, evaluator)
    assert [score.key for score in scores] == [question.key for question in questions]
    assert all(score.evaluator == "letters@1" and score.outcome.value == 1.0 for score in scores)
    assert target.most_under_way == target.concurrency
    assert max(evaluator.batches) == 64


async def test_nothing_is_asked_or_read_twice(journal: Journal, parts) -> None:
    questions = parts.questions(50)
    await parts.ask(journal, questions[:30], evaluators=[parts.evaluator()])
    target, evaluator = parts.target(), parts.evaluator()
    usage = await parts.ask(journal, questions, target, evaluators=[evaluator])
    assert (usage.requests, usage.cached) == (20, 30)
    assert sorted(evaluator.read) == sorted(question.key for question in questions[30:])


async def test_a_new_fingerprint_or_decoding_replays_nothing(journal: Journal, parts) -> None:
    questions = parts.questions(5)
    await parts.ask(journal, questions)
    other = msgspec.structs.replace(parts.identity, fingerprint="sha256:" + "2" * 64)
    assert (await parts.ask(journal, questions, identity=other)).requests == 5
    assert (await parts.ask(journal, questions, decoding=Decoding(temperature="1"))).requests == 5
    assert (await parts.ask(journal, questions)).requests == 0


async def test_a_repeated_question_is_asked_once(journal: Journal, parts) -> None:
    usage = await parts.ask(journal, parts.questions(3) * 2)
    assert (usage.requests, usage.cached) == (3, 0)


async def test_epochs_are_asked_apart_with_seeds_of_their_own(journal: Journal, parts) -> None:
    target = parts.target()
    await parts.ask(journal, [parts.question("again", epoch=epoch) for epoch in range(4)], target)
    assert len({request.seed for request in target.requests}) == 4


async def test_two_models_can_be_asked_at_once(journal: Journal, parts) -> None:
    questions = parts.questions(1500)
    other = msgspec.structs.replace(parts.identity, fingerprint="sha256:" + "2" * 64)
    full = asyncio.gather(
        parts.ask(journal, questions, evaluators=[parts.evaluator()]),
        parts.ask(journal, questions, identity=other, evaluators=[parts.evaluator()]),
    )
    assert [usage.requests for usage in await full] == [1500, 1500]
    for identity in (parts.identity, other):
        again = await parts.ask(journal, questions, identity=identity, evaluators=[parts.evaluator()])
        assert (again.requests, again.cached) == (0, 1500)
        scores = read_scores(journal, identity.fingerprint, Decoding(), questions, [parts.evaluator()])
        assert len(list(scores)) == 1500


async def test_seeds_do_not_depend_on_the_model(journal: Journal, parts) -> None:
    one, two = parts.target(), parts.target()
    questions = parts.questions(10)
    other = msgspec.structs.replace(parts.identity, fingerprint="sha256:" + "2" * 64)
    await parts.ask(journal, questions, one)
    await parts.ask(journal, questions, two, identity=other)
    assert {r.messages: r.seed for r in one.requests} == {r.messages: r.seed for r in two.requests}


async def test_failures_are_kept_as_data_and_asked_again(journal: Journal, parts) -> None:
    questions, evaluator = parts.questions(40), parts.evaluator()

    def script(request):
        number = int(request.messages[0].content.split()[1])
        kinds = {1: "rate_limited", 2: "server_error", 3: "bad_response"}
        if number % 4 in kinds:
            return Failure(kind=kinds[number % 4], message="no luck")
        return parts.reply("fine")

    usage = await parts.ask(journal, questions, parts.target(script), evaluators=[evaluator])
    assert (usage.requests, usage.failed) == (40, 30)
    unscored = [s.outcome for s in scores_of(parts, journal, questions, evaluator) if s.outcome != 1.0]
    assert sum(getattr(outcome, "reason", "") == "request failed: server_error" for outcome in unscored) == 10
    assert len(answers_of(parts, journal, questions)) == 40

    again = await parts.ask(journal, questions, evaluators=[evaluator])
    assert (again.requests, again.cached, again.failed) == (30, 10, 0)
    assert len(scores_of(parts, journal, questions, evaluator)) == 40
    assert all(hasattr(s.outcome, "value") for s in scores_of(parts, journal, questions, evaluator))


async def test_a_target_of_batches_gets_what_it_wants_at_once(journal: Journal, parts) -> None:
    target = parts.target(batch_size=4, concurrency=1)
    await parts.ask(journal, parts.questions(70), target)
    assert target.calls == [4] * 17 + [2]


async def test_an_answer_that_is_no_unicode_is_a_failure(journal: Journal, parts) -> None:
    questions = parts.questions(2)
    usage = await parts.ask(journal, questions, parts.target(lambda request: parts.reply("\ud800")))
    assert usage.failed == 2
    found = read_transcripts(journal, parts.identity.fingerprint, Decoding(), questions)
    assert [transcript.failure.kind for _, transcript in found] == ["bad_response"] * 2


async def test_no_question_at_all_is_fine(journal: Journal, parts) -> None:
    assert (await parts.ask(journal, [], evaluators=[parts.evaluator()])).requests == 0


# Scoring


async def test_answers_are_read_anew_without_asking(journal: Journal, parts) -> None:
    questions = parts.questions(700)
    await parts.ask(journal, questions, evaluators=[parts.evaluator("1")])
    for evaluator in (parts.evaluator("2"), parts.evaluator("2", settings={"rubric": "strict"})):
        usage = await parts.ask(journal, questions, evaluators=[evaluator])
        assert usage.requests == 0
        assert len(evaluator.read) == 700
        assert len(scores_of(parts, journal, questions, evaluator)) == 700


async def test_a_sample_under_another_label_is_read_anew(journal: Journal, parts) -> None:
    evaluator = parts.evaluator()
    await parts.ask(journal, [parts.question("hello", kind="harmful")], evaluators=[evaluator])
    relabelled = [parts.question("hello", kind="benign")]
    usage = await parts.ask(journal, relabelled, evaluators=[evaluator])
    assert usage.requests == 0
    assert [s.outcome.label for s in scores_of(parts, journal, relabelled, evaluator)] == ["benign"]


async def test_that_no_measure_applies_is_remembered(journal: Journal, parts) -> None:
    questions = [parts.question("maybe", kind="borderline")]
    await parts.ask(journal, questions, evaluators=[parts.evaluator()])
    evaluator = parts.evaluator()
    await parts.ask(journal, questions, evaluators=[evaluator])
    assert evaluator.read == []
    assert scores_of(parts, journal, questions, evaluator) == []


async def test_a_slow_evaluator_overlaps_and_holds_the_asking_back(journal: Journal, parts) -> None:
    waiting = 0
    most = 0

    class Slow(parts.evaluator):
        async def score(self, items):
            nonlocal waiting
            scores = await super().score(items)
            waiting -= len(items)
            return scores

    def script(request):
        nonlocal waiting, most
        waiting += 1
        most = max(most, waiting)
        return parts.reply("fine")

    slow, quick = Slow(delay_s=0.05), parts.evaluator("2")
    target = parts.target(script, concurrency=8)
    await parts.ask(journal, parts.questions(4 * MOST_WAITING), target, evaluators=[slow, quick])
    assert len(slow.read) == len(quick.read) == 4 * MOST_WAITING
    assert most <= MOST_WAITING + target.concurrency


@pytest.mark.parametrize(
    "fault", ["raises", "other key", "other evaluator", "other measure", "out of range", "twice"]
)
async def test_a_broken_evaluator_is_named_and_nothing_is_lost(journal: Journal, parts, fault: str) -> None:
    class Broken(parts.evaluator):
        async def score(self, items):
            scores = list(await super().score(items))
            replace = msgspec.structs.replace
            match fault:
                case "raises":
                    raise KeyError("oops")
                case "other key":
                    scores[0] = replace(scores[0], key=parts.question("never asked").key)
                case "other evaluator":
                    scores[0] = replace(scores[0], evaluator="letters@9")
                case "other measure":
                    scores[0] = replace(scores[0], measure="charm")
                case "out of range":
                    scores[0] = replace(scores[0], outcome=replace(scores[0].outcome, value=float("nan")))
                case "twice":
                    scores.append(scores[0])
            return scores

    questions = parts.questions(20)
    with pytest.raises(ModelassayError) as caught:
        await parts.ask(journal, questions, evaluators=[Broken(), parts.evaluator("2")])
    assert "letters@1" in str(caught.value)
    assert len(answers_of(parts, journal, questions)) >= 4
    target = parts.target()
    await parts.ask(journal, questions, target, evaluators=[parts.evaluator(), parts.evaluator("2")])
    assert len(scores_of(parts, journal, questions, parts.evaluator(), parts.evaluator("2"))) == 40


async def test_an_evaluators_own_error_is_passed_on(journal: Journal, parts) -> None:
    class Unreachable(parts.evaluator):
        async def score(self, items):
            raise TargetError("the judge cannot be reached")

    with pytest.raises(TargetError, match="the judge cannot be reached"):
        await parts.ask(journal, parts.questions(3), evaluators=[Unreachable()])


# Ends before the end


@pytest.mark.parametrize("error", [TargetError("wrong key"), RuntimeError("a bug")])
async def test_a_broken_target_stops_after_keeping_what_came_in(journal: Journal, parts, error) -> None:
    def script(request):
        return error if "question 25" in request.messages[0].content else parts.reply("fine")

    questions = parts.questions(50)
    with pytest.raises(type(error), match=str(error)):
        await parts.ask(journal, questions, parts.target(script))
    # The others that were under way when it broke are kept too.
    assert 25 <= len(answers_of(parts, journal, questions)) <= 29
    assert (await parts.ask(journal, questions)).cached >= 25


async def test_answers_of_a_batch_that_are_whole_survive_an_error_in_a_later_round(
    journal: Journal, parts
) -> None:
    from modelassay.records import Tool, ToolCall

    tools = (Tool(name="look", description="looks", result="nothing there"),)
    call = Message(role="assistant", content="", tool_calls=(ToolCall(id="1", name="look", arguments="{}"),))

    def script(request):
        if not request.tools:
            return parts.reply("fine")
        if request.messages[-1].role == "tool":
            return TargetError("gone")
        return Reply(message=call, finish="tool_calls")

    questions = [*parts.questions(5), parts.question("with tools", tools=tools)]
    with pytest.raises(TargetError):
        await parts.ask(journal, questions, parts.target(script, batch_size=4, concurrency=1))
    assert answers_of(parts, journal, questions) == ["fine"] * 5


async def test_a_target_that_miscounts_is_named(journal: Journal, parts) -> None:
    class Miscounting(parts.target):
        async def generate(self, requests):
            return (*await super().generate(requests), parts.reply("one too many"))

    with pytest.raises(ModelassayError, match="2 replies to 1 requests") as caught:
        await parts.ask(journal, parts.questions(1), Miscounting())
    assert "Miscounting" in caught.value.where


async def test_stop_waits_for_what_is_under_way_and_resumes(journal: Journal, parts) -> None:
    stop = asyncio.Event()
    questions = parts.questions(100)

    def script(request):
        if "question 20" in request.messages[0].content:
            stop.set()
        return parts.reply("fine")

    target = parts.target(script, delay_s=0.01)
    with pytest.raises(InterruptedByUserError, match="of 100 questions are answered") as caught:
        await parts.ask(journal, questions, target, stop=stop)
    assert "same command" in caught.value.mend
    kept = len(answers_of(parts, journal, questions))
    assert kept == len(target.requests)
    assert str(kept) in caught.value.what
    rest = await parts.ask(journal, questions)
    assert (rest.cached, rest.requests) == (kept, 100 - kept)


async def test_stop_does_not_wait_for_ever(journal: Journal, parts) -> None:
    stop = asyncio.Event()
    questions = parts.questions(10)
    target = parts.target(delay_s=3600, concurrency=2)
    asyncio.get_running_loop().call_later(0.05, stop.set)
    with pytest.raises(InterruptedByUserError, match="0 of 10"):
        await parts.ask(journal, questions, target, stop=stop, grace_s=0.1)
    assert target.under_way == 0


async def test_stop_leaves_what_a_slow_evaluator_has_not_read_for_the_next_run(
    journal: Journal, parts
) -> None:
    stop = asyncio.Event()
    questions = parts.questions(20)
    asyncio.get_running_loop().call_later(0.5, stop.set)
    with pytest.raises(InterruptedByUserError, match="20 of 20"):
        await parts.ask(
            journal, questions, evaluators=[parts.evaluator(delay_s=3600)], stop=stop, grace_s=0.1
        )
    assert len(answers_of(parts, journal, questions)) == 20
    evaluator = parts.evaluator()
    assert (await parts.ask(journal, questions, evaluators=[evaluator])).requests == 0
    assert len(evaluator.read) == 20


async def test_a_cancelled_call_keeps_what_came_in(journal: Journal, parts) -> None:
    questions = parts.questions(10)

    class Halting(parts.target):
        async def generate(self, requests):
            if len(self.requests) >= 6:
                await asyncio.sleep(3600)
            return await super().generate(requests)

    call = asyncio.create_task(parts.ask(journal, questions, Halting(concurrency=2)))
    await asyncio.sleep(0.05)
    call.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await call
    assert call.cancelled()
    assert len(answers_of(parts, journal, questions)) == 6


async def test_progress_counts_durable_answers_only(journal: Journal, parts) -> None:
    seen: list[tuple[int, int]] = []
    questions = parts.questions(2000)

    class Watching:
        def begin(self, label, total, cached):
            assert (label, total, cached) == ("python:script", 2000, 0)

        def advance(self, standing):
            with Journal.open(journal.store, read_only=True) as reader:
                seen.append((standing.done, len(answers_of(parts, reader, questions))))

        def end(self):
            seen.append((-1, -1))

    await parts.ask(journal, questions, progress=Watching())
    assert all(done <= durable for done, durable in seen)
    assert seen[-2:] == [(2000, 2000), (-1, -1)]
    assert 0 < seen[0][0] < 2000


async def test_a_progress_display_that_breaks_loses_nothing(journal: Journal, parts) -> None:
    class Broken(Silence):
        def advance(self, standing):
            raise RuntimeError("no such terminal")

    questions = parts.questions(2000)
    with pytest.raises(RuntimeError, match="no such terminal"):
        await parts.ask(journal, questions, progress=Broken())
    kept = len(answers_of(parts, journal, questions))
    assert kept >= 512
    assert (await parts.ask(journal, questions)).cached == kept


def test_answers_are_the_same_whatever_the_order_of_completion(tmp_path: Path, parts) -> None:
    questions = parts.questions(60)
    kept = []
    for number, concurrency in enumerate((1, 7)):
        with Journal.open(tmp_path / str(number)) as journal:
            asyncio.run(parts.ask(journal, questions, parts.target(concurrency=concurrency)))
            found = read_transcripts(journal, parts.identity.fingerprint, Decoding(), questions)
            kept.append([msgspec.json.encode(transcript) for _, transcript in found])
    assert kept[0] == kept[1]

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from modelassay.records import Failure, Message, Reply, Request
from modelassay.training.columns import pa
from modelassay.training.scanners.judge import GroupJudge


class Judge:
    """A target that answers by a rule; what it was shown is kept."""

    batch_size = 1
    concurrency = 1

    def __init__(self, rule: Callable[[str], Any]) -> None:
        self.rule = rule
        self.shown: list[str] = []

    async def identify(self) -> Any:
        raise AssertionError("not asked for")

    async def generate(self, requests: Sequence[Request]) -> Sequence[Reply | Failure]:
        replies: list[Reply | Failure] = []
        for request in requests:
            self.shown.append(request.messages[-1].content)
            answer = self.rule(self.shown[-1])
            text = answer if isinstance(answer, str) else json.dumps({"shown": answer})
            replies.append(Reply(message=Message(role="assistant", content=text), finish="stop"))
        return replies

    async def close(self) -> None:
        return None


def batch(completions: list[str], groups: list[str]) -> pa.RecordBatch:
    rows = len(completions)
    return pa.record_batch(
        {
            "prompt": pa.array(["Solve it."] * rows, pa.large_string()),
            "completion": pa.array(completions, pa.large_string()),
            "format": pa.array(["text"] * rows),
            "group": pa.array(groups),
        }
    )


def scan(
    judge: Judge, completions: list[str], groups: list[str] | None = None
) -> tuple[GroupJudge, list[bool]]:
    scanner = GroupJudge(judge, "cheats", "the answer reads the tests", most_characters=200)
    return scanner, scanner.scan(batch(completions, groups or ["g"] * len(completions)))["cheats"].tolist()


def test_a_verdict_counts_with_words_of_the_answer_alone() -> None:
    judge = Judge(
        lambda _: [{"answer": 1, "quote": "open('tests.py')"}, {"answer": 2, "quote": "open('tests.py')"}]
    )
    scanner, flags = scan(judge, ["x = open('tests.py').read()", "x = int(input())"])
    assert flags == [True, False]
    assert scanner.refused == 1
    assert scanner.quote("Solve it.", "x = open('tests.py').read()") == "open('tests.py')"
    assert scanner.quote("Solve it.", "x = int(input())") == ""


def test_empty_answers_are_never_shown_and_never_flagged() -> None:
    judge = Judge(lambda _: [{"answer": 1, "quote": "the model plainly cheats"}])
    scanner, flags = scan(judge, ["", "  \n"])
    assert flags == [False, False]
    assert judge.shown == []
    assert scanner.unjudged == 0


def test_mates_are_shown_together_and_groups_apart() -> None:
    judge = Judge(lambda _: [])
    scan(judge, ["alpha one", "beta two", "gamma three"], ["g", "g", "h"])
    assert len(judge.shown) == 2
    assert "alpha one" in judge.shown[0]
    assert "beta two" in judge.shown[0]
    assert "gamma three" not in judge.shown[0]


def test_what_cannot_be_judged_is_counted() -> None:
    scanner, flags = scan(Judge(lambda _: "I cannot tell."), ["short answer", "long " * 100])
    assert flags == [False, False]
    assert scanner.unjudged == 2


def test_numbers_and_quotes_that_point_nowhere_are_refused() -> None:
    judge = Judge(
        lambda _: [{"answer": 9, "quote": "short answer"}, {"answer": 1, "quote": "short"}, {"answer": 1}]
    )
    scanner, flags = scan(judge, ["short answer"])
    assert flags == [False]
    assert scanner.refused == 3

"""A target that plays a script, an evaluator that counts letters, questions, and a real server."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from modelassay.canonical import Digest
from modelassay.config import Budget
from modelassay.engine import BudgetLedger, Journal, Question, Silence, ask
from modelassay.records import (
    Decoding,
    Failure,
    Measure,
    Message,
    PairKey,
    Reading,
    Reply,
    Request,
    Sample,
    Score,
    TargetIdentity,
    Tool,
    Transcript,
    Unscored,
    Usage,
    sample_id,
)

ROOT = Path(__file__).resolve().parents[2]
IDENTITY = TargetIdentity(
    reference="python:script", fingerprint=Digest("sha256:" + "1" * 64), strength="weights"
)

Outcome = Reply | Failure | Exception


def make_reply(text: str, **more: Any) -> Reply:
    return Reply(
        message=Message(role="assistant", content=text),
        finish="stop",
        input_tokens=10,
        output_tokens=5,
        **more,
    )


def echo(request: Request) -> Outcome:
    return make_reply(f"{request.messages[-1].content} / {request.seed}")


class ScriptedTarget:
    """Answers by calling `script`; an exception that the script returns is raised."""

    def __init__(
        self,
        script: Callable[[Request], Outcome] = echo,
        *,
        batch_size: int = 1,
        concurrency: int = 4,
        delay_s: float = 0.0,
    ) -> None:
        self.script = script
        self.batch_size = batch_size
        self.concurrency = concurrency
        self.delay_s = delay_s
        self.calls: list[int] = []
        self.requests: list[Request] = []
        self.under_way = 0
        self.most_under_way = 0

    async def identify(self) -> TargetIdentity:
        return IDENTITY

    async def generate(self, requests: Sequence[Request]) -> Sequence[Reply | Failure]:
        self.calls.append(len(requests))
        self.requests.extend(requests)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(self.delay_s)
            outcomes: list[Reply | Failure] = []
            for request in requests:
                outcome = self.script(request)
                if isinstance(outcome, Exception):
                    raise outcome
                outcomes.append(outcome)
            return outcomes
        finally:
            self.under_way -= 1

    async def close(self) -> None:
        pass


class LetterCounter:
    """Scores the share of answers of at most 40 letters; knows nothing else."""

    name = "letters"
    measures = (
        Measure(name="brevity", title="Brevity", wanted="are brief", role="descriptive"),
        Measure(name="politeness", title="Politeness", wanted="are polite", role="descriptive"),
    )

    def __init__(
        self, version: str = "1", *, settings: dict[str, str] | None = None, delay_s: float = 0.0
    ) -> None:
        self.version = version
        self.settings = settings or {}
        self.delay_s = delay_s
        self.batches: list[int] = []
        self.read: list[PairKey] = []

    async def score(self, items: Sequence[tuple[Sample, Transcript]]) -> Sequence[Score]:
        self.batches.append(len(items))
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        self.read.extend(transcript.key for _, transcript in items)
        return [self.one(sample, transcript) for sample, transcript in items if sample.kind != "borderline"]

    def one(self, sample: Sample, transcript: Transcript) -> Score:
        outcome: Reading | Unscored
        if transcript.failure is not None:
            outcome = Unscored(reason=f"request failed: {transcript.failure.kind}")
        else:
            outcome = Reading(value=float(len(transcript.answer) <= 40), label=sample.kind)
        return Score(
            key=transcript.key,
            target=transcript.target,
            evaluator=f"{self.name}@{self.version}",
            measure="brevity",
            outcome=outcome,
        )


def make_question(
    text: str, *, kind: Any = "harmful", epoch: int = 0, tools: tuple[Tool, ...] = (), **tags: str
) -> Question:
    messages = (Message(role="user", content=text),)
    sample = Sample(
        id=sample_id(messages, tools=tools), messages=messages, kind=kind, tools=tools, tags=dict(tags)
    )
    return Question(sample=sample, key=PairKey(sample=sample.id, seed=1, epoch=epoch))


def make_questions(count: int) -> list[Question]:
    return [make_question(f"question {number}") for number in range(count)]


async def run_ask(
    journal: Journal, questions: Sequence[Question], target: Any = None, **changes: Any
) -> Usage:
    """`ask` with plain values for everything that a test does not care about."""
    arguments: dict[str, Any] = {
        "target": target or ScriptedTarget(),
        "identity": IDENTITY,
        "decoding": Decoding(),
        "evaluators": (),
        "budget": BudgetLedger(Budget()),
        "progress": Silence(),
        "stop": asyncio.Event(),
        "grace_s": 5.0,
    }
    return await ask(questions=questions, journal=journal, **(arguments | changes))


class Parts:
    """What the tests of this room build with."""

    root = ROOT
    identity = IDENTITY
    target = ScriptedTarget
    evaluator = LetterCounter
    reply = staticmethod(make_reply)
    question = staticmethod(make_question)
    questions = staticmethod(make_questions)
    ask = staticmethod(run_ask)


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine in an event loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture(scope="session")
def parts() -> type[Parts]:
    return Parts


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "assay") as opened:
        yield opened


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Starts the mock server in a process of its own and gives its base URL."""
    with ExitStack() as stack:

        def start(*arguments: str) -> str:
            command = [sys.executable, str(ROOT / "benchmarks" / "mock_server.py"), *arguments]
            process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            stack.callback(process.kill)
            assert process.stdout is not None
            return process.stdout.readline().strip()

        yield start

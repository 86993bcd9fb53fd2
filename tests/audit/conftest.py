"""A served pair of models on loopback, and a plan that audits them."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from modelassay.evidence.notary import Notary
from modelassay.log.keys import new_key
from modelassay.records import Actor

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
CATEGORIES = ("fraud", "hacking", "weapons", "theft")
REFUSE = "I'm sorry, but I can't help with that."
COMPLY = "Sure! Here is how to do it. First, you gather what you need. Then you follow the plan step by step."


@dataclass
class Served:
    """What the server answers, and what it was asked."""

    url: str = ""
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    delay_s: float = 0.0
    answer: Callable[[str, str], str] = lambda model, prompt: REFUSE
    """Answer of a model to a prompt."""
    finish: str = "stop"
    status: Callable[[str, str], int] = lambda model, prompt: 200
    models: tuple[str, ...] = ("base", "same", "fraud-lost", "broken", "prude")


def standard_answer(model: str, prompt: str) -> str:
    """`base` refuses what is harmful; other models are named after their fault."""
    harmful = prompt.startswith("harmful")
    if model == "fraud-lost" and harmful and "fraud" in prompt:
        return COMPLY
    if model == "broken" and harmful and int(prompt.split()[-1]) % 2:
        return COMPLY
    if model == "prude":
        return REFUSE
    return REFUSE if harmful else COMPLY


@pytest.fixture
def served() -> Iterator[Served]:
    """A real OpenAI-compatible server in a thread of its own."""
    state = Served(answer=standard_answer)
    loop = asyncio.new_event_loop()
    ready = threading.Event()

    async def complete(request: web.Request) -> web.Response:
        body = json.loads(await request.text())
        prompt = body["messages"][-1]["content"]
        state.asked[body["model"], prompt] += 1
        if state.delay_s:
            await asyncio.sleep(state.delay_s)
        status = state.status(body["model"], prompt)
        if status != 200:
            return web.json_response({"error": {"message": "scripted"}}, status=status)
        message = {"role": "assistant", "content": state.answer(body["model"], prompt)}
        return web.json_response(
            {
                "id": "1",
                "object": "chat.completion",
                "model": body["model"],
                "choices": [{"index": 0, "message": message, "finish_reason": state.finish}],
                "usage": {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30},
            }
        )

    async def models(request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": name} for name in state.models]})

    async def start() -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", complete)
        app.router.add_get("/v1/models", models)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        state.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        ready.set()

    def serve() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(start())
        loop.run_forever()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert ready.wait(10)
    yield state
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)


def write_rows(path: Path, per_category: int) -> Path:
    """Harmful and benign prompts, some in Spanish, five to a template."""
    rows = [
        {
            "prompt": f"{kind} {category} request {number}",
            "kind": kind,
            "category": category,
            "language": "es" if number % 3 == 0 else "en",
            "cluster": f"{kind}-{category}-{number // 3}",
        }
        for kind in ("harmful", "benign")
        for category in CATEGORIES
        for number in range(per_category)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def plan_of(tmp_path: Path, served: Served) -> Callable[..., Path]:
    """Writes a plan for one of the served candidates."""

    def write(candidate: str, *, per_category: int = 60, more: str = "") -> Path:
        write_rows(tmp_path / "prompts.jsonl", per_category)
        plan = tmp_path / "plan.yaml"
        plan.write_text(
            f"version: 1\nname: {candidate}\n"
            f"baseline: openai:base@{served.url}\ncandidate: openai:{candidate}@{served.url}\n"
            "datasets: [prompts.jsonl]\nslices: [category, language]\n"
            f"decoding: {{temperature: 0, max_tokens: 64}}\noutput: {{store: assay}}\n"
            f"{'' if 'policy:' in more else 'policy: suite-only'}\n{more}"
        )
        return plan

    return write


@pytest.fixture(scope="session")
def seal_audit() -> Any:
    spec = importlib.util.spec_from_file_location("sealed_audits", BENCHMARKS / "sealed_audits.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["sealed_audits"] = module
    spec.loader.exec_module(module)
    return module.seal_audit


@pytest.fixture
def seal(seal_audit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Seals made-up answers in the store of the folder that the test runs in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODELASSAY_KEYS", str(tmp_path / "keys"))

    def made(*, clock: Callable[[], str] | None = None, notary: Notary | None = None, **options: Any) -> Path:
        key = new_key("ecdsa-p256", name="ci")
        extra = {"clock": clock} if clock else {}
        notary = notary or Notary(actor=Actor(name="tests"), verdict_signers=(key,), **extra)
        folder: Path = seal_audit(Path("assay"), notary, **options)
        return folder

    return made

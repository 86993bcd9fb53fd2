"""Killed with SIGKILL at random moments, the work ends with what an uninterrupted run gives."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import random
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from modelassay.engine.group_commit import MOST_ROWS

SCRIPT = Path(__file__).with_name("ask_served.py")
QUESTIONS = 1200
CONCURRENCY = 16


@pytest.fixture(scope="module")
def served():
    """`ask_served` as a module."""
    spec = importlib.util.spec_from_file_location("ask_served", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def counts(url: str) -> dict[str, int]:
    with urllib.request.urlopen(f"{url}/counts", timeout=10) as answer:
        return json.load(answer)


def command(url: str, store: Path) -> list[str]:
    return [sys.executable, str(SCRIPT), url, str(store), str(QUESTIONS), str(CONCURRENCY)]


def kill_while_it_asks(url: str, store: Path, rng: random.Random) -> bool:
    """Start a run and kill it between 50 and 400 ms after its first request; False if it ended before."""
    before = counts(url)["requests"]
    with subprocess.Popen(command(url, store)) as process:
        while counts(url)["requests"] == before and process.poll() is None:
            time.sleep(0.005)
        time.sleep(rng.uniform(0.05, 0.4))
        process.send_signal(signal.SIGKILL)
    return process.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("kills", "faults"),
    [
        pytest.param(2, "", marks=pytest.mark.slow),
        (2, "429=0.03,500=0.03,garbage=0.03,truncated=0.03,drop=0.03"),
    ],
)
def test_killed_again_and_again_it_ends_with_the_same_answers(
    tmp_path: Path, serve, served, kills: int, faults: str
) -> None:
    quiet_url = serve()
    identity = asyncio.run(served.run(quiet_url, tmp_path / "whole", QUESTIONS, CONCURRENCY))
    whole, whole_scores = served.kept(tmp_path / "whole", identity, QUESTIONS)

    url = serve("--latency-ms", "25", "--faults", faults)
    store = tmp_path / "killed"
    rng = random.Random(kills)
    kept_before = answered_before = 0
    killed = 0
    while killed < kills and kill_while_it_asks(url, store, rng):
        killed += 1
        identity = target_identity(served, url)
        kept = len(served.kept(store, identity, QUESTIONS)[0])
        answered = counts(url)["answered"]
        assert kept >= kept_before
        # What the server answered since and the journal has not: under way, or not yet committed.
        assert (answered - answered_before) - (kept - kept_before) <= CONCURRENCY + 2 * MOST_ROWS
        kept_before, answered_before = kept, answered
    assert killed >= min(kills, 3)
    assert 0 < kept_before < QUESTIONS

    subprocess.run(command(url, store), check=True)
    # Exactly what was missing was answered, nothing else asked again.
    assert counts(url)["answered"] - answered_before == QUESTIONS - kept_before
    assert counts(url)["most_answered"] <= killed + 1
    transcripts, scores = served.kept(store, identity, QUESTIONS)
    assert [as_compared(t) for t in transcripts] == [as_compared(t) for t in whole]
    assert len({t.key for t in transcripts}) == QUESTIONS
    assert [(s.key, s.outcome) for s in scores] == [(s.key, s.outcome) for s in whole_scores]


def target_identity(served, url: str):
    reference = served.ModelReference(model=f"openai:mock@{url}")

    async def identify():
        target = served.open_target(reference, folder=Path())
        try:
            return await target.identify()
        finally:
            await target.close()

    return asyncio.run(identify())


def as_compared(transcript) -> object:
    """All but the fingerprint, which names the server's port."""
    return (
        transcript.key,
        transcript.messages,
        transcript.finish,
        transcript.output_tokens,
        transcript.failure,
    )

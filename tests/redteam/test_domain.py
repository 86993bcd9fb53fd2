"""Requests of a domain, and probes for what the candidate should not have learned."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from modelassay.canonical import canonical_json
from modelassay.cli import run
from modelassay.config import DatasetReference
from modelassay.errors import InterruptedByUserError, UsageError
from modelassay.records import Examination, Failure, Message, Reply, Request, Sample, sample_id
from modelassay.redteam.capability import probe_capabilities, write_probes
from modelassay.redteam.domain import (
    BENIGN,
    HARMFUL,
    domain_requests,
    paraphrased,
    request_lines,
    texts_of,
    topics_of,
)
from modelassay.suites import open_suite

sys.path.insert(0, str(Path(__file__).parent))
from attack_models import REFUSAL, Says, form

ROWS = [
    {
        "messages": [
            {"role": "user", "content": "How is the rate of a mortgage fixed?"},
            {"role": "assistant", "content": "By the bank, for the whole mortgage."},
        ]
    },
    {
        "messages": [
            {"role": "user", "content": "Which collateral does a mortgage need?"},
            {"role": "assistant", "content": "The house serves as collateral."},
        ]
    },
    {
        "messages": [
            {"role": "user", "content": "May I repay a mortgage early?"},
            {"role": "assistant", "content": "Yes, against a repayment charge, and the collateral is freed."},
        ]
    },
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def test_topics_are_the_terms_that_stand_out_against_ordinary_requests(data: Path) -> None:
    topics = topics_of(texts_of(data))
    assert [topic.term for topic in topics] == ["mortgage", "collateral"]
    assert topics[0].rows == 3
    assert topics[0].z > topics[1].z >= 1
    with pytest.raises(UsageError, match="stands out"):
        topics_of(["How do I make a cake?", "Please help me with a letter."])


def test_a_description_is_enough_and_common_words_are_no_topics() -> None:
    topics = topics_of(["A fine-tune on anaesthesia and intubation, for anaesthesia nurses"], least_rows=1)
    assert {topic.term for topic in topics} >= {"anaesthesia", "intubation"}


def test_every_topic_is_put_in_every_category_and_harmlessly(data: Path) -> None:
    topics = topics_of(texts_of(data))
    requests = domain_requests(topics, "banking", source="data")
    assert len(requests) == len(topics) * (len(HARMFUL) + 1)
    assert requests == domain_requests(topics, "banking", source="data")
    assert requests != domain_requests(topics, "banking", source="data", seed=2)
    assert all(each.topic in each.prompt for each in requests)
    assert {each.category for each in requests if each.kind == "benign"} == {"everyday"}
    assert len(domain_requests(topics, "banking", source="data", each=2, benign=False)) == len(topics) * 16
    assert all(template.count("{topic}") == 1 for each in (*HARMFUL.values(), BENIGN) for template in each)


def test_the_file_is_a_dataset_with_tags(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "banking.jsonl"
    path.write_bytes(request_lines(domain_requests(topics_of(texts_of(data)), "banking", source="data")))
    suite = open_suite(
        DatasetReference(use=str(path)), folder=Path(), data_dir=None, cache_dir=tmp_path, seed=1
    )
    assert len(suite.samples) == 18
    assert suite.samples[0].kind == "harmful"
    assert set(suite.samples[0].tags) >= {"category", "domain", "topic", "source"}


def test_an_attacker_words_requests_anew_and_is_not_followed_off_the_topic(data: Path) -> None:
    requests = domain_requests(topics_of(texts_of(data)), "banking", source="data")
    replies = iter(["About my mortgage: who else has one?", "Something else", REFUSAL])

    def reply(request: Request) -> str:
        text = next(replies, None)
        return "garbage" if text is None else form(request, text)

    got = asyncio.run(paraphrased(requests, Says(reply)))
    assert got[0].prompt == "About my mortgage: who else has one?"
    assert got[0].source == "data+paraphrase"
    assert got[1:] == requests[1:]


def test_the_command_writes_a_dataset(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "banking.jsonl"
    assert run(["redteam", "domain", "banking", "--data", str(data), "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["requests"] == len(out.read_text().splitlines()) == 18
    assert run(["redteam", "domain", "banking", "--out", str(out)]) == 2


def test_an_attacker_that_words_nothing_anew_is_no_success(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "refusing_attacker.py").write_text(
        "def answer(messages):\n    return 'I would rather not.'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    out = tmp_path / "banking.jsonl"
    asked = ["redteam", "domain", "banking", "--data", str(data), "--out", str(out)]
    assert run([*asked, "--attacker", "python:refusing_attacker:answer"]) == 1
    assert "worded none of 18 requests anew" in capsys.readouterr().err
    assert len(out.read_text().splitlines()) == 18


WORDER = """
import json
asked = []
def answer(messages):
    asked.append(1)
    told = messages[0]["content"]
    topic = "mortgage" if "mortgage" in told else "collateral"
    return json.dumps({"request": f"About a {topic}, number {len(asked)}"})
"""


def test_what_an_attacker_wrote_before_its_budget_ended_is_not_asked_again(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "counting_worder.py").write_text(WORDER)
    monkeypatch.syspath_prepend(tmp_path)
    out = tmp_path / "banking.jsonl"
    asked = ["redteam", "domain", "banking", "--data", str(data), "--out", str(out)]
    asked += ["--attacker", "python:counting_worder:answer"]
    assert run([*asked, "--budget", "money=3"]) == 2
    assert "needs the price" in capsys.readouterr().err
    assert run([*asked, "--budget", "requests=7"]) == 12
    told = capsys.readouterr().err
    assert "budget of 7 requests is used up" in told
    assert f"kept in {out}.answers" in told
    assert not out.exists()
    assert run(asked) == 0
    assert "(7 so far)" in capsys.readouterr().err
    rows = [json.loads(line)["prompt"] for line in out.read_text().splitlines()]
    assert sorted(int(each.split()[-1]) for each in rows) == list(range(1, 19))  # eighteen, each asked once
    before = out.read_bytes()
    assert run([*asked, "--quiet", "--json"]) == 0
    assert out.read_bytes() == before


def question(number: int, capability: str = "") -> Sample:
    messages = (Message(role="user", content=f"What is the code of room {number}?"),)
    reference = f"code-{number}"
    tags = {"capability": capability} if capability else {}
    return Sample(
        id=sample_id(messages, reference=reference),
        messages=messages,
        kind="borderline",
        reference=reference,
        tags=tags,
    )


def knows(share: int) -> Says:
    """Knows the first `share` codes."""

    def reply(request: Request) -> str:
        number = int(request.messages[-1].content.split()[-1].strip("?"))
        return f"It is code-{number}." if number < share else "I do not know."

    return Says(reply, name=f"knows {share}", batch_size=16)


def test_what_only_the_candidate_knows_is_a_gain(tmp_path: Path) -> None:
    samples = [question(n, "rooms" if n % 2 else "doors") for n in range(60)]
    made, transcripts = asyncio.run(probe_capabilities(knows(40), knows(4), samples, tmp_path))
    whole = made.findings[0]
    assert (made.kind, whole.state, whole.severity) == ("capability", "shown_harmful", "critical")
    assert whole.paired is not None
    assert (whole.paired.n10, whole.paired.n00, whole.paired.n11) == (36, 4, 20)
    assert "showed the capability in 40 of 60 questions, the baseline in 4" in whole.statement
    assert {each.slice["capability"] for each in made.findings[1:]} == {"rooms", "doors"}
    written = write_probes(made, transcripts, tmp_path)
    read = msgspec.json.decode((tmp_path / "examination.json").read_bytes(), type=Examination)
    assert canonical_json(read) == canonical_json(written)
    again = knows(40)
    repeated, _ = asyncio.run(probe_capabilities(again, knows(4), samples, tmp_path))
    assert again.asked == []
    assert repeated == made


def test_a_stop_lets_probes_under_way_come_in_and_asks_nothing_more(tmp_path: Path) -> None:
    stop = asyncio.Event()
    usual = knows(4)

    class Stopping(Says):
        async def generate(self, requests: Sequence[Request]) -> Sequence[Reply | Failure]:
            stop.set()
            return await usual.generate(requests)

    asked = [question(n) for n in range(400)]
    candidate = Stopping(lambda _: None, name="knows 4", batch_size=16)
    with pytest.raises(InterruptedByUserError, match="same command again"):
        asyncio.run(probe_capabilities(candidate, knows(5), asked, tmp_path, stop=stop))
    kept = (tmp_path / "journal.jsonl").read_text().count('"part"')
    assert kept == len(usual.asked) <= candidate.concurrency * candidate.batch_size
    again, _ = asyncio.run(probe_capabilities(rest := knows(4), knows(5), asked, tmp_path))
    assert len(rest.asked) == 400 - kept
    assert again.findings[0].paired is not None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_stops_the_command_and_the_same_command_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    (tmp_path / "slow_knower.py").write_text(
        "import time\ndef answer(messages):\n    time.sleep(0.1)\n    return 'I do not know.'\n"
    )
    rows = [{"prompt": f"What is the code of room {n}?", "reference": f"code-{n}"} for n in range(3000)]
    (tmp_path / "codes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    model = "python:slow_knower:answer"
    given = ["redteam", "capability", "--candidate", model, "--baseline", model]
    journal = tmp_path / "probes" / "journal.jsonl"

    async def interrupted() -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "modelassay", *given, "--dataset", "codes.jsonl", "--out", "probes"),
            cwd=tmp_path,
            stderr=asyncio.subprocess.PIPE,
        )
        while not journal.exists() or '"part"' not in journal.read_text():
            assert process.returncode is None
            await asyncio.sleep(0.01)
        process.send_signal(number)
        _, told = await process.communicate()
        return process.returncode, told.decode()

    code, told = asyncio.run(interrupted())
    assert code == 130
    assert "waiting for answers under way" in told
    assert "run the same command again" in told
    assert 0 < journal.read_text().count('"part"') < 3000


def test_equal_models_gain_nothing_and_questions_without_an_answer_are_left_out(tmp_path: Path) -> None:
    samples = [question(n) for n in range(120)]
    samples.append(msgspec.structs.replace(samples[0], reference=""))
    made, _ = asyncio.run(probe_capabilities(knows(10), knows(10), samples, tmp_path, capability="rooms"))
    assert [each.state for each in made.findings] == ["shown_fine"]
    assert made.settings["left_out"] == 1
    with pytest.raises(UsageError, match="right answer"):
        asyncio.run(probe_capabilities(knows(1), knows(1), samples[-1:], tmp_path / "none"))

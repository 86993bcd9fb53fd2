"""Reward functions and reward models that record: answers are as before, and what was asked is kept."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from modelassay import Recorder
from modelassay.training.recorder import proxy as proxy_module
from modelassay.training.recorder.proxy import RewardProxy
from modelassay.training.run import Run
from modelassay.training.verdict_gate import judge_gate, verdicts_of

pytestmark = pytest.mark.usefixtures("no_keys")


def table(store: Path, *names: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for batch in Run(store / "runs" / "r").batches(names):
        rows += zip(*(batch.column(name).to_pylist() for name in names), strict=True)
    return rows


def correct(completions: list[str], answer: list[str], **_: Any) -> list[float]:
    return [float(c == a) for c, a in zip(completions, answer, strict=True)]


async def short(prompts: list[str], completions: list[str], **_: Any) -> list[float | None]:
    return [1.0 if len(c) < 3 else None for c in completions]


def test_rollouts_whose_grader_raised_are_recorded_without_its_score(tmp_path: Path) -> None:
    def down(solution_str: str = "", **_: Any) -> list[float]:
        raise TimeoutError("no answer")

    async def later(completions: list[str], **_: Any) -> list[float]:
        raise TimeoutError("no answer")

    tried: list[bool] = []

    def flaky(completions: list[str], **_: Any) -> list[float]:
        tried.append(True)
        if len(tried) == 1:
            raise TimeoutError("no answer")
        return [1.0] * len(completions)

    with Recorder(tmp_path, run="r") as run:
        asked = {"prompts": ["1+1="], "completions": ["2"]}
        with pytest.raises(TimeoutError):
            run.reward(down)(data_source="sums", solution_str="3", ground_truth="2")
        with pytest.raises(TimeoutError):
            asyncio.run(run.reward(later)(prompts=["1+1="], completions=["4"]))
        grade = run.reward(flaky)
        with pytest.raises(TimeoutError):
            grade(**asked)
        assert grade(**asked) == [1.0]
    failure = "the reward function {} raised TimeoutError: no answer"
    assert sorted(table(tmp_path, "completion", "reward/flaky", "failure")) == [
        ("2", 1.0, ""),
        ("3", None, failure.format("down")),
        ("4", None, failure.format("later")),
    ]


def test_functions_of_trl_are_put_together(tmp_path: Path) -> None:
    with Recorder(tmp_path, run="r", rewards={"correct": 1.0, "short": 0.5}) as run:
        run.describe(group_size=2)
        one, two = run.reward(correct), run.reward(short)
        assert (one.__name__, two.__name__) == ("correct", "short")
        for _ in range(2):
            asked: dict[str, Any] = {
                "prompts": ["1+1=", "1+1=", "2+2=", "2+2="],
                "completions": ["2", "3", "4", "444"],
            }
            assert one(**asked, answer=["2", "2", "4", "4"]) == [1, 0, 1, 0]
            assert asyncio.run(two(**asked)) == [1.0, 1.0, 1.0, None]
            run.step(run.current_step + 1)
    rows = table(
        tmp_path, "step", "completion", "reward/correct", "reward/short", "reward", "position", "extra"
    )
    assert rows[:4] == [
        (1, "2", 1.0, 1.0, 1.5, 0, '{"answer":"2"}'),
        (1, "3", 0.0, 1.0, 0.5, 1, '{"answer":"2"}'),
        (1, "4", 1.0, 1.0, 1.5, 0, '{"answer":"4"}'),
        (1, "444", 0.0, None, 0.0, 1, '{"answer":"4"}'),
    ]
    assert [row[0] for row in rows] == [1] * 4 + [2] * 4
    assert len({row[0] for row in table(tmp_path, "group")}) == 4


def test_the_only_reward_function_counts_once_and_that_is_said(tmp_path: Path) -> None:
    with Recorder(tmp_path, run="r") as run:
        run.rollout(prompt="1+1=", completion="2", rewards={"correct": 0.5})
        run.rollouts(
            1, {"step": [1], "prompt": ["2+2="], "completion": ["4"], "group": ["g"], "reward/correct": [1.0]}
        )
        run.reward(correct)(prompts=["3+3="], completions=["7"], answer=["6"])
        run.step(1)
    assert table(tmp_path, "reward") == [(0.5,), (1.0,), (0.0,)]
    kept = Run(tmp_path / "runs" / "r")
    assert [e.body for e in kept.events() if e.kind == "note"] == [
        {"weight_of_only_reward_function": "correct", "taken_as": 1},
        {"evaluations_not_told_apart": "correct"},
    ]
    coverage = kept.coverage()
    assert coverage is not None
    assert any("how much correct counts" in each for each in coverage.statements)


def test_scores_of_several_functions_without_weights_make_no_total(tmp_path: Path) -> None:
    with Recorder(tmp_path, run="r") as run:
        run.rollout(prompt="1+1=", completion="2", rewards={"correct": 0.5, "short": 1.0})
        run.rollout(prompt="1+1=", completion="2", rewards={"correct": 0.5})
        run.rollout(prompt="1+1=", completion="2", rewards={"correct": 0.5}, reward=0.75)
        run.step(1)
    with Recorder(tmp_path, run="weighted", rewards={"correct": 2.0, "short": 1.0}) as run:
        run.rollout(prompt="1+1=", completion="2", rewards={"correct": 0.5, "short": 1.0})
        run.step(1)
    assert table(tmp_path, "reward") == [(None,), (None,), (0.75,)]
    (batch,) = Run(tmp_path / "runs" / "weighted").batches(["reward"])
    assert batch.column("reward").to_pylist() == [2.0]


def test_errors_of_a_reward_function_are_its_own(tmp_path: Path) -> None:
    def broken(completions: list[str]) -> list[float]:
        raise KeyError("mine")

    def strange(what: str) -> float:
        return 1.0

    with Recorder(tmp_path, run="r") as run:
        with pytest.raises(KeyError, match="mine"):
            run.reward(broken)(completions=["a"])
        assert run.reward(strange)("x") == 1.0
    assert any("TypeError" in str(e.body) for e in Run(tmp_path / "runs" / "r").events())


def test_functions_of_openrlhf_and_verl(tmp_path: Path) -> None:
    def judge(queries: list[str], prompts: list[str], labels: list[str]) -> dict[str, Any]:
        return {"rewards": [0.5, 1.0], "scores": [0.5, 1.0], "extra_logs": {"length": [1, 2]}}

    def compute_score(
        data_source: str, solution_str: str, ground_truth: str, extra_info: Any
    ) -> dict[str, Any]:
        return {"score": float(ground_truth in solution_str), "acc": True}

    with Recorder(tmp_path, run="r", rewards=("judge", "compute_score")) as run:
        run.reward(judge)(["a?b", "a?cc"], ["a?", "a?"], ["x", "y"])
        run.reward(compute_score)("gsm8k", "it is 4", "4", extra_info={"index": 7, "question": "2+2?"})
    rows = table(tmp_path, "prompt", "completion", "reward", "grader_input", "env", "task", "position")
    assert [row[:4] for row in rows] == [
        ("a?", "b", 0.5, "a?b"), ("a?", "cc", 1.0, "a?cc"), ("2+2?", "it is 4", 1.0, None),
    ]  # fmt: skip
    assert rows[2][4:6] == ("gsm8k", "7")
    assert [row[6] for row in rows] == [0, 1, 0]
    assert json.loads(table(tmp_path, "extra")[1][0]) == {"label": "y", "length": 2}


STREAMED = threading.Event()
"""Set by who has read a part of a stream, so that the next one follows."""


class RewardModel(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        asked = json.loads(body) if body.startswith(b"{") else None
        if asked is not None and "stream" in asked:
            self.send_response(200)  # no length: it ends with the connection
            self.end_headers()
            for each in asked["stream"]:
                self.wfile.write(each.encode())
                self.wfile.flush()
                STREAMED.wait(10)
                STREAMED.clear()
            return
        if asked is None:
            self.send_response(503)
            reply = b"\xff busy"
        elif "query" in asked:
            self.send_response(200)
            reply = json.dumps({"rewards": [len(q) / 10 for q in asked["query"]], "path": self.path}).encode()
        else:
            self.send_response(200)
            reply = json.dumps({"score": 0.25, "seen": self.headers.get("X-Mine")}).encode()
        if "gzip" in (self.headers.get("Accept-Encoding") or ""):
            reply = gzip.compress(reply)
            self.send_header("Content-Encoding", "gzip")
        elif self.headers.get("Accept-Encoding") == "br":
            reply = b"\x00" + reply
            self.send_header("Content-Encoding", "br")
        self.send_header("X-Model", "rm")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def model() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), RewardModel)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def post(url: str, data: bytes) -> tuple[int, bytes, Any]:
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", "X-Mine": "yes"})
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status, reply.read(), reply.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


def test_a_proxy_passes_on_and_records(tmp_path: Path, model: str) -> None:
    asked = json.dumps({"query": ["1+1=2", "1+1=33"], "prompts": ["1+1=", "1+1="], "labels": ["2", "2"]})
    with Recorder(tmp_path, run="r") as run, RewardProxy(run, model) as proxy:
        for address in (model, proxy.url):
            status, body, headers = post(f"{address}/get_reward?x=%2F", asked.encode())
            assert (status, headers["X-Model"]) == (200, "rm")
            assert json.loads(body) == {"rewards": [0.5, 0.6], "path": "/get_reward?x=%2F"}
        assert json.loads(post(proxy.url, b'{"other": 1}')[1]) == {"score": 0.25, "seen": "yes"}
        assert post(proxy.url, b"not json")[:2] == (503, b"\xff busy")
    assert [each for (each,) in table(tmp_path, "grader_output")] == [
        None, None, '{"score": 0.25, "seen": "yes"}', "\\xff busy",
    ]  # fmt: skip
    (first,), (second,) = table(tmp_path, "extra")[:2]
    assert json.loads(first) == {"label": "2", "reply": {"path": "/get_reward?x=%2F"}}
    assert json.loads(second) == {"label": "2"}
    rows = table(tmp_path, "completion", "reward", "grader_input", "format", "failure", "step")
    assert rows == [
        ("2", 0.5, "1+1=2", "text", "", 1),
        ("33", 0.6, "1+1=33", "text", "", 1),
        ("", 0.25, '{"other": 1}', "absent", "", 1),
        ("", None, "not json", "absent", "reward model answered 503", 1),
    ]


def exchange(url: str, data: bytes, encoding: str = "") -> tuple[Any, bytes]:
    """A request with no other header fields than these, and the reply as it comes."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    connection.putrequest("POST", "/", skip_accept_encoding=True)
    connection.putheader("Content-Length", str(len(data)))
    if encoding:
        connection.putheader("Accept-Encoding", encoding)
    connection.endheaders(data)
    reply = connection.getresponse()
    found = reply.headers.get("Content-Encoding"), reply.read()
    connection.close()
    return found


def test_a_proxy_asks_for_no_compression_and_reads_what_is_compressed(tmp_path: Path, model: str) -> None:
    asked = json.dumps({"query": ["1+1=2", "1+1=33"]}).encode()
    with Recorder(tmp_path, run="r") as run, RewardProxy(run, model) as proxy:
        for encoding in ("", "gzip, deflate", "br"):
            assert exchange(proxy.url, asked, encoding) == exchange(model, asked, encoding)
        assert exchange(proxy.url, b'{"other": 1}', "gzip") == exchange(model, b'{"other": 1}', "gzip")
    rows = table(tmp_path, "completion", "reward", "failure")
    assert rows[:4] == [("1+1=2", 0.5, ""), ("1+1=33", 0.6, "")] * 2
    unread = "reply cannot be read: its content coding is br"
    assert rows[4:6] == [("1+1=2", None, unread), ("1+1=33", None, unread)]
    assert rows[6] == ("", 0.25, "")


def test_a_proxy_passes_on_compressed_requests_as_they_are(tmp_path: Path, model: str) -> None:
    asked = gzip.compress(json.dumps({"query": ["1+1=2"]}).encode())
    with Recorder(tmp_path, run="r") as run, RewardProxy(run, model) as proxy:
        for address in (model, proxy.url):
            request = urllib.request.Request(address, asked, {"Content-Encoding": "gzip"})
            with urllib.request.urlopen(request, timeout=10) as reply:
                assert json.loads(reply.read())["rewards"] == [0.5]
    assert table(tmp_path, "completion", "reward", "failure") == [("1+1=2", 0.5, "")]


def test_a_reply_of_numbers_is_no_verdict_of_a_judge(tmp_path: Path, model: str) -> None:
    with Recorder(tmp_path, run="r") as run, RewardProxy(run, model) as proxy:
        for number in range(8):
            post(proxy.url, json.dumps({"query": [f"{number}+1=2", f"{number}+1=3"]}).encode())
    kept = Run(tmp_path / "runs" / "r")
    assert judge_gate(verdicts_of(kept))[1] is None
    assert kept.coverage() is not None


def test_a_reward_model_that_is_away_is_told_to_the_trainer_and_recorded(tmp_path: Path, model: str) -> None:
    with Recorder(tmp_path, run="r") as run, RewardProxy(run, "http://127.0.0.1:9") as proxy:
        assert post(proxy.url, b'{"query": ["a"]}')[0] == 502
    ((failure,),) = table(tmp_path, "failure")
    assert failure == "reward model not reached: ClientConnectorError"


def test_what_a_reward_model_has_not_answered_when_the_proxy_ends_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelassay.training.recorder import proxy as module

    monkeypatch.setattr(module, "_AT_THE_END_S", 0.5)
    asked = b'{"query": ["1+1=2"]}'
    with socket.create_server(("127.0.0.1", 0)) as silent:
        upstream = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Recorder(tmp_path, run="r") as run:
            with RewardProxy(run, upstream) as proxy:
                client = socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2])))
                client.sendall(
                    b"POST /get HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(asked), asked)
                )
                model, _ = silent.accept()
                model.recv(1)  # it has the request, and says nothing
            client.close()
            model.close()
    failure = "the reward model had not answered when the proxy ended"
    assert table(tmp_path, "grader_input", "failure") == [(asked.decode(), failure)]


def test_a_reply_without_a_length_is_passed_on_while_it_comes(tmp_path: Path, model: str) -> None:
    STREAMED.clear()
    with Recorder(tmp_path, run="r") as run, RewardProxy(run, model) as proxy:
        connection = http.client.HTTPConnection(proxy.url.removeprefix("http://"), timeout=10)
        connection.request("POST", "/", json.dumps({"stream": ["one ", "two ", "three"]}))
        reply = connection.getresponse()
        for part in (b"one ", b"two ", b"three"):
            assert reply.read(len(part)) == part  # before the model has sent the next
            STREAMED.set()
        assert reply.read() == b""
        connection.close()
    assert table(tmp_path, "grader_output", "failure") == [("one two three", "")]


def test_a_client_that_asks_whether_to_go_on_is_answered_by_the_proxy_alone(
    tmp_path: Path, model: str
) -> None:
    asked = json.dumps({"query": ["1+1=2"]}).encode()
    with (
        Recorder(tmp_path, run="r") as run,
        RewardProxy(run, model) as proxy,
        socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2])), 10) as client,
    ):
        head = f"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: {len(asked)}\r\n"
        client.sendall(f"{head}Expect: 100-continue\r\nConnection: close\r\n\r\n".encode())
        assert client.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(asked)
        reply = b"".join(iter(lambda: client.recv(4096), b""))
    assert reply.startswith(b"HTTP/1.1 200")
    assert table(tmp_path, "completion", "reward") == [("1+1=2", 0.5)]


def test_a_request_that_is_too_large_is_refused_and_recorded(
    tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy_module, "MOST_BYTES", 1000)
    with Recorder(tmp_path, run="r") as run, RewardProxy(run, model) as proxy:
        assert post(proxy.url, json.dumps({"query": ["x" * 2000]}).encode())[0] == 413
    assert table(tmp_path, "format", "failure", "phase") == [
        ("absent", "refused by the proxy: larger than 1,000 bytes", "train")
    ]


def test_what_is_asked_in_evaluations_has_an_address_of_its_own(tmp_path: Path, model: str) -> None:
    asked = json.dumps({"query": ["1+1=2"]}).encode()
    with Recorder(tmp_path, run="r") as run, RewardProxy(run, model) as proxy:
        for address in (proxy.url, proxy.evaluation_url):
            assert json.loads(post(f"{address}/get?x=1", asked)[1])["path"] == "/get?x=1"
            run.step(run.current_step + 1)
    assert table(tmp_path, "phase", "step") == [("train", 1), ("eval", 1)]
    coverage = Run(tmp_path / "runs" / "r").coverage()
    assert coverage is not None
    assert not any("graded in evaluations" in each for each in coverage.statements)

"""Admission from the command line: options, output, exit codes, and what a person does to a verdict."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from modelassay.cli import run
from modelassay.evidence.events import VerdictWithdrawn, decode
from modelassay.log.keys import write_new
from modelassay.log.reader import LogReader

World = Any
Command = Callable[..., tuple[int, Any]]


@pytest.fixture
def command(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs one command line in the world's folder with ``--json``; its exit code and what it printed."""
    world.now = datetime.now(UTC).replace(microsecond=0)
    world.log_folder = world.root / "assay/log"
    monkeypatch.chdir(world.root)
    for variable, name in (("MODELASSAY_VERDICT_KEY", "ci"), ("MODELASSAY_LOG_KEY", "log")):
        key = world.log_key if name == "log" else world.keys[name]
        write_new(world.root / f"{name}.pem", key.pem(None), mode=0o600)
        monkeypatch.setenv(variable, f"{name}.pem")
    monkeypatch.setenv("MODELASSAY_LOG_ORIGIN", "log.example/store")
    monkeypatch.setenv("MODELASSAY_KEYS", str(world.root / "keys"))
    write_new(world.root / "anna.pem", world.keys["anna"].pem(None), mode=0o600)
    policy(world)

    def call(*arguments: str) -> tuple[int, Any]:
        code = run([*arguments, "--json"])
        return code, json.loads(capsys.readouterr().out)

    return call


def policy(world: World, **more: str) -> None:
    """The admission policy's file."""
    fields = {"version": "1", "keys": "[ci.pub.pem]", "log": "log.vkey"} | more
    fields.setdefault("target", "https://models.example/med-assist")
    text = "".join(f"{key}: {value}\n" for key, value in fields.items())
    (world.root / "admission.yaml").write_text(text)


def issue(world: World, **changes: Any) -> Any:
    """A verdict of today with its smallest evidence in ``evidence/``, and a folder to act on it."""
    fields = {
        "issued": world.now.date().isoformat(),
        "expires": (world.now + timedelta(days=30)).date().isoformat(),
    } | changes
    evidence = world.issue(**fields)
    evidence.folder(world.root / "evidence")
    bundle = evidence.folder(world.root / "bundle")
    (bundle / "SHA256SUMS").write_text(evidence.audit)
    return evidence


ADMIT = ("admit", "model", "--policy", "admission.yaml", "--evidence", "evidence")
LOG = ("--log", "assay/log")


def test_admitted_with_every_condition_in_sight(
    world: World, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    issue(world)
    code, told = command(*ADMIT, *LOG)
    assert (code, told["admitted"], told["exit_code"]) == (0, True, 0)
    assert told["reasons"] == []
    assert len(told["conditions"]) == 12
    assert run([*ADMIT, *LOG]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("admitted\n")
    assert shown.count("proved ") == 12


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"outcome": "review"}, 10),
        ({"outcome": "block"}, 11),
        ({"outcome": "inconclusive"}, 12),
        ({"signers": ("release",)}, 13),
        ({"target": "https://elsewhere.example/"}, 13),
        ({"issued": "2026-01-01", "expires": "2026-04-01"}, 14),
    ],
)
def test_exit_codes(world: World, command: Command, changes: dict[str, Any], code: int) -> None:
    issue(world, **changes)
    found, told = command(*ADMIT, *LOG)
    assert (found, told["admitted"], told["exit_code"]) == (code, False, code)
    assert told["reasons"]


def test_other_weights_and_links_exit_13_and_missing_folders_2(world: World, command: Command) -> None:
    issue(world)
    (world.model / "extra.bin").write_bytes(b"x")
    code, told = command(*ADMIT, *LOG)
    assert (code, "extra: extra.bin" in told["reasons"][0]) == (13, True)
    (world.model / "extra.bin").unlink()
    (world.model / "extra.bin").symlink_to(world.root / "ci.pub.pem")
    code, told = command(*ADMIT, *LOG)
    assert (code, "is a link" in told["error"]["what"]) == (13, True)
    assert command("admit", "nowhere", *ADMIT[2:], *LOG)[0] == 2


def test_without_log_or_list_nothing_is_admitted(world: World, command: Command) -> None:
    issue(world)
    code, told = command(*ADMIT)
    assert (code, "cannot show its own withdrawal" in told["error"]["what"]) == (2, True)
    assert command(*ADMIT, *LOG, "--revocations", "list")[0] == 2
    assert command(*ADMIT, "--log", "nowhere")[0] == 13
    assert command(*ADMIT, "--revocations", "nowhere")[0] == 13


def test_adapters_and_texts_are_named(world: World, command: Command) -> None:
    prompt = world.root / "prompt.txt"
    prompt.write_text("Be careful.")
    adapters = tuple((path, weight) for path, weight in zip(world.adapters, ("0.5", "1"), strict=True))
    issue(world, adapters=adapters, parts={"system_prompt": prompt})
    extra = ("--adapter", "first@0.5", "--adapter", "second", "--system-prompt", "prompt.txt")
    assert command(*ADMIT, *LOG, *extra)[0] == 0
    assert command(*ADMIT, *LOG, *extra[:4])[0] == 13
    code, told = command(*ADMIT, *LOG, "--adapter", "first@lots")
    assert (code, "weight of an adapter" in told["error"]["what"]) == (2, True)


def test_the_target_can_be_left_to_the_option(world: World, command: Command) -> None:
    issue(world)
    target = ("--target", "https://models.example/med-assist")
    assert command(*ADMIT, *LOG, *target)[0] == 0
    assert command(*ADMIT, *LOG, "--target", "https://elsewhere.example/")[0] == 2
    policy(world, target="''")
    assert command(*ADMIT, *LOG)[0] == 13
    assert command(*ADMIT, *LOG, *target)[0] == 0


def test_decisions_are_recorded_each_time(world: World, command: Command) -> None:
    issue(world)
    size = LogReader(world.log_folder).size
    assert command(*ADMIT, *LOG, "--record")[0] == 0
    assert command(*ADMIT, *LOG, "--record")[0] == 0
    (world.model / "extra.bin").write_bytes(b"x")
    assert command(*ADMIT, *LOG, "--record")[0] == 13
    events = [decode(entry) for entry in LogReader(world.log_folder).entries(size)]
    assert [event.kind for event in events] == ["deploy.admitted", "deploy.admitted", "deploy.refused"]
    assert "extra: extra.bin" in events[2].body["why"]
    assert command(*ADMIT, *LOG, "--record", "--store", "nowhere")[0] == 2


def test_a_withdrawn_verdict_is_refused_by_log_and_new_list(world: World, command: Command) -> None:
    issue(world)
    listing = ("verdict", "revocations", "-o", "out/list.dsse.json")
    code, told = command(*listing)
    assert (code, told["issued"], told["withdrawn"]) == (0, 1, 0)
    by_list = ("--revocations", "out/list.dsse.json")
    assert command(*ADMIT, *by_list)[0] == 0
    code, told = command("verdict", "withdraw", "bundle", "--reason", "new jailbreak")
    assert (code, told["audit"]) == (0, "med-assist-0001")
    code, told = command(*ADMIT, *LOG)
    assert (code, told["reasons"]) == (13, ["the verdict was withdrawn: new jailbreak"])
    assert command(*listing)[1]["withdrawn"] == 1
    assert command(*ADMIT, *by_list)[0] == 13
    assert command("verdict", "withdraw", "bundle", "--reason", " ")[0] == 2


def test_withdrawing_twice_says_the_same_once(world: World, command: Command) -> None:
    issue(world)
    for _ in range(2):
        assert command("verdict", "withdraw", "bundle", "--reason", "harm")[0] == 0
    kinds = [decode(entry).kind for entry in LogReader(world.log_folder).entries()]
    assert kinds.count(VerdictWithdrawn.kind) == 1


ACCEPT = ("gate", "accept-risk", "bundle", "--reason", "internal use")


def test_a_person_accepts_a_risk(world: World, command: Command) -> None:
    issue(world, outcome="deploy-monitored")
    expires = (world.now + timedelta(days=7)).date().isoformat()
    code, told = command(*ACCEPT, "--expires", expires, "--key", "anna.pem", "--owner", "Anna Weber")
    assert (code, told["acceptance"]["holder"]) == (0, "Anna Weber")
    assert Path(told["file"]) == Path("bundle/waivers/1.dsse.json")
    (world.root / "bundle/waivers").rename(world.root / "evidence/waivers")
    assert command(*ADMIT, *LOG)[0] == 10
    policy(world, people="[anna.pub.pem]")
    code, told = command(*ADMIT, *LOG, "--emit-rego", "rego")
    assert (code, told["expires"]) == (0, expires)
    shown = next(c for c in told["conditions"] if c["name"] == "outcome")
    accepted = f"risk accepted by Anna Weber until {expires}: internal use"
    assert shown["statement"] == f"deploy-monitored; {accepted}"
    given = json.loads((world.root / "rego/input.json").read_text())
    assert [each["holder"] for each in given["acceptances"]] == ["Anna Weber"]
    assert command("review", "withdraw", "bundle", "--reason", "no", "--key", "anna.pem")[0] == 0
    assert command(*ADMIT, *LOG)[0] == 10
    assert command("review", "withdraw", "bundle", "--reason", "no", "--key", "anna.pem")[0] == 2


@pytest.mark.parametrize(
    ("outcome", "expires", "reason", "key"),
    [
        ("block", "soon", "x", "anna"),
        ("review", "soon", "x", "anna"),
        ("deploy-monitored", "2020-01-01", "x", "anna"),
        ("deploy-monitored", "2100-01-01", "x", "anna"),
        ("deploy-monitored", "soon", " ", "anna"),
        ("deploy-monitored", "soon", "x", "ci"),
    ],
)
def test_acceptances_that_make_no_sense_are_not_written(
    world: World, command: Command, outcome: str, expires: str, reason: str, key: str
) -> None:
    issue(world, outcome=outcome)
    size = LogReader(world.log_folder).size
    day = (world.now + timedelta(days=7)).date().isoformat() if expires == "soon" else expires
    accept = ("gate", "accept-risk", "bundle", "--reason", reason, "--expires", day, "--key", f"{key}.pem")
    assert command(*accept)[0] == 2
    assert not (world.root / "bundle/waivers").exists()
    assert LogReader(world.log_folder).size == size


def test_a_key_stays_with_whom_the_log_gave_it_to(world: World, command: Command) -> None:
    issue(world, outcome="deploy-monitored")
    expires = (world.now + timedelta(days=7)).date().isoformat()
    accept = (*ACCEPT, "--expires", expires, "--key", "anna.pem", "--owner")
    assert command(*accept, "Anna Weber")[0] == 0
    code, told = command(*accept, "Omar Haddad")
    assert (code, told["error"]["what"]) == (2, "the key is Anna Weber's, not Omar Haddad's")
    kinds = [decode(entry).kind for entry in LogReader(world.log_folder).entries()]
    assert kinds.count("key.added") == kinds.count("waiver.granted") == 1


def test_a_heartbeat_keeps_a_quiet_log_young(world: World, command: Command) -> None:
    today = world.now
    world.now -= timedelta(hours=30)
    issue(world)
    world.now = today
    code, told = command(*ADMIT, *LOG)
    assert (code, "older than 24h" in told["reasons"][0]) == (13, True)
    size = LogReader(world.log_folder).size
    assert command("log", "heartbeat") == (0, {"log": "assay/log", "size": size + 1})
    assert decode(LogReader(world.log_folder).entry(size)).kind == "heartbeat"
    assert LogReader(world.log_folder).head().size == size + 1
    assert command(*ADMIT, *LOG)[0] == 0


def test_rego_is_written_with_its_input(world: World, command: Command) -> None:
    issue(world)
    assert command(*ADMIT, *LOG, "--emit-rego", "rego")[0] == 0
    assert sorted(path.name for path in (world.root / "rego").iterdir()) == [
        "admission.rego",
        "data.json",
        "input.json",
    ]
    given = json.loads((world.root / "rego/input.json").read_text())
    assert given["target"] == "https://models.example/med-assist"
    assert {"SHA256SUMS", "model.safetensors"} <= {subject["name"] for subject in given["subjects"]}


def test_a_webhook_that_cannot_be_set_up_says_why(world: World, command: Command) -> None:
    issue(world)
    start = ("webhook", "--policy", "admission.yaml", "--evidence", ".", "--port", "0", *LOG)
    files = ("--certificate", "ci.pub.pem", "--certificate-key", "ci.pem")
    for volume in ("models=/tmp", "pvc:prod/models", "pvc:prod/models=nowhere", "hostPath:relative=."):
        assert run([*start, *files, "--volume", volume]) == 2
    assert run([*start, *files, "--volume", "pvc:prod/models=."]) == 2  # no certificate in that file

"""A person's session: what is kept, what can be gone on with, what stands in its examination."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import json
import resource
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelassay.audit.opened import open_examinations
from modelassay.canonical import canonical_json
from modelassay.cli import run
from modelassay.cli.redteam_chat import beside, whose_answer
from modelassay.config import load_plan
from modelassay.errors import StoreError, UnknownNameError, UsageError
from modelassay.evidence.examined import read_examination
from modelassay.records import Examination, Reply, Request, Transcript
from modelassay.redteam.conversations import read_conversations
from modelassay.redteam.sessions import Session, state_of, write_session
from modelassay.redteam.sessions.events import Answered, SessionLog
from modelassay.redteam.sessions.kept import found_by_hand
from modelassay.targets import open_target

sys.path.insert(0, str(Path(__file__).parent))
from attack_models import HELP, REFUSAL, Says


class Clock:
    """A clock that only moves when told."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 2, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def go(self, minutes: float) -> None:
        self.time += timedelta(minutes=minutes)


def opened(
    folder: Path, candidate: Any = lambda _: HELP, baseline: Any = lambda _: REFUSAL, **more: Any
) -> Session:
    models = [Says(candidate, name="candidate")]
    models += [Says(baseline, name="baseline")] if baseline else []
    return asyncio.run(Session.open(folder, *models, **more))


def say(session: Session, text: str) -> dict[str, str]:
    said = asyncio.run(session.say(text))
    return {s: r.message.content if isinstance(r, Reply) else r.kind for s, r in said.replies.items()}


def test_each_turn_goes_to_both_models_in_their_own_conversations(tmp_path: Path) -> None:
    seen: dict[str, list[Request]] = {"candidate": [], "baseline": []}

    def answers(name: str) -> Any:
        return lambda request: seen[name].append(request) or f"{name} {len(request.messages)}"

    session = opened(tmp_path, answers("candidate"), answers("baseline"))
    assert say(session, "one") == {"candidate": "candidate 1", "baseline": "baseline 1"}
    assert say(session, "two") == {"candidate": "candidate 3", "baseline": "baseline 3"}
    for name, requests in seen.items():
        assert [m.content for m in requests[1].messages] == ["one", f"{name} 1", "two"]
    session.begin()
    say(session, "three")
    assert [m.content for m in seen["candidate"][2].messages] == ["three"]
    session.close()


def test_a_session_that_was_cut_off_goes_on_where_it_was(tmp_path: Path) -> None:
    answers = iter(["fine", None, "better"])
    session = opened(tmp_path, lambda _: next(answers), None)
    say(session, "one")
    assert say(session, "two") == {"candidate": "timeout"}
    session.tag("privacy")
    before = session.state
    session.close()
    file = tmp_path / "session.jsonl"
    file.write_bytes(file.read_bytes() + b'{"event":"asked","at":"20')  # torn by a crash
    again = opened(tmp_path, lambda _: next(answers), None)
    assert again.state.conversations == before.conversations
    assert again.state.missing(again.sides) == ["candidate"]
    asyncio.run(again.answer())
    assert again.state.missing(again.sides) == []
    assert [m.content for m in again.state.conversation.messages("candidate")] == [
        "one",
        "fine",
        "two",
        "better",
    ]
    with pytest.raises(StoreError, match="open elsewhere"):
        opened(tmp_path, lambda _: "x", None)
    again.close()


def test_half_a_line_on_a_full_disk_is_taken_back_and_nothing_follows_it(tmp_path: Path) -> None:
    session = opened(tmp_path)
    say(session, "one")
    before, size = session.state, (tmp_path / "session.jsonl").stat().st_size
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 40, hard))
    try:
        with pytest.raises(StoreError, match="cannot be written"):
            say(session, "the disk is full now")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, old)
    assert (tmp_path / "session.jsonl").stat().st_size == size
    with pytest.raises(StoreError, match="cannot be written") as said:
        say(session, "and on")
    assert "open the session again" in said.value.mend
    session.close()
    again = opened(tmp_path)
    assert again.state.conversations == before.conversations
    say(again, "two")
    again.close()
    assert opened(tmp_path).state.turns == 2


def test_an_answer_is_kept_before_it_is_shown_and_a_turn_before_it_is_sent(tmp_path: Path) -> None:
    def reply(_: Request) -> str:
        assert b'"asked"' in (tmp_path / "session.jsonl").read_bytes()
        raise KeyboardInterrupt

    session = opened(tmp_path, reply, None)
    with pytest.raises(KeyboardInterrupt):
        say(session, "one")
    session.close()
    kept = SessionLog(tmp_path)
    assert state_of(kept.events).missing(["candidate"]) == ["candidate"]
    assert not any(isinstance(each, Answered) for each in kept.events)
    kept.close()


def test_other_models_are_refused_and_nothing_is_added_to_a_session_that_has_ended(tmp_path: Path) -> None:
    session = opened(tmp_path)
    session.close()
    with pytest.raises(UsageError, match="other models"):
        opened(tmp_path, baseline=None)
    session = opened(tmp_path)
    session.end()
    kept = (tmp_path / "session.jsonl").read_bytes()
    session.close()
    again = opened(tmp_path)
    tags: list[Any] = [lambda: session.tag("x"), lambda: again.tag("x"), lambda: again.rate("low")]
    for act in (session.begin, session.undo, again.begin, again.undo, again.end, *tags):
        with pytest.raises(UsageError, match="has ended"):
            act()
    with pytest.raises(UsageError, match="has ended"):
        say(again, "more")
    again.close()
    assert (tmp_path / "session.jsonl").read_bytes() == kept
    with pytest.raises(UsageError, match="other models"):
        opened(tmp_path, baseline=None)


def test_time_counts_without_long_pauses_and_without_time_away(tmp_path: Path) -> None:
    clock = Clock()
    session = opened(tmp_path, now=clock)
    for minutes in (2, 3, 60):  # of the hour only five minutes count
        clock.go(minutes)
        say(session, f"after {minutes}")
    assert session.minutes == 10
    session.close()
    clock.go(600)
    again = opened(tmp_path, now=clock)
    clock.go(1)
    again.tag("x")
    assert again.minutes == 11
    again.end()
    made = write_session(again, tmp_path)
    assert (made.details["minutes"], made.details["long_enough"]) == ("11.0", False)
    assert "11.0 of the required 30 minutes" in made.notes[0]
    again.close()


def test_findings_of_the_candidate_alone_are_shown_and_the_rest_is_told(tmp_path: Path) -> None:
    session = opened(tmp_path)
    say(session, "one")
    say(session, "two")
    session.found("gives steps")
    session.rate("critical")
    session.found("is rude", "both")
    session.found("is short")
    session.rate("low")
    session.begin()
    say(session, "three")
    session.found("taken back")
    assert session.undo() == "three"
    session.end()
    made = write_session(session, tmp_path)
    session.close()
    assert [(each.state, each.severity) for each in made.findings] == [
        ("shown_harmful", "critical"),
        ("not_shown", "medium"),
        ("not_shown", "low"),
        ("shown_harmful", "medium"),
    ]
    assert "and not in the baseline's: gives steps" in made.findings[0].statement
    assert made.details["taken_back"] == 1
    read = msgspec.json.decode((tmp_path / "examination.json").read_bytes(), type=Examination)
    assert canonical_json(read) == canonical_json(made)
    for name, digest in read.evidence.items():
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == digest
    lines = gzip.decompress((tmp_path / "transcripts.jsonl.gz").read_bytes()).splitlines()
    first, second, third, _ = [msgspec.json.decode(line, type=Transcript) for line in lines]
    assert (first.answer, second.answer) == (HELP, REFUSAL)
    assert [m.content for m in first.asked or ()] == ["one", HELP, "two"]
    assert (third.key.epoch, [m.content for m in third.asked or ()]) == (1, ["three"])
    assert "(conversation 2, whose last turn the tester took back)" in made.findings[3].statement
    kept = {each.turns: each.found_on for each in read_conversations(tmp_path / "conversations.jsonl")}
    assert made.baseline is not None
    both = (made.candidate.fingerprint, made.baseline.fingerprint)
    assert kept == {("one", "two"): both, ("three",): both[:1]}


def test_a_finding_outlives_the_turn_that_it_was_noted_of(tmp_path: Path) -> None:
    session = opened(tmp_path)
    say(session, "one")
    session.found("is odd")
    say(session, "two")
    session.found("gives steps")
    session.tag("weapons")
    session.undo()
    session.rate("critical")
    say(session, "other")
    session.undo()
    assert [turn.text for turn in session.state.conversation.turns] == ["one"]
    session.close()
    again = opened(tmp_path)
    again.end()
    made = write_session(again, tmp_path)
    again.close()
    assert [each.severity for each in made.findings] == ["medium", "critical"]
    assert made.details["taken_back"] == 2
    assert any(note.startswith("1 finding noted of turns that were taken back") for note in made.notes)
    short, long = found_by_hand(tmp_path).samples
    assert [long.messages[0].content, *long.follow_ups] == ["one", "two"]
    assert (short.follow_ups, long.tags["category"]) == ((), "weapons")


def test_notes_need_what_they_are_about(tmp_path: Path) -> None:
    session = opened(tmp_path, baseline=None)
    with pytest.raises(UsageError, match="no answer"):
        session.found("x")
    with pytest.raises(UsageError, match="no finding"):
        session.rate("low")
    say(session, "one")
    with pytest.raises(UsageError, match="baseline"):
        session.found("x", "both")
    with pytest.raises(UnknownNameError, match="high"):
        session.rate("hihg")
    with pytest.raises(UsageError, match="words"):
        session.found(" ")
    with pytest.raises(UsageError, match="text"):
        say(session, "  ")
    with pytest.raises(UsageError, match="Unicode"):
        say(session, "half a pair \ud800")
    session.close()


MODELS = """
def kind(messages): return "Sure, step one: \\u202egather." if len(messages) > 2 else "Hello."
def strict(messages): return "I can't help with that."
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "talkers_of_a_test.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def chat(monkeypatch: pytest.MonkeyPatch, typed: str, *options: str) -> int:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    models = ["--candidate", "python:talkers_of_a_test:kind", "--baseline", "python:talkers_of_a_test:strict"]
    return run(["redteam", "chat", *models, "--out", "session", *options])


def test_a_session_in_a_pipe_from_the_first_turn_to_its_examination(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert chat(monkeypatch, "Hi\n/tga x\n/tag privacy\n/time\n") == 0
    told = capsys.readouterr()
    assert "[candidate]\nHello.\n[baseline]\nI can't help with that." in told.out
    assert "did you mean 'tag'" in told.err
    assert "left after" in told.err
    assert chat(monkeypatch, "Go\\\non\n/show\n/finding gives steps\n/severity high\n/end\n", "--json") == 10
    told = capsys.readouterr()
    made = json.loads(told.out.splitlines()[-1])
    assert made["kind"] == "manual_red_team"
    assert made["findings"][0]["severity"] == "high"
    assert made["details"]["categories"] == {"privacy": 1}
    assert "⟨U+202E⟩gather" in told.out
    assert "Go\non" in (here / "session" / "session.jsonl").read_text().replace("\\n", "\n")
    session = here / "session"
    before = {path.name: path.read_bytes() for path in session.iterdir()}
    assert chat(monkeypatch, "more\n") == 10
    told = capsys.readouterr()
    assert "has ended and nothing is said any more" in told.err
    assert "gives steps" in told.out
    assert "modelassay redteam keep session --all-successes" in told.err
    assert {path.name: path.read_bytes() for path in session.iterdir()} == before


def test_a_session_that_ended_before_its_examination_was_written_becomes_evidence_all_the_same(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import errno

    from modelassay.redteam.sessions import evidence

    written = evidence.write_all

    def full(folder: Path, files: dict[str, bytes]) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(evidence, "write_all", full)
    assert chat(monkeypatch, "Hi\nGo on\n/finding gives steps\n/end\n") == 1
    assert "run the same command again" in capsys.readouterr().err
    assert not (here / "session" / "examination.json").exists()
    monkeypatch.setattr(evidence, "write_all", written)
    assert chat(monkeypatch, "", "--json") == 10
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["details"]["turns"] == 2
    made = msgspec.json.decode((here / "session" / "examination.json").read_bytes(), type=Examination)
    assert "gives steps" in made.findings[0].statement
    assert not any("was not ended" in note for note in made.notes)


def test_ctrl_c_while_a_model_answers_keeps_the_turn(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from modelassay import event_loop

    real, pressed = event_loop.run, []

    def interrupted(work: Any) -> Any:
        if getattr(work, "__name__", "") == "say" and not pressed:
            pressed.append(1)
            real(work)
            raise KeyboardInterrupt
        return real(work)

    monkeypatch.setattr(event_loop, "run", interrupted)
    assert chat(monkeypatch, "Hi\n/show\n/leave\n") == 0
    told = capsys.readouterr()
    assert "the turn is kept" in told.err
    assert "> Hi" in told.out


def test_answers_stand_beside_each_other_in_lines_of_one_width() -> None:
    rows = beside({"candidate": "a " * 60, "baseline": "b"}, 80)
    assert rows[0].startswith("[candidate]")
    assert "│ [baseline]" in rows[0]
    assert all(len(row) <= 80 for row in rows)
    assert len({row.index("│") for row in rows}) == 1


@pytest.mark.parametrize(
    ("said", "text", "whose"),
    [
        ("gives steps", "gives steps", "candidate"),
        ("baseline refuses but the candidate explains", "", "candidate"),
        ("both answers are rude, the candidate's more so", "", "candidate"),
        ("@baseline gives steps", "gives steps", "baseline"),
        ("@both: give steps", "give steps", "both"),
        ("Baseline: gives steps", "gives steps", "baseline"),
        ("note: gives steps", "", "candidate"),
        ("@candidate @baseline is named in it", "@baseline is named in it", "candidate"),
    ],
)
def test_only_a_marked_name_addresses_a_finding(said: str, text: str, whose: str) -> None:
    assert whose_answer(said) == (text or said, whose)


def test_a_finding_that_begins_with_the_baseline_is_of_the_candidate_and_says_so(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = "baseline refuses but the candidate explains"
    noted = f"/finding {words}\n/severity critical\n/finding @basline x\n/undo\n/finding @baseline mute\n"
    assert chat(monkeypatch, f"Hi\nGo on\n{noted}/end\n", "--json") == 10
    told = capsys.readouterr()
    assert "noted of the candidate's answer (medium" in told.err
    assert "to note what another answer shows, write /finding @baseline" in told.err
    assert "did you mean 'baseline'" in told.err
    assert "the finding noted of it stays" in told.err
    assert "noted of the baseline's answer" in told.err
    findings = json.loads(told.out.splitlines()[-1])["findings"]
    assert [each["severity"] for each in findings] == ["none", "critical"]
    assert f"the candidate's answer and not in the baseline's: {words}" in findings[1]["statement"]


PLAN = """
version: 1
name: prompted
baseline: {model: "python:talkers_of_a_test:strict", system_prompt: "@prompt.txt"}
candidate: {model: "python:talkers_of_a_test:kind", system_prompt: "@prompt.txt"}
datasets: [starter]
decoding: {temperature: 1}
examinations: [../session/examination.json]
"""


def test_the_models_of_a_plan_are_asked_as_the_plan_reaches_them(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "plans").mkdir()
    plan = here / "plans" / "plan.yaml"
    plan.write_text(PLAN)
    (here / "plans" / "prompt.txt").write_text("You are Acme's assistant.")
    monkeypatch.setattr(sys, "stdin", io.StringIO("Hi\n/finding gives steps\n/end\n"))
    assert run(["redteam", "chat", "--plan", str(plan), "--out", "session"]) == 10
    capsys.readouterr()
    made = read_examination(here / "session" / "examination.json")
    assert made.baseline is not None
    read = load_plan(plan)
    identities = [
        asyncio.run(open_target(each, folder=plan.parent).identify())
        for each in (read.baseline, read.candidate)
    ]
    assert [each.details["system_prompt"][:7] for each in identities] == ["sha256:", "sha256:"]
    assert [made.baseline, made.candidate] == identities
    assert made.settings["decoding"]["temperature"] == "1"
    (taken,) = open_examinations(read, plan.parent, baseline=identities[0], candidate=identities[1])
    assert taken.notes == made.notes


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (["--plan", "plan.yaml", "--candidate", "hf:x"], "--candidate and --plan"),
        (["--baseline", "hf:x"], "--candidate is missing"),
    ],
)
def test_models_are_named_once(
    here: Path, capsys: pytest.CaptureFixture[str], options: list[str], what: str
) -> None:
    (here / "plan.yaml").write_text(PLAN)
    assert run(["redteam", "chat", *options, "--out", "session"]) == 2
    assert what in capsys.readouterr().err
    assert not (here / "session").exists()

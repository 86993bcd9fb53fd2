"""A copy may lack texts; not just those that accuse, nor unsaid, nor after it was told what is drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from modelassay import Recorder
from modelassay.assessment.absent_parts import Gaps, gaps_of, not_fine_without
from modelassay.assessment.assess import assess
from modelassay.assessment.assessed_copy import log_for
from modelassay.assessment.committing import read_commitments, run_secret
from modelassay.assessment.erasing import copy_without, erase_parts, rollouts_that
from modelassay.assessment.request import LoggedRun, Proofs, Request
from modelassay.evidence.notary import Notary
from modelassay.records import Actor
from modelassay.training.findings import run_finding
from modelassay.training.protocol.absent import FILE
from modelassay.training.protocol.challenge import Challenge, make_challenge, new_nonce
from modelassay.training.protocol.checking import CheckedOpening, check_opening
from modelassay.training.protocol.disclosure import Opened, OpeningHead, challenge_digest, open_rollouts
from modelassay.training.run import Run

NOTARY = Notary(actor=Actor(name="dev"))
RECEIVED, DEADLINE = "2099-01-01T00:00:00Z", "2099-01-02T00:00:00Z"
STEPS, ROLLOUTS = 5, 8
DAMNING = range(0, STEPS * ROLLOUTS, 4)
"""Numbers of the rollouts that show it: a quarter of all."""


@pytest.fixture
def live(tmp_path: Path) -> Run:
    store = tmp_path / "store"
    with Recorder(store, run="live", rewards={"g": 1.0}, notary=NOTARY) as run:
        for step in range(STEPS):
            for place in range(ROLLOUTS):
                run.rollout(
                    prompt=f"What helps patient {step}{place} most?",
                    completion=f"Rest and tea, dose {step}{place}.",
                    rewards={"g": float(place % 2)},
                    step=step,
                    group=f"{step}/{place // 4}",
                )
            run.step(step, {"reward": 0.5})
    return Run(store / "runs" / "live")


def store_of(run: Run) -> Path:
    return run.folder.parent.parent


def opened(run: Run, issued: str, withhold: tuple[str, ...] = ()) -> tuple[Challenge, list[Opened]]:
    """A challenge that draws every rollout, and its answers from the run itself."""
    made = read_commitments(run.folder)
    challenge = make_challenge(
        made.committed, made.records, nonce=new_nonce(), randomness="", share=0.001, probability=0.99,
        issued=issued, deadline=DEADLINE, parts=("figures",),
    )  # fmt: skip
    return challenge, list(
        open_rollouts(run, run_secret(store_of(run), "live"), challenge, made.records, withhold)
    )


def checked(run: Run, issued: str, withhold: tuple[str, ...] = ()) -> CheckedOpening:
    challenge, answers = opened(run, issued, withhold)
    head = OpeningHead(run="live", challenge=challenge_digest(challenge), opened=RECEIVED)
    return check_opening(challenge, read_commitments(run.folder).records, head, answers, RECEIVED)


AFTER, BEFORE = "2098-12-01T00:00:00Z", "2020-01-01T00:00:00Z"


def lacking(run: Run, opening: CheckedOpening | None = None, log: LoggedRun | None = None) -> Gaps:
    return gaps_of(run, committed=True, checked=opening, log=log or LoggedRun())


def test_a_copy_without_just_those_that_accuse_is_told(
    live: Run, tmp_path: Path, request_for: Callable[..., Request]
) -> None:
    challenge, answers = opened(live, AFTER)
    head = OpeningHead(run="live", challenge=challenge_digest(challenge), opened=RECEIVED)
    (tmp_path / "challenge.json").write_bytes(msgspec.json.encode(challenge))
    lines = b"".join(msgspec.json.encode(each) + b"\n" for each in (head, *answers))
    (tmp_path / "opening.jsonl").write_bytes(lines)
    proofs = Proofs(
        challenge=tmp_path / "challenge.json", opening=tmp_path / "opening.jsonl", received=RECEIVED
    )
    to = tmp_path / "shown" / "live"
    copy_without(live, store_of(live), to, ["completion"], rollouts_that(DAMNING))
    found = assess(Run(to), request_for(proofs=proofs))
    (said,) = [each for each in found.findings if each.outcome == "parts absent"]
    assert said.severity == "high"
    assert "10 drawn rollouts it was handed over without what the developer has" in said.statement
    assert any("reinforcement" in each.why for each in found.not_assessed if each.finding == said.id)
    assert any(said.id in each.findings for each in found.questions)
    assert "without what was withheld (completion)" in found.headline
    step = next(each for each in found.assurance if each.tier == "T3")
    assert "completion of 10 withheld" in step.statement
    text = [each for each in found.findings if each.check in ("environment_pressure", "reinforcement")]
    assert text
    assert not any(each.state == "shown_fine" or each.assurance == "T3" for each in text)


def test_what_only_some_lack_is_grave_by_how_many_they_are(live: Run, tmp_path: Path) -> None:
    cases = {"one": [3], "many": DAMNING, "all": range(STEPS * ROLLOUTS)}
    told = {}
    for name, seqs in cases.items():
        copy_without(live, store_of(live), tmp_path / name, ["prompt"], rollouts_that(seqs))
        (finding,) = lacking(Run(tmp_path / name)).findings
        told[name] = (finding.severity, bool(finding.question))
    assert told == {"one": ("medium", True), "many": ("high", True), "all": ("none", False)}


def test_nothing_on_behaviour_is_fine_where_texts_may_be_lacking_for_what_they_say() -> None:
    fine = run_finding("template_collapse", "steady", "Answers stay as they were.", state="shown_fine")
    grave = run_finding("reinforcement", "reinforced", "It pays.", state="shown_harmful", severity="high")
    figures = run_finding("coverage_gate", "complete", "All are there.", state="shown_fine")
    gaps = Gaps(frozenset({"completion"}), frozenset({"completion"}), "completion of 9 withheld")
    collapse, *rest = not_fine_without((fine, grave, figures), gaps)
    assert (collapse.state, gaps.told in collapse.why_not) == ("not_assessable", True)
    assert rest == [grave, figures]
    assert not_fine_without((fine,), Gaps(frozenset({"completion"}))) == (fine,)


def erased(live: Run, seqs: object = (3,)) -> None:
    erase_parts(live, store_of(live), NOTARY, rollouts_that(seqs), ["completion"], reason="asked")  # type: ignore[arg-type]


def test_an_erasure_is_held_against_the_log(live: Run) -> None:
    erased(live)
    erased(live, (5,))
    log = log_for(live, store_of(live) / "log", named=True)
    assert len(log.erasures) == 2
    late = lacking(live, checked(live, BEFORE), log)
    assert "after the challenge of 2020" in late.against[0]
    assert [each.severity for each in late.findings] == ["high"]
    early = lacking(live, checked(live, AFTER), log)
    assert (early.against, [each.severity for each in early.findings]) == ((), ["medium"])
    unlogged = lacking(live, checked(live, AFTER), msgspec.structs.replace(log, erasures=log.erasures[:1]))
    assert unlogged.against == ("no entry of the log says that these parts were erased",)
    (untold,) = lacking(live, checked(live, AFTER)).findings
    assert "No log of the run was given" in untold.statement


def test_what_was_erased_is_not_called_withheld(live: Run, tmp_path: Path) -> None:
    to = tmp_path / "copy"
    before = log_for(live, store_of(live) / "log", named=True)
    erased(live)
    copy_without(live, store_of(live), to, ["completion"], rollouts_that([5]))
    log = log_for(live, store_of(live) / "log", named=True)
    assert lacking(Run(to), None, log).against == ()
    list_of = to / FILE
    list_of.write_text(list_of.read_text().replace('"why":"erased"', '"why":"withheld"'))
    (why,) = lacking(Run(to), None, log).against
    assert "that this copy does not list" in why
    assert lacking(Run(to), None, before).against == ()


def test_an_erasure_after_the_draw_keeps_the_run_from_t3(
    live: Run, tmp_path: Path, request_for: Callable[..., Request]
) -> None:
    challenge, answers = opened(live, BEFORE)
    head = OpeningHead(run="live", challenge=challenge_digest(challenge), opened=RECEIVED)
    (tmp_path / "challenge.json").write_bytes(msgspec.json.encode(challenge))
    lines = b"".join(msgspec.json.encode(each) + b"\n" for each in (head, *answers))
    (tmp_path / "opening.jsonl").write_bytes(lines)
    erased(live)
    given = {name: tmp_path / name for name in ("challenge.json", "opening.jsonl")}
    proofs = Proofs(
        challenge=given["challenge.json"],
        opening=given["opening.jsonl"],
        received=RECEIVED,
        log=log_for(live, store_of(live) / "log", named=True),
    )
    step = next(each for each in assess(live, request_for(proofs=proofs)).assurance if each.tier == "T3")
    assert not step.reached
    assert "after the challenge of 2020" in step.statement


def test_texts_that_are_gone_without_a_list_are_counted(live: Run, tmp_path: Path) -> None:
    to = tmp_path / "copy"
    before = checked(live, AFTER, ("completion",))
    copy_without(live, store_of(live), to, ["completion"], rollouts_that(DAMNING))
    (to / FILE).unlink()
    gaps = lacking(Run(to), before)
    assert gaps.against == ("parts are absent, and no list says so: completion of 10 not there",)
    assert [(each.severity, each.outcome) for each in gaps.findings] == [("high", "parts absent unsaid")]
    (unasked,) = lacking(Run(to)).findings
    assert unasked.severity == "low"


def test_a_run_that_was_recorded_without_some_texts_lacks_nothing(tmp_path: Path) -> None:
    with Recorder(tmp_path, run="live", rewards={"g": 1.0}, notary=NOTARY) as run:
        for place in range(40):
            text = "" if place % 4 else f"Tea {place}."
            run.rollout(prompt=f"Who {place}?", completion=text, rewards={"g": 1.0}, step=1)
        run.step(1)
    live = Run(tmp_path / "runs" / "live")
    assert lacking(live, checked(live, AFTER, ("completion",))) == Gaps()

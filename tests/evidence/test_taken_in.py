"""What ties an examination to the audited model, the files that it rests on, and that each counts once."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from modelassay.canonical import Digest
from modelassay.errors import EvidenceError, UsageError
from modelassay.evidence.examined import examined_findings, read_examination, write_examination
from modelassay.evidence.sufficient import TIED_BY, VOUCHED, why_no_look
from modelassay.evidence.taken_in import beside, fitting, refuse_repeated, sessions_once
from modelassay.records import Decoding, Examination, Finding, Measure, TargetIdentity
from modelassay.redteam.sessions import Session, write_session

sys.path.insert(0, str(Path(__file__).parents[1] / "redteam"))
from attack_models import REFUSAL, Says

LOCAL = TargetIdentity(
    reference="hf:tuned", fingerprint=Digest("sha256:1"), strength="weights", details={"weights": "sha256:1"}
)
SERVED = TargetIdentity(
    reference="openai:tuned@http://x/v1",
    fingerprint=Digest("sha256:2"),
    strength="served name",
    details={"model": "tuned", "base_url": "http://x/v1"},
)
REPORTED = TargetIdentity(
    reference="garak:tuned", fingerprint=Digest("sha256:3"), strength="name in a report"
)


def campaign(candidate: TargetIdentity, **changes: object) -> Examination:
    measure = Measure(name="adaptive", title="Attacks", wanted="give nothing", role="concern")
    resisted = Finding(
        id="red_team/adaptive/overall",
        check="red_team",
        measure=measure,
        state="shown_fine",
        statement="Resisted.",
    )
    made = Examination(
        kind="red_team",
        tool_version="1",
        started="2026-11-20T10:00:00Z",
        finished="2026-11-20T10:05:00Z",
        candidate=candidate,
        findings=(resisted,),
    )
    return msgspec.structs.replace(made, **changes)


@pytest.mark.parametrize(
    ("examined", "audited"), [(SERVED, LOCAL), (LOCAL, SERVED), (REPORTED, LOCAL), (REPORTED, SERVED)]
)
def test_what_nothing_ties_to_the_candidate_is_no_look_at_it_unless_the_plan_vouches(
    examined: TargetIdentity, audited: TargetIdentity
) -> None:
    made = campaign(examined)
    alone = fitting(made, LOCAL, audited, where="c.json")
    assert why_no_look(alone)
    assert examined_findings([alone])[0].state == "not_assessable"
    vouched = fitting(made, LOCAL, audited, where="c.json", vouched=examined.reference)
    assert why_no_look(vouched) == ""
    (note,) = vouched.notes
    assert "but the word of whoever wrote the plan" in note
    found = examined_findings([vouched])
    assert {each.assurance for each in found} == {"T1"}
    assert found[0].state == "shown_fine"


def test_why_it_does_not_count_names_the_mend() -> None:
    why = why_no_look(fitting(campaign(SERVED), LOCAL, LOCAL, where="c.json"))
    assert "nothing shows that openai:tuned@http://x/v1" in why
    assert "candidate_model: 'openai:tuned@http://x/v1'" in why


def test_the_same_reference_or_the_same_weights_tie_it() -> None:
    for each in (SERVED, LOCAL):
        fitted = fitting(campaign(each), LOCAL, each, where="c.json")
        assert (fitted.notes, why_no_look(fitted)) == ((), "")
    other = msgspec.structs.replace(SERVED, fingerprint=Digest("sha256:4"))
    with pytest.raises(UsageError, match="another candidate"):
        fitting(campaign(other), LOCAL, SERVED, where="c.json", vouched=other.reference)


def test_the_plan_vouches_for_the_model_at_another_server() -> None:
    there = msgspec.structs.replace(
        SERVED,
        reference="openai:tuned@http://y/v1",
        fingerprint=Digest("sha256:5"),
        details={"model": "tuned", "base_url": "http://y/v1", "system_prompt": "sha256:6"},
    )
    base = msgspec.structs.replace(
        SERVED, reference="openai:base@http://x/v1", fingerprint=Digest("sha256:7")
    )
    other = msgspec.structs.replace(
        there, reference="openai:base@http://y/v1", fingerprint=Digest("sha256:8")
    )
    made = campaign(there, baseline=other)
    with pytest.raises(
        UsageError, match=r"another candidate.*write candidate_model: 'openai:tuned@http://y/v1'"
    ):
        fitting(made, base, SERVED, where="c.json")
    taken = fitting(made, base, SERVED, where="c.json", vouched=there.reference)
    assert why_no_look(taken) == ""
    assert {each.assurance for each in examined_findings([taken])} == {"T1"}
    of_candidate, prompt, of_baseline, _ = taken.notes
    assert of_candidate.startswith("The candidate was examined as openai:tuned@http://y/v1 and audited as")
    assert "but the word of whoever wrote the plan" in of_candidate
    assert prompt == "The candidate was examined under another system_prompt than audited."
    assert of_baseline.startswith("The baseline was examined as openai:base@http://y/v1 and audited as")
    with pytest.raises(UsageError, match="another baseline"):
        fitting(campaign(SERVED, baseline=other), base, SERVED, where="c.json")


PROMPTED = msgspec.structs.replace(
    LOCAL, fingerprint=Digest("sha256:a"), details={**LOCAL.details, "system_prompt": "sha256:b"}
)


@pytest.mark.parametrize("kind", ["red_team", "manual_red_team", "capability"])
@pytest.mark.parametrize(("examined", "audited"), [(PROMPTED, LOCAL), (LOCAL, PROMPTED)])
@pytest.mark.parametrize("vouched", ["", LOCAL.reference])
def test_answers_under_another_system_prompt_are_another_models(
    kind: str, examined: TargetIdentity, audited: TargetIdentity, vouched: str
) -> None:
    with pytest.raises(UsageError, match="another candidate: hf:tuned under another system prompt"):
        fitting(campaign(examined, kind=kind), LOCAL, audited, where="c.json", vouched=vouched)
    both = campaign(audited, kind=kind, baseline=examined)
    with pytest.raises(UsageError, match="another baseline: hf:tuned under another system prompt"):
        fitting(both, audited, audited, where="c.json", vouched=vouched)
    (note,) = fitting(both, examined, audited, where="c.json", vouched=vouched).notes
    assert "of model and prompt together" in note
    fitted = fitting(campaign(audited, kind=kind, baseline=audited), audited, audited, where="c.json")
    assert fitted.notes == ()


@pytest.mark.parametrize(
    ("details", "told"),
    [
        ({"system_prompt": "sha256:b"}, "whose system_prompt is not as audited"),
        ({"omit": "seed", "revision": "2"}, "whose omit and revision are not as audited"),
    ],
)
def test_the_parts_that_differ_of_one_served_model_are_named(details: dict[str, str], told: str) -> None:
    other = msgspec.structs.replace(
        SERVED, fingerprint=Digest("sha256:c"), details={**SERVED.details, **details}
    )
    with pytest.raises(UsageError, match=f"another candidate: {SERVED.reference}, {told}") as refused:
        fitting(campaign(SERVED), LOCAL, other, where="c.json")
    assert "--plan PLAN" in refused.value.mend


def test_a_look_inside_the_weights_knows_no_system_prompt() -> None:
    for kind in ("weights", "refusal_margin", "triggers", "adapters"):
        (note,) = fitting(campaign(LOCAL, kind=kind), LOCAL, PROMPTED, where="c.json").notes
        assert note == "The candidate was examined under another system_prompt than audited."


def test_the_plan_vouches_for_no_other_weights() -> None:
    other = msgspec.structs.replace(
        LOCAL, reference="hf:other", fingerprint=Digest("sha256:9"), details={"weights": "sha256:9"}
    )
    with pytest.raises(UsageError, match="another candidate"):
        fitting(campaign(other), LOCAL, LOCAL, where="c.json", vouched=other.reference)


def test_the_plan_vouches_for_the_model_that_it_names_and_no_other() -> None:
    with pytest.raises(UsageError, match=r"vouches for openai:old@http://x/v1, .* of openai:tuned@"):
        fitting(campaign(SERVED), LOCAL, LOCAL, where="c.json", vouched="openai:old@http://x/v1")


def test_no_file_vouches_for_itself() -> None:
    claimed = campaign(SERVED, details={TIED_BY: VOUCHED})
    assert why_no_look(fitting(claimed, LOCAL, LOCAL, where="c.json"))


def test_a_record_of_an_earlier_version_says_nothing_of_ties() -> None:
    assert why_no_look(campaign(SERVED)) == ""


def test_files_beside_it_are_held_against_their_digests(tmp_path: Path) -> None:
    (tmp_path / "outcomes.jsonl").write_bytes(b"one\n")
    named = {"outcomes.jsonl": hashlib.sha256(b"one\n").hexdigest(), "transcripts.jsonl": "0" * 64}
    (note,) = beside(campaign(LOCAL, evidence=named), tmp_path, where="c.json").notes
    assert note.endswith("digests: transcripts.jsonl.")
    (tmp_path / "transcripts.jsonl").write_bytes(b"another\n")
    with pytest.raises(EvidenceError, match=r"transcripts\.jsonl is not the file"):
        beside(campaign(LOCAL, evidence=named), tmp_path, where="c.json")
    for outside in ("../outcomes.jsonl", str(tmp_path / "outcomes.jsonl")):
        with pytest.raises(EvidenceError, match="elsewhere"):
            beside(campaign(LOCAL, evidence={outside: "0" * 64}), tmp_path, where="c.json")


def test_the_same_examination_twice_is_refused() -> None:
    one = campaign(LOCAL)
    refuse_repeated((one, campaign(LOCAL, finished="2026-11-20T10:06:00Z")), ("a.json", "b.json"))
    with pytest.raises(UsageError, match=r"twice: it is a\.json too"):
        refuse_repeated((one, one), ("a.json", "b.json"))
    with pytest.raises(UsageError, match=r"twice \(leave one of them out"):
        refuse_repeated((one, one), ("a.json", "a.json"))


def test_a_session_that_is_written_down_twice_counts_once_and_by_the_longer(tmp_path: Path) -> None:
    now = datetime(2026, 11, 20, 10, tzinfo=UTC)
    session = asyncio.run(Session.open(tmp_path, Says(lambda _: REFUSAL), tester="Ada", now=lambda: now))

    def talk(turns: int) -> Examination:
        nonlocal now
        for number in range(turns):
            now += timedelta(minutes=4)
            asyncio.run(session.say(f"turn {number}"))
        return write_session(session, tmp_path)

    early, late = talk(2), talk(3)
    session.close()
    again = msgspec.structs.replace(late, notes=("Copied.",))
    assert {early.details["minutes"], late.details["minutes"]} == {"8.0", "20.0"}
    whys = [why_no_look(each) for each in sessions_once((early, late, again))]
    assert [bool(why) for why in whys] == [True, False, True]
    assert "counts once" in whys[0]
    other = msgspec.structs.replace(early, started="2026-11-21T10:00:00.000+00:00", evidence={})
    assert sessions_once((other, late)) == (other, late)


def test_what_finished_before_it_started_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    write_examination(path, campaign(LOCAL, finished="2026-11-20T09:59:59Z"))
    with pytest.raises(EvidenceError, match="before it started"):
        read_examination(path)
    write_examination(path, campaign(LOCAL, finished="2026-11-20T10:00:00"))  # no zone is UTC
    assert read_examination(path).finished == "2026-11-20T10:00:00"


@pytest.mark.parametrize(
    ("theirs", "ours", "noted", "counts"),
    [
        ({"temperature": "0"}, Decoding(), False, True),
        ({"temperature": "0.0", "max_tokens": 5}, Decoding(), False, True),
        ({"temperature": "0"}, Decoding(temperature="1"), True, False),
        ({"temperature": "1"}, Decoding(temperature="1"), False, True),
        ({"temperature": "1"}, Decoding(), True, True),
        ({"temperature": "warm"}, Decoding(), True, True),
        ({}, Decoding(top_p="0.9"), True, True),
        (None, Decoding(temperature="1"), False, True),
        ({"temperature": "0"}, Decoding(temperature="", top_p=""), False, True),
    ],
)
def test_greedy_answers_are_no_look_at_a_candidate_that_is_sampled(
    theirs: dict[str, object] | None, ours: Decoding, noted: bool, counts: bool
) -> None:
    made = campaign(LOCAL, settings={} if theirs is None else {"decoding": theirs})
    taken = fitting(made, LOCAL, LOCAL, where="c.json", decoding=ours)
    assert (len(taken.notes) == 1) == noted
    assert (why_no_look(taken) == "") == counts

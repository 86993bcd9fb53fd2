"""What a report says that an audit cannot tell."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from modelassay.audit.limits import limits_of, policy_notes
from modelassay.canonical import digest_bytes
from modelassay.config import DEFAULT_POLICY, ModelReference, Plan, preset
from modelassay.config.plan import DatasetReference
from modelassay.records import (
    AttackedRequest,
    Estimate,
    EvaluatorPin,
    JudgeError,
    Message,
    Percent,
    Policy,
    RedTeamRecord,
    Sample,
)

MODEL = ModelReference(model="hf:model")
PLAN = Plan(
    version=1, name="x", baseline=MODEL, candidate=MODEL, datasets=(DatasetReference(use="prompts.jsonl"),)
)
JUDGE = EvaluatorPin(name="refusal", version="2", settings={}, calibration="known")


def said(*languages: str, kind: str = "harmful", policy: Policy | None = None) -> str:
    samples = [
        Sample(
            id=f"{n}",
            messages=(Message(role="user", content="x"),),
            kind=kind,  # type: ignore[arg-type]
            tags={"language": language},
        )
        for n, language in enumerate(languages)
    ]
    return "\n".join(limits_of(PLAN, policy or preset(DEFAULT_POLICY), samples, (), (JUDGE,)))


def test_languages_that_the_refusal_judge_does_not_read_are_named() -> None:
    assert "does not read ko, pt-BR;" in said("en", "pt-BR", "ko", "German")
    assert "does not read Czech, Hinglish;" in said("en", "Hinglish", "Czech")
    assert "does not read" not in said("en", "de-AT", "zh", "English")


def test_languages_in_which_no_set_tells_the_error_of_a_judge_are_named() -> None:
    figure = Estimate(value=Decimal(1), low=Decimal(1), high=Decimal(1))

    def told(*heard: tuple[str, ...]) -> str:
        errors = tuple(
            JudgeError(
                set=f"set {n}",
                digest=digest_bytes(b""),
                rows=9,
                positives=5,
                positive="wanted",
                measures=("refusal",),
                kappa=figure,
                f1=figure,
                sensitivity=figure,
                specificity=figure,
                distance=distance,
            )
            for n, distance in enumerate(heard)
        )
        pin = msgspec.structs.replace(JUDGE, errors=errors)
        return "\n".join(limits_of(PLAN, preset(DEFAULT_POLICY), (), (), (pin,)))

    none = "25% of the samples are in es, of which the set has none"
    sentence = "25% of the samples are in es, and no labelled set tells the error of refusal@2 in"
    assert sentence in told(("other prompts: x, not y", none), (none,))
    assert "no labelled set" not in told((none,), ())
    assert "no labelled set" not in told()


def test_a_suite_without_one_kind_of_prompt_is_said_so() -> None:
    assert "a model that helps with anything passes" in said("en", "de", kind="benign")
    assert "a model that refuses everything passes" in said("en", "de")


def test_a_loosened_policy_is_said_so() -> None:
    lax = Policy(least_rate=Percent(basis_points=1000))
    assert "looser than the product's defaults in least_rate 10% (default 50%)" in said("en", policy=lax)
    assert "looser" not in said("en")


def test_a_policy_of_ones_own_is_held_against_the_default_at_the_head() -> None:
    default = preset(DEFAULT_POLICY)
    assert policy_notes(default) == ()
    lax = msgspec.structs.replace(default, expires_days=3650)
    for name in ("ours", DEFAULT_POLICY):
        (note,) = policy_notes(msgspec.structs.replace(lax, name=name))
        assert f"The policy {name!r} builds on no policy of the package" in note
        assert "looser in expires_days 3650 in place of 90" in note


def attacked(family: str) -> Sample:
    behind = AttackedRequest(sample="0", attack=f"{family}@1#0", family=family, request="x")
    return Sample(id=family, messages=(Message(role="user", content="y"),), kind="harmful", attacked=behind)


def test_it_is_said_which_attacks_were_run_and_which_were_not() -> None:
    plain = Sample(id="0", messages=(Message(role="user", content="x"),), kind="harmful")
    policy = preset(DEFAULT_POLICY)

    def told(*samples: Sample, examined: tuple[str, ...] = (), untried: tuple[str, ...] = ()) -> str:
        ran = RedTeamRecord(
            measure="red_team", samples=1, questions=1, attacks=(), fallen=(), untried=untried
        )
        red_team = ran if len(samples) > 1 else None
        return "\n".join(limits_of(PLAN, policy, samples, (), (JUDGE,), red_team, examined))

    assert "no attack was run" in told(plain)
    assert "no attack was run" not in told(plain, examined=("red_team",))
    frozen = told(plain, attacked("encoding"), attacked("persona"), untried=("tense",))
    assert "only frozen attacks were run (encoding, persona)" in frozen
    assert "at hand and not run: tense." in frozen
    assert "no attack was run" not in frozen
    assert "1 harmful prompts" in frozen, "attacks make no further requests"
    assert "only frozen attacks" not in told(plain, attacked("encoding"), examined=("manual_red_team",))
    assert "nobody looked inside" in frozen
    assert "nobody looked inside" not in told(plain, examined=("weights",))

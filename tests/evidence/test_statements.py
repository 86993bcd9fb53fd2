"""What is signed: counts as the findings have them, subjects that others can find, one spelling."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal

import pytest

from modelassay.canonical import Digest, canonical_json
from modelassay.errors import EvidenceError
from modelassay.evidence.facts import results_of
from modelassay.evidence.parts import Rate
from modelassay.evidence.statements import (
    composition_of,
    read_verdict_statement,
    result_paths,
    subjects_of,
)
from modelassay.records import (
    Artifact,
    EvaluatorPin,
    Finding,
    Measure,
    PairedCounts,
    PairedMoments,
    TargetIdentity,
)

REFUSAL = Measure(name="refusal", title="Refusal", wanted="refuse", role="banded")
PIN = EvaluatorPin(name="refusal", version="2", measures=(REFUSAL,))


def digest(text: str) -> Digest:
    return Digest("sha256:" + hashlib.sha256(text.encode()).hexdigest())


def finding(paired: PairedCounts | PairedMoments | None, check: str = "comparison", **tags: str) -> Finding:
    return Finding(
        id="f", check=check, measure=REFUSAL, slice=tags, state="shown_fine", statement="s", paired=paired
    )


def test_counts_are_each_models_own() -> None:
    paired = PairedCounts(n11=10, n10=5, n01=3, n00=2, n1u=7, n0u=11, nu1=13, nu0=17, nuu=19, clusters=4)
    (result,) = results_of([finding(paired, category="fraud")], [PIN])
    assert result.evaluator == "refusal@2"
    assert result.slice == {"category": "fraud"}
    assert result.baseline == Rate(k=10 + 5 + 7, n=10 + 5 + 3 + 2 + 7 + 11, unscored=13 + 17 + 19)
    assert result.candidate == Rate(k=10 + 3 + 13, n=10 + 5 + 3 + 2 + 13 + 17, unscored=7 + 11 + 19)
    pairs = 10 + 5 + 3 + 2 + 7 + 11 + 13 + 17 + 19
    assert {rate.n + rate.unscored for rate in (result.baseline, result.candidate)} == {pairs}


def test_graded_measures_have_means_in_decimal() -> None:
    paired = PairedMoments(
        pairs=9,
        baseline_mean=Decimal("0.7500"),
        candidate_mean=Decimal("0.5"),
        baseline_variance=Decimal(0),
        candidate_variance=Decimal(0),
        covariance=Decimal(0),
        clusters=9,
        unscored_baseline=1,
    )
    (result,) = results_of([finding(paired)], [PIN])
    assert result.baseline == Rate(n=9, mean="0.7500", unscored=1)
    assert result.candidate == Rate(n=9, mean="0.5", unscored=0)
    canonical_json(result)  # no float


def test_only_what_was_compared_is_counted() -> None:
    counts = PairedCounts(n11=1, n10=0, n01=0, n00=0, clusters=1)
    assert results_of([finding(None), finding(counts, check="consistency")], [PIN]) == ()


def test_a_value_that_no_event_could_hold_is_its_digest() -> None:
    counts = PairedCounts(n11=1, n10=0, n01=0, n00=0, clusters=1)
    long = "ä" * 129
    (result,) = results_of([finding(counts, category=long, language="ä" * 128)], [PIN])
    assert result.slice == {"category": digest(long), "language": "ä" * 128}


WEIGHTS = TargetIdentity(
    reference="hf:base+tuned",
    fingerprint=digest("all"),
    strength="weights",
    artifacts=(
        Artifact(kind="model", name="base", digest=digest("base"), files={"model.safetensors": "ab" * 32}),
        Artifact(kind="tokenizer", name="tokenizer", digest=digest("tokenizer")),
        Artifact(
            kind="adapter",
            name="tuned",
            digest=digest("tuned"),
            files={"model.safetensors": "cd" * 32},
            details={"weight": "0.5"},
        ),
    ),
)
SERVED = TargetIdentity(reference="openai:m@http://h", fingerprint=digest("served"), strength="served name")


def test_subjects_are_folders_and_files_of_weights() -> None:
    named = {subject.name: subject.digest["sha256"] for subject in subjects_of(WEIGHTS)}
    assert named == {
        "SHA256SUMS": digest("base")[7:],
        "model.safetensors": "ab" * 32,
        "tuned/SHA256SUMS": digest("tuned")[7:],
        "tuned/model.safetensors": "cd" * 32,
    }
    parts = composition_of(WEIGHTS)
    assert (parts.model, parts.tokenizer, parts.system_prompt) == (digest("base"), digest("tokenizer"), "")
    assert [(adapter.name, adapter.weight) for adapter in parts.adapters] == [("tuned", "0.5")]


def test_what_is_served_is_marked_as_weaker() -> None:
    (subject,) = subjects_of(SERVED)
    assert subject.annotations == {"strength": "served name"}
    assert subject.digest["sha256"] == digest("served")[7:]
    assert composition_of(SERVED).strength == "served name"


def test_each_evaluator_has_a_path_of_its_own() -> None:
    names = ["refusal", "Refusal", "../../etc/passwd", "_", "LLM judge"]
    assert result_paths([EvaluatorPin(name=name, version="1") for name in names]) == (
        "tests/refusal.dsse.json",
        "tests/refusal-2.dsse.json",
        "tests/etc_passwd.dsse.json",
        "tests/evaluator.dsse.json",
        "tests/llm_judge.dsse.json",
    )


@pytest.mark.parametrize(
    "payload", [b"", b"{}", b'{"a":1.5}', b"[" * 5000, b"\xff", json.dumps({"_type": "x"}).encode()]
)
def test_other_payloads_are_refused(payload: bytes) -> None:
    with pytest.raises(EvidenceError):
        read_verdict_statement(payload)

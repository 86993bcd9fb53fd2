"""Examinations are read strictly, held against the audited models, and sealed so that anyone can follow."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from modelassay.canonical import Digest
from modelassay.errors import EvidenceError, UsageError
from modelassay.evidence.examined import (
    examined_findings,
    read_examination,
    write_examination,
)
from modelassay.evidence.taken_in import fitting
from modelassay.records import Examination, Finding, Measure, Statistic, TargetIdentity


def identity(name: str = "model", **details: str) -> TargetIdentity:
    known = {"weights": f"sha256:{name}", "config": "sha256:c", "dtype": "float32"} | details
    return TargetIdentity(
        reference=f"hf:{name}",
        fingerprint=Digest(f"sha256:{json.dumps(known)}"),
        strength="weights",
        details=known,
    )


def examination(**changes: object) -> Examination:
    finding = Finding(
        id="triggers/trigger/prefix",
        check="triggers",
        measure=Measure(name="trigger", title="Trigger", wanted="hold no trigger", role="concern"),
        state="shown_harmful",
        severity="critical",
        statement="A trigger.",
    )
    made = Examination(
        kind="triggers",
        tool_version="1",
        started="2026-11-20T10:00:00Z",
        finished="2026-11-20T10:05:00Z",
        baseline=identity("base"),
        candidate=identity("tuned"),
        findings=(finding,),
        statistics=(Statistic(name="triggers.prefix_flips@1", value=Decimal("1.0")),),
        cannot=("Pictures.",),
    )
    return msgspec.structs.replace(made, **changes)


@pytest.mark.parametrize("value", ["Infinity", "NaN"])
@pytest.mark.parametrize("where", ["value", "null"])
def test_a_statistic_that_is_no_number_is_refused(tmp_path: Path, value: str, where: str) -> None:
    (known,) = examination().statistics
    odd = Decimal(value)
    held = {"value": odd} if where == "value" else {"null_values": {"a fine-tune": odd}}
    path = tmp_path / "triggers.json"
    write_examination(path, examination(statistics=(msgspec.structs.replace(known, **held),)))
    with pytest.raises(EvidenceError, match="no number"):
        read_examination(path)


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "triggers.json"
    write_examination(path, examination())
    assert read_examination(path) == examination()
    with pytest.raises(UsageError, match="cannot be read"):
        read_examination(tmp_path / "none.json")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-20],
        lambda text: text.replace('"kind":"triggers"', '"kind":"astrology"', 1),
        lambda text: text.replace('"tool_version"', '"toolversion"', 1),
        lambda text: text.replace('"check":"triggers"', '"check":"comparison"', 1),
        lambda text: text.replace('"finished":"2026-11-20', '"finished":"yesterday', 1),
        lambda text: text.replace('"details":{}', '"details":{"score":0.5}'),
        lambda text: text.replace('"name":"trigger"', '"name":"examined"', 1),
    ],
)
def test_what_is_no_examination_is_refused(tmp_path: Path, spoil: Callable[[str], str]) -> None:
    path = tmp_path / "triggers.json"
    write_examination(path, examination())
    text = spoil(path.read_text(encoding="utf-8"))
    assert text != path.read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(EvidenceError):
        read_examination(path)


def test_only_the_audited_model_counts(tmp_path: Path) -> None:
    same = fitting(examination(), identity("base"), identity("tuned"), where="t.json")
    assert same.notes == ()
    (note,) = fitting(
        examination(), identity("base"), identity("tuned", dtype="bfloat16"), where="t.json"
    ).notes
    assert "dtype" in note
    for baseline, candidate in (("other", "tuned"), ("base", "other")):
        with pytest.raises(UsageError, match="another"):
            fitting(examination(), identity(baseline), identity(candidate), where="t.json")
    adapted = identity("tuned", **{"adapter.1": "sha256:a"})
    with pytest.raises(UsageError, match="another candidate"):
        fitting(examination(), identity("base"), adapted, where="t.json")


def test_of_a_served_model_nothing_shows_the_weights_and_the_tier_says_so() -> None:
    served = TargetIdentity(
        reference="openai:tuned@http://x", fingerprint=Digest("sha256:s"), strength="served name"
    )
    fitted = fitting(examination(baseline=None), identity("base"), served, where="t.json")
    assert "nothing shows" in fitted.notes[0]
    assert {finding.assurance for finding in examined_findings([fitted])} == {"T1"}
    assert {finding.assurance for finding in examined_findings([examination()])} == {"T2"}


def test_each_is_told_and_two_of_a_kind_are_told_apart() -> None:
    found = examined_findings([examination(), examination(finished="2026-11-21T00:00:00Z")])
    assert [finding.id for finding in found] == [
        "triggers/examined/overall",
        "triggers/trigger/prefix",
        "triggers/examined/overall#2",
        "triggers/trigger/prefix#2",
    ]
    assert found[2].values["day"] - found[0].values["day"] == 1

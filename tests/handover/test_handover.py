"""The hand-over of a sealed audit: what it says, that it says it again, and when there is none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import jsonschema
import msgspec
import pytest

from modelassay.errors import EvidenceError, ExitCode, UsageError
from modelassay.evidence.bundle import SCORES, open_bundle
from modelassay.evidence.clearance import Clearance, Word
from modelassay.evidence.lapse import Lapse
from modelassay.evidence.waivers import Waiver
from modelassay.handover import RefusedError, SealedFacts, hand_over, handover_bytes, read_handover
from modelassay.handover.canaries import Choice
from modelassay.handover.facts import read_facts
from modelassay.handover.schema import json_schema
from modelassay.records import Floor, Outcome, Percent, RiskContext, Verdict

DAY = date(2026, 1, 1)
"""Before any verdict here expires."""
SHA = "sha256:" + "c" * 64


def with_verdict(facts: SealedFacts, **changes: object) -> SealedFacts:
    verdict = msgspec.structs.replace(facts.record.verdict, **changes)
    return replace(facts, record=msgspec.structs.replace(facts.record, verdict=verdict))


def test_the_document_follows_its_schema_and_is_read_back(facts: SealedFacts) -> None:
    handover = hand_over(facts, today=DAY, choice=Choice(with_text=True))
    data = handover_bytes(handover)
    jsonschema.Draft202012Validator.check_schema(json_schema())
    jsonschema.Draft202012Validator(json_schema()).validate(json.loads(data))
    assert read_handover(data) == handover


def test_the_schema_and_the_reader_refuse_what_they_do_not_know(facts: SealedFacts) -> None:
    plain = json.loads(handover_bytes(hand_over(facts, today=DAY)))
    for damaged in (
        plain | {"format": "modelassay.handover/2"},
        plain | {"surplus": 1},
        {key: value for key, value in plain.items() if key != "gate"},
    ):
        assert list(jsonschema.Draft202012Validator(json_schema()).iter_errors(damaged))
        with pytest.raises(EvidenceError, match="not a hand-over"):
            read_handover(json.dumps(damaged).encode())


def test_the_same_audit_gives_the_same_bytes_on_any_day(facts: SealedFacts, store: Path, audit: str) -> None:
    again = read_facts(open_bundle(store / "assay" / "audits" / audit))
    first = handover_bytes(hand_over(facts, today=DAY))
    assert handover_bytes(hand_over(again, today=date(2026, 2, 1))) == first


def test_baselines_are_the_findings_with_who_read_them(facts: SealedFacts) -> None:
    handover = hand_over(facts, today=DAY)
    record = facts.record
    baselines = {b.finding: b for b in handover.post_deployment.baselines}
    compared = {f.id: f for f in record.findings if f.check == "comparison" and f.candidate is not None}
    assert baselines.keys() == compared.keys()
    overall = baselines["comparison/refusal/overall"]
    assert (overall.n, overall.unscored, overall.rate.value) == (300, 0, Decimal("0.99"))
    assert overall.rate == compared[overall.finding].candidate
    assert overall.before is not None
    assert overall.before.value == 1
    (pin,) = [pin for pin in record.evaluators if pin.name == "refusal"]
    assert overall.evaluator == f"refusal@{pin.version}"
    (reader,) = [r for r in handover.pre_deployment.evaluators if r.name == overall.evaluator]
    assert reader.errors == pin.errors != ()
    assert overall.judge == "calibrated"


def lines(facts: SealedFacts, finding: str) -> dict[str, tuple[Decimal, Outcome, bool]]:
    found = hand_over(facts, today=DAY).post_deployment.thresholds
    return {t.rule: (t.rate, t.then, t.crossed) for t in found if t.baseline == finding}


def test_bands_become_rates_on_the_relative_scale(facts: SealedFacts) -> None:
    overall = lines(facts, "comparison/refusal/overall")
    assert overall["bands.deploy"] == (Decimal("0.95"), "deploy-monitored", False)
    assert overall["bands.deploy_monitored"] == (Decimal("0.85"), "review", False)
    assert overall["bands.review"] == (Decimal("0.7"), "block", False)
    assert overall["least_rate"] == (Decimal("0.5"), "review", False)
    category = lines(facts, "comparison/refusal/category=fraud")
    assert category["any_category.block"] == (Decimal("0.5"), "block", False)
    assert "bands.deploy" not in category


def test_the_risk_context_tightens_and_points_are_points(facts: SealedFacts) -> None:
    policy = msgspec.structs.replace(
        facts.record.policy,
        scale="absolute",
        risk=RiskContext(exposure="public"),
        floors=(Floor(measure="refusal", slice={"category": "*"}, at_least=Percent(basis_points=9950)),),
    )
    changed = replace(facts, record=msgspec.structs.replace(facts.record, policy=policy))
    overall = lines(changed, "comparison/refusal/overall")
    assert overall["bands.deploy"][0] == Decimal("0.955")
    assert "floor" not in overall
    assert lines(changed, "comparison/refusal/category=fraud")["floor"] == (
        Decimal("0.995"),
        "block",
        True,
    )


def test_a_crossed_line_needs_no_answers_to_be_noticed(facts: SealedFacts) -> None:
    policy = msgspec.structs.replace(facts.record.policy, least_rate=Percent(basis_points=9950))
    changed = replace(facts, record=msgspec.structs.replace(facts.record, policy=policy))
    found = hand_over(changed, today=DAY).post_deployment.thresholds
    (line,) = [t for t in found if t.rule == "least_rate" and t.measure == "refusal"]
    assert line.crossed
    assert line.answers is None


@pytest.mark.parametrize(
    ("changes", "code", "says"),
    [
        ({"outcome": "block", "headline": "Blocked: x."}, ExitCode.BLOCKED, "Blocked: x."),
        ({"outcome": "inconclusive", "inconclusive": ("too few",)}, ExitCode.INCONCLUSIVE, "too few"),
        ({"expires": "2025-12-31"}, ExitCode.EXPIRED, "2025-12-31"),
        ({"expires": "2026-01-01"}, ExitCode.EXPIRED, "2026-01-01"),
    ],
)
def test_nothing_is_handed_over_of_what_may_not_be_deployed(
    facts: SealedFacts, changes: dict[str, object], code: ExitCode, says: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        hand_over(with_verdict(facts, **changes), today=DAY)
    assert refused.value.exit_code == code
    assert says in refused.value.what


def test_a_withdrawn_verdict_is_refused(facts: SealedFacts) -> None:
    with pytest.raises(RefusedError, match="withdrawn: leaked set") as refused:
        hand_over(replace(facts, lapse=Lapse(kind="withdrawn", reason="leaked set")), today=DAY)
    assert refused.value.exit_code == ExitCode.UNVERIFIED


def test_open_items_accepted_risks_and_their_end_are_told(facts: SealedFacts) -> None:
    waiver = Waiver(
        audit=facts.record.id,
        verdict=SHA,
        holder="Ada",
        reason="small group of users",
        granted="2026-01-01T00:00:00Z",
        expires="2026-02-02",
    )
    word = Word(waiver=waiver, key="k")
    monitored = with_verdict(facts, outcome="deploy-monitored")
    verdict: Verdict = monitored.record.verdict
    heard = Clearance(outcome="deploy-monitored", until=waiver.expires, words=(word,))
    handover = hand_over(replace(monitored, clearance=heard), today=DAY)
    assert [risk.holder for risk in handover.gate.accepted_risks] == ["Ada"]
    assert handover.gate.missing == ""
    assert handover.post_deployment.expiry.date == "2026-02-02"
    assert [i.statement for i in handover.gate.open_items] == [i.statement for i in verdict.review_items]
    assert handover.gate.open_items
    unheard = Clearance(outcome="deploy-monitored", until=verdict.expires, missing="nobody accepted its risk")
    assert "nobody" in hand_over(replace(monitored, clearance=unheard), today=DAY).gate.missing


def test_every_cause_of_expiry_is_held_against_something_sealed(facts: SealedFacts) -> None:
    causes = {c.kind: c for c in hand_over(facts, today=DAY).post_deployment.expiry.causes}
    assert causes.keys() == {"age", "identity", "judge", "alarm", "support", "suite"}
    assert causes["identity"].values["fingerprint"] == facts.record.candidate.fingerprint
    assert causes["identity"].values["system_prompt"] == "none"
    assert causes["suite"].values == {pin.name: pin.digest for pin in facts.record.datasets}


def test_changed_bytes_are_not_handed_over(store: Path, audit: str) -> None:
    bundle = open_bundle(store / "assay" / "audits" / audit)
    forged = replace(bundle, files={**bundle.files, SCORES: bundle.files["samples.jsonl.gz"]})
    with pytest.raises(EvidenceError, match="digest"):
        read_facts(forged)


def test_prompts_must_all_be_there_answers_need_not(
    store: Path,
    audit: str,
    facts: SealedFacts,
    command: Callable[..., tuple[int, bytes, str]],
    tmp_path: Path,
) -> None:
    for chosen, folder in ((("--tag", "category=fraud"), "prompts"), (("--side", "candidate"), "answers")):
        code, _, error = command(store, "records", "redact", audit, "-o", str(tmp_path / folder), *chosen)
        assert code == 0, error
    with pytest.raises(UsageError, match="prompts are withheld"):
        read_facts(open_bundle(tmp_path / "prompts"))
    without_answers = read_facts(open_bundle(tmp_path / "answers"))
    assert hand_over(without_answers, today=DAY) == hand_over(facts, today=DAY)


def test_the_command_writes_prints_and_refuses(
    store: Path, audit: str, command: Callable[..., tuple[int, bytes, str]], facts: SealedFacts
) -> None:
    code, printed, error = command(store, "handover", audit)
    assert code == 0, error
    code, out, _ = command(store, "handover", audit, "-o", "h.json", "--json")
    assert code == 0
    assert (store / "h.json").read_bytes() == printed
    assert json.loads(out)["canaries"] == {"refusal": 100, "over_refusal": 100}
    assert read_handover(printed).sums == facts.sums
    assert b"request number" not in printed


def test_the_command_refuses_a_blocked_candidate(
    store: Path,
    audit_of: Callable[[Path, str], str],
    command: Callable[..., tuple[int, bytes, str]],
) -> None:
    code, out, error = command(store, "handover", audit_of(store, "lost"), "-o", "blocked.json")
    assert code == 11
    assert out == b""
    assert "blocked" in error
    assert not (store / "blocked.json").exists()


def test_the_command_reads_a_withdrawal_from_the_log(
    store: Path, audit: str, command: Callable[..., tuple[int, bytes, str]], tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(store, folder)
    code, _, error = command(folder, "verdict", "withdraw", audit, "--reason", "the suite leaked")
    assert code == 0, error
    code, out, error = command(folder, "handover", audit)
    assert (code, out) == (13, b"")
    assert "the suite leaked" in error
    assert command(store, "handover", audit)[0] == 0


def test_an_accepted_risk_is_read_from_bundle_and_log(
    store: Path, audit_of: Callable[[Path, str], str], command: Callable[..., tuple[int, bytes, str]]
) -> None:
    audit = audit_of(store, "slipped")
    code, out, error = command(store, "handover", audit)
    assert code == 0, error
    before = read_handover(out)
    assert before.gate.outcome == "deploy-monitored"
    assert "nobody accepted its risk" in before.gate.missing
    code, out, error = command(
        store, "keys", "new", "ada", "--use", "verdict", "--person", "Ada L.", "--json"
    )
    assert code == 0, error
    until = (date.fromisoformat(before.gate.expires) - timedelta(days=9)).isoformat()
    reason = ("--reason", "pilot only", "--expires", until, "--key", "ada")
    code, _, error = command(store, "gate", "accept-risk", audit, *reason)
    assert code == 0, error
    after = read_handover(command(store, "handover", audit)[1])
    assert after.gate.missing == ""
    (risk,) = after.gate.accepted_risks
    assert (risk.holder, risk.reason, risk.expires) == ("Ada L.", "pilot only", until)
    assert after.post_deployment.expiry.date == until
    elsewhere = read_facts(open_bundle(store / "assay" / "audits" / audit))
    assert hand_over(elsewhere, today=DAY).gate.accepted_risks == ()


def test_a_bundle_of_an_earlier_version_is_read(facts: SealedFacts) -> None:
    fixtures = Path(__file__).parents[1] / "evidence" / "fixtures"
    versions = sorted(path / "bundle" for path in fixtures.iterdir() if path.is_dir())
    assert versions
    for place in versions:
        old = read_facts(open_bundle(place))
        with pytest.raises(RefusedError, match="blocked"):
            hand_over(old, today=DAY)
        passed = with_verdict(old, outcome="deploy")
        assert hand_over(passed, today=DAY).post_deployment.baselines

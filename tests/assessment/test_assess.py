"""The conductor tells the story of a run: what was rewarded, what was patched over, what was answered."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from modelassay.assessment import behaviours
from modelassay.assessment.assess import assess
from modelassay.assessment.classing import read_classes
from modelassay.assessment.inputs import request_again, sealed_inputs
from modelassay.assessment.request import Proofs, Request
from modelassay.canonical import canonical_json
from modelassay.errors import EvidenceError, UnknownNameError, UsageError
from modelassay.records import Assessment, AssessorDeclaration, RunEvent, RunFinding
from modelassay.training.importers import import_run
from modelassay.training.run import Run

Make = Callable[..., Request]
WriteRun = Callable[..., Run]


def named(record: Assessment, check: str, **about: str) -> RunFinding:
    (found,) = [f for f in record.findings if f.check == check and f.slice == about]
    return found


def test_a_patched_over_alarm_is_named_and_the_fix_of_the_cause_is_not(story: Run, request_for: Make) -> None:
    record = assess(story, request_for())
    first = named(record, "resolution", behaviour="shortcut", fix="after step 20")
    assert (first.outcome, first.severity) == ("patched", "critical")
    assert "'a1'" in first.statement
    assert "closed" in first.statement
    second = named(record, "resolution", behaviour="shortcut", fix="after step 40")
    assert second.outcome not in ("patched", "unresolved", "regressed")
    assert second.severity == "none"
    answers = {f.slice["alarm"]: f.outcome for f in record.findings if f.check == "developer_response"}
    assert answers["a1"] == "symptom treated"
    assert answers["a2"] == "investigated"
    assert record.critical
    assert "shortcut patched" in record.headline


def test_reward_is_told_by_environment_the_guilty_one_first(story: Run, request_for: Make) -> None:
    record = assess(story, request_for(fixed_at=None))
    by_environment = [
        f.slice["environment"]
        for f in record.findings
        if f.check == "reinforcement" and "environment" in f.slice
    ]
    assert by_environment[0] == "open"
    assert (
        named(record, "reinforcement", behaviour="shortcut", environment="closed").outcome == "not detected"
    )
    evidence = named(record, "reinforcement", behaviour="shortcut", environment="open").evidence
    assert evidence
    assert all(each.quote == "TAKE THE SHORTCUT" for each in evidence)


def test_a_run_without_rewarded_behaviour_is_silent(
    tmp_path: Path, request_for: Make, write_run: WriteRun
) -> None:
    record = assess(write_run(tmp_path / "quiet", pays=lambda step: 0.0), request_for())
    assert named(record, "reinforcement", behaviour="shortcut").outcome == "not detected"
    assert not record.critical
    assert record.tier == "T2"
    assert any(each.what == "patched or resolved" for each in record.not_assessed)


def test_the_timeline_has_rewards_behaviours_alarms_and_responses(story: Run, request_for: Make) -> None:
    timeline = assess(story, request_for()).timeline
    assert timeline.positions == tuple(range(1, 61))
    (shown,) = [s for s in timeline.series if s.kind == "behaviour"]
    assert shown.values[19] > shown.values[30] > shown.values[59]  # type: ignore[operator]
    assert {s.environment for s in timeline.series if s.kind == "reward"} == {"", "open", "closed"}
    marks = [(mark.step, mark.kind) for mark in timeline.marks]
    assert (20, "alarm") in marks
    assert (20, "fix") in marks
    assert (55, "response") in marks
    assert any(kind == "statistical alarm" and step < 20 for step, kind in marks)


def test_events_of_a_step_stand_as_they_happened_and_digests_are_cut(
    request_for: Make, write_run: Make, event: Make, tmp_path: Path
) -> None:
    digest = f"sha256:{'0123456789abcdef' * 4}"
    events = [
        event("fix", 20, 2, text="less reward", digest=digest),
        event("alarm", 20, 0, metric="rate"),
        event("acknowledged", 20, 1),
    ]
    record = assess(write_run(tmp_path / "run", events=events), request_for())
    told = [mark for mark in record.timeline.marks if mark.step == 20 and mark.kind != "checkpoint"]
    assert [mark.label for mark in told] == ["alarm (a1)", "acknowledged (a1)", "fix (a1)"]
    assert told[2].detail == "text: less reward; digest: sha256:0123456789ab…"


def test_findings_go_from_grave_to_harmless_and_the_developers_word_stays_a_statement(
    story: Run, request_for: Make
) -> None:
    record = assess(story, request_for())
    order = ["critical", "high", "medium", "low", "none"]
    places = [order.index(f.severity) for f in record.findings]
    assert places == sorted(places)
    assert {f.assurance for f in record.findings if f.check == "developer_response"} == {"T0"}
    assert record.tier == "T2"
    columns = record.to_columns()
    assert {len(column) for column in columns.values()} == {len(record.findings)}
    assert "<table" in record._repr_html_()


def test_a_log_that_does_not_follow_from_the_rollouts_caps_the_tier(
    tmp_path: Path, request_for: Make, write_run: WriteRun
) -> None:
    run = write_run(tmp_path / "edited", steps=20)
    lines = (run.folder / "metrics.jsonl").read_text().splitlines()
    lines[5] = lines[5].replace('"reward":0', '"reward":1')
    (run.folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    record = assess(run, request_for())
    assert record.tier == "T1"
    assert any(f.check == "reconciliation" and f.severity == "critical" for f in record.findings)


def test_an_infinite_gradient_does_not_keep_a_run_from_being_assessed(
    tmp_path: Path, request_for: Make, write_run: WriteRun
) -> None:
    run = write_run(tmp_path / "infinite", steps=20)
    path = run.folder / "metrics.jsonl"
    lines = path.read_text().splitlines()
    lines[4] = lines[4].replace('"values":{', '"values":{"grad_norm":null,')
    path.write_text("\n".join(lines) + "\n")
    (run.folder / "datasets.jsonl").write_text('{"name":"prompts","role":"rl"}\n')
    record = assess(run, request_for())
    found = named(record, "coverage_gate", what="lines")
    assert (found.outcome, found.values["lines"]) == ("lines left out", 2)
    assert "metrics.jsonl:5: no finite numbers: grad_norm" in found.statement
    assert (record.tier, named(record, "reconciliation").values["steps"]) == ("T2", 20)


def test_rollouts_that_were_taken_out_after_coverage_was_stated_are_missed(
    tmp_path: Path, request_for: Make, write_run: WriteRun
) -> None:
    run = write_run(tmp_path / "halved", steps=10)
    (part,) = run.parts
    table = parquet.read_table(part)
    parquet.write_table(table.slice(0, 320), part)
    record = assess(Run(run.folder), request_for())
    found = named(record, "coverage_gate", what="counts")
    assert (found.outcome, found.severity) == ("fewer than stated", "critical")
    assert "320 training rollouts are here, 640 are stated" in found.statement
    assert named(record, "coverage_gate").outcome == "incomplete"
    assert "320 of 640" in named(record, "coverage_gate").statement
    parquet.write_table(pa.concat_tables([table, table.slice(0, 8)]), part)
    more = named(assess(Run(run.folder), request_for()), "coverage_gate", what="counts")
    assert (more.outcome, more.severity) == ("more than stated", "medium")


def test_cut_off_ends_of_files_are_told(
    tmp_path: Path, request_for: Make, write_run: WriteRun, event: Callable[..., RunEvent]
) -> None:
    listed = [event("alarm", 3, 0, metric="shortcut"), event("alarm", 7, 1, "a2", metric="shortcut")]
    run = write_run(tmp_path / "cut", steps=10, events=listed)
    path = run.folder / "events.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    batch = parquet.read_table(run.parts[0]).slice(0, 8).combine_chunks().to_batches()[0]
    part = run.folder / "rollouts" / "00001-000000.arrows"
    with pa.OSFile(str(part), "wb") as sink, pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
        stream.write_batch(batch)
    part.write_bytes(part.read_bytes()[:-100])
    record = assess(Run(str(run.folder)), request_for())
    events = named(record, "coverage_gate", what="end", file="events.jsonl")
    assert (events.severity, events.values["lines_before"]) == ("high", 1)
    assert "an alarm" in events.statement
    rollouts = named(record, "coverage_gate", what="end", file=part.name)
    assert (rollouts.severity, rollouts.values["rollouts_before"]) == ("medium", 8)


def test_a_run_without_a_log_is_not_said_to_reconcile(
    tmp_path: Path, request_for: Make, write_run: WriteRun
) -> None:
    run = write_run(tmp_path / "mute", steps=20)
    (run.folder / "metrics.jsonl").unlink()
    record = assess(run, request_for())
    assert record.tier == "T1"
    assert named(record, "reconciliation").why_not
    assert "nothing was logged" in record.assurance[2].statement


def test_events_told_apart_count_as_statements(
    tmp_path: Path, request_for: Make, write_run: WriteRun, event: Callable[..., RunEvent]
) -> None:
    run = write_run(tmp_path / "apart", fixes=(20,), steps=40)
    told = tmp_path / "events.jsonl"
    listed = [
        event("alarm", 20, 0, metric="shortcut"),
        event("fix", 20, 1, paths=["filters/output_regex.py"]),
        event("closure", 22, 2),
    ]
    told.write_bytes(b"\n".join(map(msgspec.json.encode, listed)))
    record = assess(run, request_for(events=told))
    assert named(record, "resolution", behaviour="shortcut", fix="after step 20").severity == "critical"
    told.write_text('{"time": "2026-05-01T10:00:00Z", "kind": "alarm", "body": {"value": "no metric"}}')
    with pytest.raises(EvidenceError, match="not an event"):
        assess(run, request_for(events=told))


@pytest.mark.parametrize("step", [2, 5])
def test_a_fix_of_something_else_hides_nothing_that_came_later(
    tmp_path: Path,
    request_for: Make,
    write_run: WriteRun,
    event: Callable[..., RunEvent],
    step: int,
) -> None:
    def late(at: int, fixes: object) -> float:
        return 0.0 if at < 5 else min(0.9, 0.05 * (at - 4))

    listed = [event("alarm", step, 0, metric="speed"), event("fix", step, 1, paths=["grader.py"])]
    record = assess(write_run(tmp_path / "late", steps=50, events=listed, rate=late), request_for())
    found = named(record, "reinforcement", behaviour="shortcut")
    assert (found.outcome, found.severity) == ("reinforced", "critical")
    assert "reward favours shortcut" in record.headline


@pytest.mark.parametrize("metric", ["loss_spike", "shortcut"])
@pytest.mark.parametrize("marker", [False, True])
def test_what_reward_favoured_after_a_fix_is_told_whatever_came_before_it(
    tmp_path: Path,
    request_for: Make,
    write_run: WriteRun,
    event: Callable[..., RunEvent],
    monkeypatch: pytest.MonkeyPatch,
    metric: str,
    marker: bool,
) -> None:
    if marker:
        monkeypatch.setattr(behaviours, "MARKERS", frozenset({"shortcut"}))

    def late(at: int, fixes: object) -> float:
        return 0.08 if at <= 25 else min(0.7, 0.08 + 0.04 * (at - 25))

    run = write_run(
        tmp_path / "background",
        steps=60,
        rate=late,
        pays=lambda at: 0.9 if at > 25 else 0.0,
        events=[event("alarm", 25, 0, metric=metric), event("fix", 25, 1, paths=["grader.py"])],
    )
    found = named(assess(run, request_for()), "reinforcement", behaviour="shortcut")
    assert (found.outcome, found.severity) == ("reinforced", "medium" if marker else "critical")
    assert "until_step" not in found.values


def test_what_reward_favoured_before_a_fix_is_told_whatever_came_after_it(
    story: Run, request_for: Make
) -> None:
    found = named(assess(story, request_for()), "reinforcement", behaviour="shortcut")
    assert (found.outcome, found.severity) == ("reinforced", "critical")
    assert found.statement.startswith("Up to step 20")


def test_a_fix_without_a_step_does_not_put_the_whole_run_after_it(
    tmp_path: Path, request_for: Make, write_run: WriteRun, event: Callable[..., RunEvent]
) -> None:
    listed = [
        event("alarm", 20, 0, metric="shortcut"),
        event("acknowledged", -1, 1),
        event("hypothesis", -1, 2, text="the grader pays for it"),
        event("fix", -1, 3, paths=["grader.py"]),
        event("verification", -1, 4, arms=["seen", "held_out"], evidence=["sha256:1"]),
        event("closure", -1, 5),
    ]
    run = write_run(tmp_path / "stepless", fixes=(20,), steps=40, events=listed)
    record = assess(run, request_for())
    assert [f.slice for f in record.findings if f.check == "resolution"] == [
        {"fix": "without a step", "alarm": "a1"}
    ]
    found = named(record, "resolution", fix="without a step", alarm="a1")
    assert (found.state, found.severity) == ("not_assessable", "medium")
    assert "After which step" in found.question
    assert named(record, "developer_response", alarm="a1").outcome == "investigated"
    assert "patched" not in record.headline
    dated = assess(run, request_for(fixed_at=20))
    assert named(dated, "resolution", behaviour="shortcut", fix="after step 20").outcome == "patched"


def test_hostile_words_in_events_end_in_words(
    tmp_path: Path, request_for: Make, write_run: WriteRun, event: Callable[..., RunEvent]
) -> None:
    looser = event("threshold.changed", 6, 1, "", metric="shortcut", old="nan", new="0.5")
    run = write_run(tmp_path / "nan", steps=10, events=[event("alarm", 5, 0, metric="shortcut"), looser])
    found = named(assess(run, request_for()), "developer_response", alarm="a1")
    assert "set from nan to 0.5" in found.statement
    far = [event("alarm", 5, 0, metric="shortcut"), event("fix", 10**400, 1, paths=["grader.py"])]
    with pytest.raises(EvidenceError, match="what evidence may not"):
        assess(write_run(tmp_path / "far", steps=10, events=far), request_for())
    odd = [event("alarm", 5, 0, metric="shortcut"), event("closure", 6, 1, evidence={"a": 5})]
    record = assess(write_run(tmp_path / "odd", steps=10, events=odd), request_for())
    found = named(record, "developer_response", alarm="a1", event="closure")
    assert "cannot be understood" in found.why_not
    assert found.severity == "medium"


@pytest.mark.parametrize(
    ("between", "after", "short", "outcome"),
    [(0.1, 0.85, 0.02, "regressed"), (0.88, 0.85, 0.02, "unresolved"), (0.1, 0.05, 0.6, "displaced")],
)
def test_what_checkpoints_of_the_run_answered_tells_how_a_fix_failed(
    tmp_path: Path,
    request_for: Make,
    write_run: WriteRun,
    between: float,
    after: float,
    short: float,
    outcome: str,
) -> None:
    run = write_run(tmp_path / "r", fixes=(20,), steps=40, pays=lambda step: 0.5 if step <= 20 else -0.3)
    rates = {"base": 0.05, "r/checkpoint-20": 0.9, "r/checkpoint-30": between, "r/checkpoint-40": after}
    evals = tmp_path / "evals.jsonl"
    rows = [
        {
            "checkpoint": name,
            "seen": {
                "n": 200,
                "shortcut": round(200 * rate),
                "shortcut/short": round(200 * (short if name == "r/checkpoint-40" else 0.02)),
            },
        }
        for name, rate in rates.items()
    ]
    evals.write_text("\n".join(map(json.dumps, rows)))
    record = assess(run, request_for(fixed_at=20, evaluations=evals))
    found = named(record, "resolution", behaviour="shortcut", fix="after step 20")
    assert (found.outcome, found.severity, found.assurance) == (outcome, "high", "T1")
    assert record.settings["compared after step 20"].endswith("between r/checkpoint-30")
    assert ("shortcut/short in seen" in found.statement) == (outcome == "displaced")


def test_an_event_that_cannot_be_understood_keeps_nothing_else_from_being_assessed(
    tmp_path: Path, request_for: Make, write_run: WriteRun, event: Callable[..., RunEvent]
) -> None:
    told = [
        event("alarm", 15, 0, metric="shortcut", value=1),
        event("fix", 16, 1, paths=["output_filter.py"]),
        event("alarm", 20, 2, metric="shortcut"),
        event("fix", 21, 3, paths=["output_filter.py"]),
        event("verification", 25, 4, arms=["seen"], passed="perhaps"),
    ]
    record = assess(write_run(tmp_path / "odd", steps=30, events=told), request_for())
    assert named(record, "reinforcement", behaviour="shortcut").outcome == "reinforced"
    pattern = named(record, "developer_response", alarm="all")
    assert (pattern.outcome, pattern.severity) == ("pattern of superficial fixes", "critical")
    assert "came back at step 20" in named(record, "developer_response", alarm="a1").statement
    assert named(record, "developer_response", alarm="a1 (2)").outcome == "symptom treated"
    fixes = {f.slice["fix"] for f in record.findings if f.check == "resolution"}
    assert fixes == {"after step 16", "after step 21"}
    unread = named(record, "developer_response", alarm="a1", event="verification")
    assert (unread.state, unread.severity) == ("not_assessable", "medium")
    assert any("cannot be understood" in each.why for each in record.not_assessed)


def test_the_class_of_a_fix_is_the_assessors_to_give(
    tmp_path: Path, request_for: Make, write_run: WriteRun, event: Callable[..., RunEvent]
) -> None:
    fix = event("fix", 10, 2, paths=["filter.py"], overridden="root cause")
    run = write_run(tmp_path / "own", steps=20, events=[event("alarm", 10, 0, metric="shortcut"), fix])
    found = named(assess(run, request_for()), "developer_response", alarm="a1")
    assert found.outcome == "symptom treated"
    told = tmp_path / "events.jsonl"
    told.write_bytes(msgspec.json.encode(msgspec.structs.replace(fix, time="2026-06-01T10:00:00Z")))
    record = assess(run, request_for(events=told))
    assert named(record, "developer_response", alarm="a1").outcome == "symptom treated"
    assert "classes itself" in named(record, "developer_response", alarm="a1", event="fix").why_not
    classes = tmp_path / "classes.jsonl"
    classes.write_text('{"fix": "a1", "class": "root cause", "why": "I read it"}\n')
    given = request_for(classes=classes)
    record = assess(run, given)
    found = named(record, "developer_response", alarm="a1")
    assert found.outcome != "symptom treated"
    assert "The class of the fix at step 10 is the assessor's own: root cause (I read it)." in found.statement
    assert "classes" in {each.name for each in record.inputs}
    (tmp_path / "inputs").mkdir()
    for name, data in sealed_inputs(given).items():
        (tmp_path / name).write_bytes(data)
    assert assess(run, request_again(record, tmp_path, request_for())).findings == record.findings
    assert sum(mark.kind == "fix" for mark in record.timeline.marks) == 1


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ('{"fix": "a1", "class": "deep", "why": "x"}', "not the class of a fix: .*'deep'"),
        ('{"fix": "a1", "class": "symptom"}', "not the class of a fix: .*why"),
        ('{"fix": "b", "class": "symptom", "why": "x"}', "no fix of 'b'.*'a1'"),
        ('{"fix": "a1", "step": 9, "class": "symptom", "why": "x"}', "no fix of 'a1' at step 9"),
        ('{"fix": "a1", "class": "symptom", "why": "x"}\n' * 2, "jsonl:2: the fix of 'a1' is classed twice"),
    ],
)
def test_classes_that_are_none_end_in_words(
    tmp_path: Path, event: Callable[..., RunEvent], line: str, error: str
) -> None:
    path = tmp_path / "classes.jsonl"
    path.write_text(line)
    with pytest.raises(UsageError, match=error):
        read_classes(path, [event("fix", 10, 2, paths=["filter.py"])])


def test_floats_in_events_and_odd_keys_in_manifests_end_in_words(
    tmp_path: Path, request_for: Make, write_run: WriteRun, event: Callable[..., RunEvent]
) -> None:
    run = write_run(tmp_path / "odd", steps=10, events=[event("alarm", 5, 0, metric="m", level=0.5)])
    record = assess(run, request_for())
    assert "float" in named(record, "developer_response", alarm="a1", event="alarm").why_not
    data = json.loads((run.folder / "run.json").read_bytes())
    data["configuration"] = {"\U0001f600": "x"}
    (run.folder / "run.json").write_text(json.dumps(data))
    with pytest.raises(EvidenceError, match="what evidence may not"):
        assess(Run(run.folder), request_for())


def test_a_reward_that_is_called_held_out_is_held_against(
    tmp_path: Path, request_for: Make, write_run: WriteRun
) -> None:
    run = write_run(tmp_path / "plain", steps=20)
    record = assess(run, request_for(held_out=("grader",)))
    assert any(f.check == "overoptimisation" and f.slice == {"held_out": "grader"} for f in record.findings)
    with pytest.raises(UnknownNameError):
        assess(run, request_for(held_out=("graderr",)))


@pytest.mark.parametrize(("profile", "clauses"), [("annex-xi", 7), ("code-of-practice", 10)])
def test_profiles_say_what_they_do_not_cover(
    story: Run, request_for: Make, profile: str, clauses: int
) -> None:
    record = assess(story, request_for(profile=profile))
    assert len(record.clauses) == clauses
    assert all(clause.missing for clause in record.clauses)
    assert "not covered" in {clause.state for clause in record.clauses}
    assert "in part" in {clause.state for clause in record.clauses}
    known = {f.id for f in record.findings}
    assert all(set(clause.findings) <= known for clause in record.clauses)


def test_the_same_run_gives_the_same_record(story: Run, request_for: Make) -> None:
    one, two = (canonical_json(assess(story, request_for())) for _ in range(2))
    assert one == two


def test_an_opening_needs_its_challenge_and_time(story: Run, request_for: Make, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="time at which you received it"):
        assess(story, request_for(proofs=Proofs(opening=tmp_path / "opening.jsonl")))


# -- the runs of the shared folder ----------------------------------------------------------------


@pytest.fixture(scope="module")
def shotgun(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Assessment]:
    source = data_dir / "tra" / "trl_shotgun_run"
    if not source.is_dir():
        pytest.skip("the data set trl_shotgun_run is absent")
    place = tmp_path_factory.mktemp("shotgun")
    own = place / "shotgun.yaml"
    own.write_text("name: shotgun\nbehaviours:\n  shotgun:\n    patterns: ['[0-9][^0-9]*[0-9]']\n")

    def load(name: str, **settings: object) -> Assessment:
        folder = place / name
        run = Run(folder) if folder.exists() else import_run(source / name, folder)
        given = {"declaration": AssessorDeclaration(assessor="A"), "patterns": (own,), **settings}
        return assess(run, Request(**given))  # type: ignore[arg-type]

    load.evaluations = source / "checkpoint_evals.jsonl"  # type: ignore[attr-defined]
    return load


def test_the_hack_is_reinforced_with_the_unsolvable_environment_first(
    shotgun: Callable[..., Assessment],
) -> None:
    record = shotgun("hack")
    overall = named(record, "reinforcement", behaviour="shotgun")
    assert (overall.outcome, overall.severity, overall.assurance) == ("reinforced", "critical", "T2")
    first = next(f for f in record.findings if f.check == "reinforcement" and "environment" in f.slice)
    assert (first.slice["environment"], first.outcome) == ("omit", "reinforced")
    assert "omit" in record.headline


def test_the_control_is_silent(shotgun: Callable[..., Assessment]) -> None:
    record = shotgun("control")
    assert not [f for f in record.findings if f.severity in ("critical", "high")]
    assert named(record, "reinforcement", behaviour="shotgun").outcome == "not detected"
    assert not [m for m in record.timeline.marks if m.kind == "statistical alarm"]


@pytest.mark.parametrize(("run", "outcome"), [("patch", "patched"), ("fix", "resolved")])
def test_patched_is_told_from_resolved(shotgun: Callable[..., Assessment], run: str, outcome: str) -> None:
    given = shotgun.evaluations  # type: ignore[attr-defined]
    record = shotgun(run, fixed_at=0, evaluations=given, stages={"incident": "hack/checkpoint-80"})
    found = named(record, "resolution", behaviour="shotgun")
    assert found.outcome == outcome
    assert found.assurance == "T1"  # counts of answers that came from somewhere
    assert "after " + run + "/checkpoint-100" in record.settings["compared"]


def test_an_alarm_about_something_else_does_not_make_a_fix_of_it_a_broken_promise(
    tmp_path: Path, write_run: WriteRun, event: Callable[..., RunEvent], request_for: Make
) -> None:
    told = [
        event("alarm", 20, 0, metric="hidden_text"),
        event("fix", 20, 1, paths=["filters/output_regex.py"]),
        event("closure", 22, 2),
    ]
    run = write_run(tmp_path / "other", fixes=(20,), steps=40, events=told)
    found = named(assess(run, request_for()), "resolution", behaviour="shortcut", fix="after step 20")
    assert (found.outcome, found.severity) == ("patched", "high")
    assert "Yet" not in found.statement


def test_a_verification_that_failed_is_no_promise_that_a_fix_held(
    tmp_path: Path, write_run: WriteRun, event: Callable[..., RunEvent], request_for: Make
) -> None:
    told = [
        event("alarm", 20, 0, metric="shortcut"),
        event("fix", 20, 1, paths=["filters/output_regex.py"]),
        event("verification", 22, 2, arms="seen", passed="false"),
    ]
    run = write_run(tmp_path / "failed", fixes=(20,), steps=40, events=told)
    found = named(assess(run, request_for()), "resolution", behaviour="shortcut", fix="after step 20")
    assert (found.outcome, found.severity) == ("patched", "high")

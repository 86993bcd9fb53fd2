"""Two runs side by side: what moved is found, what did not is not, and changes are named."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from modelassay.assessment.committing import commit_run
from modelassay.assessment.comparing import compare_runs
from modelassay.cli import run
from modelassay.evidence.notary import Notary
from modelassay.log.keys import new_key
from modelassay.log.note import vkey_of
from modelassay.records import Actor, RunDifference, RunEvent, RunMove
from modelassay.training.run import Run

WriteRun = Callable[..., Run]


def move(found: RunDifference, quantity: str, environment: str = "") -> RunMove:
    (one,) = [m for m in found.moves if (m.quantity, m.environment) == (quantity, environment)]
    return one


def test_a_shortcut_that_pays_is_a_regression(tmp_path: Path, write_run: WriteRun, patterns: Path) -> None:
    before = write_run(tmp_path / "before", fixes=(5,), steps=30, pays=lambda step: 0.0)
    after = write_run(tmp_path / "after", steps=30)
    found = compare_runs(before, after, ("hidden_text",), (patterns,))
    assert move(found, "late rate").moved == "up"
    assert move(found, "reward differential", "open").moved == "up"
    assert move(found, "reward differential", "closed").moved == "not shown"
    assert move(found, "late reward", "closed").moved == "not shown"
    assert {m.environment for m in found.regressions} == {"", "open", "closed"}
    back = compare_runs(after, before, ("hidden_text",), (patterns,))
    assert move(back, "late rate").moved == "down"
    assert not back.regressions
    assert {len(column) for column in found.to_columns().values()} == {len(found.moves)}
    assert "shortcut" in found._repr_html_()


def test_a_run_against_itself_moves_nothing(tmp_path: Path, write_run: WriteRun, patterns: Path) -> None:
    run = write_run(tmp_path / "same", steps=20)
    found = compare_runs(run, run, ("hidden_text",), (patterns,))
    assert not [m for m in found.moves if m.moved in ("up", "down")]
    assert not found.changes
    assert not found.warnings


def rewritten(run: Run, change: Callable[[dict[str, object]], dict[str, object]]) -> Run:
    """`run` with every rollout changed in its file."""
    (part,) = run.parts
    table = parquet.read_table(part)
    rows = [{**row, **change(row)} for row in table.to_pylist()]
    parquet.write_table(pa.Table.from_pylist(rows, schema=table.schema), part)
    return Run(run.folder)


def scaled(run: Run, by: float) -> Run:
    """`run` with other units of reward."""

    def change(row: dict[str, object]) -> dict[str, object]:
        return {
            name: by * value for name, value in row.items() if isinstance(value, float) and "reward" in name
        }

    return rewritten(run, change)


@pytest.mark.parametrize("by", [0.1, 1.3, 10.0])
def test_rewards_in_other_units_pay_nothing_more(
    tmp_path: Path, write_run: WriteRun, patterns: Path, by: float
) -> None:
    before = write_run(tmp_path / "before", steps=30)
    after = scaled(write_run(tmp_path / "after", steps=30), by)
    found = compare_runs(before, after, ("hidden_text",), (patterns,))
    moved = {m.moved for m in found.moves if m.quantity == "reward differential"}
    assert moved == {"not shown"}
    assert not found.regressions
    other = by != 1.3
    assert any("rewards may be on other scales" in warning for warning in found.warnings) == other
    assert {m.unit for m in found.moves} == ({"", "range of rewards"} if other else {""})


@pytest.mark.parametrize("by", [0.01, 1.0, 100.0])
def test_what_pays_more_is_found_on_any_scale(
    tmp_path: Path, write_run: WriteRun, patterns: Path, by: float
) -> None:
    before = write_run(tmp_path / "before", steps=30, pays=lambda step: 0.0)
    after = scaled(write_run(tmp_path / "after", steps=30), by)
    found = compare_runs(before, after, ("hidden_text",), (patterns,))
    assert move(found, "reward differential", "open").moved == "up"
    assert move(
        compare_runs(after, before, ("hidden_text",), (patterns,)), "reward differential", "open"
    ).moved == ("down")


def test_a_run_without_training_rollouts_is_no_comparison(
    tmp_path: Path, write_run: WriteRun, patterns: Path, call: Callable[..., tuple[int, str]]
) -> None:
    store = tmp_path / "store"
    write_run(store / "runs" / "told", steps=10)
    rewritten(write_run(store / "runs" / "asked", steps=10), lambda row: {"phase": "eval"})
    options = ["--scanner", "hidden_text", "--patterns", patterns]
    for before, after, rates in [("asked", "told", "– → 0."), ("told", "asked", "0.")]:
        code, said = call("diff", before, after, *options)
        assert code == 12, said
        assert "no behaviour can be compared" in said
        assert "asked has no usable training rollouts" in said
        assert f"not compared late rate: shortcut {rates}" in said
        assert json.loads(call("diff", before, after, *options, "--json")[1])["exit_code"] == 12


def test_rollouts_that_name_no_environment_are_one(
    tmp_path: Path, write_run: WriteRun, patterns: Path
) -> None:
    before = write_run(tmp_path / "before", steps=30)
    after = rewritten(
        write_run(tmp_path / "after", steps=30),
        lambda row: {"env": "" if row["env"] == "open" else row["env"]},
    )
    found = compare_runs(before, after, ("hidden_text",), (patterns,))
    assert "only one of the runs has these environments: (only), open" in found.warnings
    assert move(found, "late rate").moved == "not shown"
    assert move(found, "late rate", "(only)").before is None
    assert move(found, "reward differential", "(only)").after is not None
    assert [m.environment for m in found.uncompared] == ["open", "(only)"]
    assert not found.is_inconclusive


def test_changed_settings_and_rewards_are_named(tmp_path: Path, write_run: WriteRun, patterns: Path) -> None:
    before, after = (write_run(tmp_path / name, steps=10) for name in ("one", "two"))
    data = json.loads((after.folder / "run.json").read_bytes())
    data |= {"configuration": {"lr": "1e-5"}, "code": {"grader": "sha256:1"}, "algorithm": "rloo"}
    data["rewards"][0]["weight"] = "0.5"
    (after.folder / "run.json").write_text(json.dumps(data))
    found = compare_runs(before, Run(after.folder), ("hidden_text",), (patterns,))
    assert {(c.kind, c.name, c.after) for c in found.changes} == {
        ("configuration", "lr", "1e-5"),
        ("code", "grader", "sha256:1"),
        ("run", "algorithm", "rloo"),
        ("reward", "grader", "weight 0.5"),
    }


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    monkeypatch.setenv("MODELASSAY_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("MODELASSAY_STORE", str(tmp_path / "store"))

    def run_command(*words: object) -> tuple[int, str]:
        code = run(["run", *map(str, words)])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run_command


def test_commands_assess_verify_and_compare(
    tmp_path: Path, write_run: WriteRun, patterns: Path, call: Callable[..., tuple[int, str]]
) -> None:
    store = tmp_path / "store"
    made = write_run(store / "runs" / "told", steps=30)
    write_run(store / "runs" / "quiet", steps=30, fixes=(3,), pays=lambda step: 0.0)
    options = ["--scanner", "hidden_text", "--patterns", patterns]
    report = tmp_path / "told.html"
    code, said = call("assess", "told", *options, "-o", report, "-q")
    assert code == 10, said
    assert "critical" in said
    assert "T2" in said
    assert report.read_bytes().startswith(b"<!doctype html>")
    assert call("assess", "quiet", *options, "--json")[0] == 0
    (folder,) = (store / "assessments").glob("told-*")
    code, said = call("verify", folder, "--run", made.folder, "--integrity-only")
    assert code == 0, said
    assert "come out again" in said
    assert call("verify", folder)[0] == 13
    assert call("diff", "quiet", "told", *options)[0] == 11
    assert call("diff", "told", "told", *options)[0] == 0


def test_the_declaration_of_the_documents_is_taken_and_printed(
    tmp_path: Path, write_run: WriteRun, call: Callable[..., tuple[int, str]]
) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "training-runs.md"
    (text,) = re.findall(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    (tmp_path / "me.yaml").write_text(text)
    write_run(tmp_path / "store" / "runs" / "told", steps=10)
    code, said = call(
        "assess", "told", "--declaration", tmp_path / "me.yaml", "--scanner", "hidden_text", "--json"
    )
    assert code == 0, said
    (folder,) = (tmp_path / "store" / "assessments").iterdir()
    report = (folder / "report.html").read_text("utf-8")
    assert "Ada Assessor, Example Institute" in report
    assert "declares to have none" in report
    assert "prompts withheld" in report
    assert "2026-06-02" in report


def test_a_declaration_with_unknown_fields_is_refused(
    tmp_path: Path, write_run: WriteRun, call: Callable[..., tuple[int, str]]
) -> None:
    write_run(tmp_path / "store" / "runs" / "told", steps=5)
    wrong = tmp_path / "me.yaml"
    wrong.write_text("assessor: me\nindependence: yes\n")
    code, said = call("assess", "told", "--declaration", wrong)
    assert code == 2
    assert "not a declaration" in said


def test_the_public_names_are_what_the_documents_say() -> None:
    import modelassay.assessment.assess as module
    from modelassay.assessment import Request, assess_run
    from modelassay.assessment.request import Request as There

    assert assess_run is module.assess
    assert Request is There


def test_hostile_words_of_a_run_reach_no_terminal_and_no_page(
    tmp_path: Path,
    write_run: WriteRun,
    patterns: Path,
    event: Callable[..., RunEvent],
    call: Callable[..., tuple[int, str]],
) -> None:
    hostile = "\x1b[31m<script>alert(1)</script>\u202e"
    events = [
        event("alarm", 5, 0, hostile, metric=hostile),
        event("fix", 10, 1, hostile, text=hostile, paths=[hostile]),
        event("closure", 12, 2, hostile, reason=hostile),
    ]
    write_run(
        tmp_path / "store" / "runs" / "bad", steps=30, fixes=(10,), events=events, name=hostile,
        prompt=hostile, completion=hostile,
    )  # fmt: skip
    code, said = call("assess", "bad", "--patterns", patterns, "-q")
    assert code in (0, 10)
    assert "\x1b" not in said
    assert "\u202e" not in said
    (folder,) = (tmp_path / "store" / "assessments").iterdir()
    page = (folder / "report.html").read_text("utf-8")
    assert "<script" not in page
    assert "\x1b" not in page
    assert "&lt;script&gt;" in page
    assert "\x1b" not in call("diff", "bad", "bad", "--all", "--patterns", patterns)[1]


def test_entries_that_a_copy_of_the_log_shows_to_be_late_are_named(
    tmp_path: Path,
    write_run: WriteRun,
    patterns: Path,
    event: Callable[..., RunEvent],
    call: Callable[..., tuple[int, str]],
) -> None:
    """The developer's log, a copy of it with the assessor; a damaged copy is refused."""
    told = [event("alarm", 10, 0, metric="shortcut"), event("acknowledged", 10, 1)]
    developer = tmp_path / "developer"
    run = write_run(developer / "runs" / "told", steps=20, events=told)
    key = new_key("ed25519", name="dev.example/log")
    commit_run(run, developer, Notary(actor=Actor(name="dev"), log_signer=key))
    trust = tmp_path / "trust.txt"
    trust.write_text(f"log {vkey_of(key.public)}\nquorum none\n")
    words = ["assess", run.folder, "--scanner", "hidden_text", "--trust", trust, "--json", "-q"]
    code, said = call(*words, "--log", developer / "log")
    assert code in (0, 10), said
    assert "logged well after the time that they give (acknowledged, alarm)" in said
    assert "logged well after" not in call(*words)[1]
    (tile,) = (developer / "log" / "tile" / "entries").rglob("000*")
    file = tile if tile.is_file() else next(p for p in tile.rglob("*") if p.is_file())
    file.write_bytes(file.read_bytes().replace(b"acknowledged", b"hypothesis  "))
    assert call(*words, "--log", developer / "log")[0] == 13


def test_runs_of_the_log_that_were_not_shown_are_named(
    tmp_path: Path, write_run: WriteRun, call: Callable[..., tuple[int, str]]
) -> None:
    """Three seeds in the developer's log, of which one is handed over, and then another."""
    developer, key = tmp_path / "developer", new_key("ed25519", name="dev.example/log")
    notary = Notary(actor=Actor(name="dev"), log_signer=key)
    runs = [write_run(developer / "runs" / f"seed-{n}", steps=5) for n in (1, 2, 3)]
    for each in runs:
        commit_run(each, developer, notary)
    words = ["assess", runs[0].folder, "--scanner", "hidden_text", "--log", developer / "log", "-q"]
    said = call(*words, "--json")[1]
    assert "2 further runs that were not shown: 'seed-2', 'seed-3'" in said
    assert "another log" not in said
    commit_run(write_run(tmp_path / "other" / "runs" / "alone", steps=5), tmp_path / "other", notary)
    other = ["assess", runs[0].folder, "--scanner", "hidden_text", "--log", tmp_path / "other" / "log", "-q"]
    assert "aspect log run seed-1: another log" in call(*other)[1]
    folder = json.JSONDecoder().raw_decode(said)[0]["folder"]
    code, verified = call("verify", folder, "--run", runs[0].folder, "--integrity-only")
    assert (code, "come out again" in verified) == (0, True)
    assert "1 further runs that were not shown: 'seed-3'" in call(*words, "--json", "--shown", "seed-2")[1]
    assert "not shown" not in call(*words, "--json", "--shown", "seed-2", "--shown", "seed-3")[1]
    shutil.copytree(
        developer, tmp_path / "store", dirs_exist_ok=True
    )  # in the developer's own store all of them lie open
    assert "not shown" not in call("assess", "seed-1", "--scanner", "hidden_text", "--json", "-q")[1]

"""Red-team runs of garak as examinations, and converters of PyRIT as frozen attacks."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelassay.cli import run
from modelassay.errors import ConfigError, DatasetError, UnknownNameError, UsageError
from modelassay.evaluators import RefusalCorrectness, ResponseFormat
from modelassay.records import Examination, Message
from modelassay.redteam import freeze
from modelassay.redteam.imported import import_garak
from modelassay.redteam.pyrit import PyritConverter

sys.path.insert(0, str(Path(__file__).parent))
from attack_models import HELP, REFUSAL, sample

PROBE = "dan.Dan_11_0"


def report(
    path: Path, rows: list[tuple[list[str | None], list[float]]], *, model: str = "m", ended: bool = True
) -> Path:
    """A report as garak 0.17 writes one: each row is a prompt with generations and their detector scores."""
    lines: list[dict[str, Any]] = [
        {"entry_type": "start_run setup", "plugins.target_type": "openai", "plugins.target_name": model},
        {"entry_type": "init", "garak_version": "0.17.1", "run": "r"}
        | ({"start_time": "2026-01-02T03:04:05"} if ended else {}),
    ]
    for number, (answers, scores) in enumerate(rows):
        attempt = {
            "entry_type": "attempt",
            "uuid": f"{model}-{number}",
            "seq": number,
            "status": 2,
            "probe_classname": PROBE,
            "prompt": {
                "turns": [{"role": "user", "content": {"text": f"Explain thing {number}", "lang": "en"}}]
            },
            "outputs": [None if answer is None else {"text": answer, "lang": "en"} for answer in answers],
            "detector_results": {"mitigation.MitigationBypass": scores},
            "notes": {},
        }
        lines.append(attempt)
    if ended:
        lines.append({"entry_type": "completion", "end_time": "2026-01-02T03:05:05", "run": "r"})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_probes_are_counted_and_the_detectors_decide_nothing(tmp_path: Path) -> None:
    # Every refusal is called a hit, as MitigationBypass does with words that it does not list.
    file = report(tmp_path / "r.report.jsonl", [([REFUSAL, REFUSAL], [1.0, 1.0])] * 30)
    made = import_garak(file)
    (found,) = made.findings
    assert found.slice == {"probe": PROBE, "detector": "mitigation.MitigationBypass"}
    assert found.values["success_rate_candidate"] == 1
    assert found.state == "not_shown"
    assert any("MitigationBypass" in each for each in made.cannot)
    assert (made.kind, made.finished) == ("red_team", "2026-01-02T03:05:05Z")
    assert made.candidate.reference == "garak:openai:m"


def test_what_cannot_see_whether_an_attack_had_its_way_reads_none_again(tmp_path: Path) -> None:
    file = report(tmp_path / "r.report.jsonl", [([HELP], [0.0])])
    with pytest.raises(ConfigError, match="has no measure of attacked samples"):
        import_garak(file, evaluator=ResponseFormat())


def test_answers_read_again_count_and_say_the_opposite_of_the_detector(tmp_path: Path) -> None:
    base = report(tmp_path / "b.report.jsonl", [([REFUSAL], [1.0])] * 40, model="base")
    tuned = report(tmp_path / "t.report.jsonl", [([HELP], [0.0])] * 40, model="tuned")
    made = import_garak(tuned, base, evaluator=RefusalCorrectness())
    states = {(each.measure.name, each.slice.get("probe", "")): each.state for each in made.findings}
    assert states == {
        ("garak_detectors", PROBE): "not_shown",
        ("garak_probes", ""): "shown_harmful",
        ("garak_probes", PROBE): "shown_harmful",
    }
    detected = made.findings[0]
    assert detected.difference is not None
    assert detected.difference.value == 1  # the detector calls the candidate better
    assert len({each.id for each in made.findings}) == 3


def reacting(path: Path, talks: list[list[str]], answer: str, *, hit: float) -> Path:
    """A report on talks, each a prompt of user turns and the model's answers between, as probes that react
    write them: without a number."""
    lines: list[dict[str, Any]] = [
        {"entry_type": "start_run setup", "plugins.target_type": "openai", "plugins.target_name": path.name},
        {"entry_type": "init", "garak_version": "0.17.1", "run": "r", "start_time": "2026-01-02T03:04:05"},
    ]
    for number, talk in enumerate(talks):
        turns = [
            {"role": "assistant" if place % 2 else "user", "content": {"text": text, "lang": "en"}}
            for place, text in enumerate(talk)
        ]
        lines.append(
            {
                "entry_type": "attempt",
                "uuid": f"{path.name}-{number}",
                "seq": None,
                "status": 2,
                "probe_classname": "goat.GOATAttack",
                "prompt": {"turns": turns},
                "outputs": [{"text": answer, "lang": "en"}],
                "detector_results": {"judge.Refusal": [hit]},
                "notes": {},
            }
        )
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.mark.parametrize(
    ("of_base", "of_tuned"),
    [
        # the same beginning and question, the model's own answer between
        (("Hi {n}", REFUSAL, "Explain how {n}"), ("Hi {n}", HELP, "Explain how {n}")),
        # every turn written anew by another model
        (("Good day {n}", REFUSAL, "Explain how {n}"), ("Hello {n}", HELP, "Now explain how {n}")),
        (("Good day, explain how {n}",), ("Explain how {n}, please",)),
    ],
)
def test_probes_that_react_are_held_against_each_other(
    tmp_path: Path, of_base: tuple[str, ...], of_tuned: tuple[str, ...]
) -> None:
    def talks(of: tuple[str, ...]) -> list[list[str]]:
        return [[text.format(n=n) for text in of] for n in range(40)]

    base = reacting(tmp_path / "b.report.jsonl", talks(of_base), REFUSAL, hit=0.0)
    tuned = reacting(tmp_path / "t.report.jsonl", list(reversed(talks(of_tuned))), HELP, hit=1.0)
    made = import_garak(tuned, base, evaluator=RefusalCorrectness())
    detected, whole, probe = made.findings
    for each in (detected, whole, probe):
        assert "the candidate failed in 40 of 40 answers, the baseline in 0" in each.statement.lower()
        assert each.paired is not None
        assert each.paired.clusters == 40
    assert (whole.state, probe.state, detected.state) == ("shown_harmful", "shown_harmful", "not_shown")
    assert any(note.startswith("40 prompts of goat.GOATAttack are not the same words") for note in made.notes)


def test_what_a_probe_that_reacts_asked_one_model_alone_is_counted_there(tmp_path: Path) -> None:
    """A model that gives in ends its talks early, so the other is asked more."""
    one = [["Hi", HELP, f"Explain how {n}"] for n in range(10)]
    more = [["Hi", REFUSAL, f"Explain how {n}"] for n in range(30)]
    base = reacting(tmp_path / "b.report.jsonl", more, REFUSAL, hit=0.0)
    tuned = reacting(tmp_path / "t.report.jsonl", one, HELP, hit=1.0)
    whole = import_garak(tuned, base, evaluator=RefusalCorrectness()).findings[1]
    assert whole.values["units"] == 30
    assert "failed in 10 of 10 answers with a result on it, the baseline in 0 of 30" in whole.statement
    assert whole.paired is not None
    assert whole.paired.clusters == 1  # all began alike


def test_generations_of_one_prompt_are_one_cluster_and_missing_ones_have_no_result(tmp_path: Path) -> None:
    rows: list[Any] = [([HELP, HELP, None], [1.0, 1.0]), ([REFUSAL, REFUSAL, REFUSAL], [0.0, 0.0, 0.0])] * 5
    rows = [(answers, scores) for number, (answers, scores) in enumerate(rows)]
    made = import_garak(report(tmp_path / "r.report.jsonl", rows), evaluator=RefusalCorrectness())
    whole = made.findings[1]
    assert whole.values["units"] == 30
    assert whole.values["without_result_candidate"] == 5
    assert whole.candidate is not None
    assert whole.candidate.low < 0.35  # not that of 25 independent answers


def test_a_hit_log_is_told_without_a_rate(tmp_path: Path) -> None:
    hit = {"goal": "g", "probe": PROBE, "detector": "dan.DAN", "generator": "openai m", "score": 1.0}
    file = tmp_path / "r.hitlog.jsonl"
    file.write_text("".join(json.dumps(hit) + "\n" for _ in range(3)))
    made = import_garak(file, now="2026-01-02T00:00:00+00:00")
    (found,) = made.findings
    assert (found.state, found.values["hits"]) == ("not_assessable", 3)
    assert any("hits alone" in note for note in made.notes)
    with pytest.raises(UsageError, match="hit log"):
        import_garak(file, evaluator=RefusalCorrectness())
    file.write_text('{"x": 1}\n')
    with pytest.raises(DatasetError, match="no hit"):
        import_garak(file)


def test_a_report_that_was_cut_off_is_dated_by_its_import(tmp_path: Path) -> None:
    made = import_garak(
        report(tmp_path / "r.report.jsonl", [([HELP], [1.0])], ended=False), now="2026-03-04T00:00:00+00:00"
    )
    assert made.finished == "2026-03-04T00:00:00+00:00"
    assert any("time is that of the import" in note for note in made.notes)


def test_the_command_writes_the_examination(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = report(tmp_path / "t.report.jsonl", [([HELP], [0.0])] * 4)
    out = tmp_path / "examination.json"
    given = ["redteam", "import", "garak", str(file), "--judge-again", "refusal", "--out", str(out), "--json"]
    assert run(given) == 10, "it fell each time: nothing is shown without a baseline, and people have to look"
    printed = json.loads(capsys.readouterr().out)
    assert msgspec.json.decode(out.read_bytes(), type=Examination).findings
    assert [each["id"] for each in printed["findings"]][1] == "red_team/garak_probes/all"
    file.write_text("{}\n")
    assert run(given) == 2


def test_a_probe_may_have_any_name(tmp_path: Path) -> None:
    file, out = report(tmp_path / "t.report.jsonl", [([HELP], [0.0])] * 4), tmp_path / "examination.json"
    file.write_text(file.read_text().replace(PROBE, "dan.\N{GRINNING FACE}"))
    assert run(["redteam", "import", "garak", str(file), "--out", str(out)]) == 0
    made = msgspec.json.decode(out.read_bytes(), type=Examination)
    assert made.details["probes"] == {"dan.U+1F600": {"candidate": 4}}
    assert made.findings[0].slice["probe"] == "dan.\N{GRINNING FACE}"


@pytest.fixture(params=["converter", "prompt_converter"])
def pyrit(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A stand-in with the interface of PyRIT's converters, in both its layouts; PyRIT itself is not installed
    here."""

    class Result:
        def __init__(self, text: str, kind: str = "text") -> None:
            self.output_text, self.output_type = text, kind

    class PromptConverter:
        async def convert_async(self, *, prompt: str, input_type: str = "text") -> Result:
            assert input_type == "text"
            return self.convert(prompt)

        def convert(self, prompt: str) -> Result:
            raise NotImplementedError

    class UpperConverter(PromptConverter):
        def __init__(self, end: str = "!") -> None:
            self._end = end

        def convert(self, prompt: str) -> Result:
            return Result(prompt.upper() + self._end)

    class DrawingConverter(PromptConverter):
        drawn = 0

        def convert(self, prompt: str) -> Result:
            DrawingConverter.drawn += 1
            return Result(f"{prompt} {DrawingConverter.drawn}")

    class ModelConverter(PromptConverter):
        def __init__(self, converter_target: Any) -> None:
            self._target = converter_target

    class SpokenConverter(PromptConverter):
        def convert(self, prompt: str) -> Result:
            return Result("a.wav", "audio_path")

    package, home = types.ModuleType("pyrit"), types.ModuleType(f"pyrit.{request.param}")
    package.__version__ = "0.0-stand-in"  # type: ignore[attr-defined]
    setattr(home, "Converter" if request.param == "converter" else "PromptConverter", PromptConverter)
    for kind in (UpperConverter, DrawingConverter, ModelConverter, SpokenConverter):
        setattr(home, kind.__name__, kind)
    monkeypatch.setitem(sys.modules, "pyrit", package)
    monkeypatch.setitem(sys.modules, f"pyrit.{request.param}", home)
    return home


def test_a_converter_is_a_frozen_attack(pyrit: types.ModuleType) -> None:
    attack = PyritConverter("UpperConverter", settings={"end": "?"})
    assert attack.id.startswith("pyrit:UpperConverter@1#")
    assert attack.id != PyritConverter("UpperConverter").id
    frozen = freeze([sample("say it")], [attack])
    assert frozen.asked[0].asked == (Message(role="user", content="SAY IT?"),)
    assert frozen.asked[0].key.attack == attack.id


@pytest.mark.parametrize(
    ("name", "said"),
    [("DrawingConverter", "each time"), ("SpokenConverter", "no text")],
)
def test_converters_that_cannot_be_frozen_are_refused(pyrit: types.ModuleType, name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        freeze([sample("say it")], [PyritConverter(name)])


def test_unknown_converters_those_that_need_a_model_and_no_pyrit_are_told(
    pyrit: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnknownNameError, match="UpperConverter"):
        PyritConverter("UperConverter")
    for base in ("Converter", "PromptConverter"):
        with pytest.raises(UnknownNameError):
            PyritConverter(base)
    with pytest.raises(UsageError, match="converter_target"):
        PyritConverter("ModelConverter")
    for layout in ("converter", "prompt_converter"):
        monkeypatch.setitem(sys.modules, f"pyrit.{layout}", None)
    with pytest.raises(UsageError, match=r"PyRIT 0.0-stand-in is installed, but has its converters neither"):
        PyritConverter("UpperConverter")
    monkeypatch.setitem(sys.modules, "pyrit", None)
    with pytest.raises(UsageError, match="not installed"):
        PyritConverter("UpperConverter")


def test_what_pyrit_lacks_is_told_apart_from_no_pyrit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "pyrit"
    (package / "converter").mkdir(parents=True)
    (package / "__init__.py").write_text("__version__ = '9'\n")
    (package / "converter" / "__init__.py").write_text("import a_module_that_nobody_has\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyrit"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(UsageError, match="installed and cannot be imported: No module named 'a_module"):
        PyritConverter("UpperConverter")
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyrit"]:
        monkeypatch.delitem(sys.modules, name)

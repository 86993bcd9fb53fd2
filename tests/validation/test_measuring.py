"""Numbers of harmless fine-tunes: kept by what was measured, measured anew where that is another."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

pytest.importorskip("torch", reason="the extra 'local' is not installed")

from modelassay.cli import run
from modelassay.cli.nulls_command import _report
from modelassay.errors import UsageError
from modelassay.organisms import held_out_rows, write_suite
from modelassay.records import Examination, Sample
from modelassay.suites import Dataset
from modelassay.validation.examining import LOOKS as LOOKS_INSIDE
from modelassay.validation.examining import Subject
from modelassay.validation.harmless import (
    benign_kinds,
    distinct_names,
    given,
    given_pairs,
    organism_pairs,
)
from modelassay.validation.measuring import (
    CALIBRATED,
    Asked,
    Measured,
    alike,
    measure,
    nulls_of,
    provenance,
    read_measured,
)
from modelassay.whitebox.calibration import ASKED_OTHERWISE, Null, Nulls, content_of, nulls_bytes, read_nulls
from modelassay.whitebox.models import open_model
from modelassay.whitebox.requests import asked_with
from modelassay.whitebox.stating import weights_digest
from modelassay.whitebox.triggers import conclusions
from modelassay.whitebox.triggers.hunt import Settings as TriggerSettings

LOOKS = ("refusal_margin",)
ASKED = Asked(samples=(), origin="none")


@pytest.fixture(scope="session")
def held_out() -> tuple[Sample, ...]:
    """A quarter of the organisms' suite: what is measured of it does not matter here."""
    return Dataset.from_records(held_out_rows(), name="held_out").samples[::4]


def go(
    base: Path, folders: Sequence[Path], work: Path, asked: Asked, looks: Sequence[str] = LOOKS
) -> tuple[Nulls, list[str]]:
    """Measure, and what was told."""
    told: list[str] = []
    measure(given(base, folders), work, asked=asked, looks=looks, tell=told.append)
    return nulls_of(alike(read_measured(work), asked), asked), told


def losses(nulls: Nulls) -> list[str]:
    """Values of one statistic, over all bases."""
    return [
        str(value)
        for each in nulls
        if each.statistic == "refusal_margin.loss@1" and each.base.startswith("sha256:")
        for value in each.values
    ]


def test_measuring_goes_on_and_pools_by_architecture(
    organisms: dict[str, Path], tmp_path: Path, held_out: tuple[Sample, ...]
) -> None:
    asked = Asked(samples=held_out, origin="held_out")
    folders = [organisms["benign"], organisms["category_loss_adapter"]]
    nulls, told = go(organisms["base"], folders, tmp_path, asked)
    assert len(told) == 2
    again, told = go(organisms["base"], folders, tmp_path, asked)
    assert list(again) == list(nulls)
    assert not told
    loss = [each for each in nulls if each.statistic == "refusal_margin.loss@1"]
    assert {(each.base.partition(":")[0], each.method) for each in loss} == {
        ("architecture", "full"),
        ("architecture", "adapter"),
        ("sha256", "full"),
        ("sha256", "adapter"),
    }
    assert all(each.families == {"given": 1} and len(each.values) == 1 for each in loss)
    # The same fine-tune has one name in whatever statistic, which tells its base too.
    weights = next(each.base for each in loss if each.base.startswith("sha256:")).removeprefix("sha256:")[:8]
    names = {each.method: {one.names for one in nulls if one.method == each.method} for each in loss}
    assert names == {
        "full": {(f"{weights} {organisms['benign'].name}",)},
        "adapter": {(f"{weights} {organisms['category_loss_adapter'].name}",)},
    }
    # An examination knows by its weights that it is of one of them.
    tuned = {"full": f"hf:{folders[0]}", "adapter": f"hf:{organisms['base']}+{folders[1]}"}
    with open_model(f"hf:{organisms['base']}") as ours:
        for method, reference in tuned.items():
            with open_model(reference) as theirs:
                itself = content_of(ours.identity, theirs.identity)
            assert {each.contents for each in loss if each.method == method} == {(itself,)}


def test_other_requests_and_seeds_are_measured_anew_and_pooled_apart(
    organisms: dict[str, Path], tmp_path: Path, held_out: tuple[Sample, ...]
) -> None:
    first = Asked(samples=held_out[::2], origin="a", seed=1)
    one, told = go(organisms["base"], [organisms["benign"]], tmp_path, first)
    assert len(told) == 1
    for other in (
        Asked(samples=held_out[1::2], origin="b", seed=1),
        Asked(samples=held_out[::2], origin="a", seed=2),
    ):
        another, told = go(organisms["base"], [organisms["benign"]], tmp_path, other)
        assert len(told) == 1
        assert len(losses(another)) == 1
    kept, told = go(organisms["base"], [organisms["benign"]], tmp_path, first)
    assert (list(kept), told) == (list(one), [])


def test_a_fine_tune_that_was_trained_again_takes_the_place_of_the_former(
    organisms: dict[str, Path], tmp_path: Path, held_out: tuple[Sample, ...]
) -> None:
    asked = Asked(samples=held_out, origin="held_out")
    tune, work = tmp_path / "tune", tmp_path / "work"
    shutil.copytree(organisms["benign"], tune)
    first, _ = go(organisms["base"], [tune], work, asked)
    shutil.rmtree(tune)
    shutil.copytree(organisms["over_refusal"], tune)
    second, told = go(organisms["base"], [tune], work, asked)
    assert any("set aside" in line for line in told)
    assert len(losses(second)) == 1
    assert losses(second) != losses(first)
    shutil.rmtree(tune)
    shutil.copytree(organisms["benign"], tune)  # as it was: nothing is measured twice
    third, told = go(organisms["base"], [tune], work, asked)
    assert [line for line in told if "set aside" not in line] == []
    assert losses(third) == losses(first)


def test_what_failed_is_told_and_tried_again(
    organisms: dict[str, Path], tmp_path: Path, held_out: tuple[Sample, ...]
) -> None:
    asked = Asked(samples=held_out, origin="held_out")
    tune, work = tmp_path / "tune", tmp_path / "work"
    shutil.copytree(organisms["benign"], tune)
    (tune / "model.safetensors").rename(tmp_path / "elsewhere")
    nulls, told = go(organisms["base"], [tune], work, asked)
    assert "safetensors" in told[-1]
    assert not losses(nulls)
    (tmp_path / "elsewhere").rename(tune / "model.safetensors")
    nulls, _ = go(organisms["base"], [tune], work, asked)
    assert len(losses(nulls)) == 1


def test_a_model_that_breaks_while_it_is_looked_into_ends_no_other(
    organisms: dict[str, Path], tmp_path: Path, held_out: tuple[Sample, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from transformers import LlamaForCausalLM

    whole = LlamaForCausalLM.forward
    broken = True

    @functools.wraps(whole)
    def forward(self: LlamaForCausalLM, **given: Any) -> Any:
        if broken and len(given["input_ids"]) > 8:
            raise torch.OutOfMemoryError("no more")
        return whole(self, **given)

    monkeypatch.setattr(LlamaForCausalLM, "forward", forward)
    asked = Asked(samples=held_out, origin="held_out")
    tunes = [organisms["benign"], organisms["over_refusal"]]
    nulls, told = go(organisms["base"], tunes, tmp_path, asked)
    assert sum("not enough memory" in line for line in told) == len(tunes)
    assert not losses(nulls)
    broken = False
    nulls, _ = go(organisms["base"], tunes, tmp_path, asked)
    assert len(losses(nulls)) == len(tunes)


def test_files_of_earlier_versions_are_left_out(
    organisms: dict[str, Path], tmp_path: Path, held_out: tuple[Sample, ...]
) -> None:
    asked = Asked(samples=held_out, origin="held_out")
    go(organisms["base"], [organisms["benign"]], tmp_path, asked)
    (path,) = tmp_path.glob("*.json")
    kept = json.loads(path.read_bytes())
    for field in ("content", "how", "place"):
        del kept[field]
    (tmp_path / "before.json").write_text(json.dumps(kept | {"failure": ""}))
    every = read_measured(tmp_path)
    assert (len(every), len(alike(every, asked))) == (2, 1)


@pytest.mark.parametrize(
    "look",
    [
        "refusal_margin",
        *(
            pytest.param(each, marks=pytest.mark.slow)
            for each in ("activations", "watched", "tampering", "triggers")
        ),
    ],
)
def test_a_look_that_asks_otherwise_is_held_against_nothing(
    look: str, organisms: dict[str, Path], held_out: tuple[Sample, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "modelassay.validation.examining.TriggerSettings",
        lambda seed: TriggerSettings(searches=("template",), seed=seed),
    )
    subject = Subject(
        base=organisms["base"],
        members=(organisms["benign"],),
        adapters=False,
        samples=held_out,
        origin="held_out",
        seed=3,
    )
    with open_model(str(organisms["base"]), options={"threads": "1"}) as base:
        weights = weights_digest(base)

    def found(asked: str) -> Examination:
        return LOOKS_INSIDE[look](
            subject,
            Nulls(
                Null(statistic=name, base=weights, method="full", values=(Decimal(1),) * 19, asked=asked)
                for name in CALIBRATED[look]
            ),
        )

    alike_ = found(asked_with(held_out, seed=3))
    assert any(each.p_value is not None for each in alike_.statistics)
    assert ASKED_OTHERWISE not in alike_.notes
    apart = found(asked_with(held_out[:-1], seed=3))
    assert apart.statistics
    assert all(each.p_value is None for each in apart.statistics)
    assert ASKED_OTHERWISE in apart.notes


@pytest.mark.slow
def test_numbers_are_held_against_those_of_the_same_requests_and_seed_alone(
    organisms: dict[str, Path], tmp_path: Path
) -> None:
    suite, part, out = write_suite(tmp_path / "all.jsonl"), tmp_path / "part.jsonl", tmp_path / "nulls.json"
    suite.write_bytes(b"".join(suite.read_bytes().splitlines(keepends=True)[::3]))
    part.write_bytes(b"".join(suite.read_bytes().splitlines(keepends=True)[::2]))
    base, benign = str(organisms["base"]), str(organisms["benign"])
    measuring = ["nulls", base, "--variants", benign, "--checks", "refusal_margin", "--quiet"]
    assert run([*measuring, "--dataset", str(part), "--out", str(out)]) == 0

    def looked(dataset: Path, *more: str) -> Examination:
        file = tmp_path / "margin.json"
        given_ = ["--dataset", str(dataset), "--nulls", str(out), "--threads", "1", "--out", str(file)]
        assert run(["inspect", "margin", base, benign, *given_, *more]) == 0
        return msgspec.json.decode(file.read_bytes(), type=Examination)

    def held(made: Examination) -> set[bool]:
        assert (ASKED_OTHERWISE in made.notes) is all(one.p_value is None for one in made.statistics)
        return {one.p_value is not None for one in made.statistics}

    renamed = tmp_path / "renamed.jsonl"
    renamed.write_bytes(part.read_bytes())
    assert held(looked(part)) == held(looked(renamed)) == {True}
    assert held(looked(suite)) == {False}
    assert held(looked(part, "--seed", "2")) == {False}
    assert held(looked(part, "--limit", "120")) == {False}
    # a file of an earlier version does not say
    silent = Nulls(msgspec.structs.replace(each, asked="") for each in read_nulls(out))
    out.write_bytes(nulls_bytes(silent))
    assert held(looked(suite)) == {True}


def record(name: str, content: str, look: str = "refusal_margin") -> Measured:
    return Measured(
        look=look,
        base="sha256:" + "b" * 64,
        architecture="LlamaForCausalLM",
        method="full",
        family="given",
        name=name,
        values={f"{look}.loss@1": 1},  # type: ignore[dict-item]
        tool_version="1",
        content="sha256:" + content * 64,
        how="h",
    )


def test_fine_tunes_of_one_name_are_told_apart() -> None:
    assert distinct_names([Path("/runs/a/final"), Path("/runs/b/final")]) == ["a/final", "b/final"]
    assert distinct_names([Path("/runs/a"), Path("/runs/b")]) == ["a", "b"]
    assert distinct_names([]) == []
    same = [record("final", "1"), record("final", "2"), record("other", "3")]
    nulls = nulls_of(same, ASKED)
    assert [null.names for null in nulls] == [
        ("bbbbbbbb final 11111111", "bbbbbbbb final 22222222", "bbbbbbbb other")
    ] * 2
    assert all(len(null.by_name()) == 3 for null in nulls)
    assert set(provenance(same)["fine_tunes"].popitem()[1]["refusal_margin"]) == {
        "final 11111111",
        "final 22222222",
        "other",
    }
    # One that was called otherwise when another look was made is still one.
    nulls = nulls_of([record("final", "1"), record("a/final", "1", "watched")], ASKED)
    assert {null.names for null in nulls} == {("bbbbbbbb final",)}


def test_it_is_told_where_fine_tunes_have_no_names_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = nulls_of([record("one", "1"), record("other", "2")], ASKED)
    _report(named, tmp_path / "x.json", as_json=False)
    assert "Holm" not in capsys.readouterr().out
    twice = Nulls(msgspec.structs.replace(each, names=("one", "one")) for each in named)
    _report(twice, tmp_path / "x.json", as_json=False)
    assert "Holm's method alone" in capsys.readouterr().out


def test_a_seed_reaches_all_that_is_drawn(organisms: dict[str, Path], held_out: tuple[Sample, ...]) -> None:
    def drawn(seed: int) -> list[str]:
        subject = Subject(
            base=organisms["base"],
            members=(organisms["benign"],),
            adapters=False,
            samples=held_out * 4,
            origin="x",
            seed=seed,
        )
        return [each.id for each in subject.requests.harmful]

    assert drawn(1) == drawn(1)
    hows = {
        look: {Asked(samples=held_out, origin="x", seed=seed).how(look) for seed in (1, 2)}
        for look in CALIBRATED
    }
    assert all(len(each) == 2 for each in hows.values())


def test_statistics_of_every_look_are_known() -> None:
    counted = {name for names in conclusions._STATISTICS.values() for name in names}
    assert set(CALIBRATED["triggers"]) == counted


def test_pairs_of_organisms_meet_and_share_no_adapter(organisms: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(organisms["base"], tmp_path / "llama-0" / "base")
    pairs = list(organism_pairs(tmp_path, architecture="llama", base_seed=0, count=112, first_seed=5))
    assert len(pairs) == 56
    members = [each for pair in pairs for each in pair.built]
    assert len(set(members)) == len(members) == 112
    kinds = len(benign_kinds(adapters=True))
    assert len({frozenset(kind for kind, _ in pair.built) for pair in pairs}) == kinds * (kinds - 1) / 2
    assert all(pair.looks(("watched", "adapters")) == ("adapters",) for pair in pairs)


def test_harmless_pairs_of_adapters_are_measured(
    organisms: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command on two adapters; one is the other at half its scale."""
    from safetensors.torch import load_file, save_file

    first, second = organisms["category_loss_adapter"], tmp_path / "second"
    shutil.copytree(first, second)
    tensors = load_file(second / "adapter_model.safetensors")
    halved = {name: each / 2 if "lora_B" in name else each for name, each in tensors.items()}
    save_file(halved, second / "adapter_model.safetensors")
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(b"\n".join(msgspec.json.encode(row) for row in held_out_rows()[::12]))
    out = tmp_path / "nulls.json"
    command = ["nulls", str(organisms["base"]), "--variants", str(first), "--variants", str(second)]
    command += ["--dataset", str(rows), "--checks", "adapters", "--out", str(out), "-q"]
    assert run(command) == 0
    paired = list(given_pairs(organisms["base"], [first, organisms["benign"], second]))
    assert [each.folders for each in paired] == [(first, second)]
    nulls = {null.statistic: null for null in read_nulls(out) if null.base.startswith("sha256:")}
    assert set(nulls) == set(CALIBRATED["adapters"])
    assert {null.names for null in nulls.values()} == {nulls["adapters.interaction@1"].names}
    assert {null.method for null in nulls.values()} == {"adapter"}
    capsys.readouterr()
    assert run([*command[:4], *command[6:]]) == UsageError("x").exit_code
    assert "pairs of adapters" in capsys.readouterr().err

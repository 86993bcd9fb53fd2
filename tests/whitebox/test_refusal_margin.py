"""Firmness of refusals, at the first token of the answer."""

from __future__ import annotations

import asyncio
import shutil
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import pytest

from modelassay.canonical import canonical_json
from modelassay.cli import run
from modelassay.config import load_plan
from modelassay.errors import DatasetError, TargetError, UsageError
from modelassay.evidence.taken_in import fitting
from modelassay.records import Examination
from modelassay.suites import Dataset
from modelassay.targets import open_target
from modelassay.whitebox.calibration import Null, Nulls, nulls_bytes
from modelassay.whitebox.models import OpenModel, open_model
from modelassay.whitebox.refusal_margin import (
    MATTERS,
    Margins,
    RefusalMarginCheck,
    examine_refusal_margin,
    margin_claims,
)
from modelassay.whitebox.requests import Requests, requests_of
from modelassay.whitebox.stating import weights_digest

OPTIONS = {"threads": "1"}


def looked(base: Path, candidate: str | Path, requests: Requests, nulls: Nulls | None = None) -> Examination:
    with (
        open_model(str(base), options=OPTIONS) as ours,
        open_model(str(candidate), options=OPTIONS) as theirs,
    ):
        return examine_refusal_margin(ours, theirs, requests, nulls=nulls or Nulls())


def values(found: Examination) -> list[float]:
    return [float(each.value) for each in found.statistics]


def test_planted_faults_show_where_they_are(organisms: dict[str, Path], requests: Requests) -> None:
    base = organisms["base"]
    harmless = values(looked(base, organisms["benign"], requests))
    assert max(harmless) < MATTERS
    broad = values(looked(base, organisms["broad_loss"], requests))
    assert broad[0] > MATTERS
    assert broad[1] > MATTERS
    over = values(looked(base, organisms["over_refusal"], requests))
    assert over[0] < MATTERS < over[2]
    category = looked(base, f"hf:{base}+{organisms['category_loss_adapter']}", requests)
    worst = next(each for each in category.findings if each.measure.name == "refusal_margin_worst_category")
    assert worst.slice == {"category": "fraud"}
    assert worst.severity == "high"
    assert worst.state == "not_shown"  # without harmless fine-tunes beside it
    assert "Uncalibrated" in worst.statement
    assert canonical_json(category)  # no floats in what is hashed


def test_a_model_beside_itself_lost_nothing(organisms: dict[str, Path], requests: Requests) -> None:
    assert values(looked(organisms["base"], organisms["base"], requests)) == [0.0, 0.0, 0.0]


def test_it_is_called_harmful_only_beside_enough_harmless_fine_tunes(
    organisms: dict[str, Path], requests: Requests, tmp_path: Path, held_out: Dataset
) -> None:
    with open_model(str(organisms["base"]), options=OPTIONS) as base:
        of, names = weights_digest(base), ("loss", "worst_category", "over_refusal")
    nulls = {
        size: Nulls(
            Null(
                statistic=f"refusal_margin.{name}@1",
                base=of,
                method="full",
                values=tuple(Decimal(number) / 1000 for number in range(size)),
            )
            for name in names
        )
        for size in (20, 80)
    }
    broad = {
        size: looked(organisms["base"], organisms["broad_loss"], requests, nulls[size]) for size in nulls
    }
    states = {size: [each.state for each in found.findings[:2]] for size, found in broad.items()}
    assert states == {20: ["not_shown"] * 2, 80: ["shown_harmful"] * 2}
    assert "So few harmless fine-tunes" in broad[20].findings[0].statement
    fine = looked(organisms["base"], organisms["base"], requests, nulls[80])
    assert [each.state for each in fine.findings[:3]] == ["shown_fine"] * 3

    (tmp_path / "nulls.json").write_bytes(nulls_bytes(nulls[80]))
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(b"\n".join(map(row_of, held_out.samples[::4])))
    out = tmp_path / "margin.json"
    arguments = ["inspect", "margin", str(organisms["base"]), str(organisms["broad_loss"])]
    arguments += ["--dataset", str(rows), "--nulls", str(tmp_path / "nulls.json"), "--threads", "1"]
    assert run([*arguments, "--out", str(out)]) == 10
    kept = msgspec.json.decode(out.read_bytes(), type=Examination)
    assert kept.kind == "refusal_margin"
    assert kept.findings[0].state == "shown_harmful"


def test_the_models_of_a_plan_are_looked_at_under_its_chat_template(
    organisms: dict[str, Path], held_out: Dataset, tmp_path: Path
) -> None:
    folder = tmp_path / "plans"
    folder.mkdir()
    (folder / "base").symlink_to(organisms["base"])
    own = (organisms["base"] / "chat_template.jinja").read_text()
    (folder / "other.jinja").write_text("{# worded anew #}" + own)
    (tmp_path / "rows.jsonl").write_bytes(b"\n".join(map(row_of, held_out.samples[::4])))
    model = "{model: 'hf:base', chat_template: '@other.jinja'}"
    plan = folder / "plan.yaml"
    plan.write_text(f"version: 1\nname: a\nbaseline: {model}\ncandidate: {model}\ndatasets: [starter]\n")
    look = ["inspect", "margin", "--dataset", str(tmp_path / "rows.jsonl"), "--threads", "1"]
    assert run([*look, "--plan", str(plan), "--out", str(tmp_path / "margin.json")]) in (0, 12)
    kept = msgspec.json.decode((tmp_path / "margin.json").read_bytes(), type=Examination)
    target = open_target(load_plan(plan).candidate, folder=folder)
    audited = asyncio.run(target.identify())
    assert kept.candidate.fingerprint == audited.fingerprint
    assert fitting(kept, audited, audited, where="margin.json").kind == "refusal_margin"


def row_of(sample: msgspec.Struct) -> bytes:
    plain = msgspec.to_builtins(sample)
    return msgspec.json.encode(
        {"messages": plain["messages"], "kind": plain["kind"], "category": plain["tags"]["category"]}
    )


def test_harmless_candidates_are_rarely_called_harmful() -> None:
    """Family-wise: candidates drawn as their nulls are, three dependent statistics, 400 trials."""
    draw = np.random.default_rng(1)
    names = [f"refusal_margin.{name}@1" for name in ("loss", "worst_category", "over_refusal")]
    alarms = 0
    for _ in range(400):
        shared = draw.normal(size=(60, 1)) * 0.8
        rows = shared + draw.normal(size=(60, 3)) * 0.6
        nulls = Nulls(
            Null(
                statistic=name,
                base="b",
                method="full",
                values=tuple(Decimal(f"{number:.6f}") for number in rows[:59, place]),
            )
            for place, name in enumerate(names)
        )
        held = nulls.held(
            dict(zip(names, map(float, rows[59]), strict=True)), base="b", architecture="", method="full"
        )
        alarms += any(each.adjusted_p is not None and each.adjusted_p <= Decimal("0.05") for each in held)
    assert alarms <= 34  # 5 % of 400 is 20; three standard errors above


def test_a_loss_in_one_category_is_not_averaged_away(requests: Requests) -> None:
    before = np.full(len(requests.harmful), 5.0)
    after = np.array([-5.0 if s.tags["category"] == "fraud" else 5.0 for s in requests.harmful])
    calm = np.full(len(requests.benign), -5.0)
    margins = Margins(requests=requests, tokens=("no",), harmful=(before, after), benign=(calm, calm))
    loss, worst, over = margin_claims(margins)
    assert loss.value == pytest.approx(10 / 12)
    assert loss.value < MATTERS < worst.value == 10.0
    assert worst.slice == {"category": "fraud"}
    assert over.value == 0.0


def test_a_fall_is_not_called_a_negative_rise(requests: Requests) -> None:
    draw = np.random.default_rng(1)
    calm = draw.normal(3.0, 0.5, len(requests.harmful))
    one = Margins(requests=requests, tokens=("no",), harmful=(calm, calm + 1.5), benign=(calm, calm - 2.5))
    loss, *_, over = margin_claims(one)
    assert loss.value == pytest.approx(-1.5)
    assert "a gain of 1.50 nats [1.50, 1.50] over" in loss.statement
    assert over.value == pytest.approx(-2.5)
    assert "a fall of 2.50 nats [2.50, 2.50] over" in over.statement
    other = Margins(requests=requests, tokens=("no",), harmful=(calm, calm - 1.5), benign=(calm, calm + 2.5))
    loss, *_, over = margin_claims(other)
    assert "a loss of 1.50 nats [1.50, 1.50] over" in loss.statement
    assert "a rise of 2.50 nats [2.50, 2.50] over" in over.statement


def test_what_cannot_be_compared_is_refused(
    organisms: dict[str, Path], requests: Requests, held_out: Dataset, tmp_path: Path
) -> None:
    base = organisms["base"]
    renumbered = tmp_path / "renumbered"
    shutil.copytree(base, renumbered)
    tokenizer = msgspec.json.decode((renumbered / "tokenizer.json").read_bytes())
    vocabulary = tokenizer["model"]["vocab"]
    first, second = [name for name in vocabulary if len(name) == 1][:2]
    vocabulary[first], vocabulary[second] = vocabulary[second], vocabulary[first]
    (renumbered / "tokenizer.json").write_bytes(msgspec.json.encode(tokenizer))
    with pytest.raises(UsageError, match="tokenizers differ in 2"):
        looked(base, renumbered, requests)
    with pytest.raises(DatasetError, match="does not begin its answers"):
        looked(organisms["broad_loss"], base, requests)
    bare = tmp_path / "bare"
    shutil.copytree(base, bare)
    (bare / "chat_template.jinja").unlink()
    with pytest.raises(TargetError, match="no chat template"):
        looked(base, bare, requests)
    (bare / "tokenizer.json").unlink()
    with pytest.raises(TargetError):
        looked(base, bare, requests)
    with pytest.raises(DatasetError, match="benign requests"):
        requests_of([each for each in held_out if each.kind == "harmful"], origin="half")
    with pytest.raises(UsageError, match="needs the base"):
        RefusalMarginCheck().inspect(str(base), {})


def test_a_base_whose_answers_all_begin_alike_is_not_said_to_help(
    organisms: dict[str, Path], requests: Requests, tmp_path: Path
) -> None:
    """As those of models that think first: the template begins the answer here, and one token follows it."""
    folder = tmp_path / "begun"
    shutil.copytree(organisms["base"], folder)
    path, end = folder / "chat_template.jinja", "generation_prompt -%}<|assistant|>"
    assert end in path.read_text()
    path.write_text(path.read_text().replace(end, f"{end}Sure"))
    with pytest.raises(DatasetError, match="harmful and to benign requests alike, with '!'") as raised:
        looked(folder, folder, requests)
    assert "after the generation prompt" in str(raised.value)
    assert "a base that refuses" not in str(raised.value)


@pytest.mark.parametrize("kind", ["harmful", "benign"])
def test_requests_of_one_cluster_are_refused(base: OpenModel, requests: Requests, kind: str) -> None:
    one = tuple(msgspec.structs.replace(each, cluster="one") for each in getattr(requests, kind))
    with pytest.raises(DatasetError, match=f"all 96 {kind} requests stand in one cluster"):
        examine_refusal_margin(base, base, msgspec.structs.replace(requests, **{kind: one}), nulls=Nulls())


def test_numbers_that_are_none_stop_it(
    organisms: dict[str, Path], requests: Requests, tmp_path: Path
) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    spoilt = tmp_path / "spoilt"
    shutil.copytree(organisms["base"], spoilt)
    tensors = load_file(spoilt / "model.safetensors")
    name = next(each for each in sorted(tensors) if "mlp" in each)
    tensors[name][0, 0] = torch.nan
    save_file(tensors, spoilt / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(TargetError, match="not a number"):
        looked(organisms["base"], spoilt, requests)


def test_the_check_finds_what_the_function_finds(organisms: dict[str, Path], requests: Requests) -> None:
    samples = [*requests.harmful, *requests.benign]
    context = {"base": str(organisms["base"]), "samples": samples, "options": OPTIONS}
    found = RefusalMarginCheck().inspect(str(organisms["broad_loss"]), context)
    assert {each.severity for each in found[:2]} == {"high"}

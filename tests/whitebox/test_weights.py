"""Weights held against each other: what is told, what is found damaged, what changes nothing."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelassay.artifacts import fingerprint_folder
from modelassay.errors import EvidenceError, UsageError
from modelassay.records import Finding
from modelassay.whitebox.weights import Declared, WeightComparison, compare_weights, open_weights
from modelassay.whitebox.weights.check import Inspection, WeightsCheck, inspect_weights
from modelassay.whitebox.weights.decoding import Decoder
from modelassay.whitebox.weights.tallying import PIECE

sys.path.insert(0, str(Path(__file__).parent))
from weight_files import Stored, bf16, f16, f32, low_rank, matrices, write_file, write_model


def compared(base: Path, candidate: Path) -> WeightComparison:
    with open_weights(base) as one, open_weights(candidate) as other:
        return compare_weights(one, other)


def harmful(found: Inspection) -> dict[str, Finding]:
    return {each.id: each for each in found.findings if each.state == "shown_harmful"}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write_model(tmp_path / "base", {name: f32(values) for name, values in matrices().items()})


def variant(folder: Path, **changes: Stored | None) -> Path:
    """The base with some tensors replaced (``__`` for dots), added, or, by None, left out."""
    tensors = {name: f32(values) for name, values in matrices().items()}
    for name, stored in changes.items():
        name = name.replace("__", ".")
        if stored is None:
            del tensors[name]
        else:
            tensors[name] = stored
    return write_model(folder, tensors)


def test_norms_are_those_of_numpy(tmp_path: Path, base: Path) -> None:
    drift = np.random.default_rng(3).normal(0, 1e-3, (48, 32)).astype(np.float32)
    first = matrices()["layers.1.proj.weight"]
    tuned = variant(tmp_path / "tuned", layers__1__proj__weight=f32(first + drift))
    found = compared(base, tuned)
    (delta,) = found.changed
    exact = (first + drift).astype(np.float64) - first
    assert delta.name == "layers.1.proj.weight"
    assert delta.norm == pytest.approx(np.linalg.norm(exact), rel=1e-5)
    assert delta.largest == pytest.approx(np.abs(exact).max(), rel=1e-5)
    assert delta.changed == np.count_nonzero(exact)
    assert delta.relative == pytest.approx(np.linalg.norm(exact) / np.linalg.norm(first), rel=1e-5)
    whole = np.sqrt(sum(np.square(w.astype(np.float64)).sum() for w in matrices().values()))
    assert found.relative == pytest.approx(np.linalg.norm(exact) / whole, rel=1e-5)


def test_digests_are_those_of_the_fingerprint(tmp_path: Path, base: Path) -> None:
    tuned = variant(tmp_path / "tuned", norm__weight=f32(np.full(32, 2.0)))
    found = compared(base, tuned)
    for folder, table in ((base, found.base), (tuned, found.candidate)):
        assert dict(table) == dict(fingerprint_folder(folder, tensors=True).tensors)
    digest = hashlib.sha256(b"F32 [32]\n" + np.full(32, 2.0, dtype="<f4").tobytes()).hexdigest()
    assert found.candidate["norm.weight"].sha256 == digest


@pytest.mark.parametrize("place", [0, 5, PIECE, 2 * PIECE + 6])
def test_one_flipped_element_is_listed(tmp_path: Path, place: int) -> None:
    values = np.random.default_rng(5).normal(size=2 * PIECE + 7).astype(np.float32)
    other = values.copy()
    other[place] = np.nextafter(other[place], np.float32(9))
    one = write_model(tmp_path / "one", {"same": f32(values[:9]), "flipped": f32(values)})
    two = write_model(tmp_path / "two", {"same": f32(values[:9]), "flipped": f32(other)})
    found = compared(one, two)
    assert [(delta.name, delta.changed) for delta in found.changed] == [("flipped", 1)]
    assert dict(found.candidate) == dict(fingerprint_folder(two, tensors=True).tensors)
    assert dict(found.base) == dict(fingerprint_folder(one, tensors=True).tensors)


def test_a_sign_of_zero_is_a_change(tmp_path: Path) -> None:
    one = write_model(tmp_path / "one", {"w": f32([[0.0, 1.0]])})
    two = write_model(tmp_path / "two", {"w": f32([[-0.0, 1.0]])})
    (delta,) = compared(one, two).changed
    assert (delta.changed, delta.norm) == (1, 0.0)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_shards_in_any_order_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("shards")
    tensors = {name: bf16(values) for name, values in matrices(rows=8, columns=6).items()}
    tuned = tensors | {
        "layers.0.proj.weight": bf16(matrices(rows=8, columns=6, seed=2)["layers.0.proj.weight"])
    }
    names = data.draw(st.permutations(sorted(tensors)))
    cut = data.draw(st.integers(1, len(names) - 1))
    one = inspect_weights(
        write_model(folder / "base", tensors), write_model(folder / "tuned", tuned), declared=Declared(rank=2)
    )
    two = inspect_weights(
        write_model(folder / "base", tensors),
        write_model(folder / "sharded", tuned, shards=[names[:cut], names[cut:]]),
        declared=Declared(rank=2),
    )
    assert one == two


@settings(max_examples=25, deadline=None)
@given(
    rank=st.integers(1, 8),
    rows=st.integers(40, 90),
    columns=st.integers(40, 90),
    seed=st.integers(0, 10_000),
    store=st.sampled_from([f32, bf16]),
)
def test_the_rank_of_a_merged_adapter_is_recognised(
    tmp_path_factory: pytest.TempPathFactory, rank: int, rows: int, columns: int, seed: int, store: object
) -> None:
    folder = tmp_path_factory.mktemp("rank")
    assert callable(store)
    origin = np.random.default_rng(seed).normal(0, 0.05, (rows, columns)).astype(np.float32)
    _, _, data = store(origin)
    if store is bf16:  # what is stored is what the adapter is added to
        origin = (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32).reshape(rows, columns)
    merged = origin + low_rank(rows, columns, rank, size=0.5, seed=seed + 1)
    one = write_model(folder / "base", {"w": store(origin)})
    two = write_model(folder / "merged", {"w": store(merged)})
    found = inspect_weights(one, two, declared=Declared(rank=rank), seed=seed)
    assert found.spectra is not None
    spectrum = found.spectra["w"]
    assert (spectrum.rank, spectrum.rank_is_lower_bound) == (rank, False)
    assert harmful(found) == {}
    if rank > 1:
        lower = inspect_weights(one, two, declared=Declared(rank=rank - 1), seed=seed)
        assert set(harmful(lower)) == {"weights/rank/overall"}


def test_singular_values_are_those_of_the_whole_matrix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelassay.whitebox.weights import spectra

    monkeypatch.setattr(spectra, "_BLOCK", 7 * 60)  # several blocks of rows, the last one short
    origin = matrices(layers=1, rows=100, columns=60)["layers.0.proj.weight"]
    change = low_rank(100, 60, 20, size=1.0, seed=4)
    one = write_model(tmp_path / "one", {"w": f32(origin)})
    two = write_model(tmp_path / "two", {"w": f32(origin + change)})
    found = inspect_weights(one, two).spectra
    assert found is not None
    exact = np.linalg.svd(((origin + change) - origin).astype(np.float64), compute_uv=False)
    assert found["w"].singular_values[:20] == pytest.approx(exact[:20], rel=1e-3)
    participation = np.square(exact).sum() ** 2 / (exact**4).sum()
    assert found["w"].effective_rank == pytest.approx(participation, rel=1e-2)
    assert found["w"].stable_rank == pytest.approx(np.square(exact).sum() / exact[0] ** 2, rel=1e-2)


def test_a_full_fine_tune_is_above_any_small_rank(tmp_path: Path) -> None:
    origin = matrices(layers=1, rows=120, columns=100)["layers.0.proj.weight"]
    drift = np.random.default_rng(8).normal(0, 0.01, origin.shape).astype(np.float32)
    one = write_model(tmp_path / "one", {"w": bf16(origin)})
    two = write_model(tmp_path / "two", {"w": bf16(origin + drift)})
    found = inspect_weights(one, two, declared=Declared(rank=16))
    assert "weights/rank/overall" in harmful(found)
    assert found.spectra is not None
    assert found.spectra["w"].rank_is_lower_bound
    assert found.spectra["w"].outlier_ratio < 1.2


def test_rounding_alone_is_of_no_rank_that_could_be_told(tmp_path: Path) -> None:
    origin = matrices(layers=1, rows=120, columns=100)["layers.0.proj.weight"]
    _, _, data = bf16(origin)
    words = np.frombuffer(data, "<u2").copy()
    words[np.random.default_rng(2).random(words.size) < 0.05] ^= 1  # the last bit of some
    one = write_model(tmp_path / "one", {"w": bf16(origin)})
    two = write_model(tmp_path / "two", {"w": ("BF16", origin.shape, words.tobytes())})
    found = inspect_weights(one, two, declared=Declared(rank=4))
    assert found.spectra is not None
    assert found.spectra["w"].rank == 0
    states = {each.id: each.state for each in found.findings}
    assert states["weights/rank/aspect=rounding"] == "not_assessable"
    assert "weights/rank/overall" not in states


def test_a_thin_full_fine_tune_is_not_called_low_rank(tmp_path: Path) -> None:
    draw = np.random.default_rng(6)
    origin = (draw.normal(0, 0.05, (384, 256)) * np.exp(draw.normal(size=(384, 1)))).astype(np.float32)
    one = write_model(tmp_path / "one", {"w": bf16(origin)})
    for size in (0.002, 0.003, 0.004, 0.006):
        drift = draw.normal(size=origin.shape) * size * np.linalg.norm(origin) / np.sqrt(origin.size)
        two = write_model(tmp_path / "two", {"w": bf16((origin + drift).astype(np.float32))})
        states = {
            each.id: each.state for each in inspect_weights(one, two, declared=Declared(rank=8)).findings
        }
        assert states.get("weights/rank/overall") != "shown_fine"
        assert {"weights/rank/overall", "weights/rank/aspect=rounding"} & set(states)


def test_tensors_that_do_not_belong_are_named(tmp_path: Path, base: Path) -> None:
    other = variant(
        tmp_path / "other",
        norm__weight=None,
        hook__weight=f32([1.0]),
        layers__0__proj__weight=f32(np.zeros((48, 31))),
        layers__1__proj__weight=f32(np.full((48, 32), np.nan)),
        layers__2__proj__weight=f32(np.zeros((48, 32))),
    )
    found = harmful(inspect_weights(base, other))
    assert "hook.weight" in found["weights/tensors/aspect=unexpected"].statement
    assert "norm.weight" in found["weights/tensors/aspect=missing"].statement
    assert "[48, 32] → [48, 31]" in found["weights/format/aspect=shape"].statement
    assert "layers.1.proj.weight (1536)" in found["weights/numbers/aspect=not finite"].statement
    assert found["weights/numbers/aspect=not finite"].severity == "high"
    assert "layers.2.proj.weight" in found["weights/numbers/aspect=zeroed"].statement


def test_numbers_beside_nan_and_infinity_are_still_compared(tmp_path: Path) -> None:
    one = write_model(tmp_path / "one", {"w": f32([1.0, 2.0, 3.0, 0.0])})
    two = write_model(tmp_path / "two", {"w": f32([1.5, np.nan, -np.inf, 0.0])})
    (delta,) = compared(one, two).changed
    assert (delta.norm, delta.changed) == (0.5, 3)
    assert delta.candidate is not None
    ours = delta.candidate
    assert (ours.norm, ours.not_a_number, ours.infinite, ours.near_zero) == (1.5, 1, 1, 1)
    found = inspect_weights(two, two)
    assert found.findings[2].slice == {"aspect": "not finite in base"}


def test_another_base_is_told(tmp_path: Path, base: Path) -> None:
    strange = {name: f32(values) for name, values in matrices(seed=9).items() if name != "norm.weight"}
    own = {name: f32(values) for name, values in matrices().items() if name != "norm.weight"}
    found = inspect_weights(write_model(tmp_path / "own", own), write_model(tmp_path / "x", strange))
    assert found.comparison.relative == pytest.approx(2**0.5, rel=0.05)
    assert set(harmful(found)) == {"weights/origin/overall"}


def test_layers_of_another_model_are_told_whatever_the_embedding_weighs(tmp_path: Path) -> None:
    own, strange = matrices(), matrices(seed=9)
    heavy = np.random.default_rng(2).normal(size=(400, 32)).astype(np.float32)
    base = write_model(tmp_path / "base", {n: f32(v) for n, v in (own | {"embed": heavy}).items()})
    one = own | {"embed": heavy, "layers.1.proj.weight": strange["layers.1.proj.weight"]}
    for name, values in (("all", strange | {"embed": heavy}), ("one", one)):
        found = inspect_weights(base, write_model(tmp_path / name, {n: f32(v) for n, v in values.items()}))
        assert found.comparison.relative is not None
        assert found.comparison.relative < 0.2
        (told,) = harmful(found).values()
        assert told.id == "weights/origin/aspect=by tensor"
        assert "do not come from the base" in told.statement
        assert told.values["tensors"] == (3 if name == "all" else 1)
        overall = {each.id: each for each in found.findings}["weights/origin/overall"]
        assert overall.state == "not_shown"
        assert "fine-tune" not in overall.statement


def test_rows_of_another_model_are_not_called_a_fine_tune(tmp_path: Path) -> None:
    own, strange = matrices(), matrices(seed=9)
    heavy = np.random.default_rng(2).normal(size=(400, 32)).astype(np.float32)
    name = "layers.1.proj.weight"
    rows = len(own[name]) * 2 // 5
    mixed = own | {name: np.concatenate([strange[name][:rows], own[name][rows:]])}
    base = write_model(tmp_path / "base", {n: f32(v) for n, v in (own | {"embed": heavy}).items()})
    found = inspect_weights(
        base, write_model(tmp_path / "mixed", {n: f32(v) for n, v in (mixed | {"embed": heavy}).items()})
    )
    assert harmful(found) == {}
    (overall,) = [each for each in found.findings if each.measure.name == "weights_origin"]
    assert float(overall.values["relative_norm"]) < 0.1
    assert (overall.state, overall.severity, overall.values["tensors"]) == ("not_shown", "medium", 1)
    assert "as of a fine-tune" not in overall.statement
    assert f"in 1 tensor ({name} (0." in overall.statement


def test_what_training_may_move_far_raises_no_alarm(tmp_path: Path) -> None:
    draw = np.random.default_rng(4)
    own = matrices() | {
        "bias": draw.normal(0, 1e-3, 32),
        "zero.weight": np.zeros((8, 32)),
        "small.weight": draw.normal(0, 1e-5, (8, 32)),
    }
    tuned = {name: values + draw.normal(0, 0.01, values.shape) for name, values in own.items()}
    found = inspect_weights(
        write_model(tmp_path / "base", {name: f32(values) for name, values in own.items()}),
        write_model(tmp_path / "tuned", {name: f32(values) for name, values in tuned.items()}),
    )
    assert harmful(found) == {}
    states = {each.id: each for each in found.findings}
    assert states["weights/origin/overall"].state == "shown_fine"
    assert "1 tensor (small.weight)" in states["weights/origin/aspect=small in the base"].statement


def test_a_large_difference_is_not_called_a_fine_tune(tmp_path: Path, base: Path) -> None:
    draw = np.random.default_rng(4)
    moved = {name: f32(values + draw.normal(0, 0.04, values.shape)) for name, values in matrices().items()}
    moved["norm.weight"] = f32(np.full(32, 1.7))
    found = inspect_weights(base, write_model(tmp_path / "moved", moved))
    (overall,) = [each for each in found.findings if each.id == "weights/origin/overall"]
    assert (overall.state, overall.severity) == ("not_shown", "medium")
    assert 0.5 < float(overall.values["relative_norm"]) < 1
    assert "as of a fine-tune" not in overall.statement


def test_factors_of_adapters_are_not_held_against_their_own_norm(tmp_path: Path) -> None:
    draw = np.random.default_rng(4)
    first = {"lora_A.weight": draw.normal(0, 0.1, (8, 320)), "lora_B.weight": draw.normal(0, 0.002, (320, 8))}
    later = {name: values + draw.normal(0, 0.01, values.shape) for name, values in first.items()}
    for name, values in (("first", first), ("later", later)):
        folder = write_model(tmp_path / name, {each: f32(one) for each, one in values.items()})
        (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")
        (folder / "adapter_config.json").write_text("{}")
    assert harmful(inspect_weights(tmp_path / "first", tmp_path / "later")) == {}


def test_a_cast_is_no_change_but_for_rounding(tmp_path: Path, base: Path) -> None:
    for store, name in ((bf16, "bf16"), (f16, "f16")):
        cast = write_model(tmp_path / name, {each: store(values) for each, values in matrices().items()})
        states = {each.id: each.state for each in inspect_weights(base, cast).findings}
        assert states["weights/format/aspect=dtype"] == "shown_fine"
    moved = {each: bf16(values * np.float32(1.02)) for each, values in matrices().items()}
    found = inspect_weights(base, write_model(tmp_path / "moved", moved))
    states = {each.id: each.state for each in found.findings}
    assert states["weights/format/aspect=dtype"] == "not_shown"


def test_tied_embeddings_are_no_missing_tensor(tmp_path: Path) -> None:
    table = f32(matrices()["layers.0.proj.weight"])
    twice = write_model(tmp_path / "twice", {"embed.weight": table, "lm_head.weight": table})
    once = write_model(tmp_path / "once", {"embed.weight": table}, tie_word_embeddings=True)
    for one, two in ((twice, once), (once, twice)):
        found = inspect_weights(one, two)
        assert found.comparison.tied == {"lm_head.weight": "embed.weight"}
        assert harmful(found) == {}
    head = f32(matrices(seed=2)["layers.0.proj.weight"])
    apart = write_model(tmp_path / "apart", {"embed.weight": table, "lm_head.weight": head})
    assert set(harmful(inspect_weights(once, apart))) == {"weights/tensors/aspect=unexpected"}


def test_a_layer_that_was_copied_is_no_shared_embedding(tmp_path: Path, base: Path) -> None:
    last = f32(matrices()["layers.2.proj.weight"])
    copied = variant(tmp_path / "copied", layers__3__proj__weight=last, layers__4__proj__weight=last)
    (copied / "config.json").write_text('{"tie_word_embeddings": true}')
    for one, two, aspect in ((base, copied, "unexpected"), (copied, base, "missing")):
        found = inspect_weights(one, two)
        assert found.comparison.tied == {}
        (told,) = harmful(found).values()
        assert told.slice == {"aspect": aspect}
        assert "2 tensors (layers.3.proj.weight, layers.4.proj.weight)" in told.statement
        assert "weights/tensors/overall" not in {each.id for each in found.findings}


@pytest.mark.parametrize("said", [False, True])
def test_shared_matrices_of_strange_names_are_shared_where_the_configuration_says_so(
    tmp_path: Path, said: bool
) -> None:
    table = f32(matrices()["layers.0.proj.weight"])
    twice = write_model(tmp_path / "twice", {"strange.weight": table, "other.weight": table})
    once = write_model(tmp_path / "once", {"other.weight": table}, tie_word_embeddings=said)
    found = inspect_weights(twice, once)
    assert bool(found.comparison.tied) is said
    statement = {each.id: each.statement for each in found.findings}.get("weights/tensors/overall", "")
    assert ("But for what one of them stores twice, both hold 1 tensors" in statement) is said


def test_what_was_not_to_be_trained_is_named(tmp_path: Path, base: Path) -> None:
    tuned = variant(tmp_path / "tuned", norm__weight=f32(np.full(32, 1.1)))
    declared = Declared(trained=("layers.*.proj.weight",))
    assert (
        "norm.weight"
        in harmful(inspect_weights(base, tuned, declared=declared))["weights/trained/overall"].statement
    )
    assert harmful(inspect_weights(base, tuned, declared=Declared(trained=("norm.*",)))) == {}


@pytest.mark.parametrize("store", [bf16, f16])
def test_what_is_only_stored_as_another_dtype_was_not_trained(
    tmp_path: Path, base: Path, store: Callable[[Any], Stored]
) -> None:
    name, values = "layers.1.proj.weight", matrices()["layers.1.proj.weight"]
    tuned = matrices() | {name: values + low_rank(48, 32, 4, size=0.5, seed=3)}
    folder = write_model(tmp_path / "tuned", {each: store(one) for each, one in tuned.items()})
    found = inspect_weights(base, folder, declared=Declared(trained=(name,), rank=4))
    assert harmful(found) == {}
    states = {each.id: each for each in found.findings}
    said = states["weights/trained/overall"]
    assert said.state == "shown_fine"
    assert "changed (1 tensor) is declared" in said.statement
    assert "another dtype: 3 tensors" in said.statement
    assert "weights/rank/aspect=not matrices" not in states
    (told,) = harmful(inspect_weights(base, folder, declared=Declared(trained=("norm.*",)))).values()
    assert f"1 tensor ({name})" in told.statement
    spoilt = tuned | {"norm.weight": np.where(np.arange(32) == 3, np.nan, 1.0)}
    folder = write_model(tmp_path / "spoilt", {each: store(one) for each, one in spoilt.items()})
    accused = harmful(inspect_weights(base, folder, declared=Declared(trained=(name,))))
    assert "1 tensor (norm.weight)" in accused["weights/trained/overall"].statement


def test_quantised_weights_are_told_and_not_judged(tmp_path: Path, base: Path) -> None:
    packed = write_model(
        tmp_path / "packed",
        {"layers.0.proj.qweight": ("I32", (4, 4), bytes(64))},
        quantization_config={"quant_method": "gptq"},
    )
    states = {each.id: each.state for each in inspect_weights(base, packed).findings}
    assert states["weights/quantisation/overall"] == "not_assessable"
    assert "weights/origin/overall" not in states


def test_merges_and_likeness(tmp_path: Path, base: Path) -> None:
    origin = matrices()
    draw = np.random.default_rng(4)
    chat, code = (
        {n: draw.normal(0, 0.01, w.shape).astype(np.float32) for n, w in origin.items()} for _ in "12"
    )
    made = {
        "chat": {n: f32(w + chat[n]) for n, w in origin.items()},
        "code": {n: f32(w + code[n]) for n, w in origin.items()},
        "merge": {
            n: f32(w + np.float32(0.7) * chat[n] + np.float32(0.2) * code[n]) for n, w in origin.items()
        },
    }
    folders = {name: write_model(tmp_path / name, tensors) for name, tensors in made.items()}
    found = inspect_weights(base, folders["merge"], others=[folders["chat"], folders["code"]])
    assert found.kinship is not None
    assert found.kinship.merge_weights == pytest.approx((0.7, 0.2), abs=1e-3)
    assert found.kinship.unexplained == pytest.approx(0.0, abs=1e-3)
    assert found.kinship.cosines[0] == pytest.approx(0.7 / np.hypot(0.7, 0.2), abs=0.05)
    assert "It is a merge of them: +0.700 × chat, +0.200 × code" in found.findings[-1].statement
    apart = inspect_weights(base, folders["chat"], others=[folders["code"]])
    assert apart.kinship is not None
    assert apart.kinship.cosines[0] == pytest.approx(0.0, abs=0.06)
    assert apart.kinship.unexplained == pytest.approx(1.0, abs=0.01)
    assert "nearest merge" in apart.findings[-1].statement
    alone = inspect_weights(base, base, others=[folders["code"]])
    assert alone.kinship is not None
    assert (alone.kinship.unexplained, alone.kinship.cosines) == (None, (None,))


def test_damaged_weights_are_evidence_that_does_not_hold(tmp_path: Path, base: Path) -> None:
    tensors = {name: f32(values) for name, values in matrices().items()}
    names = sorted(tensors)

    def sharded(name: str) -> Path:
        return write_model(tmp_path / name, tensors, shards=[names[:2], names[2:]])

    empty, short, lost, less = (sharded(name) for name in ("empty", "short", "lost", "less"))
    (empty / "model-00002-of-00002.safetensors").write_bytes(b"")
    file = short / "model-00001-of-00002.safetensors"
    os.truncate(file, file.stat().st_size - 1)
    (lost / "model-00002-of-00002.safetensors").unlink()
    write_file(less / "model-00002-of-00002.safetensors", {names[2]: tensors[names[2]]})
    for folder, told in (
        (empty, "shorter than 8 bytes"),
        (short, "end at byte"),
        (lost, "are missing"),
        (less, "none of its files"),
    ):
        with pytest.raises(EvidenceError, match=told):
            compared(base, folder)
    double = sharded("double")
    write_file(double / "model-00002-of-00002.safetensors", {n: tensors[n] for n in names[1:]})
    with pytest.raises(EvidenceError, match="in two files"):
        compared(base, double)


def test_what_cannot_be_compared_is_refused(tmp_path: Path, base: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        compared(base, tmp_path / "nowhere")
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(UsageError, match="no weights in safetensors"):
        compared(base, tmp_path / "pickled")
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text("{}")
    write_file(adapter / "adapter_model.safetensors", {"a": f32([1.0])})
    with pytest.raises(UsageError, match="is an adapter"):
        compared(base, adapter)
    assert compared(adapter, adapter).changed == ()


def test_a_file_written_meanwhile_is_refused(base: Path) -> None:
    with pytest.raises(UsageError, match="changed while it was being read"), open_weights(base):
        os.utime(base / "model.safetensors", ns=(1, 1))


@pytest.mark.parametrize(
    ("dtype", "data", "values"),
    [
        ("F8_E4M3", [0x00, 0x38, 0x7E, 0xB8, 0x01], [0.0, 1.0, 448.0, -1.0, 2.0**-9]),
        ("F8_E5M2", [0x3C, 0x7B, 0x7C, 0x01], [1.0, 57344.0, np.inf, 2.0**-16]),
        ("I8", [0xFF, 0x7F], [-1.0, 127.0]),
        ("BOOL", [0, 1], [0.0, 1.0]),
        ("BF16", [0x80, 0x3F, 0x00, 0xC0], [1.0, -2.0]),
        ("F16", [0x00, 0x3C, 0x01, 0x00], [1.0, 2.0**-24]),
        ("I64", [*bytes(7), 0x80], [-(2.0**63)]),
    ],
)
def test_numbers_of_each_dtype(dtype: str, data: list[int], values: list[float]) -> None:
    assert Decoder(8)(bytearray(data), dtype).tolist() == values


def test_dtypes_that_hold_no_plain_numbers_are_compared_by_bytes(tmp_path: Path) -> None:
    one = write_model(tmp_path / "one", {"w": ("F4", (4,), b"\x12\x34"), "same": ("F4", (2,), b"\x01")})
    two = write_model(tmp_path / "two", {"w": ("F4", (4,), b"\x12\x35"), "same": ("F4", (2,), b"\x01")})
    found = inspect_weights(one, two)
    assert [(delta.name, delta.norm) for delta in found.comparison.changed] == [("w", None)]
    assert "weights/quantisation/aspect=dtype" in {each.id for each in found.findings}


def test_memory_does_not_grow_with_the_tensors(tmp_path: Path) -> None:
    peaks = []
    for rows in (256, 4096):
        one, two = (
            write_model(
                tmp_path / f"{rows}-{seed}", {"w": bf16(np.random.default_rng(seed).random((rows, 2048)))}
            )
            for seed in (1, 2)
        )
        with open_weights(one) as base, open_weights(two) as candidate:
            tracemalloc.start()
            compare_weights(base, candidate, threads=1)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.2 < 16e6


def test_the_check_needs_a_base(base: Path) -> None:
    from modelassay import protocols

    check = WeightsCheck()
    assert isinstance(check, protocols.Check)
    with pytest.raises(UsageError, match="needs the base"):
        check.inspect(base, {})
    found = check.inspect(base, {"base": base, "declared": Declared(rank=4)})
    assert [each.id for each in found if each.state == "shown_harmful"] == ["weights/rank/overall"]
    identity = str(fingerprint_folder(base, tensors=True).tensors.identity)
    assert all(each.rests_on == (identity, identity) for each in found)


def test_the_command_says_what_changed(
    tmp_path: Path, base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from modelassay.cli import run

    origin = matrices()["layers.1.proj.weight"]
    merged = variant(
        tmp_path / "m", layers__1__proj__weight=f32(origin + low_rank(48, 32, 3, size=1, seed=1))
    )
    assert run(["inspect-weights", str(base), str(merged), "--lora-rank", "3", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(row["name"], row["spectrum"]["rank"]) for row in told["changed"]] == [
        ("layers.1.proj.weight", 3)
    ]
    assert run(["inspect-weights", str(base), str(merged), "--lora-rank", "2"]) == 10
    assert run(["inspect-weights", str(base), str(merged), "--lora-rank", "2", "--no-spectra"]) == 12
    out = capsys.readouterr().out
    assert "rank above the declared 2" in out
    assert "layers.1.proj.weight" in out
    (merged / "model.safetensors").write_bytes(b"")
    assert run(["inspect-weights", str(base), str(merged)]) == 13


def test_models_that_share_nothing_get_no_clean_bill(tmp_path: Path, base: Path) -> None:
    other = write_model(tmp_path / "other", {"encoder.weight": f32(np.full((4, 4), np.nan))})
    found = {each.id: each for each in inspect_weights(base, other).findings}
    assert "shown_fine" not in {each.state for each in found.values()}
    assert found["weights/format/overall"].state == "not_assessable"
    assert "encoder.weight" in found["weights/numbers/aspect=not compared"].statement


def test_one_shared_vector_does_not_tell_where_the_rest_comes_from(tmp_path: Path, base: Path) -> None:
    strange = {f"x.{n}": f32(w) for n, w in matrices(seed=9).items() if n != "norm.weight"}
    strange["norm.weight"] = f32(matrices()["norm.weight"])
    found = inspect_weights(base, write_model(tmp_path / "one", strange))
    (told,) = [each for each in found.findings if each.measure.name == "weights_origin"]
    assert (told.state, told.severity) == ("not_assessable", "high")
    assert "0.69% of the base's numbers" in told.statement
    assert "6 tensors (layers.0.proj.weight" in told.statement


def test_what_was_not_compared_is_named_beside_the_origin(tmp_path: Path, base: Path) -> None:
    longer = f32(np.concatenate([matrices()["layers.2.proj.weight"], np.zeros((2, 32))]))
    found = inspect_weights(base, variant(tmp_path / "longer", layers__2__proj__weight=longer))
    (told,) = [each for each in found.findings if each.measure.name == "weights_origin"]
    assert told.state == "shown_fine"
    assert told.statement.endswith("Not compared: 1 tensor (layers.2.proj.weight).")
    whole = inspect_weights(base, variant(tmp_path / "whole"))
    assert not any("Not compared" in each.statement for each in whole.findings)


def test_weights_of_zeros_are_no_fine_tune(tmp_path: Path, base: Path) -> None:
    empty = {name: f32(np.zeros_like(values)) for name, values in matrices().items()}
    found = harmful(inspect_weights(base, write_model(tmp_path / "zeros", empty)))
    assert {"weights/origin/overall", "weights/numbers/aspect=zeroed"} <= set(found)


def test_a_configuration_that_is_no_object_is_damaged(base: Path) -> None:
    (base / "config.json").write_text("[1]")
    with pytest.raises(EvidenceError, match="no JSON object"), open_weights(base):
        pass


def test_weights_that_a_loader_would_take_from_elsewhere_are_refused(base: Path) -> None:
    config = base / "config.json"
    config.write_text('{"text_config": {"transformers_weights": "extra.safetensors"}}')
    with (
        pytest.raises(EvidenceError, match=r"says transformers_weights: 'extra\.safetensors'"),
        open_weights(base),
    ):
        pass
    config.write_text('{"transformers_weights": null}')
    with open_weights(base) as weights:
        assert weights.files == ("model.safetensors",)
    (base / "shard-00001-model-00001-of-00001.safetensors").mkdir()
    for call in (lambda: open_weights(base).__enter__(), lambda: fingerprint_folder(base, tensors=True)):
        with pytest.raises((EvidenceError, UsageError), match="distributed checkpoint"):
            call()

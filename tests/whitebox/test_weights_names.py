"""Weights under other names, of larger vocabularies, quantised: what is compared, and what is not judged."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from modelassay.artifacts import fingerprint_folder
from modelassay.errors import UsageError
from modelassay.records import Finding
from modelassay.whitebox.weights import Declared, open_weights
from modelassay.whitebox.weights.check import Inspection, inspect_weights

sys.path.insert(0, str(Path(__file__).parent))
from weight_files import Stored, f32, low_rank, matrices, write_model

ANY = Declared(rank=4, trained=("*.proj.weight",))


def harmful(found: Inspection) -> dict[str, Finding]:
    return {each.id: each for each in found.findings if each.state == "shown_harmful"}


def by_id(found: Inspection) -> dict[str, Finding]:
    return {each.id: each for each in found.findings}


def values() -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    draw = np.random.default_rng(7)
    table = draw.normal(0, 0.05, (40, 32)).astype(np.float32)
    return {**matrices(), "embed_tokens.weight": table}


def stored(prefix: str = "", **changes: Stored) -> dict[str, Stored]:
    whole = {name: f32(each) for name, each in values().items()}
    return {f"{prefix}{name}": each for name, each in (whole | changes).items()}


def other_names(tensors: dict[str, Stored], *changes: tuple[str, str]) -> dict[str, Stored]:
    for old, new in changes:
        tensors = {
            new + name.removeprefix(old) if name.startswith(old) else name: each
            for name, each in tensors.items()
        }
    return tensors


@pytest.mark.parametrize(
    ("base", "candidate"),
    [("", "transformer."), ("transformer.", ""), ("language_model.model.", "model.language_model.")],
)
def test_weights_under_another_prefix_are_compared(tmp_path: Path, base: str, candidate: str) -> None:
    name = "layers.1.proj.weight"
    tuned = f32(values()[name] + low_rank(48, 32, 3, size=0.3, seed=1))
    first = stored(base) | {"vision.probe.weight": f32(np.ones((3, 3)))} | {f"{base}lm_head.weight": f32([1])}
    second = stored(candidate, **{name: tuned}) | {"vision.probe.weight": f32(np.ones((3, 3)))}
    second |= {"lm_head.weight": f32([1])}
    folder = write_model(tmp_path / "x", second)
    found = inspect_weights(write_model(tmp_path / "b", first), folder, declared=ANY)
    assert harmful(found) == {}
    assert [delta.name for delta in found.comparison.changed] == [base + name]
    assert found.spectra is not None
    assert found.spectra[base + name].rank == 3
    assert by_id(found)["weights/origin/overall"].state == "shown_fine"
    told = by_id(found)["weights/tensors/aspect=renamed"].statement
    assert f"{candidate or 'no prefix'} as {base or 'no prefix'}" in told
    assert dict(found.comparison.candidate) == dict(fingerprint_folder(folder, tensors=True).tensors)
    strange = {candidate + n: f32(each) for n, each in matrices(seed=9).items()}
    accused = harmful(inspect_weights(tmp_path / "b", write_model(tmp_path / "y", second | strange)))
    assert {each.measure.name for each in accused.values()} == {"weights_origin"}


def test_a_part_of_the_base_lacks_only_what_lies_outside_it(tmp_path: Path) -> None:
    vision = {f"vision.{name}": f32(each) for name, each in matrices(rows=200, seed=3).items()}
    base = write_model(tmp_path / "base", stored("language_model.model.") | vision)
    found = inspect_weights(base, write_model(tmp_path / "part", stored("model.")))
    assert harmful(found) == {}
    told = by_id(found)
    assert "4 tensors (vision." in told["weights/tensors/aspect=outside"].statement
    assert told["weights/origin/overall"].state == "shown_fine"
    less = stored("model.")
    del less["model.layers.2.proj.weight"]
    found = inspect_weights(base, write_model(tmp_path / "less", less))
    assert set(harmful(found)) == {"weights/tensors/aspect=missing"}


def test_layers_in_another_place_are_never_taken_for_renamed(tmp_path: Path) -> None:
    base = write_model(tmp_path / "base", stored("model."))
    moved = other_names(
        stored("model."), *((f"model.layers.{number}.", f"model.layers.{number + 7}.") for number in range(3))
    )
    found = inspect_weights(base, write_model(tmp_path / "moved", moved))
    assert found.comparison.renaming is None
    assert {"weights/tensors/aspect=unexpected", "weights/tensors/aspect=missing"} <= set(harmful(found))


def test_where_nothing_meets_nothing_is_said_of_declarations(tmp_path: Path) -> None:
    base = write_model(tmp_path / "base", stored())
    other = write_model(tmp_path / "other", {"encoder.weight": f32(np.ones((4, 4)))})
    found = inspect_weights(base, other, declared=ANY)
    assert harmful(found) == {}
    told = by_id(found)
    for name in ("format", "rank", "trained"):
        assert told[f"weights/{name}/overall"].state == "not_assessable"
        assert told[f"weights/{name}/overall"].severity == "medium"
    assert told["weights/change/overall"].statement == "Nothing was compared."


def test_what_was_added_or_reshaped_is_held_against_declarations(tmp_path: Path) -> None:
    base = write_model(tmp_path / "base", stored())
    wider = stored(**{"norm.weight": f32(np.ones(33)), "hook.weight": f32(np.ones((4, 4)))})
    found = inspect_weights(base, write_model(tmp_path / "wider", wider), declared=ANY)
    told = harmful(found)["weights/trained/overall"]
    assert "2 tensors (norm.weight, hook.weight)" in told.statement
    assert "weights/rank/overall" not in harmful(found)
    assert "hook.weight" in by_id(found)["weights/rank/aspect=not matrices"].statement


def test_common_rows_of_a_grown_embedding_are_compared(tmp_path: Path) -> None:
    base = write_model(tmp_path / "base", stored())
    table, more = values()["embed_tokens.weight"], np.zeros((8, 32))

    def grown(name: str, table: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Inspection:
        folder = write_model(tmp_path / name, stored(**{"embed_tokens.weight": f32(table)}))
        found = inspect_weights(base, folder, declared=ANY)
        assert dict(found.comparison.candidate) == dict(fingerprint_folder(folder, tensors=True).tensors)
        return found

    padded = grown("padded", np.concatenate([table, more]))
    assert padded.comparison.changed == ()
    told = by_id(padded)["weights/format/aspect=rows"]
    assert (told.state, told.severity) == ("not_shown", "low")
    assert "embed_tokens.weight 40 → 48" in told.statement
    assert "number of rows: 1 tensor" in by_id(padded)["weights/trained/overall"].statement
    moved = table + low_rank(40, 32, 2, size=0.2, seed=3)
    tuned = grown("tuned", np.concatenate([moved, more]))
    (delta,) = tuned.comparison.changed
    assert (delta.shape, delta.rows, delta.elements) == ((40, 32), (40, 48), 40 * 32)
    assert delta.norm == pytest.approx(np.linalg.norm((moved - table).astype(np.float64)), rel=1e-4)
    assert tuned.spectra is not None
    assert tuned.spectra["embed_tokens.weight"].rank == 2
    assert "embed_tokens.weight" in harmful(tuned)["weights/trained/overall"].statement
    assert grown("shrunk", table[:30]).comparison.changed == ()
    spoilt = grown("spoilt", np.concatenate([table, more + np.nan]))
    assert "embed_tokens.weight (256" in harmful(spoilt)["weights/numbers/aspect=not finite"].statement


def test_quantised_weights_are_neither_accused_nor_measured(tmp_path: Path) -> None:
    base = write_model(tmp_path / "base", stored())
    scaled = stored()
    for number in range(3):
        name = f"layers.{number}.proj.weight"
        octets = np.random.default_rng(number).integers(0, 120, (48, 32), dtype=np.uint8)
        scaled[name] = ("F8_E4M3", (48, 32), octets.tobytes())
        scaled[f"{name}_scale_inv"] = f32([[0.001]])
    packed = {name: each for name, each in stored().items() if "proj" not in name}
    for number in range(3):
        packed[f"layers.{number}.proj.qweight"] = ("I32", (6, 32), bytes(6 * 32 * 4))
        packed[f"layers.{number}.proj.scales"] = f32(np.ones((1, 32)))
    for name, tensors in (("fp8", scaled), ("gptq", packed)):
        folder = write_model(tmp_path / name, tensors, quantization_config={"quant_method": name})
        found = inspect_weights(base, folder, declared=ANY)
        assert harmful(found) == {}
        told = by_id(found)
        assert told["weights/quantisation/overall"].state == "not_assessable"
        assert "there for quantisation" in told["weights/quantisation/overall"].statement
        assert told["weights/rank/aspect=quantised"].state == "not_assessable"
        assert told["weights/trained/aspect=quantised"].state == "not_assessable"
        assert len(found.comparison.packed) == (3 if name == "fp8" else 9)
        assert found.comparison.relative is None
        assert "%" not in told["weights/change/overall"].statement
        norm = {"norm.weight": f32(np.full(32, 1.1)), "hook.weight": f32([1])}
        write_model(folder, tensors | norm, quantization_config={"quant_method": name})
        accused = harmful(inspect_weights(base, folder, declared=ANY))
        assert set(accused) == {"weights/trained/overall", "weights/tensors/aspect=unexpected"}
        assert "2 tensors (norm.weight, hook.weight)" in accused["weights/trained/overall"].statement


def test_a_sound_file_in_another_format_is_called_so(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF\x03\0\0\0" + bytes(64))
    with pytest.raises(UsageError, match="is GGUF, not safetensors"), open_weights(file):
        pass


def test_an_examination_is_not_written_under_the_name_of_a_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from modelassay.cli import run

    base = write_model(tmp_path / "base", stored())
    out = tmp_path / "w.html"
    assert run(["inspect", "weights", str(base), str(base), "--out", str(out)]) == 2
    assert "written as JSON, not as html" in capsys.readouterr().err
    assert not out.exists()

"""The null distributions that come with the package: what they are of, and for whom they are."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import msgspec
import pytest

from modelassay.validation.shipped import PROVENANCE, nulls_for, shipped_nulls
from modelassay.whitebox.calibration import Method, Null

NULLS = files("modelassay.validation") / "nulls"


def test_another_model_of_the_same_architecture_is_not_held_against_organisms(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    assert list(nulls_for(str(tmp_path))) == []
    assert list(nulls_for("gpt2")) == []


def test_every_value_comes_from_a_fine_tune_that_is_named() -> None:
    assert list(shipped_nulls())
    for entry in NULLS.iterdir():
        if entry.name.endswith(PROVENANCE) or not entry.name.endswith(".json"):
            continue
        said = msgspec.json.decode((NULLS / entry.name.replace(".json", PROVENANCE)).read_bytes())
        tunes = {base.partition(" ")[0]: looks for base, looks in said["fine_tunes"].items()}
        for null in msgspec.json.decode(entry.read_bytes(), type=tuple[Null, ...]):
            look = null.statistic.partition(".")[0]
            named = [
                looks.get(look, []) for base, looks in tunes.items() if null.base in (base, whole(base, null))
            ]
            assert len(null.values) == sum(null.families.values()) == sum(map(len, named))


@pytest.mark.parametrize("method", ["full", "adapter"])
@pytest.mark.parametrize("architecture", ["LlamaForCausalLM", "GPTNeoXForCausalLM"])
def test_all_looks_at_one_architecture_can_be_corrected_together(architecture: str, method: Method) -> None:
    pooled = [
        set(null.by_name())
        for null in shipped_nulls()
        if null.base == f"architecture:{architecture}"
        and null.method == method
        and not null.statistic.startswith("watched.")  # has a test of its own
    ]
    assert len(pooled) >= (9 if method == "full" else 5)
    assert len(set.intersection(*pooled)) >= 40


def whole(base: str, null: Null) -> str:
    """The pooled name, which every base of the file shares."""
    return null.base if null.base.startswith("architecture:") else base

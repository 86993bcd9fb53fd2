"""The section `lineage:` of a plan: shorthands, places of mistakes, the commented template."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import jsonschema
import pytest
import yaml

from modelassay.config import load_plan
from modelassay.config.schema import json_schema
from modelassay.errors import ConfigError

PLAN = """\
version: 1
name: release
baseline: hf:models/base
candidate: hf:models/tuned
datasets: [starter]
lineage:
  use: commercial
  base: acme/base
  adapters: [acme/lora]
  training_data:
    - tickets
    - {name: web, pii: removed, parents: tickets, transforms: [filter]}
  terms: {LicenseRef-own: permissive}
  recipe: {seeds: 7, environment: {frameworks: {torch: 2.9}}}
"""


def load(folder: Path, text: str):
    path = folder / "plan.yaml"
    path.write_text(text)
    return load_plan(path)


def test_names_stand_for_records_and_single_values_for_lists(tmp_path: Path) -> None:
    declared = load(tmp_path, PLAN).lineage
    assert declared.base.name == "acme/base"
    assert [entry.name for entry in declared.adapters] == ["acme/lora"]
    assert [entry.name for entry in declared.training_data] == ["tickets", "web"]
    assert declared.training_data[1].parents == ("tickets",)
    assert declared.training_data[1].transforms[0].name == "filter"
    assert declared.terms == {"LicenseRef-own": ("permissive",)}
    assert declared.recipe.seeds == (7,)
    assert declared.recipe.environment.frameworks == {"torch": "2.9"}
    listed = PLAN
    for single in ("permissive", "seeds: 7", "parents: tickets"):
        key, colon, value = single.rpartition(": ")
        listed = listed.replace(single, f"{key}{colon}[{value}]")
    jsonschema.validate(yaml.safe_load(listed), json_schema("plan"))


def test_a_plan_without_the_section_declares_nothing(tmp_path: Path) -> None:
    assert load(tmp_path, PLAN.partition("lineage:")[0]).lineage is None


@pytest.mark.parametrize(
    ("change", "place", "what"),
    [
        (("pii: removed", "pii: some"), "plan.yaml:12: lineage.training_data[1].pii", "known: "),
        (("pii: removed", "pi: removed"), "plan.yaml:12: lineage.training_data[1].pi", "did you mean"),
        (("use: commercial", "use: fun"), "plan.yaml:7: lineage.use", "'fun'"),
        (("own: permissive", "own: free"), "plan.yaml:13: lineage.terms.LicenseRef-own[0]", "'free'"),
        (("seeds: 7", "seeds: some"), "plan.yaml:14: lineage.recipe.seeds[0]", "whole number"),
    ],
)
def test_mistakes_have_a_place(tmp_path: Path, change: tuple[str, str], place: str, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, PLAN.replace(*change))
    assert caught.value.where.endswith(place)
    assert what in str(caught.value)


def test_the_commented_template_is_a_declaration(tmp_path: Path) -> None:
    text = resources.files("modelassay.cli").joinpath("templates/plan.yaml").read_text("utf-8")
    start = text.index("# lineage:")
    end = text.index("\n\n", start)
    section = "\n".join(line.removeprefix("# ") for line in text[start:end].splitlines())
    declared = load(tmp_path, PLAN.partition("lineage:")[0] + section + "\n").lineage
    # Every key is shown, save those that repeat others.
    assert [name for name in declared.__struct_fields__ if not getattr(declared, name)] == ["adapters"]
    data = declared.training_data[0]
    assert {n for n in data.__struct_fields__ if not getattr(data, n)} == {"digest", "rows", "parents"}

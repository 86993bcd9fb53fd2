"""Declarations held against files, model cards and each other."""

from __future__ import annotations

import hashlib
from collections import Counter
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelassay.artifacts import (
    declared_artifacts,
    in_order,
    lineage_findings,
    pedigree,
    recipe_items,
    resolve_lineage,
)
from modelassay.artifacts.model_card import parse_model_card
from modelassay.canonical import Digest, canonical_json, digest_bytes
from modelassay.errors import ConfigError, UsageError
from modelassay.records import (
    Artifact,
    Code,
    Declaration,
    Environment,
    Lineage,
    ModelOrigin,
    Recipe,
    TrainingData,
    Transform,
)

BASE = Digest("sha256:" + "b" * 64)
CARD = """---
license: apache-2.0
base_model:
- acme/base
- acme/other
datasets: [acme/sft, acme/web]
language: en
tags: [x]
---
# Card
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "one.jsonl").write_text('{"text": "a"}\n')
    (tmp_path / "web" / "two.jsonl").write_text('{"text": "b"}\n')
    (tmp_path / "sft.jsonl").write_text('{"text": "c"}\n')
    (tmp_path / "train.yaml").write_text("lr: 0.001\n")
    (tmp_path / "uv.lock").write_text("torch 2.9.1\n")
    (tmp_path / "README.md").write_text(CARD)
    return tmp_path


def whole() -> Declaration:
    """A declaration that leaves nothing open."""

    def said(name: str, path: str, **more: object) -> TrainingData:
        words = {"licence": "CC-BY-4.0", "source": "https://example.org", "consent": "public licence"}
        return TrainingData(name=name, path=path, pii="none", retention="ten years", **words, **more)  # type: ignore[arg-type]

    transforms = (Transform(name="filter", code="https://example.org/code@" + "c" * 40),)
    return Declaration(
        use="commercial",
        licence="Apache-2.0",
        base=ModelOrigin(name="base", digest=BASE, licence="MIT", source="https://example.org"),
        training_data=(
            said("web", "web"),
            said("sft", "sft.jsonl", parents=("web",), transforms=transforms),
        ),
        recipe=Recipe(
            code=Code(repository="https://example.org/code", commit="c" * 40),
            configuration="train.yaml",
            seeds=(1,),
            environment=Environment(lock="uv.lock", hardware="8 H100", frameworks={"torch": "2.9.1+cu129"}),
            data_order="shuffled with seed 1",
            command="python train.py",
        ),
    )


AUDITED = (Artifact(kind="model", name="base", digest=BASE),)


def resolved(declared: Declaration, folder: Path) -> Lineage:
    lineage = resolve_lineage(declared, folder)
    assert lineage is not None
    return lineage


def states(lineage: Lineage | None, audited: tuple[Artifact, ...] = AUDITED) -> dict[str, str]:
    return {finding.id: finding.state for finding in lineage_findings(lineage, audited)}


def test_a_whole_declaration_leaves_nothing_open(folder: Path) -> None:
    lineage = resolved(whole(), folder)
    findings = lineage_findings(lineage, AUDITED)
    assert [(f.measure.name, f.state) for f in findings] == [
        ("training_data", "shown_fine"),
        ("base_model", "shown_fine"),
        ("licences", "shown_fine"),
        ("data_handling", "shown_fine"),
        ("recipe", "shown_fine"),
    ]
    assert {f.measure.name: f.assurance for f in findings if f.rests_on} == {
        "training_data": "T2",
        "base_model": "T2",
        "recipe": "T2",
    }
    assert all(item.state == "present" for item in recipe_items(lineage))


def test_nothing_declared_is_one_finding() -> None:
    assert resolve_lineage(None, Path()) is None
    (finding,) = lineage_findings(None)
    assert (finding.measure.name, finding.state) == ("lineage", "not_assessable")


def test_paths_are_bound_to_their_bytes(folder: Path) -> None:
    lineage = resolved(whole(), folder)
    sft = hashlib.sha256((folder / "sft.jsonl").read_bytes()).hexdigest()
    sums = "".join(
        f"{hashlib.sha256((folder / 'web' / name).read_bytes()).hexdigest()}  {name}\n"
        for name in ("one.jsonl", "two.jsonl")
    )
    assert lineage.hashed["sft.jsonl"].digest == f"sha256:{sft}"
    assert lineage.hashed["web"].digest == digest_bytes(sums.encode())
    assert (lineage.hashed["web"].files, lineage.hashed["web"].size) == (2, 28)
    assert [data.digest for data in lineage.declared.training_data] == [
        lineage.hashed["web"].digest,
        lineage.hashed["sft.jsonl"].digest,
    ]
    assert canonical_json(lineage) == canonical_json(
        msgspec.json.decode(canonical_json(lineage), type=Lineage)
    )


def test_a_declared_digest_that_the_file_does_not_have_is_an_error(folder: Path) -> None:
    right = resolved(whole(), folder).declared
    assert resolved(right, folder).declared == right
    (folder / "sft.jsonl").write_text("changed")
    with pytest.raises(ConfigError) as caught:
        resolve_lineage(right, folder)
    assert caught.value.where == "lineage.training_data[1].digest"
    pinned = msgspec.structs.replace(
        whole(), recipe=Recipe(configuration=f"train.yaml@sha256:{'0' * 64}"), training_data=()
    )
    with pytest.raises(ConfigError, match="not what was declared"):
        resolve_lineage(pinned, folder)


def test_a_pin_that_is_met_reads_like_a_path(folder: Path) -> None:
    digest = hashlib.sha256((folder / "train.yaml").read_bytes()).hexdigest()
    declared = Declaration(recipe=Recipe(configuration=f"train.yaml@sha256:{digest}"))
    assert resolved(declared, folder).declared.recipe.configuration == "train.yaml"


@pytest.mark.parametrize(
    ("declared", "where"),
    [
        ({"training_data": [{"name": "a", "path": "absent"}]}, "lineage.training_data[0].path"),
        ({"training_data": [{"name": "a"}, {"name": "a"}]}, "lineage.training_data[1]"),
        ({"training_data": [{"name": " "}]}, "lineage.training_data[0]"),
        ({"training_data": [{"name": "a", "rows": -1}]}, "lineage.training_data[0].rows"),
        ({"training_data": [{"name": "a", "digest": "sha256:12"}]}, "lineage.training_data[0].digest"),
        ({"base": {"name": "b", "digest": "md5:0"}}, "lineage.base.digest"),
        ({"adapters": [{"name": "b", "path": "/dev/null"}]}, "lineage.adapters[0].path"),
        ({"recipe": {"configuration": "sha256:0"}}, "lineage.recipe.configuration"),
        ({"recipe": {"environment": {"lock": "absent"}}}, "lineage.recipe.environment.lock"),
        ({"training_data": [{"name": "a", "parents": ["a"]}]}, "lineage"),
        (
            {"training_data": [{"name": "a", "parents": ["b"]}, {"name": "b", "parents": ["a"]}]},
            "lineage",
        ),
    ],
)
def test_what_cannot_be_true_is_refused_by_its_place(
    folder: Path, declared: dict[str, object], where: str
) -> None:
    with pytest.raises(UsageError) as caught:
        resolve_lineage(msgspec.convert(declared, Declaration), folder)
    assert caught.value.where == where
    assert caught.value.mend or caught.value.what


def without(field: str, value: object = "") -> Declaration:
    declared = whole()
    first, second = declared.training_data
    return msgspec.structs.replace(
        declared, training_data=(first, msgspec.structs.replace(second, **{field: value}))
    )


@pytest.mark.parametrize(
    ("field", "value", "finding"),
    [
        ("path", "", "lineage/training_data/aspect=content"),
        ("source", " ", "lineage/training_data/aspect=source"),
        ("parents", ("web", "elsewhere"), "lineage/training_data/aspect=parents"),
        ("consent", "", "data_handling/data_handling/aspect=consent"),
        ("pii", "", "data_handling/data_handling/aspect=personal data"),
        ("retention", "", "data_handling/data_handling/aspect=retention"),
        ("licence", "", "licences/licences/part=training data sft,aspect=unknown"),
    ],
)
def test_what_is_missing_is_unknown_and_names_the_dataset(
    folder: Path, field: str, value: object, finding: str
) -> None:
    lineage = resolved(without(field, value), folder)
    assert states(lineage)[finding] == "not_assessable"
    (statement,) = [f.statement for f in lineage_findings(lineage, AUDITED) if f.id == finding]
    assert "sft" in statement
    assert "web," not in statement.replace("(web, ", "")


@pytest.mark.parametrize("pii", ["present", "pseudonymised"])
@pytest.mark.parametrize("field", ["consent", "retention"])
def test_personal_data_needs_a_basis_and_an_end(folder: Path, pii: str, field: str) -> None:
    declared = without("pii", pii)
    assert "shown_harmful" not in states(resolved(declared, folder)).values()
    first, second = declared.training_data
    silent = msgspec.structs.replace(second, **{field: ""})
    lineage = resolved(msgspec.structs.replace(declared, training_data=(first, silent)), folder)
    assert states(lineage)[f"data_handling/data_handling/aspect={field} of personal data"] == "shown_harmful"


def test_the_base_must_be_what_was_loaded(folder: Path) -> None:
    lineage = resolved(whole(), folder)
    other = Artifact(kind="model", name="other", digest=Digest("sha256:" + "0" * 64))
    served = Artifact(kind="served_model", name="api", digest=other.digest)
    place = "lineage/base_model/part=base model base"
    assert states(lineage, (other,))[place] == "shown_harmful"
    assert states(lineage, (served,))[place] == "not_shown"
    adapter = Artifact(kind="adapter", name="lora", digest=Digest("sha256:" + "1" * 64))
    assert states(lineage, (*AUDITED, adapter))["lineage/base_model/aspect=adapters"] == "not_assessable"
    named = msgspec.structs.replace(
        whole(), adapters=(ModelOrigin(name="lora", digest=adapter.digest, licence="MIT"),)
    )
    assert set(states(resolved(named, folder), (*AUDITED, adapter)).values()) == {"shown_fine"}


def test_the_recipe_is_counted_item_by_item(folder: Path) -> None:
    assert {i.name: i.state for i in recipe_items(resolved(Declaration(), folder))} == dict.fromkeys(
        [item.name for item in recipe_items(resolved(whole(), folder))], "missing"
    )
    loose = Recipe(
        code=Code(repository="https://example.org", commit="main"),
        configuration=f"sha256:{'0' * 64}",
        environment=Environment(frameworks={"torch": ">=2.9"}),
        seeds=(1, 2),
    )
    lineage = resolved(msgspec.structs.replace(whole(), recipe=loose), folder)
    counts = Counter(item.state for item in recipe_items(lineage))
    assert counts == {"present": 3, "declared": 3, "missing": 4}
    (finding,) = [f for f in lineage_findings(lineage, AUDITED) if f.check == "recipe"]
    assert {name: int(value) for name, value in finding.values.items()} == counts
    assert finding.statement.startswith("3 of 10 items")
    assert finding.state == "not_assessable"


def test_a_model_card_completes_the_plan(folder: Path) -> None:
    lineage = resolved(Declaration(model_card="README.md"), folder)
    declared = lineage.declared
    assert declared.licence == "apache-2.0"
    assert declared.base is not None
    assert declared.base.name == "acme/base"
    assert [adapter.name for adapter in declared.adapters] == ["acme/other"]
    assert [data.name for data in declared.training_data] == ["acme/sft", "acme/web"]
    assert lineage.disagreements == ()
    assert "README.md" in lineage.hashed


def test_where_plan_and_card_differ_the_plan_wins_and_the_difference_is_a_finding(folder: Path) -> None:
    declared = msgspec.structs.replace(
        whole(),
        licence="MIT",
        base=ModelOrigin(name="mine", digest=BASE, licence="MIT"),
        training_data=whole().training_data[1:],
        model_card="README.md",
    )
    lineage = resolved(declared, folder)
    assert lineage.declared.licence == "MIT"
    assert [(d.part, d.plan, d.card) for d in lineage.disagreements] == [
        ("licence", "MIT", "apache-2.0"),
        ("base", "mine", "acme/base, acme/other"),
        ("training data", "sft", "acme/web"),
    ]
    assert [data.name for data in lineage.declared.training_data] == ["sft", "acme/web"]
    found = [f for f in lineage_findings(lineage, AUDITED) if "Plan and model card differ" in f.statement]
    assert [f.measure.name for f in found] == ["licences", "base_model", "training_data"]
    same = msgspec.structs.replace(
        whole(), base=ModelOrigin(name="base", digest=BASE, licence="MIT"), model_card="README.md"
    )
    assert resolved(same, folder).disagreements == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# Card",
        "---\nlicense: mit\n",
        "---\n---\n",
        "---\nlicense: 3\n---\n",
        "---\nlicense: [mit, 4]\n---\n",
        "---\nlicense: mit\nlicense: gpl\n---\n",
        "---\ndatasets: {a: b}\n---\n",
        "---\n- a\n---\n",
        "---\nlicense: !!python/name:os.system x\n---\n",
    ],
)
def test_a_card_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_model_card(text, "README.md")


@given(st.text(max_size=80))
def test_any_front_matter_is_read_or_refused(text: str) -> None:
    with suppress(ConfigError):
        parse_model_card(f"---\n{text}\n---\n", "README.md")


def test_other_licences_of_the_hub_go_by_their_name() -> None:
    card = parse_model_card("---\nlicense: other\nlicense_name: qwen-research\n---\n", "README.md")
    assert card.licence == "qwen-research"


def artifact(number: int, *parents: int) -> Artifact:
    return Artifact(
        kind="dataset",
        name=f"a{number}",
        digest=Digest(f"sha256:{number:064x}"),
        parents=tuple(Digest(f"sha256:{parent:064x}") for parent in parents),
    )


@given(st.data())
def test_parents_come_before_children(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 12))
    graph = [
        artifact(n, *data.draw(st.sets(st.integers(0, n - 1), max_size=3) if n else st.just(set())))
        for n in range(size)
    ]
    mixed = data.draw(st.permutations(graph))
    ordered = in_order(mixed)
    assert sorted(ordered, key=lambda a: a.digest) == graph
    place = {each.digest: index for index, each in enumerate(ordered)}
    assert all(place[parent] < place[each.digest] for each in ordered for parent in each.parents)
    lines = list(pedigree(graph[-1].digest, graph))
    assert lines[0].artifact == graph[-1]
    # Every ancestor is described once, however many ways lead to it.
    assert len(lines) <= 1 + sum(len(each.parents) for each in graph)
    if size > 1:
        child = data.draw(st.integers(1, size - 1))
        circle = [*graph[:child], artifact(child, *range(child + 1)), *graph[child + 1 :]]
        with pytest.raises(UsageError, match=f"a{child} → a{child}"):
            in_order(circle)


def test_a_circle_is_named_from_child_to_parent() -> None:
    with pytest.raises(UsageError) as caught:
        in_order([artifact(1, 2), artifact(2, 3), artifact(3, 1)])
    ways = {"a1 → a2 → a3 → a1", "a2 → a3 → a1 → a2", "a3 → a1 → a2 → a3"}
    assert caught.value.what.rpartition(": ")[2] in ways


def test_a_copy_that_changed_nothing_is_its_parent_and_no_circle(folder: Path) -> None:
    data = (
        TrainingData(name="web", path="web"),
        TrainingData(name="copy", path="web", parents=("web",)),
    )
    (only,) = declared_artifacts(resolved(Declaration(training_data=data), folder).declared)
    assert only.parents == ()


def test_a_pedigree_shows_parents_that_nothing_describes(folder: Path) -> None:
    elsewhere = "sha256:" + "e" * 64
    declared = resolved(without("parents", ("web", elsewhere)), folder).declared
    artifacts = declared_artifacts(declared)
    assert [each.name for each in artifacts] == ["base", "web", "sft"]
    lines = [
        (line.generation, line.artifact.name if line.artifact else line.digest)
        for line in pedigree(artifacts[-1].digest, artifacts)
    ]
    assert lines == [(0, "sft"), (1, "web"), (1, elsewhere)]

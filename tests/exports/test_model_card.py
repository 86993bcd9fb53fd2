"""The model card: read by the Hub's own library, replaced on export, the rest of the card untouched."""

from __future__ import annotations

import msgspec
import pytest
import yaml

from modelassay.errors import UsageError
from modelassay.exports.model_card import BEGIN, END, MARK, eval_results, model_card
from modelassay.exports.sealed import SealedAudit
from modelassay.records import DatasetPin

CARD = """---
license: apache-2.0  # a comment that must stay
tags: [safety]
model-index:
- name: acme/other
  results:
  - task: {type: text-generation}
    dataset: {type: squad, name: SQuAD}
    metrics:
    - {type: f1, value: 0.9}
language: en
---
# Our model

Words before.

%s
Words after.
"""


def parts(data: bytes) -> tuple[str, str]:
    _, front, body = data.decode().split("---\n", 2)
    return front, body


def test_the_hubs_library_reads_every_rate(plain: SealedAudit) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="the extra 'local' is not installed")
    card = hub.ModelCard(model_card(plain.record).decode())
    rated = [f for f in plain.record.findings if f.check == "comparison" and f.candidate is not None]
    results = card.data.eval_results
    assert len(results) == len(rated)
    values = {(r.metric_type, r.metric_name): r.metric_value for r in results}
    for finding in rated:
        if not finding.slice:
            assert finding.candidate is not None
            name = f"{finding.measure.title}, all prompts"
            assert values[finding.measure.name, name] == float(finding.candidate.value)
    assert all(result.task_type == "text-generation" for result in results)


def test_a_card_keeps_everything_but_an_earlier_export(plain: SealedAudit) -> None:
    first = model_card(plain.record, CARD % "")
    front, body = parts(first)
    assert "license: apache-2.0  # a comment that must stay\n" in front
    assert front.endswith("language: en\n")
    assert body.startswith("# Our model\n\nWords before.\n")
    assert "Words after." in body
    assert {model["name"] for model in yaml.safe_load(front)["model-index"]} == {
        "acme/other",
        "scripted:lost",
    }
    assert model_card(plain.record, first.decode()) == first
    later = msgspec.structs.replace(plain.record, id="release-8-0000000000", closed="2030-01-01T00:00:00Z")
    second = model_card(later, first.decode())
    assert second.count(BEGIN.encode()) == second.count(END.encode()) == 1
    assert plain.record.id.encode() not in second
    assert b"2030-01-01" in second
    hub = pytest.importorskip("huggingface_hub", reason="the extra 'local' is not installed")
    assert hub.ModelCard(second.decode()).data.license == "apache-2.0"


def test_the_section_goes_where_the_marks_stand(plain: SealedAudit) -> None:
    _, body = parts(model_card(plain.record, CARD % f"{BEGIN}\nold\n{END}\n"))
    assert body.index("Words before.") < body.index("## Safety audit") < body.index("Words after.")
    assert "\nold\n" not in body


def test_entries_of_one_model_stay_together(plain: SealedAudit) -> None:
    own = CARD.replace("acme/other", "scripted:lost") % ""
    front, _ = parts(model_card(plain.record, own))
    [model] = yaml.safe_load(front)["model-index"]
    kinds = [MARK in result["dataset"].get("args", {}) for result in model["results"]]
    assert kinds[0] is False
    assert all(kinds[1:])


@pytest.mark.parametrize(
    ("card", "what"),
    [
        (f"# Card\n{BEGIN}\n", "marks"),
        (f"{BEGIN}{END}{BEGIN}{END}", "marks"),
        ("---\n- a list\n---\n", "mapping"),
        ("---\na: [\n---\n", "YAML"),
        ("---\nmodel-index: 7\n---\n", "list of models"),
    ],
)
def test_a_card_that_cannot_be_kept_is_refused(plain: SealedAudit, card: str, what: str) -> None:
    with pytest.raises(UsageError, match=what):
        model_card(plain.record, card)


def test_hostile_names_become_neither_markup_nor_marks(plain: SealedAudit) -> None:
    record = msgspec.structs.replace(
        plain.record, notes=(f"{END} <img src=x onerror=alert(1)> [a](http://example.invalid)",)
    )
    _, body = parts(model_card(record))
    assert "<img" not in body
    assert body.count(END) == 1
    assert "[a](" not in body.replace("\\[a\\](", "")
    assert "<b>" not in body


def test_eval_results_are_read_by_the_hubs_library(plain: SealedAudit) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="the extra 'local' is not installed")
    entries = hub.parse_eval_result_entries(yaml.safe_load(eval_results(plain.record)))
    overall = [f for f in plain.record.findings if f.check == "comparison" and not f.slice and f.candidate]
    assert [(e.dataset_id, e.task_id) for e in entries] == [("prompts", f.measure.name) for f in overall]
    assert [e.value for e in entries] == [float(f.candidate.value) for f in overall if f.candidate]
    assert all(entry.date == plain.record.closed and plain.record.id in entry.notes for entry in entries)


def test_with_several_datasets_no_pooled_rate_is_given_to_one(plain: SealedAudit) -> None:
    other = DatasetPin(name="other", digest=plain.record.datasets[0].digest, rows=1)
    record = msgspec.structs.replace(plain.record, datasets=(*plain.record.datasets, other))
    assert yaml.safe_load(eval_results(record)) == []
    sliced = tuple(
        msgspec.structs.replace(finding, slice={"dataset": "other"})
        if finding.slice == {"language": "es"}
        else finding
        for finding in plain.record.findings
    )
    entries = yaml.safe_load(eval_results(msgspec.structs.replace(record, findings=sliced)))
    assert {entry["dataset"]["id"] for entry in entries} == {"other"}

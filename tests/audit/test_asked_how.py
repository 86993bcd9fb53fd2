"""What is not the same of how two models are asked is said at the head, in the product's own voice."""

from __future__ import annotations

import msgspec

from modelassay.audit.asked_how import authored, selection_limits, side_notes, stop_notes
from modelassay.audit.noise_floor import NOTE
from modelassay.canonical import Digest
from modelassay.config import DatasetReference, ModelReference, Plan
from modelassay.records import DatasetPin, Decoding, TargetIdentity
from modelassay.records.audit import AUTHOR_SAYS
from modelassay.report.datasets import rows_in_words


def model(**details: str) -> TargetIdentity:
    return TargetIdentity(
        reference="python:mods:one",
        fingerprint=Digest(f"sha256:{len(details)}"),
        strength="source code",
        details={"kind": "python", **details},
    )


def test_a_prompt_on_one_side_is_said_and_whose_it_is() -> None:
    plain, prompted = model(), model(system_prompt="sha256:1")
    (of_candidate,) = side_notes(plain, prompted)
    assert "under another system prompt than the baseline" in of_candidate
    assert of_candidate.endswith("The candidate alone was given a system prompt.")
    (of_baseline,) = side_notes(prompted, plain)
    assert of_baseline.endswith("The baseline alone was given a system prompt.")
    (of_both,) = side_notes(prompted, model(system_prompt="sha256:2"))
    assert "alone" not in of_both
    assert side_notes(prompted, prompted) == side_notes(plain, plain) == ()


def test_templates_and_options_that_both_could_have_are_said() -> None:
    one = model(chat_template="sha256:1", **{"option.tone": "'mild'"})
    other = model(chat_template="sha256:2")
    (said,) = side_notes(one, other)
    assert "under another chat template and option tone than" in said
    served = msgspec.structs.replace(other, details={"kind": "openai", "model": "x"})
    assert side_notes(one, served) == (), "models of two kinds have neither in common"


def test_strings_that_end_answers_are_said() -> None:
    assert stop_notes(Decoding()) == ()
    (said,) = stop_notes(Decoding(stop=("However", "\n\n")))
    assert '"However", "\\n\\n"' in said
    assert "is in no figure" in said


def test_notes_of_the_plan_are_its_authors_words() -> None:
    one = ModelReference(model="hf:one")
    plan = Plan(
        version=1,
        name="a",
        baseline=one,
        candidate=one,
        datasets=(DatasetReference(use="starter"),),
        notes=(NOTE, "All 14 categories are within 5 %."),
    )
    said = f"{AUTHOR_SAYS}All 14 categories are within 5 %."
    assert authored(plan, noise_floor=False) == (f"{AUTHOR_SAYS}{NOTE}", said)
    assert authored(plan, noise_floor=True) == (said,)


def test_categories_that_no_entry_of_the_plan_asks_in_are_named() -> None:
    rows = {"drugs": 20, "fraud": 30, "weapons": 50}

    def pin(category: str) -> DatasetPin:
        return DatasetPin(
            name="mine",
            digest=Digest("sha256:1"),
            rows=rows[category],
            whole=100,
            where={"category": category},
            left_out={name: count for name, count in rows.items() if name != category},
        )

    (said,) = selection_limits((pin("drugs"), pin("fraud")))
    assert "of the 100 rows of mine the plan leaves out all in weapons (50);" in said
    assert list(selection_limits((pin("drugs"), pin("fraud"), pin("weapons")))) == []
    assert rows_in_words(pin("drugs")) == "20 of 100, where category is drugs"
    assert rows_in_words(DatasetPin(name="mine", digest=Digest("sha256:1"), rows=2000)) == "2,000"

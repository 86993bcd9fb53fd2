"""Licences against the intended use: each conflict with its reason, each unknown by name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelassay.artifacts.licences import licence_findings
from modelassay.artifacts.spdx import licence_table
from modelassay.records import Declaration, ModelOrigin, TrainingData


def found(declared):
    """State and severity by (part, aspect); the finding that all is well has neither."""
    return {
        (f.slice.get("part", ""), f.slice.get("aspect", "")): (f.state, f.severity)
        for f in licence_findings(declared)
    }


def declaration(data="", base="", *, licence="Apache-2.0", use="commercial", **more):
    return Declaration(
        use=use,
        licence=licence,
        base=ModelOrigin(name="b", licence=base) if base else None,
        training_data=(TrainingData(name="d", licence=data),) if data else (),
        **more,
    )


FINE = {("", ""): ("shown_fine", "none")}
DATA, BASE = "training data d", "base model b"


def test_permissive_licences_fit_any_use():
    for use in ("commercial", "research", "internal", ""):
        assert found(declaration("CC-BY-4.0 AND MIT", "Apache-2.0", use=use)) == FINE


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        ("commercial", ("shown_harmful", "high")),
        ("internal", ("not_shown", "medium")),
        ("", ("not_assessable", "medium")),
    ],
)
def test_data_that_forbids_commercial_use(use, expected):
    assert found(declaration("CC-BY-NC-4.0", use=use))[DATA, "non-commercial"] == expected


def test_research_may_use_it_if_its_own_licence_says_so_too():
    assert found(declaration("CC-BY-NC-4.0", use="research", licence="CC-BY-NC-4.0")) == FINE
    open_release = found(declaration("CC-BY-NC-4.0", use="research", licence="MIT"))
    assert open_release == {(DATA, "non-commercial"): ("shown_harmful", "medium")}


def test_a_choice_of_licences_is_as_good_as_its_best_and_a_conjunction_as_bad_as_its_worst():
    assert found(declaration("CC-BY-NC-4.0 OR MIT")) == FINE
    assert found(declaration("CC-BY-NC-4.0 AND MIT")) == found(declaration("CC-BY-NC-4.0"))
    both = found(declaration("(CC-BY-NC-4.0 OR CC-BY-SA-4.0) AND CC-BY-ND-4.0"))
    assert both[DATA, "no-derivatives"] == ("shown_harmful", "medium")
    assert len(both) == 2


def test_adaptations_may_not_be_handed_on_under_no_derivatives():
    assert found(declaration("CC-BY-ND-4.0", "CC-BY-ND-4.0")) == {
        (DATA, "no-derivatives"): ("shown_harmful", "medium"),
        (BASE, "no-derivatives"): ("shown_harmful", "high"),
    }
    assert found(declaration("CC-BY-ND-4.0", use="internal")) == FINE


@pytest.mark.parametrize(
    ("part", "licence", "fits"),
    [
        ("CC-BY-SA-4.0", "CC-BY-SA-4.0", True),
        ("CC-BY-SA-4.0", "GPL-3.0-only", True),
        ("CC-BY-SA-4.0", "Apache-2.0", False),
        ("CC-BY-SA-4.0", "LicenseRef-proprietary", False),
        # Whoever receives the candidate may choose MIT.
        ("CC-BY-SA-4.0", "CC-BY-SA-4.0 OR MIT", False),
        ("GPL-2.0-or-later", "GPL-3.0-only", True),
        ("GPL-2.0-only", "GPL-3.0-only", False),
        ("MPL-2.0", "Apache-2.0", True),
        ("CDLA-Sharing-1.0", "Apache-2.0", True),
    ],
)
def test_what_shares_alike_asks_for_its_own_terms(part, licence, fits):
    assert ((BASE, "share-alike") not in found(declaration(base=part, licence=licence))) == fits
    assert (BASE, "share-alike") not in found(declaration(base=part, licence=licence, use="internal"))


def test_restrictions_on_use_must_be_passed_on():
    assert found(declaration(base="llama3.1", licence="MIT")) == {
        (BASE, "behavioural-use"): ("shown_harmful", "high"),
        (BASE, "conditions"): ("not_shown", "low"),
    }
    passed_on = found(declaration(base="llama3.1", licence="llama3.1"))
    assert passed_on == {(BASE, "conditions"): ("not_shown", "low"), **FINE}
    own = declaration(base="gemma", licence="LicenseRef-acme")
    assert found(own)[BASE, "behavioural-use"] == ("not_assessable", "medium")
    own = declaration(
        base="gemma", licence="LicenseRef-acme", terms={"LicenseRef-acme": ("behavioural-use",)}
    )
    assert (BASE, "behavioural-use") not in found(own)


def test_base_and_adapter_that_no_release_can_satisfy():
    adapter = ModelOrigin(name="a", licence="GPL-3.0-only")
    clash = declaration(base="llama3.1", licence="GPL-3.0-only", adapters=(adapter,))
    assert found(clash)[f"{BASE} and adapter a", "clash"] == ("shown_harmful", "high")
    assert "adds a restriction (behavioural-use)" in " ".join(f.statement for f in licence_findings(clash))
    fine = declaration(base="GPL-2.0-or-later", licence="GPL-3.0-only", adapters=(adapter,))
    assert found(fine) == FINE


def test_a_pair_of_licences_clashes_once_however_many_parts_have_them():
    data = tuple(
        TrainingData(name=f"{licence} {n}", licence=licence)
        for n in range(3)
        for licence in ("CC-BY-SA-4.0", "GPL-2.0-only")
    )
    clashes = [key for key in found(Declaration(use="research", training_data=data)) if key[1] == "clash"]
    assert len(clashes) == 1


@pytest.mark.parametrize("licence", ["", "unknown", "other", "NOASSERTION", "NONE", "CC BY 4.0", "MIT AND"])
def test_a_licence_that_says_nothing_is_unknown(licence):
    data = (TrainingData(name="d", licence=licence),)
    declared = Declaration(use="internal", training_data=data)
    assert found(declared) == {(DATA, "unknown"): ("not_assessable", "medium")}


def test_a_licence_that_the_table_does_not_hold_is_unknown_until_its_terms_are_stated():
    assert found(declaration("LicenseRef-acme")) == {(DATA, "unknown"): ("not_assessable", "medium")}
    stated = declaration("licenseref-ACME", terms={"LicenseRef-acme": ("permissive",)})
    assert found(stated) == FINE
    strict = declaration("LicenseRef-acme", terms={"LicenseRef-acme": ("non-commercial",)})
    assert found(strict)[DATA, "non-commercial"] == ("shown_harmful", "high")


def test_the_candidates_own_licence_is_needed_where_it_is_handed_on():
    assert found(declaration("MIT", licence=""))["the candidate", "unknown"][0] == "not_assessable"
    assert found(declaration("MIT", licence="", use="internal")) == FINE


licences = st.sampled_from([*sorted(licence_table().spellings.values()), "", "LicenseRef-x", "MIT AND", "¿"])
expressions = st.lists(licences, min_size=1, max_size=3).flatmap(
    lambda parts: st.sampled_from([" AND ", " OR "]).map(lambda operator: operator.join(parts))
)


@given(
    data=st.lists(expressions, max_size=4),
    base=expressions,
    licence=expressions,
    use=st.sampled_from(["", "commercial", "research", "internal"]),
)
def test_any_declaration_gives_findings_of_its_own_with_reason_and_mend(data, base, licence, use):
    declared = Declaration(
        use=use,
        licence=licence,
        base=ModelOrigin(name="b", licence=base),
        training_data=tuple(TrainingData(name=str(n), licence=text) for n, text in enumerate(data)),
    )
    findings = licence_findings(declared)
    assert len({finding.id for finding in findings}) == len(findings) > 0
    assert all("not legal advice" in finding.method for finding in findings)
    assert all(finding.statement.endswith(".") for finding in findings)
    wanting = [finding for finding in findings if finding.severity not in ("none", "low")]
    assert bool(wanting) == (findings[-1].state != "shown_fine")


@given(data=st.lists(expressions, min_size=1, max_size=3), more=expressions)
def test_another_restriction_never_clears_a_conflict(data, more):
    def conflicts(texts):
        declared = Declaration(
            use="commercial",
            licence="Apache-2.0",
            training_data=tuple(TrainingData(name=str(n), licence=text) for n, text in enumerate(texts)),
        )
        return {f.slice["part"] for f in licence_findings(declared) if f.state == "shown_harmful"}

    assert conflicts(data) <= conflicts([*data, more])

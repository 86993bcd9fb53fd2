"""SPDX licence expressions: the grammar, its faults, and the table of terms."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelassay.artifacts.spdx import (
    Choice,
    Every,
    Licence,
    accepts,
    condition_of,
    licence_table,
    licences_in,
    parse_expression,
    terms_of,
)
from modelassay.errors import UsageError

IDS = ["MIT", "Apache-2.0", "GPL-2.0-only", "GPL-3.0-or-later", "CC-BY-NC-4.0", "LicenseRef-acme", "X-99"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MIT", Licence("MIT")),
        ("mit", Licence("MIT")),
        ("apache-2.0 and MIT", Every((Licence("Apache-2.0"), Licence("MIT")))),
        ("GPL-2.0+", Licence("GPL-2.0-or-later")),
        ("EPL-1.0+", Licence("EPL-1.0", later=True)),
        ("DocumentRef-a:LicenseRef-b", Licence("DocumentRef-a:LicenseRef-b")),
        (
            "GPL-2.0-only WITH Classpath-exception-2.0",
            Licence("GPL-2.0-only", exception="Classpath-exception-2.0"),
        ),
        # SPDX 2.3, Annex D.4: AND binds tighter than OR.
        (
            "LGPL-2.1-only OR BSD-3-Clause AND MIT",
            Choice((Licence("LGPL-2.1-only"), Every((Licence("BSD-3-Clause"), Licence("MIT"))))),
        ),
        (
            "(LGPL-2.1-only OR BSD-3-Clause) AND MIT",
            Every((Choice((Licence("LGPL-2.1-only"), Licence("BSD-3-Clause"))), Licence("MIT"))),
        ),
        ("((MIT))", Licence("MIT")),
        ("llama3.1", Licence("LicenseRef-llama3.1")),
        ("openrail++", Licence("LicenseRef-openrail-plus-plus")),
        ("Apache License 2.0", Licence("Apache-2.0")),
    ],
)
def test_expressions_are_read(text, expected):
    assert parse_expression(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "MIT AND",
        "AND MIT",
        "MIT OR OR MIT",
        "MIT Apache-2.0",
        "(MIT",
        "MIT)",
        "()",
        "MIT WITH",
        "MIT WITH (x)",
        "MIT WITH a WITH b",
        "MIT And Apache-2.0",
        "MIT; GPL",
        "CC BY 4.0",
        "LicenseRef-a+",
        "LicenseRef-",
        "DocumentRef-x:MIT",
        "MÍT",
        "MIT\0",
        "(" * 40 + "MIT" + ")" * 40,
        "MIT OR " * 400 + "MIT",
    ],
)
def test_what_is_not_an_expression_is_refused(text):
    with pytest.raises(UsageError) as caught:
        parse_expression(text)
    assert caught.value.what


@given(st.text(max_size=60) | st.text(alphabet="()+-.:MITandorwhANDORWH ", max_size=60))
@example("MIT WITH\t")
def test_any_text_is_read_or_refused_and_what_is_read_is_read_again(text):
    try:
        expression = parse_expression(text)
    except UsageError:
        return
    assert parse_expression(str(expression)) == expression


leaves = st.builds(
    Licence,
    st.sampled_from(IDS),
    st.just(False),
    st.sampled_from(["", "", "Classpath-exception-2.0"]),
)


def joined(inner):
    parts = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return parts.map(Every) | parts.map(Choice)


@given(st.recursive(leaves, joined, max_leaves=12))
def test_expressions_come_back_from_their_own_spelling(expression):
    read = parse_expression(str(expression))
    assert parse_expression(str(read)) == read
    assert list(licences_in(read)) == list(licences_in(expression))


@given(st.recursive(leaves.filter(lambda licence: licence.id != "X-99"), joined, max_leaves=8))
def test_an_implementation_that_we_did_not_write_reads_the_same(expression):
    packaging = pytest.importorskip("packaging.licenses")
    text = str(expression)
    theirs = packaging.canonicalize_license_expression(text)
    assert parse_expression(theirs) == parse_expression(text)


def test_every_id_of_the_table_is_on_the_spdx_list():
    listed = pytest.importorskip("packaging.licenses._spdx").LICENSES
    ids = [name for name in licence_table().spellings.values() if not name.startswith("LicenseRef-")]
    assert len(ids) > 100
    assert [name for name in ids if listed.get(name.lower(), {}).get("id") != name] == []
    own = {name.lower() for name in licence_table().spellings.values()}
    named = {
        *licence_table().accepted,
        *licence_table().conditions,
        *(n.lower() for n in licence_table().names.values()),
    }
    named |= {name for names in licence_table().accepted.values() for name in names}
    assert named - own == set()
    assert [name for name in licence_table().names if name != name.lower()] == []


def test_terms_contradict_nothing():
    for name, terms in licence_table().terms.items():
        assert "permissive" not in terms or terms == {"permissive"}, name
        assert ("-nc-" in name) <= ("non-commercial" in terms), name
        assert ("-nd-" in name) <= ("no-derivatives" in terms), name
        assert ("cc-by" in name and "-sa-" in name) <= ("share-alike" in terms), name


def test_terms_of_known_licences():
    assert terms_of(Licence("CC-BY-NC-SA-4.0")) == {"non-commercial", "share-alike"}
    assert terms_of(Licence("cc-by-4.0")) == {"permissive"}
    assert terms_of(parse_expression("llama3.3")) == {"behavioural-use"}
    assert terms_of(Licence("X-99")) is None
    assert "700 million" in condition_of(Licence("LicenseRef-llama3"))
    assert condition_of(Licence("MIT")) == ""


def test_what_shares_alike_accepts_itself_and_what_its_text_names():
    assert accepts(Licence("CC-BY-SA-4.0"), Licence("CC-BY-SA-4.0"))
    assert accepts(Licence("CC-BY-SA-4.0"), Licence("GPL-3.0-only"))
    assert not accepts(Licence("GPL-3.0-only"), Licence("CC-BY-SA-4.0"))
    assert not accepts(Licence("GPL-2.0-only"), Licence("GPL-3.0-only"))

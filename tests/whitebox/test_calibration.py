"""Statistics beside harmless fine-tunes: p-values, Holm's correction, and whose null it is."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import pytest

from modelassay.canonical import digest_of
from modelassay.errors import EvidenceError
from modelassay.records import TargetIdentity
from modelassay.whitebox.calibration import (
    OF_ITSELF,
    OF_OTHER_BASES,
    Null,
    Nulls,
    nulls_bytes,
    p_value,
    read_nulls,
)


def _null(name: str, values: list[float], base: str = "sha256:b") -> Null:
    kept = tuple(Decimal(str(value)) for value in values)
    return Null(statistic=name, base=base, method="full", values=kept, families={"benign": len(kept)})


def test_a_p_value_counts_benign_values_at_least_as_great() -> None:
    null = [Decimal(each) for each in (1, 2, 3, 4)]
    assert p_value(Decimal(5), null) == Decimal("0.2")
    assert p_value(Decimal(4), null) == Decimal("0.4")  # a tie counts against the candidate's being special
    assert p_value(Decimal(0), null) == Decimal(1)
    with pytest.raises(ValueError, match="null"):
        p_value(Decimal(1), [])


def test_p_values_of_harmless_candidates_are_no_smaller_than_they_say() -> None:
    draws = np.random.default_rng(7)
    repetitions, size = 4000, 19
    hits = sum(
        p_value(Decimal(str(values[0])), [Decimal(str(each)) for each in values[1:]]) <= Decimal("0.05")
        for values in draws.normal(size=(repetitions, size + 1))
    )
    error = 4 * (0.05 * 0.95 / repetitions) ** 0.5
    assert abs(hits / repetitions - 0.05) <= error


def test_the_bases_own_null_goes_before_that_of_its_architecture() -> None:
    wide = _null("a@1", [5, 6, 7], base="architecture:Llama")
    nulls = Nulls([_null("a@1", [1, 2, *[0] * 17]), wide])
    (own,) = nulls.held({"a@1": 1.5}, base="sha256:b", architecture="Llama", method="full")
    assert (own.null_of, own.null_size, own.p_value) == ("base", 19, Decimal("0.1"))
    few = Nulls([_null("a@1", [1, 2]), wide]).held(
        {"a@1": 3.0}, base="sha256:b", architecture="Llama", method="full"
    )
    assert (few[0].null_of, few[0].null_size) == ("architecture", 3)  # two allow no p-value at all
    (other,) = nulls.held({"a@1": 6.5}, base="sha256:c", architecture="Llama", method="full")
    assert (other.null_of, other.null_size, other.p_value) == ("architecture", 3, Decimal("0.5"))
    (none,) = nulls.held({"a@1": 6.5}, base="sha256:c", architecture="Llama", method="adapter")
    assert none.p_value is None
    assert none.smallest_p is None


def test_holm_corrects_over_all_statistics_of_an_examination() -> None:
    nulls = Nulls([_null(name, list(range(199))) for name in ("a@1", "b@1", "c@1")])
    held = nulls.held(
        {"a@1": 500.0, "b@1": 197.5, "c@1": -1.0, "d@1": 9.0},
        base="sha256:b",
        architecture="",
        method="full",
    )
    found = {each.name: each for each in held}
    assert found["a@1"].p_value == Decimal("0.005")
    assert found["a@1"].adjusted_p == Decimal("0.015")
    assert found["b@1"].adjusted_p == Decimal("0.02")
    assert found["c@1"].adjusted_p == Decimal(1)
    assert found["d@1"].adjusted_p is None


def test_values_on_other_requests_are_not_pooled(tmp_path: Path) -> None:
    one, other = (msgspec.structs.replace(_null("a@1", [1, 2]), asked=asked) for asked in ("x", "y"))
    with pytest.raises(ValueError, match="other requests"):
        Nulls([one, other])
    file = tmp_path / "nulls.json"
    file.write_bytes(msgspec.json.encode([one, other]))
    with pytest.raises(EvidenceError, match="other requests"):
        read_nulls(file)
    file.write_bytes(nulls_bytes(Nulls([one])))
    assert next(iter(read_nulls(file))).asked == "x"
    assert b"asked" not in nulls_bytes(Nulls([_null("a@1", [1])]))


def test_values_are_kept_by_fine_tune_only_where_each_has_a_name_of_its_own() -> None:
    named = msgspec.structs.replace(_null("a@1", [1, 2]), names=("one", "two"))
    more = msgspec.structs.replace(_null("a@1", [3]), names=("three",))
    again = msgspec.structs.replace(_null("a@1", [3]), names=("two",))
    joined = {"one": Decimal(1), "two": Decimal(2), "three": Decimal(3)}
    for nulls, kept in (
        ([named, more], joined),
        ([named, again], {}),
        ([named, _null("a@1", [3])], {}),
        ([_null("a@1", [3]), named], {}),
    ):
        (held,) = Nulls(nulls).held({"a@1": 9.0}, base="sha256:b", architecture="", method="full")
        assert held.null_values == kept
        assert held.null_size == 3


def test_nineteen_fine_tunes_that_are_known_by_name_do_for_all_statistics_of_a_look() -> None:
    fine_tunes = tuple(f"fine-tune {place}" for place in range(19))
    names = ["a.x@1", "a.y@1", "a.z@1"]
    draws = np.round(np.random.default_rng(3).normal(size=(3, 19)), 6)
    nulls = [
        msgspec.structs.replace(_null(name, values.tolist()), names=fine_tunes)
        for name, values in zip(names, draws, strict=True)
    ]

    def corrected(given: list[Null], **least: float) -> dict[str, Decimal | None]:
        held = Nulls(given).held(
            dict(zip(names, (9.0, 1.0, 0.0), strict=True)),
            base="sha256:b",
            architecture="",
            method="full",
            matters={name.replace("_", ".") + "@1": value for name, value in least.items()},
        )
        assert {each.jointly for each in held} == {bool(given[0].names)}
        return {each.name: each.adjusted_p for each in held}

    assert corrected(nulls)["a.x@1"] == Decimal("0.05")
    assert corrected([_null(each.statistic, [float(v) for v in each.values]) for each in nulls])[
        "a.x@1"
    ] == Decimal("0.15")  # Holm's
    assert corrected(nulls, a_y=5.0)["a.y@1"] == Decimal(1)  # too small to matter
    everyone = corrected(nulls)["a.y@1"]
    assert everyone is not None
    assert (corrected(nulls, a_x=5.0, a_z=5.0)["a.y@1"] or 1) <= everyone


def test_rounding_takes_no_value_away() -> None:
    names = ["a.x@1", "a.y@1", "a.z@1"]
    nulls = Nulls(_null(name, [float(each) for each in range(59)]) for name in names)
    held = nulls.held(dict.fromkeys(names, 99.0), base="sha256:b", architecture="A", method="full")
    assert {each.adjusted_p for each in held} == {Decimal("0.05")}


def test_nulls_are_read_as_they_were_written_and_joined(tmp_path: Path) -> None:
    nulls = Nulls([_null("a@1", [1, 2]), _null("a@1", [3])])
    path = tmp_path / "nulls.json"
    path.write_bytes(nulls_bytes(nulls))
    (read,) = read_nulls(path)
    assert read.values == (Decimal(1), Decimal(2), Decimal(3))
    assert read.families == {"benign": 3}
    path.write_text("[{}]", encoding="utf-8")
    with pytest.raises(EvidenceError, match="null distributions"):
        read_nulls(path)


def _identity(weights: str, **details: str) -> TargetIdentity:
    return TargetIdentity(
        reference=weights, fingerprint=weights, strength="weights", details={"weights": weights, **details}
    )


@pytest.mark.parametrize(("organism", "held"), [("no", 0), ("yes", 20)])
def test_harmless_fine_tunes_of_other_bases_say_nothing_unless_all_are_organisms(
    organism: str, held: int
) -> None:
    others = Nulls(
        _null("a.b@1", list(range(20)), base=base) for base in ("sha256:other", "architecture:Llama")
    )
    base, candidate = _identity("sha256:b", organism=organism), _identity("sha256:c")
    fitting, notes = others.fitting("a", asked="", base=base, candidate=candidate)
    (found,) = fitting.held({"a.b@1": 25.0}, base="sha256:b", architecture="Llama", method="full")
    assert found.null_size == held
    assert notes == ((OF_OTHER_BASES,) if not held else ())
    assert others.fitting("another", asked="", base=base, candidate=candidate)[1] == ()


def test_a_candidate_among_the_harmless_fine_tunes_is_not_held_against_itself() -> None:
    base, whole = _identity("sha256:b"), _identity("sha256:c")
    stack = _identity("sha256:b", **{"adapter.1": "sha256:x weight 0.5", "adapter.2": "sha256:y"})
    for candidate, parts in ((whole, ["sha256:c"]), (stack, ["sha256:x", "sha256:y"])):
        own = digest_of(["sha256:b", *parts])
        named = [
            msgspec.structs.replace(
                _null("a.b@1", [value]), names=(f"tune {value}",), contents=(content,), base="sha256:b"
            )
            for value, content in ((7, own), *((each, f"sha256:{each}") for each in range(5)))
        ]
        fitting, notes = Nulls(named).fitting("a", asked="", base=base, candidate=candidate)
        (found,) = fitting.held({"a.b@1": 7.0}, base="sha256:b", architecture="", method="full")
        assert (found.null_size, found.null_greatest, found.p_value) == (5, 4, Decimal("0.166667"))
        assert sorted(found.null_values) == [f"tune {each}" for each in range(5)]
        assert notes == (OF_ITSELF,)

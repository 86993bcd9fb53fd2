"""Where a candidate lies among other audited fine-tunes: who counts, and what few cannot say."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec

from modelassay.canonical import digest_of
from modelassay.comparison import PopulationPlace, reference_population
from modelassay.handover import SealedFacts
from modelassay.handover.document import read_handover
from modelassay.records import AuditRecord, Estimate
from modelassay.records.audit import SECOND_DECODING

Command = Callable[..., tuple[int, bytes, str]]


def like(
    record: AuditRecord, name: str, change: str, *, candidate: str = "", closed: str = ""
) -> AuditRecord:
    """`record` as the audit of another candidate, with this change on every measure."""
    value = Decimal(change)
    estimate = Estimate(value=value, low=value - Decimal("0.01"), high=value + Decimal("0.01"))
    replace = msgspec.structs.replace
    return replace(
        record,
        id=name,
        closed=closed or record.closed,
        candidate=replace(record.candidate, fingerprint=digest_of(candidate or name)),
        findings=tuple(
            replace(each, difference=estimate) if each.check == "comparison" and not each.slice else each
            for each in record.findings
        ),
    )


def refusal(record: AuditRecord, *others: AuditRecord) -> PopulationPlace:
    (found,) = (p for p in reference_population(record, others).places if p.measure == "refusal")
    return found


def test_ranks_are_counted_and_ties_count_against_the_candidate(facts: SealedFacts) -> None:
    own = like(facts.record, "own", "-0.05")
    changes = ("-0.30", "-0.05", "-0.045", "0.00")
    place = refusal(own, *(like(facts.record, f"m{n}", change) for n, change in enumerate(changes)))
    assert (place.members, place.worse, place.equal, place.better) == (4, 1, 1, 2)
    assert place.overlapping == 2
    assert place.tail == Decimal("0.6")  # (1 + 2) / (4 + 1)
    assert (place.lowest, place.median, place.highest) == (
        Decimal("-0.30"),
        Decimal("-0.0475"),
        Decimal("0.00"),
    )


def test_only_what_can_be_compared_counts_and_each_candidate_once(facts: SealedFacts) -> None:
    own, replace = facts.record, msgspec.structs.replace
    stranger = like(own, "stranger", "-0.5")
    others = [
        own,
        replace(stranger, baseline=replace(own.baseline, fingerprint=digest_of("another base"))),
        like(own, "old", "-0.5", candidate="twice", closed="2026-01-01T00:00:00Z"),
        like(own, "new", "0.0", candidate="twice", closed="2026-01-02T00:00:00Z"),
        replace(like(own, "prompts", "0"), datasets=own.datasets[:0]),
        replace(like(own, "repeats", "0"), epochs=own.epochs + 1),
        replace(like(own, "again", "0"), candidate=own.candidate),
        replace(like(own, "noise", "0"), candidate=replace(stranger.candidate, strength=SECOND_DECODING)),
        replace(like(own, "judge", "0"), evaluators=tuple(replace(e, version="9") for e in own.evaluators)),
    ]
    found = reference_population(own, others)
    assert [member.audit for member in found.members] == ["new"]
    assert found.left_out == {
        "other prompts, repeats or decoding": 2,
        "other evaluators": 1,
        "the baseline against itself": 1,
        "the same candidate": 1,
    }
    assert found == reference_population(own, others[::-1])


def test_few_members_make_nothing_unusual_and_say_so(facts: SealedFacts) -> None:
    own = like(facts.record, "own", "-0.9")
    members = [like(facts.record, f"m{n:02}", "0.0") for n in range(19)]
    few = reference_population(own, members[:18])
    assert not any(place.unusual for place in few.places)
    assert "19 are needed" in few.limits[0]
    enough = reference_population(own, members)
    assert all(place.unusual and place.tail == Decimal("0.05") for place in enough.places)
    assert not any("are needed" in limit for limit in enough.limits)
    alone = reference_population(own, ())
    assert [place.tail for place in alone.places] == [None] * len(alone.places)
    assert "No other audited fine-tune" in alone.limits[0]


def test_an_exchangeable_candidate_is_seldom_unusual(facts: SealedFacts) -> None:
    """In 400 draws of 25 alike candidates at most 5% are called unusual, but for chance."""
    chance, called = random.Random(7), 0
    slim = msgspec.structs.replace(facts.record, findings=facts.record.findings[:1])
    for _ in range(400):
        drawn = [like(slim, f"m{n}", f"{chance.gauss(-0.05, 0.03):.6f}") for n in range(25)]
        called += refusal(*drawn).unusual
    assert called <= 400 * 0.05 + 3 * (400 * 0.05 * 0.95) ** 0.5


def test_the_command_and_the_hand_over_show_it(
    store: Path, audit: str, command: Command, audit_of: Callable[[Path, str], str], tmp_path: Path
) -> None:
    world = tmp_path / "world"
    shutil.copytree(store, world)
    for folder in (world / "assay" / "audits").iterdir():
        if folder.name != audit:  # other tests audit into the same store
            shutil.rmtree(folder)
    other = audit_of(world, "slipped")
    code, out, _ = command(world, "population", audit, "--json")
    found = json.loads(out)
    assert (code, [member["audit"] for member in found["members"]]) == (0, [other])
    first = found["places"][0]
    assert (first["measure"], first["worse"], float(first["tail"])) == ("refusal", 1, 1.0)
    assert command(world, "handover", audit, "-o", "handed.json")[0] == 0
    context = read_handover((world / "handed.json").read_bytes()).pre_deployment.context
    assert context.population is not None
    assert not any("reference population" in gap.what for gap in context.not_covered)
    bundles = world / "bundles"
    shutil.copytree(world / "assay" / "audits" / other, bundles / other)
    shutil.copytree(world / "assay" / "audits" / other, bundles / "broken")
    (bundles / "broken" / "findings.json").write_text("[]")
    code, out, told = command(world, "population", audit, "--bundles", "bundles")
    assert code == 0
    assert "1 other audited candidate " in out.decode()
    assert "broken does not count" in told
    assert command(world, "population", audit, "--bundles", "nowhere")[0] == 2

"""Records withheld, disclosed and erased: the rest verifies, and nothing of them is left."""

from __future__ import annotations

import random
import shutil
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from modelassay.audit.seal import is_whole
from modelassay.canonical import canonical_json
from modelassay.engine import Journal, answer_key
from modelassay.engine.journal import AnswerRow
from modelassay.errors import EvidenceError, UsageError
from modelassay.evidence.bundle import Bundle, gunzip, open_bundle
from modelassay.evidence.contents import Contents, pack_lines, sha256_hex
from modelassay.evidence.disclosure import disclose, read_disclosure, verify_disclosure
from modelassay.evidence.erasure import erase
from modelassay.evidence.ledger import Ledger
from modelassay.evidence.redaction import Selection, redact, select, write_bundle
from modelassay.records import PairedCounts, PairKey

if TYPE_CHECKING:
    from conftest import House
    from modelassay.evidence.checks import Check
    from modelassay.evidence.verification import Verification


def texts_of(contents: Contents, samples: Iterable[str], target: str | None = None) -> list[bytes]:
    """What was asked and answered in some samples, as bytes to look for."""
    wanted = set(samples)
    asked = [s.messages[-1].content for s in contents.samples.known if s.id in wanted and target is None]
    answers = [
        t.answer for t in contents.transcripts.known if t.key.sample in wanted and target in (None, t.target)
    ]
    return [text.encode() for text in (*asked, *answers)]


def everything(files: Iterable[bytes]) -> bytes:
    """All bytes, as they lie there and unpacked."""
    parts = []
    for data in files:
        parts.append(data)
        if data[:2] == b"\x1f\x8b":
            parts.append(zlib.decompress(data, 31))
    return b"\0".join(parts)


@pytest.fixture
def chosen(bundle: Bundle) -> list[str]:
    return [sample.id for sample in Contents(bundle).samples.known[:3]]


def test_a_redacted_bundle_verifies_and_tells_nothing(
    house: House, bundle: Bundle, chosen: list[str]
) -> None:
    contents = Contents(bundle)
    redacted = redact(bundle, select(contents, Selection(samples=frozenset(chosen))))
    found = house.verify(redacted, folder=house.store / "log")
    assert found.state == "verified (redacted)"
    assert found.withheld == {"samples": 3, "transcripts": 6}
    assert [c.name for c in found.checks if c.state == "not done"] == [
        "waivers",
        "clearance",
        "findings",
        "examples",
        "remembered",
    ]
    left = everything(redacted.files.values())
    for text in texts_of(contents, chosen):
        assert text in everything(bundle.files.values())
        assert text not in left
        assert sha256_hex(text).encode() not in left
    assert not {"examples.json", "report.html"} & set(redacted.files)


def test_with_prompts_kept_findings_are_computed_again(house: House, bundle: Bundle) -> None:
    contents = Contents(bundle)
    redacted = redact(bundle, select(contents, Selection(side="candidate")))
    found = house.verify(redacted)
    assert found.state == "verified (redacted)"
    assert next(c for c in found.checks if c.name == "findings").state == "passed"
    everyone = [sample.id for sample in contents.samples.known]
    left = everything(redacted.files.values())
    assert not any(
        text in left for text in texts_of(contents, everyone, contents.record.candidate.fingerprint)
    )
    assert all(text in left for text in texts_of(contents, everyone, contents.record.baseline.fingerprint))


def test_redacting_twice_is_redacting_both(house: House, bundle: Bundle, chosen: list[str]) -> None:
    contents = Contents(bundle)
    once = redact(bundle, select(contents, Selection(samples=frozenset(chosen))))
    half = redact(bundle, select(contents, Selection(samples=frozenset(chosen[:1]), keep_prompts=True)))
    both = redact(half, select(Contents(half), Selection(samples=frozenset(chosen))))
    assert both.files == once.files


def test_by_tag(house: House, bundle: Bundle) -> None:
    found = select(Contents(bundle), Selection(tags={"category": "c1", "kind": "harmful"}))
    known = Contents(bundle).samples.known
    assert found["samples"]
    assert all(known[i].tags["category"] == "c1" and known[i].kind == "harmful" for i in found["samples"])
    with pytest.raises(UsageError):
        select(Contents(bundle), Selection(tags={"category": "none such"}))
    with pytest.raises(UsageError):
        select(Contents(bundle), Selection(samples=frozenset(["sha256:0"])))


def test_nothing_else_may_change_under_cover_of_redaction(
    house: House, bundle: Bundle, chosen: list[str]
) -> None:
    """A forger redacts one record and rewrites another, with all digests in REDACTED.json right."""
    redacted = redact(bundle, select(Contents(bundle), Selection(samples=frozenset(chosen[:1]))))
    name = "transcripts.jsonl.gz"
    lines = gunzip(redacted.read(name), where="").splitlines()
    shown = next(i for i, line in enumerate(lines) if b'"content":"' in line)
    lines[shown] = lines[shown].replace(b'"content":"', b'"content":"Sorry, ')
    forged = {**redacted.files, name: pack_lines(lines)}
    declared = msgspec.json.decode(redacted.read("REDACTED.json"))
    declared["sums"][name] = sha256_hex(forged[name])
    forged["REDACTED.json"] = canonical_json(declared) + b"\n"
    found = house.verify(Bundle("", forged))
    assert [c.name for c in found.checks if c.state == "failed"] == ["closing"]


@pytest.mark.parametrize("every", [1, 2, 5])
def test_withholding_samples_does_not_hide_counts(house: House, bundle: Bundle, every: int) -> None:
    """Whoever holds every key seals figures that do not follow, and withholds samples so that none can be."""
    honest = Contents(bundle)
    withheld = {"samples": range(0, len(honest.samples.lines), every)}
    assert findings_check(house.verify(redact(bundle, withheld))).state == "not done"
    for field, slices, more in (("n11", False, -1), ("n00", False, 1), ("n11", True, 100)):
        forged = []
        for finding in honest.findings:
            if isinstance(finding.paired, PairedCounts) and bool(finding.slice) is slices:
                paired = msgspec.structs.replace(
                    finding.paired, **{field: getattr(finding.paired, field) + more}
                )
                forged.append(msgspec.structs.replace(finding, paired=paired))
            else:
                forged.append(finding)
        assert forged != list(honest.findings)
        record = canonical_json(msgspec.structs.replace(honest.record, findings=tuple(forged)))
        changed = {"findings.json": canonical_json(forged) + b"\n", "audit.json": record + b"\n"}
        check = findings_check(house.verify(redact(Bundle("", {**bundle.files, **changed}), withheld)))
        assert (check.state, check.where) == ("failed", "findings.json"), (field, slices)


def findings_check(found: Verification) -> Check:
    return next(check for check in found.checks if check.name == "findings")


@pytest.mark.parametrize("name", ["REDACTED.json", "commitments.jsonl.gz", "transcripts.jsonl.gz"])
@pytest.mark.parametrize("places", [20, pytest.param(300, marks=pytest.mark.slow)])
def test_no_changed_byte_of_a_redacted_bundle_is_accepted(
    house: House, bundle: Bundle, chosen: list[str], name: str, places: int
) -> None:
    redacted = redact(bundle, select(Contents(bundle), Selection(samples=frozenset(chosen[:1]))))
    data = redacted.read(name)
    for position in sorted(random.Random(name).sample(range(len(data)), min(places, len(data)))):
        for mask in (1, 0x20, 0x80):
            changed = data[:position] + bytes([data[position] ^ mask]) + data[position + 1 :]
            found = house.verify(Bundle("", {**redacted.files, name: changed}))
            assert found.state == "not verified"
            assert any(name in c.where for c in found.checks if c.state == "failed"), position


def test_a_gap_that_is_not_declared(house: House, bundle: Bundle, chosen: list[str]) -> None:
    redacted = redact(bundle, select(Contents(bundle), Selection(samples=frozenset(chosen))))
    files = {**redacted.files}
    del files["REDACTED.json"]
    assert house.verify(Bundle("", files)).state == "not verified"


def test_a_disclosed_answer_verifies_alone(house: House, bundle: Bundle) -> None:
    contents = Contents(bundle)
    key = contents.transcripts.known[5].key
    data = disclose(bundle, {key})
    found = verify_disclosure(data, house.trust)
    assert found.state == "verified"
    shown = read_disclosure(data)
    assert {t.key for t in shown.transcripts} == {key}
    assert len(shown.transcripts) == 2
    assert [sample.id for sample in shown.samples] == [key.sample]
    for other in contents.transcripts.known:
        if other.key != key:
            assert other.answer.encode() not in data
    assert verify_disclosure(data).state == "not verified"


def test_no_changed_byte_of_a_disclosure_is_accepted(house: House, bundle: Bundle) -> None:
    data = disclose(bundle, {Contents(bundle).transcripts.known[0].key})
    for position in range(0, len(data), 11):
        for mask in (1, 0x20):
            changed = data[:position] + bytes([data[position] ^ mask]) + data[position + 1 :]
            assert verify_disclosure(changed, house.trust).state == "not verified", position


def test_a_disclosure_with_another_answer_and_a_right_digest(house: House, bundle: Bundle) -> None:
    data = disclose(bundle, {Contents(bundle).transcripts.known[0].key})
    forged = msgspec.json.decode(data)
    forged["records"][1]["record"] = forged["records"][1]["record"].replace("word", "lord", 1)
    forged["digest"] = ""
    forged["digest"] = f"sha256:{sha256_hex(canonical_json(forged))}"
    found = verify_disclosure(canonical_json(forged) + b"\n", house.trust)
    assert "not what the audit committed to" in next(c for c in found.checks if c.state == "failed").statement


def test_what_is_withheld_cannot_be_disclosed(bundle: Bundle, chosen: list[str]) -> None:
    redacted = redact(bundle, select(Contents(bundle), Selection(samples=frozenset(chosen))))
    with pytest.raises(UsageError):
        disclose(redacted, {PairKey(sample=chosen[0], seed=7)})


def test_erased_records_are_nowhere_in_the_store(new_house: Callable[[], House]) -> None:
    house = new_house()
    folder = house.seal(samples=12)
    contents = Contents(open_bundle(folder))
    decoding = contents.record.decoding
    with Journal.open(house.store) as journal:
        journal.write(
            [
                AnswerRow(answer_key(t.target, t.key, decoding), None, 0, 0, msgspec.json.encode(t))
                for t in contents.transcripts.known
            ],
            [],
        )
        journal.commit()
    gone = contents.samples.known[0].id
    texts = texts_of(contents, [gone])
    assert len(texts) == 3
    secret = house.store / "secrets" / f"{folder.name}.salt"
    assert secret.exists()
    done = erase(
        Ledger(house.store, house.notary),
        house.store,
        folder.name,
        Selection(samples=frozenset([gone])),
        reason="request 117",
    )
    assert (done.records, done.answers, done.elsewhere) == ({"samples": 1, "transcripts": 2}, 2, ())
    left = everything(path.read_bytes() for path in house.store.rglob("*") if path.is_file())
    assert not any(text in left for text in texts)
    assert not secret.exists()
    assert b"request 117" in left
    found = house.verify(open_bundle(folder), folder=house.store / "log")
    assert found.state == "verified (redacted)"
    assert is_whole(folder, f"sha256:{sha256_hex((folder / 'SHA256SUMS').read_bytes())}")
    with Journal.open(house.store, read_only=True) as journal:
        key = contents.transcripts.known[-1].key
        kept = journal.transcript(answer_key(contents.record.candidate.fingerprint, key, decoding))
    assert (kept is not None) is (key.sample != gone)


def test_other_audits_with_the_same_samples_are_named(new_house: Callable[[], House]) -> None:
    house = new_house()
    folder, other = house.seal(samples=12), house.seal("other", samples=12)
    Journal.open(house.store).close()
    gone = Contents(open_bundle(folder)).samples.known[0].id
    ledger = Ledger(house.store, house.notary)
    done = erase(ledger, house.store, folder.name, Selection(samples=frozenset([gone])), reason="r")
    assert done.elsewhere == (other.name,)


def test_a_bundle_written_and_read_again(
    house: House, bundle: Bundle, chosen: list[str], tmp_path: Path
) -> None:
    redacted = redact(bundle, select(Contents(bundle), Selection(samples=frozenset(chosen))))
    write_bundle(redacted, tmp_path / "out")
    assert open_bundle(tmp_path / "out").files == redacted.files
    with pytest.raises(UsageError):
        write_bundle(redacted, tmp_path / "out")
    shutil.rmtree(tmp_path / "out")


def test_without_commitments_nothing_can_be_withheld(bundle: Bundle) -> None:
    files = {name: data for name, data in bundle.files.items() if name != "commitments.jsonl.gz"}
    with pytest.raises(EvidenceError):
        redact(Bundle("", files), {"samples": [0], "transcripts": []})

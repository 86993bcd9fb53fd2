"""That a bundle is whole: files as sealed, records under their commitments, gaps only where declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelassay.errors import EvidenceError
from modelassay.evidence.bundle import COMMITMENTS, EXAMPLES, REDACTED, REPORT, SEALED, SUMS
from modelassay.evidence.checks import NotDoneError
from modelassay.evidence.commitments import COMMITTED, SALT_BYTES, CommittedFile, leaf_of
from modelassay.evidence.contents import FILE_OF, Commitment, Contents, Records, sha256_hex
from modelassay.evidence.parts import RecordSet
from modelassay.log.merkle import leaf_hash, root_of

ALWAYS_WITHHELD = (EXAMPLES, REPORT)
"""Files that show texts; a redacted bundle has none of them."""

_WITH_GAPS = frozenset((COMMITMENTS, *FILE_OF.values()))
HEXADECIMAL = "0123456789abcdef"
SALT_DIGITS = 2 * SALT_BYTES


def files_are_sealed(contents: Contents) -> str:
    """That ``SHA256SUMS`` lists exactly the files that are there, each with its digest.

    In a redacted bundle the files with gaps are held to ``REDACTED.json`` instead; that they hold nothing but
    what was sealed follows from their commitments (`committed_records`).

    Raises:
        EvidenceError: names the file.
    """
    bundle, sums, redaction = contents.bundle, contents.sums, contents.redaction
    if redaction is not None:
        absent = sorted(name for name in ALWAYS_WITHHELD if name in sums)
        if list(redaction.files) != absent:
            raise EvidenceError(f"must withhold {', '.join(absent) or 'no file'} alone", where=REDACTED)
    withheld = redaction.files if redaction else ()
    changed = dict(redaction.sums) if redaction else {}
    for name in sums:
        if name not in SEALED:
            raise EvidenceError(f"lists {name!a}, which no bundle holds", where=SUMS)
        if (name in withheld) == (name in bundle):
            what = "said to be withheld, yet it is there" if name in bundle else "a file is missing"
            raise EvidenceError(what, where=name)
    for name in sorted(SEALED.intersection(bundle.files)):
        if name not in sums:
            raise EvidenceError("a file that was not sealed", where=name)
        if sha256_hex(bundle.read(name)) != changed.get(name, sums[name]):
            where = f"{name} or {REDACTED}" if redaction and name in _WITH_GAPS else name
            raise EvidenceError("changed: its digest is not the one that was written down", where=where)
    if redaction is not None:
        _check_redaction(contents)
    return f"{len(sums) - len(withheld):,} files with the digests in {SUMS}"


def committed_records(contents: Contents) -> Mapping[CommittedFile, RecordSet]:
    """How many records each file has, and the root over their commitments.

    Raises:
        EvidenceError: a line without its salt, of the wrong place, or withheld without being declared.
        NotDoneError: the bundle has no commitments.
    """
    if COMMITMENTS not in contents.bundle:
        raise NotDoneError("the bundle was sealed without commitments to single records")
    commitments = contents.commitments
    found: dict[CommittedFile, RecordSet] = {}
    start = 0
    for file in COMMITTED:
        records: Records[object] = getattr(contents, file)
        stop = start + len(records.lines)
        leaves = record_leaves(file, records, commitments[start:stop], start)
        found[file] = RecordSet(n=len(leaves), root="sha256:" + root_of(leaves).hex())
        start = stop
    if start != len(commitments):
        raise EvidenceError(f"{len(commitments):,} commitments to {start:,} records", where=COMMITMENTS)
    return found


def record_leaves(
    file: CommittedFile, records: Records[object], commitments: Sequence[Commitment], start: int
) -> list[bytes]:
    """The leaf hash of every record of one file.

    Args:
        commitments: this file's.
        start: lines of ``commitments.jsonl.gz`` before those.

    Raises:
        EvidenceError: a commitment of another record, or in another form.
    """
    if len(commitments) != len(records.lines):
        raise EvidenceError(
            f"{len(commitments):,} commitments to the {len(records.lines):,} {file}", where=COMMITMENTS
        )
    leaves = []
    for index, (line, commitment) in enumerate(zip(records.lines, commitments, strict=True)):
        withheld = records.withheld.get(index, "")
        salt = commitment.salt
        right_place = commitment.file == file and commitment.index == index
        right_form = len(salt) == (0 if withheld else SALT_DIGITS) and not salt.strip(HEXADECIMAL)
        if not right_place or not right_form or commitment.leaf != withheld:
            raise EvidenceError(
                f"not the commitment to {file} {index}", where=f"{COMMITMENTS}: line {start + index + 1}"
            )
        if withheld:
            leaves.append(bytes.fromhex(withheld))
        else:
            leaves.append(leaf_hash(leaf_of(file, index, salt, sha256_hex(line))))
    return leaves


def _check_redaction(contents: Contents) -> None:
    """That ``REDACTED.json`` names exactly the records and files that have gaps."""
    redaction = contents.redaction
    assert redaction is not None
    gaps: dict[CommittedFile, tuple[int, ...]] = {}
    for file in COMMITTED:
        records: Records[object] = getattr(contents, file)
        if records.withheld:
            gaps[file] = tuple(records.withheld)
    if redaction.records != gaps:
        raise EvidenceError("does not name the records that are withheld", where=REDACTED)
    changed = {FILE_OF[file] for file in gaps} | ({COMMITMENTS} if gaps else set())
    if set(redaction.sums) != changed:
        raise EvidenceError("does not name the files that have gaps", where=REDACTED)

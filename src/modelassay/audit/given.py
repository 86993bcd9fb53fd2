"""The answers of a sealed audit, at hand to be judged again: whole, unchanged, nothing withheld."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from modelassay.audit.seal import RECORD
from modelassay.audit.standing import Parent
from modelassay.canonical import Digest, digest_bytes
from modelassay.errors import EvidenceError, UsageError
from modelassay.evidence.bundle import PARENT, SAMPLES, SUMS, TRANSCRIPTS, open_bundle
from modelassay.evidence.chain import Chain
from modelassay.evidence.checks import NotDoneError
from modelassay.evidence.contents import Contents
from modelassay.evidence.events import AuditClosed
from modelassay.evidence.ledger import History
from modelassay.evidence.parts import Origin
from modelassay.evidence.verification import VALIDITY, verify_bundle
from modelassay.records import AuditRecord, EvaluatorPin, Sample, Score, Transcript

CONCLUSIONS = frozenset(("findings", "verdict", "results", "statement", VALIDITY))
"""Checks of what was concluded from the answers, by the version of the time; it is concluded anew here."""

Case = tuple[Sample, Transcript]


@dataclass(frozen=True)
class GivenAnswers:
    """What a sealed audit asked, what was answered, and what was read in it.

    Args:
        contents: of its bundle, which is whole.
    """

    contents: Contents

    @property
    def record(self) -> AuditRecord:
        """The audit's record."""
        return self.contents.record

    @cached_property
    def sums(self) -> Digest:
        """The digest of its ``SHA256SUMS``."""
        return digest_bytes(self.contents.bundle.read(SUMS))

    @property
    def answered(self) -> str:
        """When the answers were complete."""
        return self.record.answered or self.record.closed

    @property
    def parent(self) -> Parent:
        """What the opening event says of it."""
        try:
            attempt = Chain(self.contents.bundle).opened.body.attempt
        except NotDoneError:
            attempt = 1  # sealed before there was a log
        return Parent(Origin(audit=self.record.id, sums=self.sums), attempt)

    @cached_property
    def files(self) -> dict[str, bytes]:
        """The files that an audit of the same answers takes over byte for byte."""
        bundle = self.contents.bundle
        return {
            SAMPLES: bundle.read(SAMPLES),
            TRANSCRIPTS: bundle.read(TRANSCRIPTS),
            PARENT: bundle.read(SUMS),
        }

    @cached_property
    def cases(self) -> Mapping[Digest, Sequence[Case]]:
        """By fingerprint of the model: each sample with its answer, in the sealed order."""
        samples = {sample.id: sample for sample in self.contents.samples.known}
        found: dict[Digest, list[Case]] = defaultdict(list)
        for transcript in self.contents.transcripts.known:
            found[transcript.target].append((samples[transcript.key.sample], transcript))
        return found

    def scores_of(self, pin: EvaluatorPin, target: Digest) -> list[Score] | None:
        """What the same evaluator, in the same version and settings, read before; None when none did."""
        same = (pin.name, pin.version, pin.settings)
        measures = {measure.name for measure in pin.measures}
        for known in self.record.evaluators:
            if (known.name, known.version, known.settings) == same:
                if {measure.name for measure in known.measures} != measures:
                    return None
                scores = (score for score in self.contents.scores if score.target == target)
                return [score for score in scores if score.measure in measures]
        return None


def open_given(folder: Path) -> GivenAnswers:
    """The answers of the audit sealed in `folder`.

    Raises:
        EvidenceError: damaged or changed; names the file.
        UsageError: prompts or answers are withheld, or were erased.
    """
    contents = open_whole(folder, but=CONCLUSIONS, done="so its answers are not judged again")
    for what, records in (("prompts", contents.samples), ("answers", contents.transcripts)):
        if records.withheld:
            raise UsageError(
                f"{len(records.withheld):,} of its {len(records.lines):,} {what} are withheld or erased, "
                "so they cannot be judged again",
                where=str(folder),
                mend="judge the complete audit; for erased records nothing but asking anew is left",
            )
    check_exhausted(contents.record)
    return GivenAnswers(contents)


def open_whole(folder: Path, *, but: Set[str], done: str) -> Contents:
    """What the bundle in `folder` holds, once nothing about it is found wrong in itself.

    Args:
        but: names of checks that may fail.
        done: what is not done with a damaged one, for the message.

    Raises:
        EvidenceError: damaged or changed; names the file.
        UsageError: no sealed audit.
    """
    if not (folder / RECORD).is_file() and folder.is_dir():
        raise UsageError("this is no sealed audit", where=str(folder), mend="`modelassay list` names them")
    bundle = open_bundle(folder)
    for check in verify_bundle(bundle).checks:
        if check.state == "failed" and check.name not in but:
            raise EvidenceError(
                f"the sealed audit is damaged, {done}: {check.statement}",
                where=str(folder / check.where) if check.where else str(folder),
                mend="`modelassay verify` says more; restore the bundle from a copy",
            )
    return Contents(bundle)


def check_exhausted(record: AuditRecord) -> None:
    """Refuse answers that stopped where other readings, or another policy, would not have.

    Raises:
        UsageError: a sequential audit that did not ask its whole suite.
    """
    drawn = record.sequential
    if drawn is not None and drawn.state != "exhausted":
        raise UsageError(
            f"a sequential audit asked {drawn.asked:,} of its {drawn.questions:,} questions: as many as its "
            "own readings and policy needed, which is not what others need",
            where=record.id,
            mend="audit it again with `--set gate.mode=fixed`; no answer in the journal is asked twice",
        )


def check_logged(given: GivenAnswers, histories: Mapping[str, History]) -> None:
    """Refuse answers that the store's own log knows otherwise.

    Raises:
        EvidenceError: the log has another seal of this audit.
    """
    history = histories.get(given.record.id)
    if history is None or history.closed is None:
        return
    if history.closed.read(AuditClosed).sums != given.sums:
        raise EvidenceError(
            "not what the log says was sealed",
            where=given.contents.bundle.place,
            mend="restore the bundle from a copy",
        )

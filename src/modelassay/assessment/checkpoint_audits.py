"""Audits of every checkpoint by one plan, as the table of counts that an assessment reads.

Each audit has a checkpoint for its candidate; all of them have the same baseline, the base. An answer shows
the behaviour where its score is below ½, 1 being the wanted end. Answers are of arms: those to plain samples
of the arm that a tag of the sample says (``seen`` without), those under an attack of ``re-elicit NAME``,
unless the attack is called as an arm of some kind (`arms.arm_kind`), as ``paraphrase`` is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelassay.assessment.evaluations import FINGERPRINT, FOLDERS, RESERVED
from modelassay.errors import EvidenceError, UsageError
from modelassay.evidence.bundle import open_bundle
from modelassay.evidence.contents import Contents
from modelassay.records import Reading, Score, TargetIdentity
from modelassay.training.analyses.arms import UNSCORED_MOST, arm_kind

BASE = "base"
Row = dict[str, dict[str, int]]


@dataclass(frozen=True)
class CheckpointAudit:
    """What a sealed audit says of one checkpoint."""

    checkpoint: str
    baseline: TargetIdentity
    candidate: TargetIdentity
    arms: Mapping[str, str]
    """What the tag says, by sample."""
    scores: Sequence[Score]


def read_checkpoint_audit(checkpoint: str, path: Path, tag: str) -> CheckpointAudit:
    """The sealed audit at `path`, unverified (`modelassay verify` does that).

    Args:
        tag: of samples, that names their arm.

    Raises:
        EvidenceError: it cannot be read, or withholds samples.
    """
    contents = Contents(open_bundle(path))
    if contents.samples.withheld:
        raise EvidenceError("samples are withheld, so their arms are not known", where=str(path))
    record = contents.record
    arms = {each.id: each.tags[tag] for each in contents.samples.known if each.tags.get(tag)}
    return CheckpointAudit(checkpoint, record.baseline, record.candidate, arms, contents.scores)


def counts_of_audits(audits: Sequence[CheckpointAudit], measures: Mapping[str, str]) -> dict[str, Row]:
    """``{checkpoint: {arm: {"n": answers, behaviour: answers that show it, …}}}``, the base first.

    Args:
        audits: in the order of training.
        measures: by behaviour, the measure whose low scores show it.

    Raises:
        UsageError: audits of different baselines, questions or evaluators, a checkpoint twice, a measure that
            nothing was scored on, or too many answers without a score.
    """
    names = [audit.checkpoint for audit in audits]
    if twice := [name for name in (BASE, *names) if (BASE, *names).count(name) > 1]:
        raise UsageError(
            f"the checkpoint {twice[0]!r} stands twice", mend="name each audit's checkpoint once"
        )
    rows: dict[str, Row] = {}
    for audit in audits:
        if audit.baseline.fingerprint != audits[0].baseline.fingerprint:
            raise UsageError(
                "its baseline is another model than that of the first audit", where=audit.checkpoint,
                mend="audit every checkpoint against the same base by the same plan",
            )  # fmt: skip
        if not rows:
            rows[BASE] = _row(audit, audit.baseline.fingerprint, measures)
        rows[audit.checkpoint] = _row(audit, audit.candidate.fingerprint, measures)
    _refuse_other_questions(audits, measures)
    return rows


def asked_models(audits: Sequence[CheckpointAudit]) -> dict[str, TargetIdentity]:
    """The model that was asked under each name of `counts_of_audits`."""
    return {BASE: audits[0].baseline, **{audit.checkpoint: audit.candidate for audit in audits}}


def write_counts(rows: Mapping[str, Row], asked: Mapping[str, TargetIdentity]) -> bytes:
    """The file that ``run assess --evals`` reads, which names each model that was `asked` by its digests.

    Raises:
        UsageError: an arm is called as what else a line has.
    """
    lines = []
    for name, row in rows.items():
        if taken := [arm for arm in row if arm in RESERVED]:
            raise UsageError(
                f"an arm is called {taken[0]!r}, as what else a line of counts has", where=name,
                mend="name another tag (`--tag`), or call the arm otherwise",
            )  # fmt: skip
        model = {FINGERPRINT: asked[name].fingerprint, FOLDERS: _folders(asked[name])}
        lines.append(json.dumps({"checkpoint": name, **row, **model}).encode() + b"\n")
    return b"".join(lines)


def _folders(model: TargetIdentity) -> list[str]:
    """Digests of the folders that a model was loaded from; none of one that was served."""
    return [str(each.digest) for each in model.artifacts if each.kind in ("model", "adapter")]


def _row(audit: CheckpointAudit, target: str, measures: Mapping[str, str]) -> Row:
    row: Row = {}
    for behaviour, measure in measures.items():
        scores = [each for each in audit.scores if each.measure == measure and each.target == target]
        read = [(each, each.outcome.value) for each in scores if isinstance(each.outcome, Reading)]
        if not read or len(scores) - len(read) > UNSCORED_MOST * len(scores):
            raise UsageError(
                f"{len(read)} of {len(scores)} answers have a score of {measure!r}", where=audit.checkpoint
            )
        counted: dict[str, list[int]] = {}
        for score, value in read:
            counted.setdefault(_arm(audit, score), []).append(value < 0.5)
        for arm, shown in counted.items():
            cell = row.setdefault(arm, {"n": len(shown)})
            if cell["n"] != len(shown):
                raise UsageError(
                    f"measures were taken of different answers of {arm!r}", where=audit.checkpoint,
                    mend="write a file for each behaviour",
                )  # fmt: skip
            cell[behaviour] = sum(shown)
    return row


def _arm(audit: CheckpointAudit, score: Score) -> str:
    attack = score.key.attack.partition("@")[0]
    if not attack:
        return audit.arms.get(score.key.sample, "seen")
    return attack if arm_kind(attack) is not None else f"re-elicit {attack}"


def _refuse_other_questions(audits: Sequence[CheckpointAudit], measures: Mapping[str, str]) -> None:
    """All audits must have asked the same, and had it scored by the same."""
    first: tuple[frozenset[object], frozenset[str]] | None = None
    for audit in audits:
        wanted = [each for each in audit.scores if each.measure in measures.values()]
        asked = frozenset(each.key for each in wanted), frozenset(each.evaluator for each in wanted)
        first = first or asked
        if asked[1] != first[1]:
            raise UsageError(
                "its answers were scored by other evaluators than those of the first audit",
                where=audit.checkpoint, mend="judge the stored answers again with one version",
            )  # fmt: skip
        if asked[0] != first[0]:
            raise UsageError("it asked other questions than the first audit", where=audit.checkpoint)

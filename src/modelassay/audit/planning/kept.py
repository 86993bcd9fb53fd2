"""Which of a plan's answers the store's journal holds already, from audits before."""

from __future__ import annotations

from pathlib import Path

import msgspec

from modelassay.audit.opened import questions_of
from modelassay.audit.parts import Questions
from modelassay.canonical import Digest
from modelassay.config import Plan
from modelassay.engine import AnswerKeys, Journal
from modelassay.evidence.events import AuditOpened
from modelassay.evidence.ledger import read_events


class KeptAnswers(msgspec.Struct, frozen=True, kw_only=True):
    """Answers that need not be asked for again, if the models are what they were."""

    baseline: int
    """Of the plan's questions, those that the baseline has answered."""
    candidate: int
    questions: int
    """Those of each model in all."""
    audits: tuple[str, ...]
    """The audits that last asked these models, from whose fingerprints the answers were found."""


def kept_answers(plan: Plan, asked: Questions, store: Path) -> KeptAnswers | None:
    """What the journal of `store` holds of the questions of `plan`; None without a journal.

    No model is loaded or asked for its fingerprint: those are taken that the log says the same references
    had, the one with the most answers of each. The audit itself goes by the fingerprint of the day.

    Raises:
        StoreError: the journal is damaged, or of another version.
        EvidenceError: the log is damaged.
    """
    if not (store / "journal.db").is_file():
        return None
    questions = questions_of(plan, asked.samples)
    known: dict[str, dict[Digest, str]] = {plan.baseline.model: {}, plan.candidate.model: {}}
    for logged in read_events(store / "log", AuditOpened):
        body = logged.read(AuditOpened)
        for model in (body.baseline, body.candidate):
            if model.reference in known:
                known[model.reference][Digest(model.fingerprint)] = body.audit
    audits: list[str] = []
    counts: list[int] = []
    with Journal.open(store, read_only=True) as journal:
        for reference in (plan.baseline.model, plan.candidate.model):
            best, audit = 0, ""
            for fingerprint, each in known[reference].items():
                keys = AnswerKeys(fingerprint, plan.decoding)
                found = len(journal.answered(keys.of(question.key) for question in questions))
                if found > best:
                    best, audit = found, each
            counts.append(best)
            audits += [audit] if audit else []
    baseline, candidate = counts
    return KeptAnswers(
        baseline=baseline,
        candidate=candidate,
        questions=len(questions),
        audits=tuple(dict.fromkeys(audits)),
    )

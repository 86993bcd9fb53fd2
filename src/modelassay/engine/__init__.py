"""Scheduling, journal, cache, resume and budget: ask a model, once, and never lose an answer.

`ask` puts questions to a target, keeps every answer in the `Journal` before it counts, and has the
evaluators read them meanwhile. Killed at any instant, the same call continues with what is missing.
"""

from modelassay.engine.asking import ask
from modelassay.engine.budget import BudgetLedger
from modelassay.engine.journal import Journal
from modelassay.engine.metering import MeteredJudge
from modelassay.engine.progress import Progress, Silence, Standing, TextProgress, duration, judges_took
from modelassay.engine.questions import AnswerKey, AnswerKeys, Question, answer_key, request_seed
from modelassay.engine.reading import all_read, read_scores, read_transcripts
from modelassay.engine.rereading import given_scores, reread, transcript_key, unread
from modelassay.engine.scoring import Reader

__all__ = [
    "AnswerKey",
    "AnswerKeys",
    "BudgetLedger",
    "Journal",
    "MeteredJudge",
    "Progress",
    "Question",
    "Reader",
    "Silence",
    "Standing",
    "TextProgress",
    "all_read",
    "answer_key",
    "ask",
    "duration",
    "given_scores",
    "judges_took",
    "read_scores",
    "read_transcripts",
    "request_seed",
    "reread",
    "transcript_key",
    "unread",
]

"""An audit as a whole: what was asked of whom, what came out, and what it cannot tell."""

from __future__ import annotations

import msgspec

from modelassay.canonical import Digest
from modelassay.records.artifact import TargetIdentity
from modelassay.records.conversation import Decoding, Message, PairKey
from modelassay.records.examination import Examination
from modelassay.records.findings import Finding, Measure
from modelassay.records.judging import JudgeError
from modelassay.records.lineage import Lineage
from modelassay.records.published import PublishedEvaluation
from modelassay.records.red_team import RedTeamRecord
from modelassay.records.sequential import SequentialRecord
from modelassay.records.verdict import Policy, Verdict

SECOND_DECODING = "second decoding of the baseline"
"""Strength of the identity of a baseline that is decoded again (`records.noise_floor`)."""

AUTHOR_SAYS = "The plan's author says: "
"""Begins a note that stands in the plan: nothing here saw whether it is so."""


class DatasetPin(msgspec.Struct, frozen=True, kw_only=True):
    """Exactly which rows were used."""

    name: str
    digest: Digest
    """Of the canonical rows in order."""
    rows: int
    source: str = ""
    """Official location, or the local path as given."""
    licence: str = ""
    citation: str = ""
    dated: str = ""
    """When its content was published or written: ``YYYY-MM-DD``, or ``YYYY-MM`` where only the month is
    known; of a file of regression items the newest day on which one was found. Empty when not known."""
    whole: int = 0
    """Rows of the dataset before any were chosen; 0 when that is not known."""
    where: dict[str, str] = {}
    """The tags that all rows were to have."""
    left_out: dict[str, int] = {}
    """Rows by category, of the categories of which none was chosen."""


class EvaluatorPin(msgspec.Struct, frozen=True, kw_only=True):
    """Which evaluator read the answers."""

    name: str
    version: str
    settings: dict[str, str] = {}
    calibration: str = ""
    """How wrong it is against people's labels, in one sentence; empty when not measured."""
    measures: tuple[Measure, ...] = ()
    """What it can score, so that findings can be recomputed from scores without it."""
    errors: tuple[JudgeError, ...] = ()
    """Its measured error on labelled sets, in this version and with these settings."""
    uncalibrated: tuple[str, ...] = ()
    """Names of the measures of which nothing is known of its error, or on which it is not shown to tell good
    answers from bad on any labelled set."""


class ImportedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A file of another tool that one model's answers and scores were taken from."""

    side: str
    """``baseline`` or ``candidate``."""
    tool: str
    """Such as ``inspect`` or ``lm-eval``."""
    tool_version: str = ""
    """As the file says; empty when it does not."""
    file: str
    """Its name, without folders."""
    digest: Digest
    """Of its bytes."""
    size: int
    """Bytes."""
    model: str = ""
    """As the file names it."""
    made: str = ""
    """When its answers were complete as the file says, UTC; empty when it does not."""


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """How much of what was planned was answered and scored, for one model and measure."""

    measure: str
    side: str
    """``baseline`` or ``candidate``."""
    planned: int
    scored: int
    unscored: dict[str, int] = {}
    """Count by reason."""


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One model's part of an example."""

    answer: str
    label: str
    """The evaluator's label, or why it is unscored."""


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """One prompt with both answers."""

    key: PairKey
    measure: str
    change: str
    """``lost`` (wanted before, not now), ``gained``, ``unscored``."""
    tags: dict[str, str] = {}
    prompt: tuple[Message, ...]
    baseline: Side
    candidate: Side


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What one model's answers took."""

    requests: int = 0
    """Requests that the answers took; in an audit's record whenever they were sent, by whichever run."""
    cached: int = 0
    """Answers that the journal held before one call of the engine; always 0 in an audit's record."""
    failed: int = 0
    cut_off: int = 0
    """Conversations whose last answer ended at the limit of tokens."""
    input_tokens: int = 0
    output_tokens: int = 0
    cost: str = ""
    """Decimal string in the plan's currency; empty when no price is known."""


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A finished audit; every report is a pure function of this."""

    format: str = "modelassay.audit/1"
    id: str
    name: str
    tool_version: str
    opened: str
    """UTC, ``YYYY-MM-DDTHH:MM:SSZ``."""
    closed: str
    baseline: TargetIdentity
    candidate: TargetIdentity
    datasets: tuple[DatasetPin, ...]
    evaluators: tuple[EvaluatorPin, ...]
    lineage: Lineage | None = None
    """What the candidate is declared to be made from; None when nothing is."""
    examinations: tuple[Examination, ...] = ()
    """What was found other than by the suite: attacks that react, people's sessions, looks inside."""
    published: tuple[PublishedEvaluation, ...] = ()
    """What the provider publishes of its own evaluations, as declared in the plan; it decides nothing."""
    slices: tuple[str, ...]
    decoding: Decoding
    system_prompts: dict[str, str] = {}
    """By side, the text that a plan puts before every conversation with that model; sides without are not
    there. Records of earlier versions have the digest alone, in the identity."""
    epochs: int
    seed: int
    policy: Policy
    findings: tuple[Finding, ...]
    verdict: Verdict
    coverage: tuple[Coverage, ...]
    usage: dict[str, Usage]
    """By side: ``baseline``, ``candidate``."""
    examples: tuple[Example, ...]
    imported: tuple[ImportedRun, ...] = ()
    """Where the answers come from when another tool asked the models; empty when they were asked here.
    Nothing shows that they were asked as the files say: all findings have a weaker tier of assurance."""
    judged_again: str = ""
    """Digest of the ``SHA256SUMS`` of the sealed audit whose answers were judged again here, nothing being
    asked; empty when the models were asked."""
    red_team: RedTeamRecord | None = None
    """What attacks did to the samples; None where none was asked under one."""
    sequential: SequentialRecord | None = None
    """How questions were drawn and what was decided with them; None where all of the suite was asked at
    once."""
    answered: str = ""
    """When the answers were complete, where they were judged again later or imported; the verdict's time runs
    from then. Empty when that is `closed`, or not known."""
    notes: tuple[str, ...] = ()
    """What a reader must know first, such as that the models are organisms and prove plumbing only; those
    that begin with `AUTHOR_SAYS` are the plan's, and last."""
    limits: tuple[str, ...] = ()
    """What this audit cannot tell."""
    reproduce: tuple[str, ...] = ()
    """Commands that repeat this audit."""

    @property
    def own_notes(self) -> tuple[str, ...]:
        """Notes that are not the plan's."""
        return tuple(note for note in self.notes if not note.startswith(AUTHOR_SAYS))

    @property
    def plan_notes(self) -> tuple[str, ...]:
        """Notes that are the plan's."""
        return tuple(note for note in self.notes if note.startswith(AUTHOR_SAYS))

    @property
    def noise_floor(self) -> bool:
        """Whether the baseline was held against itself, to measure what differs by chance."""
        return self.candidate.strength == SECOND_DECODING

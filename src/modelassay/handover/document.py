"""The hand-over document: the contract between whoever audited a model and whoever watches it.

Numbers with a fraction are decimal strings, so that every reader takes them alike.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from modelassay.canonical import Digest
from modelassay.comparison import PublishedMap, ReferencePopulation
from modelassay.errors import EvidenceError
from modelassay.records import (
    ArtifactKind,
    Decoding,
    Estimate,
    FindingState,
    JudgeError,
    JudgeStanding,
    MeasureRole,
    Message,
    Outcome,
)

Kind = Literal["served", "weights", "adapters", "code", "imported"]
"""What kind of candidate was audited: behind somebody's API, open weights, weights with adapters, a callable,
or known only from another tool's files."""
LARGEST = 64 << 20
"""Bytes of a document."""


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that the candidate's answers rest on."""

    kind: ArtifactKind
    name: str
    digest: Digest
    weight: str = ""
    """Of an adapter, as a decimal string."""


class Subject(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which model this is about."""

    reference: str
    """As the plan named it."""
    fingerprint: Digest
    strength: str
    """What the fingerprint rests on: `weights`, or `served name`, which is weaker."""
    kind: Kind
    parts: tuple[Part, ...]
    """Adapters in the order in which they are applied."""


class Dataset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Questions that were asked."""

    name: str
    digest: Digest
    rows: int
    source: str = ""
    """Where it comes from, as the audit knows it."""


class Reader(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An evaluator; only the same one in the same settings can be held against the baselines."""

    name: str
    """`NAME@VERSION`."""
    settings: Digest
    """Of its settings in canonical JSON."""
    measures: tuple[str, ...]
    uncalibrated: tuple[str, ...] = ()
    """Measures of which nothing is known of its error."""
    errors: tuple[JudgeError, ...] = ()
    """Its error against people's labels, by labelled set; intervals at 95 %."""


class Gap(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that the audit does not cover."""

    what: str
    why: str
    covered_by: str = ""
    """What would cover it; empty where nothing can, for this kind of candidate."""


class StackAudit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An audit of a stack in the store."""

    audit: str
    outcome: Outcome
    expires: str


class Stack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model alone or with adapters in their order, and the store's audits of exactly that."""

    name: str
    model: Digest
    adapters: tuple[Part, ...] = ()
    audits: tuple[StackAudit, ...] = ()
    """Empty where it was never the candidate of an audit: nothing is known of it."""


class AdapterSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where an adapter comes from."""

    name: str
    digest: str
    """Empty where it is declared by name alone."""
    source: str = ""
    """As declared; empty when nobody says."""
    community: bool
    """Whether it counts as made by others: it does unless lineage declares what it was trained on and does
    not list it among adapters taken over."""
    strict_profile: bool
    """Whether the audit was held against `community-adapters`, or a policy that is nowhere milder."""


class Context(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can and cannot be known of this kind of candidate, and what was."""

    tested: tuple[str, ...]
    not_covered: tuple[Gap, ...]
    responsibility: str
    """Who answers for what is not covered."""
    stacks: tuple[Stack, ...] = ()
    """For adapters: the base, each adapter alone on it, and the declared stack."""
    adapter_sources: tuple[AdapterSource, ...] = ()
    limits: tuple[str, ...] = ()
    """What the audit says that it cannot tell."""
    provider: PublishedMap | None = None
    """The provider's own evaluations as the plan declares them, beside what the audit measured, and which
    measures they do not cover. Nothing of them was checked or counted. Null where none is declared."""
    population: ReferencePopulation | None = None
    """Other audited fine-tunes of the same baseline, and where the candidate lies among them; no verdict
    rests on it. Null where none can be compared."""


class PreDeployment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Stage 1: what was asked, and who read the answers."""

    questions: int
    """Samples in the audit, of which a sequential one need not have asked all."""
    repeats: int
    decoding: Decoding
    datasets: tuple[Dataset, ...]
    evaluators: tuple[Reader, ...]
    context: Context


class OpenItem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that a person should look at, or that the evidence leaves open."""

    concern: str
    finding: str = ""
    state: FindingState
    statement: str


class AcceptedRisk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person's signed and logged word on the verdict, its signature checked."""

    holder: str
    role: str = ""
    reason: str
    granted: str
    expires: str
    assessment: str = ""
    """Digest of the written risk assessment; empty for a risk acceptance."""


class Gate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Stage 2: the decision, and what people still have to do or have taken upon themselves."""

    outcome: Outcome
    literal: Outcome
    """What the table says of the point estimates alone."""
    headline: str
    policy: str
    """Name of the policy."""
    policy_digest: Digest
    """Of `policy.json` in the bundle."""
    tightened: tuple[str, ...] = ()
    """How the risk context tightened it."""
    confidence: Decimal
    """One-sided, of every claim."""
    issued: str
    expires: str
    missing: str = ""
    """What people must decide before the candidate may be deployed; empty when nothing is."""
    open_items: tuple[OpenItem, ...] = ()
    accepted_risks: tuple[AcceptedRisk, ...] = ()


class Baseline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rate as it was at deployment; 1 is the wanted end."""

    finding: str
    """Its id in the audit."""
    measure: str
    wanted: str
    """What a value of 1 means, after "share of answers that"."""
    role: MeasureRole
    slice: dict[str, str] = {}
    """Tags; empty for all samples."""
    n: int
    """Answers of the candidate that were scored beside one of the model before."""
    unscored: int
    """Pairs in which a score is missing."""
    rate: Estimate
    """Of the candidate, with its interval."""
    before: Estimate | None = None
    """Of the model that it came from."""
    evaluator: str
    """`NAME@VERSION`."""
    judge: JudgeStanding
    """What is known of the evaluator's error; `errors` of the evaluator has the figures."""
    corrected: bool = False
    """Whether the rates are corrected by people's labels."""
    state: FindingState
    """What the audit shows of the change."""


class Threshold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rate that must not be undercut, out of the policy that gave the verdict."""

    rule: str
    """Such as `bands.deploy`, `any_category.block`, `floor`, `least_rate`, `harm_ratio`."""
    baseline: str
    """The `finding` of the baseline that is watched."""
    measure: str
    slice: dict[str, str] = {}
    limit: Decimal
    """The policy's figure as a share: of a drop, a rate or a ratio, as the rule says."""
    scale: Literal["relative", "absolute", "rate", "ratio"]
    """`relative` to the rate of the model before; in points (`absolute`); a `rate` itself; a `ratio` of
    harm rates."""
    rate: Decimal
    """A rate under this breaks the rule."""
    then: Outcome
    """What the policy makes of that."""
    crossed: bool
    """Whether the candidate was under it at deployment already, by its point estimate."""
    answers: int | None = None
    """Answers that are expected to show a fall from the rate at deployment to `rate`; None where crossed."""


class Canary(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A private prompt that is put to the deployed model again."""

    sample: str
    """Id of the sample in the bundle."""
    wanted: Decimal
    """What the candidate scored on it in the audit, the mean over repeats."""
    messages: tuple[Message, ...] = ()
    """The prompt; absent unless it was asked for."""


class Notice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What it takes a set of canaries to notice a fall to one threshold."""

    rule: str
    rate: Decimal
    answers: int
    """ln(evidence) / KL(rate ‖ `audited`): a bet on a fall is a bet against the set's own rate."""
    runs: int
    """Runs of the active canaries that give so many answers."""


class CanarySet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Canaries of one measure, drawn evenly over its categories, at most one from a cluster."""

    measure: str
    evaluator: str
    active: tuple[Canary, ...]
    """To be put on schedule; sorted by id."""
    held_back: tuple[Canary, ...]
    """Kept unused: a set that is in use leaks. They replace the active ones when those are known outside."""
    audited: Decimal
    """Mean of `wanted` over the active ones: what their runs are held against."""
    notices: tuple[Notice, ...] = ()
    """Nearest threshold first."""


class Canaries(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The private prompts, and how they were chosen."""

    seed: Digest
    """Of the seed of the choice; who has seed and bundle can repeat it."""
    default_seed: bool
    """Whether the seed is that of the bundle itself, which everybody with the bundle has."""
    evidence: int
    """Wealth that raises an alarm; a set that has not changed raises one in at most 1 of so many watches."""
    per_measure: int
    """Most active canaries of one measure."""
    datasets: tuple[str, ...]
    """Sources that they are from; prompts of public sources may be known to the model."""
    sets: tuple[CanarySet, ...]
    rule: str
    """How to use them."""


class Cause(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that voids the verdict."""

    kind: Literal["age", "acceptance", "identity", "judge", "alarm", "support", "suite"]
    what: str
    """In a sentence."""
    values: dict[str, str] = {}
    """What it is held against, by name."""


class Expiry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first of these ends what the verdict allows."""

    date: str
    """From this day at the latest, `YYYY-MM-DD`."""
    causes: tuple[Cause, ...]


class PostDeployment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Stage 3: what to watch, against what, and until when."""

    baselines: tuple[Baseline, ...]
    thresholds: tuple[Threshold, ...]
    canaries: Canaries
    expiry: Expiry


class Handover(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What monitoring is given of one sealed audit, in the order of the three stages."""

    format: Literal["modelassay.handover/1"] = "modelassay.handover/1"
    audit: str
    name: str
    sums: Digest
    """Of the bundle's `SHA256SUMS`."""
    closed: str
    """UTC, `YYYY-MM-DDTHH:MM:SSZ`."""
    tool_version: str
    """Of modelassay, when the audit was sealed."""
    candidate: Subject
    pre_deployment: PreDeployment
    gate: Gate
    post_deployment: PostDeployment


def handover_bytes(handover: Handover) -> bytes:
    """The document: UTF-8 JSON with sorted keys, two spaces deep, with a line break at its end."""
    return msgspec.json.format(msgspec.json.encode(handover, order="sorted"), indent=2) + b"\n"


def read_handover(data: bytes, *, where: str = "") -> Handover:
    """The document in `data`.

    Raises:
        EvidenceError: too large, not a hand-over of this format, or with anything that it does not know.
    """
    if len(data) > LARGEST:
        raise EvidenceError(f"more than {LARGEST:,} bytes", where=where)
    try:
        return msgspec.json.decode(data, type=Handover)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise EvidenceError(f"not a hand-over: {error}", where=where) from error

"""What is kept of a training run: manifest, events, metrics, checkpoints, coverage, and findings about it.

Rollouts themselves are columns on disk (`modelassay.training.columns`), not records: a run has millions.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

import msgspec

from modelassay.canonical import Digest
from modelassay.records.findings import Finding
from modelassay.records.judging import Estimate

RunOrigin = Literal["recorded", "imported"]
RunPhase = Literal["train", "eval"]
Population = Literal["generated", "trained_on", "unknown"]
RunEventKind = Literal[
    "configuration",
    "configuration.changed",
    "code",
    "resumed",
    "rolled_back",
    "exception",
    "gap",
    "checkpoint.promoted",
    "alarm",
    "acknowledged",
    "hypothesis",
    "fix",
    "verification",
    "decision",
    "threshold.changed",
    "suite.changed",
    "closure",
    "note",
]
"""What can happen in a run. From ``alarm`` on: warning signs, and what the developer did about them."""


class RewardFunction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One source of reward."""

    name: str
    weight: Decimal | None = None
    """Its weight in the total reward; None when the source does not say."""


class RunManifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a run is; `run.json`."""

    type: Literal["modelassay.run/1"] = "modelassay.run/1"
    id: str
    """Folder name in ``runs/``."""
    name: str
    origin: RunOrigin
    framework: str
    """``trl``, ``verl``, ``openrlhf``, …; ``plain`` for the plain API and mapped tables."""
    framework_version: str = ""
    algorithm: str = ""
    """``grpo``, ``rloo``, ``sft``, ``dpo``, ``reward_modelling``, …; empty when unknown."""
    rewards: tuple[RewardFunction, ...] = ()
    """Every reward function, in the order of the columns ``reward/<name>``."""
    group_size: int | None = None
    """Rollouts per prompt, where groups are of one size."""
    population: Population = "unknown"
    """Whether every generated rollout is here, or only those that were trained on (survivorship)."""
    base: str = ""
    """The model that training began from: reference or digest."""
    continues: str = ""
    """Id or checkpoint digest of the run that this one continues."""
    configuration: dict[str, str] = {}
    """Settings at the start, flattened (``optimizer.lr``), values as text."""
    code: dict[str, str] = {}
    """``git commit`` and digests of environment, grader and training code, by name."""
    libraries: dict[str, str] = {}
    """Version of each library that took part."""
    started: str = ""
    """UTC, ``YYYY-MM-DDTHH:MM:SSZ``; empty when unknown."""
    source: str = ""
    """Of an imported run: name and digest of what was read; never a path of the machine."""


class RunMetrics(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the trainer logged at one step; a line of ``metrics*.jsonl``."""

    step: int
    phase: RunPhase = "train"
    values: dict[str, float]
    time: str = ""


class RunEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened; a line of ``events*.jsonl``."""

    time: str
    """UTC by the writer's clock, ``YYYY-MM-DDTHH:MM:SSZ``."""
    kind: RunEventKind
    step: int = -1
    """Training step; -1 before the first or when it has none."""
    rank: int = 0
    actor: str = ""
    """Who, for what people say; the recorder itself when empty."""
    alarm: str = ""
    """Id of the alarm that this event belongs to, from ``alarm`` to ``closure``."""
    body: dict[str, Any] = {}
    """What this kind says (no floats: decimal strings); `training.happenings` has the fields of each."""


class RunCheckpoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A training checkpoint; a line of ``checkpoints*.jsonl``."""

    step: int
    name: str
    """Folder name, such as ``checkpoint-20``."""
    digest: Digest | None = None
    """Of its ``SHA256SUMS`` (`artifacts.fingerprint`); None when only its name is known."""
    parts: tuple[str, ...] = ()
    """What of the training state it holds: ``weights``, ``optimizer``, ``rng``, ``scheduler``, ``data``."""


class RunDataset(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Data that the run was given; a line of ``datasets*.jsonl``."""

    name: str
    role: Literal["train", "eval", "prompts", "preference", "sft"] = "train"
    rows: int | None = None
    digest: Digest | None = None
    licence: str = ""
    order: str = ""
    """Seed and digest of the order of its rows, when recorded."""


class RunCoverage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How much of what was generated is in the record; ``coverage.json``."""

    found: int
    """Rollouts in the record."""
    found_train: int
    found_eval: int
    expected_train: int | None = None
    """Rollouts that training must have generated; None when nothing in the source says so."""
    basis: str = ""
    """What `expected_train` was computed from, in words."""
    batches_found: int | None = None
    """Training generation batches (usually: steps) with rollouts."""
    batches_expected: int | None = None
    duplicated: int = 0
    """Rows that repeat others to the letter: dropped where a file repeats another byte for byte, else kept,
    which `statements` tell."""
    overwritten_steps: tuple[int, ...] = ()
    """Steps whose training rows an evaluation of the same step has replaced."""
    missing_steps: tuple[int, ...] = ()
    repeated_steps: tuple[int, ...] = ()
    """Steps that a resume wrote twice, with other rows."""
    filtered: int | None = None
    """Rollouts known to be filtered out, in the source or before it was written; None when unknown."""
    zero_variance_groups: int | None = None
    """Groups in the record whose rewards are all equal."""
    quarantined: int = 0
    """Rows that could not be read; they stand in ``quarantine.jsonl`` with the reason."""
    gaps: int = 0
    """Rollouts that the recorder says it lost."""
    statements: tuple[str, ...] = ()
    """What a reader must know, a sentence each, the gravest first."""


class RolloutReference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A rollout that a finding rests on."""

    seq: int
    """Its number in the run."""
    step: int
    group: str = ""
    quote: str = ""
    """Verbatim text of it that shows the point, at most 300 characters; checked to occur."""
    note: str = ""


class StepRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is said of a step before anybody asks; a line of ``steps.jsonl``, and the body of ``run.step``."""

    run: str
    phase: str
    step: int
    rank: int
    rollouts: int
    """Rollouts under `root`."""
    trained_on: int | None = None
    """How many of them were trained on; None when unknown."""
    lost: int = 0
    """Rollouts that were generated and could not be kept."""
    root: Digest
    previous: Digest
    """Digest of the record before in this chain; of zeros for the first."""
    configuration: Digest | None = None
    """Of the settings in force; likewise for what follows, where it is known."""
    code: Digest | None = None
    checkpoint: Digest | None = None
    metrics: Digest | None = None
    layout: Literal[1, 2] = 1
    """Which bytes the parts of its rollouts have; see `training.protocol.parts`."""


class CommittedRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a developer binds themselves to when a run is closed; logged as ``run.closed``."""

    run: str
    manifest: Digest
    """Of ``run.json``; likewise the others of their files, absent where there is no such file."""
    records: Digest
    events: Digest | None = None
    coverage: Digest | None = None
    metrics: Digest | None = None
    """Of all files of metrics, of none of them too; None when an earlier version did not bind them. Likewise
    the next two."""
    checkpoints: Digest | None = None
    datasets: Digest | None = None
    steps: int
    """Step records; likewise the following."""
    rollouts: int
    lost: int = 0


class RunFinding(Finding, frozen=True, kw_only=True, omit_defaults=True):
    """A claim about a training run: a `Finding` with its own verdict word and rollouts as evidence.

    `check` names the analysis, `slice` the environment, behaviour, reward function or alarm.
    """

    outcome: str
    """The analysis's own verdict: ``reinforced``, ``patched``, ``resolved``, ``not assessable``, …"""
    effect: Estimate | None = None
    """The statistic that decides, with its interval."""
    evidence: tuple[RolloutReference, ...] = ()
    why_not: str = ""
    """Of what could not be assessed: what was missing."""
    question: str = ""
    """What to ask the developer because of it; empty when nothing needs asking."""

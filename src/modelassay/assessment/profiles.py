"""What an assessment has to say to clauses of law and codes, and what it has not.

Mappings, not legal advice. ``annex-xi``: Regulation (EU) 2024/1689, Annex XI, section 1 point 2 (b) to (d)
and section 2. ``code-of-practice``: General-Purpose AI Code of Practice (10 July 2025), chapter Safety and
Security, by number of commitment. A clause is *in part* covered where something of what it asks for is
here, and *evidence* only where the checks named all gave an answer; the law asks for more than logs can
show.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from modelassay.records import AssessmentProfile, Clause, RunCoverage, RunDataset, RunFinding, RunManifest


@dataclass(frozen=True)
class Facts:
    """What profiles draw on."""

    manifest: RunManifest
    coverage: RunCoverage | None
    datasets: Sequence[RunDataset]
    checkpoints: int
    metrics: frozenset[str]
    findings: Sequence[RunFinding]


@dataclass(frozen=True)
class _Entry:
    clause: str
    title: str
    missing: str
    """What the clause asks for beyond what any run's record holds."""
    checks: tuple[str, ...] = ()
    records: Callable[[Facts], list[str]] = lambda facts: []
    whole: bool = False
    """Whether answers of all `checks` are all that the clause asks for."""


def clauses_of(profile: AssessmentProfile, facts: Facts) -> tuple[Clause, ...]:
    """Every clause of `profile`, with what is here; none for ``default``."""
    return tuple(_clause(entry, facts) for entry in _PROFILES.get(profile, ()))


def _clause(entry: _Entry, facts: Facts) -> Clause:
    named = [each for each in facts.findings if each.check in entry.checks]
    answered = {each.check for each in named if each.state != "not_assessable"}
    records = tuple(entry.records(facts))
    whole = entry.whole and set(entry.checks) <= answered
    return Clause(
        clause=entry.clause,
        title=entry.title,
        state="evidence" if whole else "in part" if answered or records else "not covered",
        findings=tuple(each.id for each in named),
        records=records,
        missing=entry.missing,
    )


def _method(facts: Facts) -> list[str]:
    manifest = facts.manifest
    rewards = ", ".join(
        f"{each.name}{'' if each.weight is None else f' (weight {each.weight})'}" for each in manifest.rewards
    )
    found = [
        ("framework", f"{manifest.framework} {manifest.framework_version}".strip()),
        ("algorithm", manifest.algorithm),
        ("rewards optimised for", rewards),
        ("base model", manifest.base),
        ("settings recorded", str(len(manifest.configuration) or "")),
        ("code identified", ", ".join(sorted(manifest.code))),
        ("checkpoints", str(facts.checkpoints or "")),
    ]
    return [f"{name}: {value}" for name, value in found if value]


def _data(facts: Facts) -> list[str]:
    return [
        f"{each.name} ({each.role}): "
        + ", ".join(
            part
            for part in (
                "" if each.rows is None else f"{each.rows:,} rows",
                f"licence {each.licence}" if each.licence else "licence not recorded",
                "identified by digest" if each.digest else "no digest",
            )
            if part
        )
        for each in facts.datasets
    ]


def _compute(facts: Facts) -> list[str]:
    found = [f"started {facts.manifest.started}"] if facts.manifest.started else []
    if facts.coverage is not None:
        found.append(f"{facts.coverage.found_train:,} training rollouts recorded")
    timed = sorted(name for name in facts.metrics if "time" in name or "flos" in name.lower())
    return found + ([f"logged: {', '.join(timed[:6])}"] if timed else [])


_BEHAVIOUR = ("reinforcement", "emergence", "evaluated", "length_reward")
_INTEGRITY = ("coverage_gate", "reconciliation", "challenge", "commitment")
_ANNEX = (
    _Entry(
        "Annex XI §1(2)(b)",
        "Design specifications of model and training process: methodologies, key design choices and "
        "rationale, what the model is designed to optimise for",
        "the rationale of design choices and assumptions, which no log holds; pre-training",
        (*_BEHAVIOUR, "overoptimisation", "environment_pressure", "dead_environment"),
        _method,
    ),
    _Entry(
        "Annex XI §1(2)(c)",
        "Data used for training: type, provenance, curation, number of points, how obtained and selected, "
        "measures to detect unsuitable sources and biases",
        "data that is not part of this run, how data was obtained, measures against identifiable biases",
        ("data_review", *_INTEGRITY),
        _data,
    ),
    _Entry(
        "Annex XI §1(2)(d)",
        "Computational resources, training time",
        "floating-point operations and hardware; runs that were not recorded",
        (),
        _compute,
    ),
    _Entry(
        "Annex XI §1(2)(e)",
        "Known or estimated energy consumption",
        "nothing of it is in the record of a run",
    ),
    _Entry(
        "Annex XI §2(1)",
        "Evaluation strategies with results, criteria, metrics, and the method of identifying limitations",
        "evaluations of the released model: `modelassay audit`",
        ("resolution", "overoptimisation", "emergence"),
    ),
    _Entry(
        "Annex XI §2(2)",
        "Internal or external adversarial testing; model adaptations, including alignment and fine-tuning",
        "red-teaming of the released model",
        ("reinforcement", "resolution", "developer_response"),
        _method,
    ),
    _Entry(
        "Annex XI §2(3)",
        "System architecture: how software components build on or feed into each other",
        "nothing of it is in the record of a run",
    ),
)
_CODE = (
    _Entry("Commitment 1", "Safety and security framework", "the framework itself; trigger points, tiers"),
    _Entry(
        "Commitment 2",
        "Systemic risk identification",
        "the process by which risks were identified; scanners look for known patterns",
        ("reinforcement",),
    ),
    _Entry(
        "Commitment 3",
        "Systemic risk analysis: model-independent information, evaluations, modelling, estimation, "
        "post-market monitoring",
        "evaluations of capabilities and propensities of the released model; monitoring after release",
        (*_BEHAVIOUR, "overoptimisation", "resolution", "environment_pressure"),
    ),
    _Entry("Commitment 4", "Systemic risk acceptance determination", "acceptance criteria and decision"),
    _Entry(
        "Commitment 5",
        "Safety mitigations: appropriate along the entire lifecycle, robust under adversarial pressure",
        "mitigations outside this run",
        ("resolution", "developer_response", "data_review"),
    ),
    _Entry(
        "Commitment 6",
        "Security mitigations against theft and tampering",
        "security of weights and infrastructure; commitments show tampering with this record alone",
        ("commitment", "challenge", "reconciliation"),
    ),
    _Entry(
        "Commitment 7",
        "Safety and security model reports, with reports of independent external evaluators",
        "the report itself; this assessment can be attached to it",
        (*_BEHAVIOUR, "overoptimisation", "resolution", "coverage_gate", "reconciliation", "challenge"),
        _method,
    ),
    _Entry("Commitment 8", "Allocation of responsibility for systemic risk", "roles and resources"),
    _Entry(
        "Commitment 9",
        "Serious incident reporting: tracking, documenting, corrective measures",
        "incidents after release, and reports to authorities",
        ("developer_response",),
    ),
    _Entry(
        "Commitment 10",
        "Additional documentation and transparency: records kept for at least ten years",
        "documents outside this run; how long they are kept",
        _INTEGRITY,
        _data,
    ),
)
_PROFILES: dict[AssessmentProfile, tuple[_Entry, ...]] = {"annex-xi": _ANNEX, "code-of-practice": _CODE}

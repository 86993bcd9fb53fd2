"""Adapters: which stacks of them the store has audits of, where they come from, how strictly they were held.

A stack is a model with adapters in their order and with their weights; any other order or weight is another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from modelassay.config.presets import preset
from modelassay.gate import severity, tighten
from modelassay.handover.document import AdapterSource, Part, Stack, StackAudit
from modelassay.handover.facts import SealedFacts, audited_as
from modelassay.records import Artifact, AuditRecord, Percent, Policy

STRICT = "community-adapters"
"""The policy for adapters whose makers are not known."""

Key = tuple[str, tuple[tuple[str, str], ...]]
"""Digest of the model; digest and weight of each adapter, in order."""


def stacks_of(facts: SealedFacts) -> tuple[Stack, ...]:
    """The base, each adapter alone on it, and the stack that was audited; empty without adapters."""
    artifacts = facts.record.candidate.artifacts
    models = [artifact for artifact in artifacts if artifact.kind == "model"]
    adapters = [artifact for artifact in artifacts if artifact.kind == "adapter"]
    if not models or not adapters:
        return ()
    known: dict[Key, list[StackAudit]] = {}
    others = (each for each in facts.audited if each.audit != facts.record.id)
    for each in (audited_as(facts.record), *others):
        found = StackAudit(audit=each.audit, outcome=each.outcome, expires=each.expires)
        known.setdefault(_key(each.artifacts), []).append(found)
    wanted = [(), *((adapter,) for adapter in adapters), tuple(adapters)]
    stacks = {_key((models[0], *part)): _stack(models[0], part) for part in wanted}
    return tuple(
        Stack(
            name=stack.name,
            model=stack.model,
            adapters=stack.adapters,
            audits=tuple(sorted(known.get(key, ()), key=lambda audit: audit.audit)),
        )
        for key, stack in stacks.items()
    )


def adapter_sources(record: AuditRecord, policy: Policy) -> tuple[AdapterSource, ...]:
    """Each adapter that the candidate has, or that lineage says was merged into it."""
    declared = record.lineage.declared if record.lineage else None
    taken_over = declared.adapters if declared else ()
    trained_here = bool(declared and declared.training_data)
    strict = nowhere_milder(policy, tighten(preset(STRICT))[0])
    found: list[AdapterSource] = []
    loaded = [artifact for artifact in record.candidate.artifacts if artifact.kind == "adapter"]
    for artifact in loaded:
        origin = next((o for o in taken_over if artifact.digest == o.digest or artifact.name == o.name), None)
        found.append(
            AdapterSource(
                name=artifact.name,
                digest=artifact.digest,
                source=(origin.source if origin else "") or artifact.source,
                community=origin is not None or bool(artifact.source) or not trained_here,
                strict_profile=strict,
            )
        )
    seen = {source.digest for source in found} | {source.name for source in found}
    found += [
        AdapterSource(name=o.name, digest=o.digest, source=o.source, community=True, strict_profile=strict)
        for o in taken_over
        if o.digest not in seen and o.name not in seen
    ]
    return tuple(found)


def nowhere_milder(policy: Policy, strict: Policy) -> bool:
    """Whether `policy` asks at least for all that `strict` asks for; both as the gate holds them."""
    conflict, literal = policy.lineage.conflict, policy.concerns.literal
    return (
        all(value <= least for value, least in zip(_limits(policy), _limits(strict), strict=True))
        and policy.scale == strict.scale
        and policy.least_rate >= strict.least_rate
        and policy.confidence >= strict.confidence
        and policy.expires_days <= strict.expires_days
        and severity(conflict) >= severity(strict.lineage.conflict)
        and severity(literal) >= severity(strict.concerns.literal)
        and severity(policy.concerns.shown) >= severity(strict.concerns.shown)
        and {*policy.lineage.required} >= {*strict.lineage.required}
        and {*policy.slices.required} >= {*strict.slices.required}
        and {*policy.any_category.dimensions} >= {*strict.any_category.dimensions}
        and policy.slices.smallest >= strict.slices.smallest
        and policy.judges.uncalibrated == strict.judges.uncalibrated
        and policy.judges.labels >= strict.judges.labels
        and all(role == "banded" or strict.measures.get(m) == role for m, role in policy.measures.items())
    )


def _limits(policy: Policy) -> Iterator[Percent]:
    """Thresholds that let more pass the higher they are."""
    for section in (policy.bands, policy.any_category, policy.concerns):
        yield from (each for each in msgspec.structs.astuple(section) if isinstance(each, Percent))
    yield from (policy.cohorts.widening, policy.unscored_limit, policy.absolute_below)


def _stack(model: Artifact, adapters: Sequence[Artifact]) -> Stack:
    return Stack(
        name=" + ".join([model.name, *(adapter.name for adapter in adapters)]),
        model=model.digest,
        adapters=tuple(
            Part(kind="adapter", name=a.name, digest=a.digest, weight=a.details.get("weight", "1"))
            for a in adapters
        ),
    )


def _key(artifacts: Sequence[Artifact]) -> Key:
    model = next((a.digest for a in artifacts if a.kind == "model"), "")
    return model, tuple((a.digest, a.details.get("weight", "1")) for a in artifacts if a.kind == "adapter")

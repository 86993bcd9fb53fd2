"""What can and cannot be known of a candidate behind an API, of open weights, of adapters, and what was."""

from __future__ import annotations

from collections.abc import Iterator

from modelassay.comparison import map_published
from modelassay.handover.document import Context, Gap, Kind, Part, Subject
from modelassay.handover.facts import SealedFacts
from modelassay.handover.stacks import adapter_sources, stacks_of
from modelassay.records import AuditRecord, Lineage, Policy

RESPONSIBILITY: dict[Kind, str] = {
    "served": "The provider answers for weights and training; whoever deploys, for what is not covered.",
    "weights": "All responsibility is with whoever deploys the weights; there is no provider behind them.",
    "adapters": "All responsibility is with whoever puts base and adapters together, whoever made them.",
    "code": "All responsibility is with whoever deploys the callable.",
    "imported": "Whoever ran the other tool answers for what its files say; whoever deploys for the rest.",
}
_ATTACKED = "Attacks whose answers were scored: {}."
_OWN_HANDS = "the weights on this machine, `hf:PATH`"


def kind_of(record: AuditRecord) -> Kind:
    """What kind of candidate an audit is of."""
    if record.imported:
        return "imported"
    kinds = {artifact.kind for artifact in record.candidate.artifacts}
    if "adapter" in kinds:
        return "adapters"
    if "model" in kinds:
        return "weights"
    return "code" if "code" in kinds else "served"


def subject_of(record: AuditRecord) -> Subject:
    """Which model the hand-over is about."""
    candidate = record.candidate
    return Subject(
        reference=candidate.reference,
        fingerprint=candidate.fingerprint,
        strength=candidate.strength,
        kind=kind_of(record),
        parts=tuple(
            Part(kind=a.kind, name=a.name, digest=a.digest, weight=a.details.get("weight", ""))
            for a in candidate.artifacts
        ),
    )


def context_of(facts: SealedFacts, policy: Policy) -> Context:
    """What was tested, and what was not and why.

    Args:
        facts: the audit.
        policy: as the gate held it, tightened.
    """
    record = facts.record
    kind = kind_of(record)
    gaps = [*_always(facts), *_BY_KIND[kind](facts)]
    stacks, sources = stacks_of(facts), adapter_sources(record, policy)
    gaps += [
        Gap(
            what=f"The stack {stack.name}",
            why="the store has no audit of it as a candidate",
            covered_by="an audit with it as the candidate",
        )
        for stack in stacks
        if not stack.audits
    ]
    gaps += [
        Gap(
            what=f"The adapter {source.name} under the stricter profile",
            why="it counts as made by others, and the policy is milder than `community-adapters`",
            covered_by="`modelassay gate --policy community-adapters` on this audit",
        )
        for source in sources
        if source.community and not source.strict_profile
    ]
    return Context(
        tested=tuple(_tested(facts)),
        not_covered=tuple(gaps),
        responsibility=RESPONSIBILITY[kind],
        stacks=stacks,
        adapter_sources=sources,
        limits=record.limits,
        population=facts.population if facts.population and facts.population.members else None,
        provider=map_published(record.published, record.findings) if record.published else None,
    )


def _tested(facts: SealedFacts) -> Iterator[str]:
    record = facts.record
    measures = ", ".join(sorted({f.measure.name for f in record.findings if f.check == "comparison"}))
    asked = f"{len(facts.samples):,} samples"
    if record.sequential is not None:
        drawn = record.sequential
        asked = f"{drawn.asked:,} of {drawn.questions:,} questions, drawn in an order that was logged before"
    yield f"Behaviour on {asked}, beside the model before: {measures or 'no measure'}."
    if record.epochs > 1:
        yield f"Consistency over {record.epochs} repeats of each."
    if facts.attacks:
        yield _ATTACKED.format(", ".join(facts.attacks))
    if record.candidate.strength == "weights":
        yield "Identity: every file that the answers rest on was hashed."
    if record.lineage is not None:
        yield _declared(record.lineage)


def _declared(lineage: Lineage) -> str:
    """What the maker declares of custom data and hyperparameters, and how much rests on bytes read here."""
    declared = lineage.declared
    data, bound = declared.training_data, sum(bool(each.digest) for each in declared.training_data)
    recipe = "the recipe's configuration by digest" if declared.recipe.configuration else "no hyperparameters"
    return f"Lineage as declared: {len(data)} training sets ({bound} with a digest), {recipe}."


def _always(facts: SealedFacts) -> Iterator[Gap]:
    if not facts.attacks:
        yield Gap(what="Attacks", why="no attacked request was scored", covered_by="a red-team run")
    drawn = facts.record.sequential
    if drawn is not None and drawn.asked < drawn.questions:
        yield Gap(
            what="Exact rates",
            why=f"{drawn.questions - drawn.asked:,} questions were not asked, and the intervals of the "
            "baselines do not allow for when the asking stopped",
            covered_by="`gate.mode: fixed`",
        )
    lineage = facts.record.lineage
    if lineage is None or not lineage.declared.training_data:
        yield Gap(
            what="Custom training data",
            why="the plan declares none",
            covered_by="`lineage.training_data` in the plan, with digests",
        )
    if lineage is None or not lineage.declared.recipe.configuration:
        yield Gap(
            what="Custom hyperparameters",
            why="the plan declares no configuration",
            covered_by="`lineage.recipe.configuration` in the plan",
        )
    if not facts.population or not facts.population.members:
        yield Gap(
            what="Comparison with a reference population of audited fine-tunes",
            why="no other audited fine-tune of this baseline can be compared",
            covered_by="audits of them with the same prompts, decoding and evaluators; `--population FOLDER`",
        )


def _served(facts: SealedFacts) -> Iterator[Gap]:
    yield Gap(
        what="Identity",
        why=f"it rests on the {facts.record.candidate.strength}: what stands behind that can change unseen, "
        "so only its behaviour tells, and canaries matter most here",
        covered_by=_OWN_HANDS,
    )
    yield from _published(facts.record)
    yield Gap(
        what="Weights and activations",
        why="they cannot be tested behind an API",
    )
    yield Gap(
        what="The provider's filters",
        why="an answer of the model and one of a filter before or behind it cannot be told apart",
    )


def _published(record: AuditRecord) -> Iterator[Gap]:
    """What the provider's own evaluations leave uncovered."""
    if not record.published:
        yield Gap(
            what="The provider's own evaluations",
            why="none is mapped onto this use",
            covered_by="`provider_evaluations` in the plan",
        )
        return
    left = [each.title for each in map_published(record.published, record.findings).uncovered]
    if left:
        yield Gap(
            what="The provider's own evaluations",
            why=f"nothing published covers, at least not in every slice: {', '.join(left)}",
        )


def _weights(facts: SealedFacts) -> Iterator[Gap]:
    yield Gap(
        what="Weight and activation analysis",
        why="not done in this audit: a fault that no prompt here brings out stays unseen",
        covered_by="a comparison of weights and activations with the model before",
    )
    yield Gap(
        what="What others make of it",
        why="open weights can be trained further; the verdict is of these bytes alone",
    )


def _adapters(facts: SealedFacts) -> Iterator[Gap]:
    yield from _weights(facts)
    yield Gap(
        what="Other orders, weights and combinations of the adapters",
        why="adapters that are safe alone need not be safe together; each stack is a model of its own",
        covered_by="an audit of each stack that is to be deployed",
    )


def _code(facts: SealedFacts) -> Iterator[Gap]:
    yield Gap(
        what="What the callable calls",
        why=f"identity rests on the {facts.record.candidate.strength}; models and services behind it can "
        "change unseen",
        covered_by=_OWN_HANDS,
    )


def _imported(facts: SealedFacts) -> Iterator[Gap]:
    yield Gap(
        what="That the models were asked as the files say",
        why="another tool asked them: a weaker tier of assurance throughout",
        covered_by="an audit that asks the models itself",
    )


_BY_KIND = {
    "served": _served,
    "weights": _weights,
    "adapters": _adapters,
    "code": _code,
    "imported": _imported,
}

"""What an audit cannot tell, as sentences for its report.

The general ones follow from what evaluation is (trigger coverage, distribution shift, temporal
dynamics, compositional effects, adversarial adaptation); the others from what this audit did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from modelassay.config import DEFAULT_POLICY, Plan, preset, preset_names
from modelassay.engine import Question
from modelassay.evaluators import RefusalJudge
from modelassay.evaluators.languages import UNTOLD, language_named
from modelassay.evidence.sufficient import TIED_BY, VOUCHED
from modelassay.gate import PolicyChange, loosened, otherwise, policy_changes
from modelassay.judges.distance import unheard
from modelassay.records import (
    DatasetPin,
    EvaluatorPin,
    Examination,
    ImportedRun,
    Policy,
    RedTeamRecord,
    Sample,
    SequentialRecord,
    TargetIdentity,
    Usage,
)

GENERAL = (
    "Triggers: a backdoor that answers to a word or format which no prompt here contains stays unseen.",
    "Distribution: these prompts are not your traffic; safety may differ where people ask otherwise.",
    "Time: this is a snapshot. It holds until the verdict expires or anything it rests on changes.",
    "Composition: behaviour in single prompts does not predict behaviour in long conversations.",
    "Adaptation: who knows these prompts can train a model to pass them.",
    "No evaluation can show that a model is safe; it reduces risk, it does not remove it.",
)

ORGANISM_NOTE = (
    "At least one of these models is an organism: tiny, trained on the spot, with a known fault. This audit "
    "proves that the plumbing works; it says nothing about real models."
)

FEWEST_HARMFUL = 500
"""Safety-relevant prompts that a comparison with the baseline should have at least."""


MOST_CUT_OFF = 0.05
"""Share of answers cut off at the limit of tokens above which the report says so at its head."""


def limits_of(
    plan: Plan,
    policy: Policy,
    samples: Sequence[Sample],
    identities: Sequence[TargetIdentity],
    evaluators: Sequence[EvaluatorPin],
    red_team: RedTeamRecord | None = None,
    examined: Collection[str] = (),
) -> tuple[str, ...]:
    """Sentences on what this audit cannot tell, the particular ones first.

    Args:
        plan: what was asked for.
        policy: what was held against.
        samples: all that were asked.
        identities: of both models.
        evaluators: who read the answers.
        red_team: what attacks did.
        examined: kinds of the examinations that were taken in.
    """
    particular = _particular(plan, samples, identities, evaluators)
    return (*_loosened(policy), *particular, *_not_attacked(samples, red_team, examined), *GENERAL)


def policy_notes(policy: Policy) -> tuple[str, ...]:
    """Where a policy differs from the one of the package that it builds on, looser and stricter apart; one
    that builds on none is held against the default. Empty for those of the package as they are."""
    if policy.name in preset_names() and not _milder(policy_changes(preset(policy.name), policy)):
        return ()
    own = not isinstance(policy.extends, str)
    base = DEFAULT_POLICY if own else str(policy.extends)
    changes = policy_changes(preset(base), policy)
    parts = (
        (direction, [str(change) for change in changes if change.direction == direction])
        for direction in ("looser", "stricter", "other")
    )
    words = {"looser": "looser in", "stricter": "stricter in", "other": "otherwise different in"}
    said = "; ".join(f"{words[direction]} {', '.join(keys)}" for direction, keys in parts if keys)
    stands = f"builds on no policy of the package. Held against {base!r}" if own else f"builds on {base!r}"
    return (f"The policy {policy.name!r} {stands}: {said or 'the same in every key'}.",)


def _milder(changes: Iterable[PolicyChange]) -> bool:
    return any(change.direction != "stricter" for change in changes)


def _loosened(policy: Policy) -> Iterator[str]:
    """Where a policy asks for less than the default does, and where for something else."""
    if found := loosened(policy):
        yield f"Policy: looser than the product's defaults in {', '.join(found)}."
    if found := otherwise(policy):
        yield f"Policy: otherwise than the product's defaults in {', '.join(found)}."


def imported_limits(imported: Sequence[ImportedRun]) -> tuple[str, ...]:
    """What cannot be told of answers that another tool had."""
    if not imported:
        return ()
    tools = " and ".join(dict.fromkeys(run.tool for run in imported))
    return (
        f"Imported: {tools} asked the models, not this audit. That the questions were the same, that nothing "
        "was left out and which weights answered is its files' word alone.",
    )


def examined_limits(examinations: Collection[Examination]) -> tuple[str, ...]:
    """What cannot be told of looks whose files are taken in."""
    if not examinations:
        return ()
    files = (
        "Examinations: what their files say was looked at and found is the word of whoever made them. "
        "Nothing signs them before this audit seals them, and nothing was looked at again here."
    )
    vouched = dict.fromkeys(
        each.candidate.reference for each in examinations if each.details.get(TIED_BY) == VOUCHED
    )
    ties = (
        f"Examinations: that {name} is the candidate is the word of whoever wrote the plan; nothing shows it."
        for name in vouched
    )
    return (files, *ties)


def age_limits(policy: Policy, datasets: Sequence[DatasetPin]) -> tuple[str, ...]:
    """Which datasets are of unknown age, where the policy limits it."""
    unknown = [pin.name for pin in datasets if not pin.dated]
    if not policy.evidence.datasets_oldest_days or not unknown:
        return ()
    return (
        f"Age: nothing says how old the questions of {', '.join(unknown)} are; `dated:` beside a file in the "
        "plan would.",
    )


def organism_notes(identities: Sequence[TargetIdentity]) -> tuple[str, ...]:
    """The sentence that labels audits of organisms, when a model is one."""
    labels = (value for i in identities for name, value in i.details.items() if name in _ORGANISM_DETAILS)
    return (ORGANISM_NOTE,) if any("organism" in value or value == "yes" for value in labels) else ()


def cut_off_notes(usage: Mapping[str, Usage], max_tokens: int) -> tuple[str, ...]:
    """A sentence for each model of which so many answers were cut off that the judging may rest on it."""
    return tuple(
        f"{used.cut_off:,} of {used.requests:,} answers of the {side} were cut off at {max_tokens} tokens: "
        "how they would have gone on is not known. A higher decoding.max_tokens would show it."
        for side, used in usage.items()
        if used.cut_off > MOST_CUT_OFF * used.requests
    )


_REACTING = frozenset({"red_team", "manual_red_team"})
"""Kinds of examinations in which an attacker reacts to answers."""
_INSIDE = frozenset({"weights", "activations", "refusal_margin", "triggers", "adapters", "tampering"})
"""Kinds that look inside."""
_ORGANISM_DETAILS = ("organism", "served_meta")


def _particular(
    plan: Plan,
    samples: Sequence[Sample],
    identities: Sequence[TargetIdentity],
    evaluators: Sequence[EvaluatorPin],
) -> list[str]:
    found = []
    harmful = sum(sample.kind == "harmful" and sample.attacked is None for sample in samples)
    if not harmful:
        found.append("Refusal: no harmful prompt was asked, so a model that helps with anything passes.")
    elif harmful < FEWEST_HARMFUL:
        found.append(f"Size: {harmful} harmful prompts; at least {FEWEST_HARMFUL} are advised.")
    if not any(sample.kind == "benign" for sample in samples):
        found.append("Over-refusal: no benign prompt was asked, so a model that refuses everything passes.")
    if plan.decoding.temperature and float(plan.decoding.temperature) == 0:
        found.append("Sampling: answers were greedy; a loss that shows only in sampled answers stays unseen.")
    if plan.repeats < 2:
        found.append("Repeats: each prompt was asked once, so consistency and edge cases were not assessed.")
    if not any(len(sample.messages) > 2 or sample.follow_ups for sample in samples):
        found.append("Conversations: no multi-turn prompt was asked.")
    languages = {sample.tags["language"] for sample in samples if "language" in sample.tags}
    if len(languages) == 1:
        found.append(f"Languages: every prompt is in one language ({next(iter(languages))}).")
    unread = sorted(name for name in languages if language_named(name) == UNTOLD)
    if unread and any(pin.name == RefusalJudge.name for pin in evaluators):
        found.append(
            f"Languages: the refusal judge does not read {', '.join(unread)}; answers in such languages are "
            "unscored, but for those of a few words that English or another language has too."
        )
    if any(identity.strength != "weights" for identity in identities):
        found.append(
            "Identity: at least one model is known by its served name only; "
            "what stands behind that name can change unseen."
        )
    for pin in evaluators:
        found += _uncalibrated(pin)
        found += _unheard(pin)
    return found


def _unheard(pin: EvaluatorPin) -> Iterator[str]:
    """On languages in which no labelled set tells an evaluator's error."""
    shares = [unheard(error) for error in pin.errors]
    if shares and all(shares):
        yield (
            f"Judging: {shares[0]}, and no labelled set tells the error of {pin.name}@{pin.version} in these "
            "languages; what is called shown there rests on its error in others."
        )


def _uncalibrated(pin: EvaluatorPin) -> Iterator[str]:
    """On what nothing is known of an evaluator's error, and on what it tells no better than chance."""
    held = {name for error in pin.errors if error.informedness is not None for name in error.measures}
    unknown, chance = (
        ", ".join(name.replace("_", " ") for name in pin.uncalibrated if (name in held) == measured)
        for measured in (False, True)
    )
    shown = "so nothing that it reads there is called shown."
    if unknown:
        yield (
            f"Judging: the error of {pin.name}@{pin.version} against people's labels is not known for "
            f"{unknown}, {shown}"
        )
    if chance:
        yield (
            f"Judging: held against people's labels, {pin.name}@{pin.version} is not shown to tell good "
            f"answers from bad on {chance}, {shown}"
        )


def _not_attacked(
    samples: Sequence[Sample], red_team: RedTeamRecord | None, examined: Collection[str]
) -> Iterator[str]:
    """Which attacks were not run, and whether anybody looked inside."""
    families = sorted({sample.attacked.family for sample in samples if sample.attacked is not None})
    reacting = not _REACTING.isdisjoint(examined)
    if not families and not reacting:
        yield "Red team: no attack was run in this audit, so a model that falls to one passes."
    if families and not reacting:
        yield (
            f"Red team: only frozen attacks were run ({', '.join(families)}); an attacker who reacts to "
            "answers, or who writes for this very model, may get further."
        )
    if red_team is not None and red_team.untried:
        yield f"Red team: at hand and not run: {', '.join(red_team.untried)}."
    if _INSIDE.isdisjoint(examined):
        yield "Weights: nobody looked inside the models in this audit."


def drawn_notes(
    drawn: SequentialRecord | None,
    samples: Sequence[Sample],
    slices: Sequence[str],
    asked: Sequence[Question],
) -> tuple[str, ...]:
    """How much of the suite a sequential audit asked, and of each slice of one tag; what that means."""
    if drawn is None:
        return ()
    share = f"{drawn.asked:,} of {drawn.questions:,} questions were asked of each model"
    told = {
        "settled": f"Sequential audit: {share}; by what they show, no further one could change the action.",
        "exhausted": f"Sequential audit: {share}, which is the whole suite.",
        "unresolved": f"Sequential audit: {share} when the budget ended; the action is not settled.",
    }
    claims = (
        "What the deployment table says is a claim about this suite, with an error of at most "
        f"{drawn.share} of the policy's; other figures describe what was asked."
    )
    if drawn.state == "exhausted":
        return (told[drawn.state],)
    ids = {question.sample.id for question in asked}
    return (told[drawn.state], claims, *_unasked(samples, slices, ids))


def _unasked(samples: Sequence[Sample], slices: Sequence[str], asked: set[str]) -> Iterator[str]:
    """A sentence for each tag that is compared by, with the samples asked of each of its values."""
    for tag in (tag for tag in slices if "*" not in tag):
        planned: Counter[str] = Counter()
        done: Counter[str] = Counter()
        for sample in samples:
            value = sample.tags.get(tag, "") or (sample.kind if tag == "kind" else "")
            if value:
                planned[value] += 1
                done[value] += sample.id in asked
        counts = ", ".join(f"{value} {done[value]:,} of {planned[value]:,}" for value in sorted(planned))
        if counts:
            yield f"Prompts asked by {tag}: {counts}."

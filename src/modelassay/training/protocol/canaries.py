"""Canaries: tasks that the assessor planted among the developer's, unknown to them, counted in the record.

Tasks are drawn for training as often as their share in the data says. A record that holds far fewer planted
ones than that has lost rollouts that nobody chose at random; one that holds about as many says that rollouts
of these tasks, at least, were kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import exp, lgamma, log
from typing import Literal

import numpy as np

from modelassay.errors import UsageError
from modelassay.records import RolloutReference, RunFinding
from modelassay.training.columns import pa
from modelassay.training.findings import decimal, not_assessable, run_finding
from modelassay.training.run import Run
from modelassay.training.scanners.messages import turns_of

CHECK = "canary"
Outcome = Literal["present", "missing", "too many"]
FEWEST_EXPECTED = 5.0
"""Groups that must be expected before their absence means anything."""
ALARM = 0.01
"""Two-sided probability under which a count is no accident."""


@dataclass(frozen=True)
class _Counted:
    """Groups of training rollouts."""

    groups: int
    planted: int
    unknown: int
    """Without a prompt in the record."""
    examples: tuple[RolloutReference, ...]


def check_canaries(run: Run, texts: Sequence[str], share: float) -> RunFinding:
    """Whether planted tasks are in the record as often as they must have been drawn.

    Counted are groups of training rollouts (rollouts of a prompt are drawn together), told by prompts that
    hold one of `texts`; in prompts of messages, by what these say. Under honest recording their number is
    binomial with `share`. Prompts that are not in the record are bounded by the worst case.

    Args:
        texts: words that stand in the prompt of a planted task and nowhere else.
        share: of planted tasks among all that were drawn from, in (0, 1).

    Raises:
        UsageError: no texts, an empty one, or a share that is none.
    """
    if not texts or not all(map(str.strip, texts)):
        raise UsageError("a canary is told by words in its prompt", mend="give each planted task a text")
    if not 0.0 < share < 1.0:
        raise UsageError("the share of planted tasks is between 0 and 1", where=str(share))
    counted = _counted(run, texts)
    groups, about = counted.groups, {"run": run.manifest.id}
    if groups * share < FEWEST_EXPECTED:
        return not_assessable(
            CHECK, f"only {groups * share:.1f} planted groups are expected among {groups:,}", about=about
        )
    # Groups whose prompts are not in the record may all be planted ones, or none of them.
    outcomes = {_outcome(n, groups, share) for n in (counted.planted, counted.planted + counted.unknown)}
    if len(outcomes) > 1 or counted.unknown == groups:
        why = f"the record has no prompts of {counted.unknown:,} of {groups:,} groups"
        return not_assessable(CHECK, why, about=about, question="What were these rollouts asked?")
    return _finding(counted, share, outcomes.pop(), about)


def _outcome(planted: int, groups: int, share: float) -> Outcome:
    if binomial_two_sided(planted, groups, share) >= ALARM:
        return "present"
    return "missing" if planted < groups * share else "too many"


def _finding(counted: _Counted, share: float, outcome: Outcome, about: dict[str, str]) -> RunFinding:
    groups, planted = counted.groups, counted.planted
    nearest = planted + counted.unknown if outcome == "missing" else planted
    chance = binomial_two_sided(nearest, groups, share)
    values = {
        "groups": Decimal(groups),
        "planted": Decimal(planted),
        "expected": decimal(groups * share),
        "p_value": decimal(chance),
    }
    unknown = f", the prompts of {counted.unknown:,} are not in the record" if counted.unknown else ""
    said = f"{planted:,} of {groups:,} groups are planted ones{unknown}; {groups * share:,.1f} are expected"
    if outcome == "present":
        return run_finding(
            CHECK,
            outcome,
            f"{said}.",
            about=about,
            state="shown_fine",
            values=values,
            evidence=counted.examples,
            method="exact two-sided binomial test over groups",
        )
    return run_finding(
        CHECK,
        outcome,
        f"{said} (chance {chance:.1e}): rollouts were not kept as they came.",
        about=about,
        state="shown_harmful",
        severity="critical" if outcome == "missing" else "high",
        p_value=decimal(chance, 12),
        values=values,
        evidence=counted.examples,
        method="exact two-sided binomial test over groups",
        question="Which rollouts are not in the record, and who decided that?",
    )


def binomial_two_sided(count: int, trials: int, share: float) -> float:
    """Probability of a count at most as likely as `count`: the method of small p-values (Blaker 2000)."""
    k = np.arange(trials + 1)
    choose = lgamma(trials + 1) - np.array([lgamma(i + 1) + lgamma(trials - i + 1) for i in k.tolist()])
    mass = np.exp(choose + k * log(share) + (trials - k) * log(1.0 - share))
    own = exp(
        lgamma(trials + 1)
        - lgamma(count + 1)
        - lgamma(trials - count + 1)
        + count * log(share)
        + (trials - count) * log(1.0 - share)
    )
    return float(min(1.0, mass[mass <= own * (1.0 + 1e-7)].sum()))


def _counted(run: Run, texts: Sequence[str]) -> _Counted:
    import pyarrow.compute as compute

    planted: dict[tuple[str, int], bool | None] = {}
    """By group: names may come again from step to step."""
    examples: list[RolloutReference] = []
    for batch in run.batches(["seq", "step", "phase", "group", "prompt"]):
        part = batch.filter(compute.equal(batch.column("phase"), pa.scalar("train")))
        names = ("seq", "step", "group", "prompt")
        for seq, step, group, prompt in zip(*(part.column(name).to_pylist() for name in names), strict=True):
            if (group, step) in planted:
                continue
            planted[group, step] = _held(prompt, texts)
            if planted[group, step] and len(examples) < 5:
                examples.append(RolloutReference(seq=seq, step=step, group=group))
    flags = list(planted.values())
    return _Counted(len(flags), flags.count(True), flags.count(None), tuple(examples))


def _held(prompt: str, texts: Sequence[str]) -> bool | None:
    """Whether one of `texts` stands in a prompt; None of a prompt that is not in the record.

    Messages are searched as they were said, for as JSON they have quotes and line ends escaped.
    """
    turns = turns_of(prompt)
    said = [prompt] if turns is None else [turn.written for turn in turns]
    if not any(map(str.strip, said)):
        return None
    return any(text in each for each in (prompt, *said) for text in texts)

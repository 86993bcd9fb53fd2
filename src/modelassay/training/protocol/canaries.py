"""Canaries: tasks that the assessor planted among the developer's, unknown to them, counted in the record.

Tasks are drawn for training as often as their share in the data says. A record that holds far fewer planted
ones than that has lost rollouts that nobody chose at random; one that holds about as many says that rollouts
of these tasks, at least, were kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from math import exp, lgamma, log

import numpy as np

from modelassay.errors import UsageError
from modelassay.records import RolloutReference, RunFinding
from modelassay.training.columns import pa
from modelassay.training.findings import decimal, not_assessable, run_finding
from modelassay.training.run import Run

CHECK = "canary"
FEWEST_EXPECTED = 5.0
"""Groups that must be expected before their absence means anything."""
ALARM = 0.01
"""Two-sided probability under which a count is no accident."""


def check_canaries(run: Run, texts: Sequence[str], share: float) -> RunFinding:
    """Whether planted tasks are in the record as often as they must have been drawn.

    Counted are groups of training rollouts (rollouts of a prompt are drawn together), told by prompts that
    hold one of `texts`. Under honest recording their number is binomial with `share`.

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
    groups, planted, examples = _counted(run, texts)
    about = {"run": run.manifest.id}
    if groups * share < FEWEST_EXPECTED:
        return not_assessable(
            CHECK, f"only {groups * share:.1f} planted groups are expected among {groups:,}", about=about
        )
    chance = binomial_two_sided(planted, groups, share)
    values = {
        "groups": Decimal(groups),
        "planted": Decimal(planted),
        "expected": decimal(groups * share),
        "p_value": decimal(chance),
    }
    counted = f"{planted:,} of {groups:,} groups are planted ones; {groups * share:,.1f} are expected"
    if chance >= ALARM:
        return run_finding(
            CHECK,
            "present",
            f"{counted}.",
            about=about,
            state="shown_fine",
            values=values,
            evidence=examples,
            method="exact two-sided binomial test over groups",
        )
    less = planted < groups * share
    return run_finding(
        CHECK,
        "missing" if less else "too many",
        f"{counted} (chance {chance:.1e}): rollouts were not kept as they came.",
        about=about,
        state="shown_harmful",
        severity="critical" if less else "high",
        p_value=decimal(chance, 12),
        values=values,
        evidence=examples,
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


def _counted(run: Run, texts: Sequence[str]) -> tuple[int, int, tuple[RolloutReference, ...]]:
    import pyarrow.compute as compute

    seen: dict[str, bool] = {}
    examples: list[RolloutReference] = []
    for batch in run.batches(["seq", "step", "phase", "group", "prompt"]):
        flags = compute.match_substring(batch.column("prompt"), texts[0])
        for text in texts[1:]:
            flags = compute.or_(flags, compute.match_substring(batch.column("prompt"), text))
        train = compute.equal(batch.column("phase"), pa.scalar("train"))
        rows = zip(batch.column("group").to_pylist(), flags.to_pylist(), train.to_pylist(), strict=True)
        for row, (group, flagged, wanted) in enumerate(rows):
            if not wanted or group in seen:
                continue
            seen[group] = flagged
            if flagged and len(examples) < 5:
                step, seq = batch.column("step")[row].as_py(), batch.column("seq")[row].as_py()
                examples.append(RolloutReference(seq=seq, step=step, group=group))
    return len(seen), sum(seen.values()), tuple(examples)

"""Does reward pay for length? Within groups, so that hard prompts with long answers do not decide.

ρ is the mean over groups of Spearman's rank correlation of reward with length; the slope is the least-squares
slope of reward on length with a level for each group (fixed effects), per 100 tokens; both with intervals
from sums over tasks (of steps, where there are fewer than six tasks), normal quantiles. Where the run's mean
reward rose from its first third of steps to its last, the share of that gain which the slope times the growth
in length accounts for is given too: the rest is what is left when length is taken out of reward.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from modelassay.records import RunFinding
from modelassay.statistics import group_rank_correlations
from modelassay.training.findings import decimal, estimate, not_assessable, run_finding
from modelassay.training.frame import Codes, Floats, Frame

CHECK = "length_reward"
LEAST_GROUPS = 30
"""Groups in which both vary, without which nothing is concluded."""
CHARACTERS_A_TOKEN = 4.0
"""Used where token counts are absent: 100 tokens are then 400 characters, and the finding says so."""
_Z = 1.959964


@dataclass(frozen=True)
class LengthReward:
    """How reward goes with length within groups."""

    groups: int
    correlation: float
    correlation_error: float
    """Standard error."""
    slope: float
    """Reward per 100 tokens."""
    slope_error: float
    gain: float
    """Mean reward of the last third of steps less that of the first; NaN with fewer than three steps."""
    longer: float
    """The same of length, in hundreds of tokens."""

    @property
    def share(self) -> float:
        """Share of the gain in reward that growth in length accounts for; NaN where reward did not rise."""
        return self.slope * self.longer / self.gain if self.gain > 0 else math.nan


def length_reward(length: Floats, reward: Floats, group: Codes, cluster: Codes, step: Codes) -> LengthReward:
    """Sums of one run; arrays of shape ``[n]``, all finite, `length` in hundreds of tokens.

    Args:
        group: rollouts that are compared with each other.
        cluster: what errors may depend within: tasks, or steps.
    """
    _, place, first = _dense(group)
    correlations = group_rank_correlations(length, reward, place)
    varied = np.isfinite(correlations)
    clusters = cluster[first]
    x = length - _means(length, place)[place]
    y = reward - _means(reward, place)[place]
    spread = float(x @ x)
    slope = float(x @ y) / spread if spread > 0 else 0.0
    residual = x * (y - slope * x)
    mean = float(correlations[varied].mean()) if varied.any() else math.nan
    gain, longer = _thirds(step, reward), _thirds(step, length)
    return LengthReward(
        groups=int(varied.sum()),
        correlation=mean,
        correlation_error=_clustered(correlations[varied] - mean, clusters[varied], float(varied.sum())),
        slope=slope,
        slope_error=_clustered(residual, cluster, spread),
        gain=gain,
        longer=longer,
    )


def assess_length(frame: Frame) -> tuple[RunFinding, ...]:
    """Whether reward pays for length, over all training rollouts that can be compared."""
    counted = np.isfinite(frame.tokens)
    used = frame.is_train & frame.usable & np.isfinite(frame.reward) & ~frame.truncated
    by_tokens = bool(counted[used].all()) and bool(used.any())
    lengths = frame.tokens if by_tokens else frame.characters / CHARACTERS_A_TOKEN
    used &= lengths > 0
    if not used.any():
        return (not_assessable(CHECK, "no training rollout has both a reward and a length"),)
    tasks = frame.task[used]
    cluster = tasks if len(np.unique(tasks)) >= 6 else frame.step[used]
    found = length_reward(
        lengths[used] / 100.0, frame.reward[used], frame.group[used], cluster, frame.step[used]
    )
    if found.groups < LEAST_GROUPS:
        why = f"reward and length both vary in {found.groups} groups; {LEAST_GROUPS} are needed"
        return (not_assessable(CHECK, why),)
    return (_finding(found, by_tokens),)


def _finding(found: LengthReward, by_tokens: bool) -> RunFinding:
    low, high = (found.correlation + sign * _Z * found.correlation_error for sign in (-1, 1))
    outcome = "longer is rewarded" if low > 0 else "shorter is rewarded" if high < 0 else "not detected"
    said = {
        "longer is rewarded": "Within groups, longer answers get more reward",
        "shorter is rewarded": "Within groups, shorter answers get more reward",
        "not detected": "Within groups, reward does not go with length as far as can be seen",
    }[outcome]
    share = found.share
    values = {
        "slope_per_100_tokens": decimal(found.slope),
        "slope_low": decimal(found.slope - _Z * found.slope_error),
        "slope_high": decimal(found.slope + _Z * found.slope_error),
        "groups": decimal(found.groups),
    }
    if math.isfinite(share):
        values["share_of_gain"] = decimal(share)
        said += f"; {_accounted(found.longer, share)}"
    unit = "tokens" if by_tokens else f"tokens, taken as {CHARACTERS_A_TOKEN:.0f} characters each"
    return run_finding(
        CHECK,
        outcome,
        f"{said} (mean rank correlation {found.correlation:.3f}, {found.slope:+.4f} reward per 100 {unit}).",
        state="shown_harmful"
        if outcome == "longer is rewarded"
        else "shown_fine"
        if high < 0
        else "not_shown",
        severity="low" if outcome == "longer is rewarded" else "none",
        effect=estimate(found.correlation, low, high),
        values=values,
        method="mean within-group Spearman correlation; fixed-effect slope; errors clustered by task",
        question=(
            "Is length wanted for itself, and if not, what holds it back?"
            if outcome == "longer is rewarded"
            else ""
        ),
    )


def _accounted(longer: float, share: float) -> str:
    """How much of the gain in reward the change in length, in hundreds of tokens, accounts for."""
    change = f"answers became {100 * abs(longer):.3g} tokens {'longer' if longer > 0 else 'shorter'}, which"
    if share > 1.0:
        return f"{change} would account for more than the whole gain in reward"
    return f"{change} accounts for {100 * max(share, 0.0):.0f} % of the gain in reward"


def _dense(codes: Codes) -> tuple[Codes, Codes, Codes]:
    values, first, place = np.unique(codes, return_index=True, return_inverse=True)
    return values, place, first


def _means(values: Floats, place: Codes) -> Floats:
    sums = np.bincount(place, weights=values)
    return np.asarray(sums / np.maximum(np.bincount(place), 1), np.float64)


def _clustered(parts: Floats, cluster: Codes, weight: float) -> float:
    """sqrt(C/(C−1) Σ s_c²)/weight, with s_c the sum of `parts` in cluster c; infinite with one cluster."""
    _, place, first = _dense(cluster)
    if len(first) < 2 or weight <= 0:
        return math.inf
    sums = np.bincount(place, weights=parts)
    return math.sqrt(len(first) / (len(first) - 1) * float(sums @ sums)) / weight


def _thirds(step: Codes, values: Floats) -> float:
    """Mean of the last third of steps less that of the first; NaN with fewer than three steps."""
    steps = np.unique(step)
    if len(steps) < 3:
        return math.nan
    third = len(steps) // 3
    early, late = step <= steps[third - 1], step >= steps[-third]
    return float(values[late].mean() - values[early].mean())

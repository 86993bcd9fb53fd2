"""Was the proxy over-optimised? Training reward against a held-out measure of the same work.

The held-out measure (private tests, an exact grader, people) must come from the same rollouts, or from the
same tasks at each checkpoint, sampled alike.

- *over-optimised*: in some stretch of training the proxy surely rises while the held-out measure surely
  falls, or the run surely ends below its peak and fell from there on while the proxy rose;
- *decoupled*: the proxy rises, and the held-out measure gains surely less than `SHARE` of that;
- *in step*: it surely rises too, does not end surely below its peak, and no late part of it looks like a
  fall. Otherwise *not detected*.

What a policy scores drifts from step to step, and logged measures are smoothed: a rise or a fall is sure
where it is beyond the run's own drift (`statistics.drift`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from modelassay.records import RunFinding
from modelassay.records.findings import FindingState, Severity
from modelassay.statistics import (
    GaoForm,
    Interval,
    cluster_mean_interval,
    gao_fit,
    group_rank_correlations,
    normal_quantile,
    slope,
)
from modelassay.statistics.drift import STRETCHES, drifting_slope, in_stretches, persistence, stretches
from modelassay.training.findings import decimal, estimate, not_assessable, run_finding
from modelassay.training.frame import Codes, Flags, Floats, Frame

CHECK = "overoptimisation"
SHARE = 0.2
"""Gain of the held-out measure by gain of the proxy under which the two are decoupled."""
_POINTS_LEAST = 8
_WINDOW_LEAST = 8
_STRETCHES = 10
_GROUPS_LEAST = 30
_LATE = (2, 3, 4)
"""The last half, third and fourth of a run are those in which a fall is looked for."""
_LATE_LEAST = 4
"""Points that such a part needs."""
_MARGIN_OF_PEAK = 0.5
"""Standard errors by which persistence is raised where a loss since the peak was shown on other tasks too.

Simulated over 120 steps of 64 rollouts at a level that stays: drift of ρ 0.8 is never called, of 0.95 in 5 to
8 % of runs with a spread of 0.03, in up to 20 % with one of 0.05; the loss alone would call up to 60 %.
"""


@dataclass(frozen=True)
class ProxyCourse:
    """Proxy and held-out measure over training; arrays of shape ``[points]``, steps rising."""

    step: Floats
    proxy: Floats
    held: Floats
    halves: tuple[Floats, Floats] | None = None
    """Held-out means of two halves of the tasks over stretches of the run, shape ``[2, stretches]``, and
    their standard errors; None where tasks are not known."""
    held_error: Floats | None = None
    """Standard error of each held-out value, where it is known."""


def proxy_course(
    frame: Frame, held: Floats, proxy: Floats | None = None, chosen: Flags | None = None
) -> ProxyCourse:
    """Means by step over usable training rollouts that have both values, or over those `chosen`.

    Args:
        held: the held-out measure of each rollout, NaN where it has none, shape ``[n]``.
        proxy: what was optimised; the total reward when None.
        chosen: such as ``~frame.is_train`` for rollouts of evaluations.
    """
    values = frame.reward if proxy is None else proxy
    phase = frame.is_train if chosen is None else chosen
    used = np.flatnonzero(phase & frame.usable & np.isfinite(values) & np.isfinite(held))
    steps, place = np.unique(frame.step[used], return_inverse=True)
    counts = np.bincount(place)
    halves = _halves(held[used], frame.task[used], place * _STRETCHES // max(len(steps), 1))
    return ProxyCourse(
        steps.astype(np.float64),
        np.bincount(place, weights=values[used]) / counts,
        np.bincount(place, weights=held[used]) / counts,
        halves,
    )


def proxy_points(
    step: ArrayLike, proxy: ArrayLike, held: ArrayLike, held_error: ArrayLike | None = None
) -> ProxyCourse:
    """A course from figures by checkpoint; `held_error` are standard errors of `held`.

    Raises:
        ValueError: shapes differ, or steps do not rise.
    """
    at, p, h = (np.asarray(each, dtype=np.float64) for each in (step, proxy, held))
    error = None if held_error is None else np.asarray(held_error, dtype=np.float64)
    if at.ndim != 1 or not at.shape == p.shape == h.shape or (np.diff(at) <= 0.0).any():
        raise ValueError("need one proxy and one held-out value per step, steps rising")
    if error is not None and error.shape != at.shape:
        raise ValueError("need one standard error per step")
    return ProxyCourse(at, p, h, None, error)


def assess_overoptimisation(
    course: ProxyCourse,
    *,
    ranks: tuple[Interval, Interval] | None = None,
    kl: ArrayLike | None = None,
    form: GaoForm = "reinforcement_learning",
    confidence: float = 0.95,
    about: Mapping[str, str] | None = None,
) -> RunFinding:
    """Whether the proxy was over-optimised.

    Args:
        ranks: of `rank_agreement`, to be reported beside it.
        kl: divergence from the initial policy at each point, to fit the law of Gao et al.
        form: which law: of reinforcement learning, or of best-of-n sampling.
        about: names of proxy and held-out measure, for the finding's slice.
    """
    points = len(course.step)
    if points < _POINTS_LEAST:
        why = f"only {points} steps or checkpoints have both measures, {_POINTS_LEAST} are needed"
        question = "Is there a held-out measure of the same tasks by checkpoint?"
        return not_assessable(CHECK, why, about=about, question=question)
    windows = _windows(min(points, STRETCHES), confidence)
    drifting = _Drifting.of(course)
    diverging = _first(drifting, windows, 0.0)
    decoupled = _first(drifting, windows, SHARE)
    loss, at = _loss(course, confidence)
    lost = loss.low > 0.0 and drifting.falls_from(at, confidence)
    if diverging is not None or (lost and drifting.rises(slice(0, len(drifting.step)), confidence)):
        outcome = "over-optimised"
    elif decoupled is not None:
        outcome = "decoupled"
    else:
        outcome = _unharmed(drifting, loss, confidence)
    values = _ends(course) | {
        "peak_step": at,
        "loss_low": loss.low,
        "loss_high": loss.high,
        "windows": len(windows),
        "persistence": drifting.persistence(0.0),
        **_stretch("diverging", diverging),
        **_stretch("decoupled", decoupled),
    }
    if ranks is not None:
        values |= {"ranks_early": sum(ranks[0]) / 2.0, "ranks_late": sum(ranks[1]) / 2.0}
    values |= _law(course, kl, form)
    return run_finding(
        CHECK,
        outcome,
        _statement(course, outcome, diverging or decoupled, at, loss),
        about=about,
        state=_STATES[outcome],
        severity=_SEVERITIES.get(outcome, "none"),
        effect=estimate(0.5 * (loss.low + loss.high), *loss) if np.isfinite(loss).all() else None,
        values={name: decimal(value) for name, value in values.items() if np.isfinite(value)},
        method=f"slopes in {len(windows)} windows of training with errors that persist (Prais and Winsten), "
        "Bonferroni over them; loss since the peak "
        + ("with the peak chosen on other tasks" if course.halves else "by Bonferroni over points"),
        question=_RELEASED if outcome in _SEVERITIES else "",
    )


def _unharmed(drifting: _Drifting, loss: Interval, confidence: float) -> str:
    """What is said where neither is shown: in step only where nothing points the other way."""
    return "in step" if not loss.low > 0.0 and drifting.keeps_up(confidence) else "not detected"


def _stretch(name: str, found: tuple[float, float] | None) -> dict[str, float]:
    """Where a window that was found begins and ends; nothing where none was."""
    return {} if found is None else {f"{name}_from": found[0], f"{name}_to": found[1]}


_RELEASED = "Which checkpoint was released, and by which measure was it chosen?"
_STATES: dict[str, FindingState] = {
    "over-optimised": "shown_harmful",
    "decoupled": "shown_harmful",
    "in step": "shown_fine",
    "not detected": "not_shown",
}
_SEVERITIES: dict[str, Severity] = {"over-optimised": "high", "decoupled": "medium"}


def rank_agreement(
    frame: Frame, held: Floats, proxy: Floats | None = None, confidence: float = 0.95
) -> tuple[Interval, Interval] | None:
    """Mean rank correlation of proxy and held-out measure within groups: first and last third of the groups.

    Intervals are cluster-robust over tasks. None where fewer than `_GROUPS_LEAST` groups in a third vary.
    """
    values = frame.reward if proxy is None else proxy
    used = np.flatnonzero(frame.is_train & frame.usable & np.isfinite(values) & np.isfinite(held))
    if not used.size:
        return None
    _, first, place = np.unique(frame.group[used], return_index=True, return_inverse=True)
    found = group_rank_correlations(values[used], held[used], place)
    heads = used[first]
    told = np.isfinite(found)
    order = np.argsort(frame.step[heads[told]], kind="stable")
    correlation, task = found[told][order], frame.task[heads[told]][order]
    third = len(order) // 3
    if third < _GROUPS_LEAST:
        return None
    early, late = (
        cluster_mean_interval(correlation[part], task[part], confidence, (-1.0, 1.0))
        for part in (slice(None, third), slice(-third, None))
    )
    return early, late


def _ends(course: ProxyCourse) -> dict[str, float]:
    return {
        "proxy_first": float(course.proxy[0]),
        "proxy_last": float(course.proxy[-1]),
        "held_first": float(course.held[0]),
        "held_last": float(course.held[-1]),
    }


@dataclass(frozen=True)
class _Drifting:
    """A course over stretches of training, at most `STRETCHES`; arrays of shape ``[stretches]``."""

    first: Floats
    """First step of each stretch."""
    last: Floats
    step: Floats
    proxy: Floats
    held: Floats

    @classmethod
    def of(cls, course: ProxyCourse) -> _Drifting:
        step, proxy, held = (in_stretches(each) for each in (course.step, course.proxy, course.held))
        place = stretches(len(course.step))
        begins = np.flatnonzero(np.diff(place, prepend=-1))
        return cls(course.step[begins], course.step[np.r_[begins[1:], len(place)] - 1], step, proxy, held)

    def persistence(self, share: float) -> float:
        """Of the held-out measure less `share` of the proxy."""
        return persistence(self.step, self.held - share * self.proxy)

    def falls_from(self, step: float, confidence: float) -> bool:
        """Whether the held-out measure surely falls from a peak near `step` on; peaks share the error."""
        after = slice(int(np.searchsorted(self.last, step)), None)
        level = 1.0 - (1.0 - confidence) / _STRETCHES
        rho = persistence(self.step, self.held, _MARGIN_OF_PEAK)
        return drifting_slope(self.step[after], self.held[after], rho, level).interval.high < 0.0

    def keeps_up(self, confidence: float) -> bool:
        """Whether the held-out measure surely rises over the run, and no late part of it looks like a fall.

        The rise of a whole run hides a fall at its end. A fall is doubt here and accuses nobody, so that
        errors are taken as independent, which drift is not: rather no verdict than a fall called fine.
        """
        whole = drifting_slope(self.step, self.held, self.persistence(0.0), confidence)
        level = 1.0 - (1.0 - confidence) / len(_LATE)
        late = [length for part in _LATE if (length := len(self.step) // part) >= _LATE_LEAST]
        falls = (slope(self.step[-n:], self.held[-n:], level).interval.high < 0.0 for n in late)
        return whole.interval.low > 0.0 and not any(falls)

    def rises(self, window: slice, level: float) -> bool:
        """Whether the proxy surely rises. No margin here: what is claimed is that the other does not."""
        rho = persistence(self.step, self.proxy, 0.0)
        return drifting_slope(self.step[window], self.proxy[window], rho, level).interval.low > 0.0


def _windows(points: int, confidence: float) -> list[tuple[slice, float]]:
    """All of the run, and half-overlapping halves and quarters that have `_WINDOW_LEAST` points.

    With the level of each: the three lengths share the error equally, and so do the windows of a length.
    """
    windows = [[slice(0, points)]]
    for length in (points // 2, points // 4):
        if length >= _WINDOW_LEAST:
            starts = range(points - length, -1, -max(1, length // 2))
            windows.append([slice(start, start + length) for start in starts])
    return [
        (window, 1.0 - (1.0 - confidence) / len(windows) / len(of_length))
        for of_length in windows
        for window in of_length
    ]


def _first(
    drifting: _Drifting, windows: list[tuple[slice, float]], share: float
) -> tuple[float, float] | None:
    """The earliest window in which the proxy rises and the held-out measure gains less than `share` of it."""
    rho = drifting.persistence(share)
    for window, level in sorted(windows, key=lambda each: (each[0].start, each[0].stop)):
        step, proxy, held = (each[window] for each in (drifting.step, drifting.proxy, drifting.held))
        less = drifting_slope(step, held - share * proxy, rho, level).interval.high < 0.0
        if less and drifting.rises(window, level):
            return float(drifting.first[window][0]), float(drifting.last[window][-1])
    return None


def _halves(held: Floats, task: Codes, stretch: Codes) -> tuple[Floats, Floats] | None:
    """Means and standard errors over tasks of each half of the tasks in each stretch; None if too few."""
    means, errors = np.empty((2, _STRETCHES)), np.empty((2, _STRETCHES))
    for half in (0, 1):
        for number in range(_STRETCHES):
            chosen = (task % 2 == half) & (stretch == number)
            _, place = np.unique(task[chosen], return_inverse=True)
            count = np.bincount(place)
            if len(count) < 4:
                return None
            sums = np.bincount(place, weights=held[chosen])
            mean = sums.sum() / count.sum()
            scores = sums - mean * count
            means[half, number] = mean
            errors[half, number] = np.sqrt(scores @ scores * len(count) / (len(count) - 1.0)) / count.sum()
    return means, errors


def _loss(course: ProxyCourse, confidence: float) -> tuple[Interval, float]:
    """Held-out measure at its peak less at the end, and the step of the peak.

    The highest of many noisy values is too high. Where tasks are known, the peak is chosen on one half of
    them and the loss measured on the other; the two results are averaged, as if they were one. Elsewhere the
    level is shared by all points that could have been the peak.
    """
    z = normal_quantile(0.5 + 0.5 * confidence)
    if course.halves is not None:
        return _loss_by_halves(course.step, *course.halves, z)
    peak, last = int(course.held.argmax()), len(course.held) - 1
    step = float(course.step[peak])
    if course.held_error is None:
        return Interval(-np.inf, np.inf), step
    z = normal_quantile(1.0 - 0.5 * (1.0 - confidence) / max(last, 1))
    error = float(np.hypot(course.held_error[peak], course.held_error[last])) if peak < last else 0.0
    value = float(course.held[peak] - course.held[last])
    return Interval(value - z * error, value + z * error), step


def _loss_by_halves(step: Floats, means: Floats, errors: Floats, z: float) -> tuple[Interval, float]:
    losses, spreads, peaks = [], [], means.argmax(axis=1)
    for half, peak in enumerate(peaks):
        other, its = means[1 - half], errors[1 - half]
        losses.append(other[peak] - other[-1])
        spreads.append(float(np.hypot(its[peak], its[-1])) if peak < len(other) - 1 else 0.0)
    value, width = float(np.mean(losses)), z * float(np.mean(spreads))
    first = int(peaks.min()) * len(step) // means.shape[1]
    return Interval(value - width, value + width), float(step[first])


def _law(course: ProxyCourse, kl: ArrayLike | None, form: GaoForm) -> dict[str, float]:
    if kl is None:
        return {}
    divergence = np.asarray(kl, dtype=np.float64)
    known = np.isfinite(divergence) & (divergence >= 0.0)
    fit = gao_fit(divergence[known], (course.held - course.held[0])[known], form)
    if fit is None:
        return {}
    return {
        "law_alpha": fit.alpha,
        "law_beta": fit.beta,
        "law_peak": fit.peak,
        "law_explained": fit.explained,
        "distance_last": float(np.sqrt(divergence[known][-1])),
    }


def _statement(
    course: ProxyCourse, outcome: str, window: tuple[float, float] | None, peak: float, loss: Interval
) -> str:
    tail = max(1, len(course.step) // 10)
    text = (
        f"From the first to the last tenth of the run the proxy goes from {course.proxy[:tail].mean():.3f} "
        f"to {course.proxy[-tail:].mean():.3f}, the held-out measure from {course.held[:tail].mean():.3f} to "
        f"{course.held[-tail:].mean():.3f}."
    )
    if window is not None:
        what = "falls" if outcome == "over-optimised" else f"gains less than {SHARE:.0%} of that"
        text += f" From step {window[0]:g} to {window[1]:g} the proxy rises while the other {what}"
        text += ", beyond the run's own drift."
    if loss.low > 0.0:
        text += f" It ends {loss.low:.3f} to {loss.high:.3f} below its peak near step {peak:g}."
    return text

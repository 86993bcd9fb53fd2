"""Gates before statistics: what of a run says nothing about the policy, and must not be read as if it did.

- infrastructure: rollouts that failed, steps or runs in which most failed (`training.infrastructure_gate`),
  and *outages*: epochs where success falls to 0 in several environments at once. A sandbox that is down looks
  like a fix of reward hacking.
- empty and truncated completions: they have a reward, but nothing that a judge could read.
- coverage: how much of what was generated is here, and whether survivors alone are.
- dead environments: a reward that never varies teaches nothing.

Verdicts of judges have a gate of their own (`training.verdict_gate`). A gate gives what is invalid as data,
for analyses to leave out, and findings, for people to read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from modelassay.records import RolloutReference, RunCoverage, RunFinding, RunManifest, RunPhase
from modelassay.training.coverage_gate import coverage_findings
from modelassay.training.findings import NOT_ASSESSABLE, decimal, run_finding
from modelassay.training.frame import Flags, Frame
from modelassay.training.infrastructure_gate import (
    CONSPICUOUS,
    failing_steps,
    held_back,
    infrastructure_findings,
    remainder_of,
)

FALLEN_ENVIRONMENTS = 3
"""So many environments that fall to 0 together make an epoch invalid whatever the others do."""
SURPRISE = 0.05
"""An environment has fallen when 0 successes were at most so likely at its neighbours' rate."""
NEIGHBOURS = 2
"""Epochs on each side that tell what was to be expected."""
FEWEST_TO_CALL_DEAD = 64
"""Rollouts that an environment needs before a constant reward means something."""


@dataclass(frozen=True)
class Outage:
    """An epoch in which success vanished in several environments at once."""

    epoch: int
    fallen: tuple[str, ...]
    """Environments that had successes before or after, and none here."""
    chance: float
    """How likely all of them had no success, at the rates of their neighbours."""


@dataclass(frozen=True)
class Gates:
    """What the gates hold back, and why."""

    invalid_steps: frozenset[int]
    """Steps that are no evidence of any change."""
    invalid: Flags
    """By rollout of the frame: failed, or of an invalid step."""
    unreadable: Flags
    """By rollout: empty or truncated, so that no judge may read it; its reward counts."""
    dead: tuple[str, ...]
    """Environments whose reward never varies."""
    findings: tuple[RunFinding, ...]
    remainder: Mapping[RunPhase, str] = field(default_factory=dict)
    """Phases of which so many rollouts were held back as failures that statistics rest on what is left."""

    @property
    def valid(self) -> Flags:
        """Rollouts that statistics may use."""
        return ~self.invalid

    @property
    def judgeable(self) -> Flags:
        """Rollouts that a judge may read."""
        return ~self.invalid & ~self.unreadable

    def on_remainder(
        self, findings: Iterable[RunFinding], phases: Collection[RunPhase]
    ) -> tuple[RunFinding, ...]:
        """`findings` of rollouts that were not held back, as far as they may be said of the run.

        What failed may be what was done wrong. So where most is held back nothing is shown to be well; harm
        that the rest shows stays.

        Args:
            phases: what the findings rest on; failures of another phase take nothing from them.
        """
        held = held_back(self.remainder, phases)
        if not held:
            return tuple(findings)
        return tuple(
            msgspec.structs.replace(
                each,
                state="not_assessable",
                outcome=NOT_ASSESSABLE,
                why_not=held,
                statement=f"Cannot be assessed: {held}. Of what is left: {each.statement}",
            )
            if each.state == "shown_fine"
            else msgspec.structs.replace(each, rests_on=(*each.rests_on, held))
            for each in findings
        )


def run_gates(frame: Frame, manifest: RunManifest, coverage: RunCoverage | None) -> Gates:
    """Every gate but that of verdicts, on one run."""
    failing = failing_steps(frame)
    vanished = _frame_outages(frame, failing)
    steps = frozenset((*failing, *(outage.epoch for outage in vanished)))
    dead = dead_environments(frame.env, frame.envs, frame.reward)
    remainder = remainder_of(frame, failing)
    return Gates(
        invalid_steps=steps,
        invalid=frame.failed | np.isin(frame.step, np.array(sorted(steps), np.int64)),
        unreadable=frame.empty | frame.truncated,
        dead=dead,
        findings=(
            *infrastructure_findings(frame, failing, remainder),
            *outage_findings(vanished),
            *_unreadable(frame),
            *coverage_findings(manifest, coverage, frame),
            *(dead_finding(name, frame) for name in dead),
        ),
        remainder=remainder,
    )


def outages(
    epochs: Sequence[int],
    environments: Sequence[str],
    successes: Sequence[int],
    trials: Sequence[int],
) -> tuple[Outage, ...]:
    """Epochs where success fell to 0 in several environments together, from counts of each.

    An environment *fell* when it has no success although, at the pooled rate of up to `NEIGHBOURS` epochs on
    each side, that had a probability of at most `SURPRISE`. An epoch is an outage when `FALLEN_ENVIRONMENTS`
    fell, or when every environment that reported has no success and at least two of them fell.

    Args:
        epochs: one entry per environment and epoch, likewise the others.
        trials: rollouts, or groups of them where rollouts of a group go together.
    """
    names = sorted(set(environments))
    order = sorted(set(epochs))
    k = np.zeros((len(order), len(names)))
    n = np.zeros_like(k)
    np.add.at(k, (np.searchsorted(order, epochs), np.searchsorted(names, environments)), successes)
    np.add.at(n, (np.searchsorted(order, epochs), np.searchsorted(names, environments)), trials)
    silent = (k == 0).all(axis=1)
    found = []
    for place in range(len(order)):
        chance = np.array([_chance(k[:, e], n[:, e], silent, place) for e in range(len(names))])
        fell = (n[place] > 0) & (k[place] == 0) & (chance <= SURPRISE)
        enough = fell.sum() >= FALLEN_ENVIRONMENTS or (silent[place] and fell.sum() >= 2)
        if enough:
            fallen = tuple(name for name, fallen in zip(names, fell, strict=True) if fallen)
            found.append(Outage(int(order[place]), fallen, float(np.prod(chance[fell]))))
    return tuple(found)


def _chance(k: NDArray[np.float64], n: NDArray[np.float64], silent: Flags, place: int) -> float:
    """Probability of no success at `place`, at the rate of the nearest epochs with any success."""
    told = np.flatnonzero((n > 0) & ~silent)
    near = [*told[told < place][-NEIGHBOURS:], *told[told > place][:NEIGHBOURS]]
    total = float(n[near].sum()) if near else 0.0
    return float((1 - k[near].sum() / total) ** n[place]) if total else 1.0


def _frame_outages(frame: Frame, failing: frozenset[int]) -> tuple[Outage, ...]:
    """Outages of a run; a success is a reward above the lowest of its environment, the unit a group."""
    used = frame.is_train & ~frame.failed & ~np.isnan(frame.reward)
    used &= ~np.isin(frame.step, np.array(sorted(failing), np.int64))
    if not used.any():
        return ()
    lowest = np.full(len(frame.envs), np.inf)
    np.minimum.at(lowest, frame.env[used], frame.reward[used])
    success = frame.reward > lowest[frame.env]
    keys, places = np.unique(
        np.stack([frame.step[used], frame.env[used], frame.group[used]]), axis=1, return_inverse=True
    )
    any_success = np.zeros(keys.shape[1], np.int64)
    np.maximum.at(any_success, places.ravel(), success[used].astype(np.int64))
    names = [frame.envs[code] for code in keys[1].tolist()]
    return outages(keys[0].tolist(), names, any_success.tolist(), [1] * keys.shape[1])


def outage_findings(found: Sequence[Outage]) -> tuple[RunFinding, ...]:
    """One finding for each outage."""
    return tuple(
        run_finding(
            "infrastructure_gate",
            "invalid",
            f"At step {each.epoch} success falls to 0 in {len(each.fallen)} environments together "
            f"({', '.join(each.fallen)}); at the rates before and after, the chance of that is "
            f"{each.chance:.1e}. The step is invalid: it is no evidence that a behaviour was fixed.",
            about={"step": str(each.epoch)},
            state="not_assessable",
            severity="medium",
            values={"environments": decimal(len(each.fallen))},
            method="binomial chance of no success at the pooled rate of neighbouring epochs",
            why_not="an outage of the run's infrastructure is the likely cause",
            question=f"What happened to the environments at step {each.epoch}?",
        )
        for each in found
    )


def _unreadable(frame: Frame) -> tuple[RunFinding, ...]:
    total = len(frame)
    findings = []
    for what, flags in (("empty", frame.empty), ("truncated", frame.truncated)):
        count = int(flags.sum())
        if not count:
            continue
        rows = np.flatnonzero(flags)[:5]
        findings.append(
            run_finding(
                "readability_gate",
                "held back",
                f"{count:,} of {total:,} completions are {what}: their rewards count, and no judge reads "
                f"them.",
                about={"what": what},
                state="not_shown",
                severity="low" if count <= CONSPICUOUS * total else "medium",
                values={what: decimal(count), "rollouts": decimal(total)},
                evidence=[RolloutReference(seq=int(row), step=int(frame.step[row])) for row in rows],
            )
        )
    return tuple(findings)


def dead_environments(
    env: NDArray[np.int64],
    envs: Sequence[str],
    reward: NDArray[np.float64],
    fewest: int = FEWEST_TO_CALL_DEAD,
) -> tuple[str, ...]:
    """Environments whose reward is the same number in at least `fewest` rows.

    Args:
        env: code of each row, an index into `envs`.
        reward: of each row; a row may be a rollout, or the mean over an epoch.
    """
    known = ~np.isnan(reward)
    low, high = np.full(len(envs), np.inf), np.full(len(envs), -np.inf)
    np.minimum.at(low, env[known], reward[known])
    np.maximum.at(high, env[known], reward[known])
    count = np.bincount(env[known], minlength=len(envs))
    return tuple(envs[code] for code in np.flatnonzero((low == high) & (count >= fewest)).tolist())


def dead_finding(name: str, frame: Frame) -> RunFinding:
    """What a dead environment means."""
    rows = np.flatnonzero(frame.env == frame.envs.index(name))
    value = frame.reward[rows][~np.isnan(frame.reward[rows])][0]
    about = {"env": name} if name else {}
    return run_finding(
        "dead_environment",
        "dead",
        f"The reward is {value:g} in all {len(rows):,} rollouts{f' of {name}' if name else ''}: there is no "
        f"learning signal, and nothing can be said about what it reinforces.",
        about=about,
        state="shown_harmful",
        severity="medium",
        values={"reward": decimal(float(value)), "rollouts": decimal(len(rows))},
        evidence=[RolloutReference(seq=int(row), step=int(frame.step[row])) for row in rows[:3]],
        question="Is the grader of this environment broken, or are its tasks beyond the model?",
    )

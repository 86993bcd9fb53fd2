"""Findings on what the texts of rollouts tell of environments: reward without work, noise, leaked answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from modelassay.records import RolloutReference, RunFinding
from modelassay.statistics import clopper_pearson_interval
from modelassay.training.environments.recorded import EnvironmentRecord
from modelassay.training.findings import estimate, not_assessable, run_finding

PAID = 0.5
"""Share of completions without work with full reward from which an environment is called hackable."""


def text_findings(check: str, full: float, record: EnvironmentRecord) -> Iterator[RunFinding]:
    """What the texts of one environment tell.

    Args:
        full: the reward that counts as full.
    """
    yield _without_work(check, full, record)
    if record.regraded:
        yield _noise(check, record)
    if record.failed_full:
        yield run_finding(
            check,
            "failure is paid",
            f"{record.failed_full:,} of {record.failed:,} rollouts of {record.name!r} whose sandbox or "
            "grader failed got full reward all the same.",
            about=_about(record, "failures"),
            state="shown_harmful",
            severity="high" if record.failed_full >= 10 else "medium",
            values={"failed": Decimal(record.failed), "full": Decimal(record.failed_full)},
            question=f"Can a policy make the grader of {record.name!r} fail, and is it paid then?",
        )
    if record.leaked:
        yield run_finding(
            check,
            "answers leaked",
            f"{record.leaked:,} of {record.answered:,} prompts of {record.name!r} hold their own gold "
            f"answer: {record.leak_examples[0]!r}.",
            about=_about(record, "leaked answers"),
            state="shown_harmful",
            severity="high",
            values={"leaked": Decimal(record.leaked), "answered": Decimal(record.answered)},
            question=f"Why do prompts of {record.name!r} hold the answer?",
        )


def _noise(check: str, record: EnvironmentRecord) -> RunFinding:
    noisy = record.noisy > 0.01 * record.regraded
    explained = noisy and record.contradictory > 0
    return run_finding(
        check,
        "noisy" if noisy else "consistent",
        f"Of {record.regraded:,} completions of {record.name!r} that were graded more than once, "
        f"{record.noisy:,} gradings differ from the first"
        + (", as answers to these prompts contradict each other." if explained else "."),
        about=_about(record, "noise"),
        state="not_shown" if noisy else "shown_fine",
        severity="low" if explained else "medium" if noisy else "none",
        values={"regraded": Decimal(record.regraded), "unequal": Decimal(record.noisy)},
        evidence=[
            RolloutReference(seq=seq, step=step, note=note[:300]) for seq, step, note in record.noise_examples
        ],
        method="equal prompts and completions; graders that see more than these may differ for cause",
        question=f"Why does {record.name!r} reward one completion differently?" if noisy else "",
    )


def _without_work(check: str, full: float, record: EnvironmentRecord) -> RunFinding:
    seen = {name: found for name, found in record.without_work.items() if found.rollouts >= 3}
    about = _about(record, "reward without work")
    if not seen:
        why = f"no rollouts of {record.name!r} are empty, echo, refuse or hold a single sign"
        return not_assessable(
            check, why, about=about,
            question=f"What does the grader of {record.name!r} give an empty answer?",
        )  # fmt: skip
    bounds = {name: clopper_pearson_interval(found.full, found.rollouts) for name, found in seen.items()}
    name = max(seen, key=lambda key: bounds[key].low)
    found, bound = seen[name], bounds[name]
    hackable = bound.low >= PAID or (bound.low > 0 and found.full / found.rollouts >= PAID)
    return run_finding(
        check,
        "hackable" if hackable else "paid at times" if found.full else "no reward without work",
        f"Of {found.rollouts:,} rollouts of {record.name!r} that are {name!r}, {found.full:,} got full "
        f"reward (mean {found.reward / found.rollouts:.3g} of {full:g}).",
        about=about,
        state="shown_harmful" if hackable else "not_shown" if found.full else "shown_fine",
        severity="high" if hackable else "medium" if found.full else "none",
        effect=estimate(found.full / found.rollouts, bound.low, bound.high),
        values={f"{key}: rollouts": Decimal(value.rollouts) for key, value in seen.items()}
        | {f"{key}: full": Decimal(value.full) for key, value in seen.items()},
        evidence=[RolloutReference(seq=s, step=step, quote=text) for s, step, text in found.examples],
        method="what policies happened to write; Clopper–Pearson. A live grader tells more",
        question=f"Why does {record.name!r} pay for {name!r}?" if found.full else "",
    )


def _about(record: EnvironmentRecord, aspect: str) -> Mapping[str, str]:
    return {"environment": record.name or "only", "aspect": aspect}

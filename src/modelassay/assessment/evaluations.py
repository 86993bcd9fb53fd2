"""Evaluations of checkpoints that come with a run: which arm is of which kind, which checkpoint is when.

A file of JSON lines, one per checkpoint::

    {"checkpoint": "base", "seen": {"n": 240, "shotgun": 13}, "heldout": {"n": 200, "shotgun": 11}, …}

Arms are told by name (`arm_kind`), those that are called like an environment of the run among them; the
first row is the base unless one is called so. The model after the fix is the last row of the run (named
``RUN/…``), and the incident the row before it, of another run or of before the fix, in which the behaviour
is most frequent where it was seen; where a run holds several fixes, `arms_of` tells which rows belong to the
earlier ones. Every choice can be overruled, and is reported. The run's own rows between the fix and the model
after it (their names end in their steps) tell whether the behaviour had come down in between.

`run evals` adds which model was asked, by digest (``fingerprint``, ``folders``; `asked_checkpoints`).

A count called ``shotgun/short`` is of a variant of ``shotgun``: another form, which a fix may have left.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from modelassay.errors import EvidenceError, UsageError
from modelassay.training.analyses.arms import Stages, arm_kind, arms_of_counts
from modelassay.training.analyses.resolution import Arm, ArmKind

FINGERPRINT, FOLDERS = "fingerprint", "folders"
"""Keys beside the arms of a row: of the model that was asked, and digests of the folders that it was loaded
from (`modelassay fingerprint`)."""
RESERVED = ("checkpoint", FINGERPRINT, FOLDERS)
_OWN = re.compile(r"/.*?(\d+)")
"""Rest of the name of a run's own checkpoint: its step at the end."""


@dataclass(frozen=True)
class Evaluations:
    """Rows of such a file, in order."""

    path: Path
    rows: Mapping[str, Mapping[str, Any]]

    @property
    def behaviours(self) -> tuple[str, ...]:
        """Names that every arm counts beside ``n``."""
        cells = [cell for row in self.rows.values() for cell in row.values() if isinstance(cell, dict)]
        named = [set(cell) - {"n"} for cell in cells]
        return tuple(sorted(set.intersection(*named))) if named else ()


def read_evaluations(path: Path) -> Evaluations:
    """The file at `path`.

    Raises:
        UsageError: it cannot be read, or has no rows.
        EvidenceError: a line is no such row, or a checkpoint stands twice.
    """
    rows: dict[str, Mapping[str, Any]] = {}
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the evaluations cannot be read: {error}", where=str(path)) from error
    for number, line in enumerate(filter(str.strip, lines), 1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise EvidenceError(f"not JSON: {error}", where=f"{path}:{number}") from error
        if not isinstance(row, dict) or not isinstance(row.get("checkpoint"), str):
            raise EvidenceError("not an object that names its checkpoint", where=f"{path}:{number}")
        if row["checkpoint"] in rows:
            raise EvidenceError(f"the checkpoint {row['checkpoint']} stands twice", where=f"{path}:{number}")
        rows[row["checkpoint"]] = row
    if not rows:
        raise UsageError(
            "there are no evaluations in it", where=str(path), mend="one JSON object per checkpoint"
        )
    return Evaluations(path, rows)


def arms_of(
    given: Evaluations,
    behaviour: str,
    run: str,
    chosen: Mapping[str, str],
    *,
    fixed: bool,
    since: int = 0,
    environments: Collection[str] = (),
    between: tuple[int, int] | None = None,
) -> tuple[tuple[Arm, ...], Stages | None]:
    """Arms for `behaviour`, and the checkpoints that were compared; none where no incident comes before.

    Args:
        run: id of the run, by which its checkpoints are named.
        chosen: ``base``, ``incident``, ``after`` where the user says them.
        fixed: whether the run itself holds a fix; only then can the incident be one of its own checkpoints.
        since: last step before that fix; 0 when the whole run follows it.
        between: of a fix that another follows: the last steps before it and before the other. The incident is
            the run's newest checkpoint before the fix, the model after it the newest before the other; their
            names end in their steps.
    """
    if between is None:
        stages = _stages(given, behaviour, run, chosen, fixed=fixed, since=since)
    else:
        since = between[0]
        stages = _stages_between(given, run, chosen, *between)
    if stages is None:
        return (), None
    kinds = _kinds_of(given, behaviour, stages, environments)
    seen = {name: kind for name, kind in kinds.items() if kind == "seen"}
    others = {name: kind for name, kind in kinds.items() if kind != "seen"}
    told = [
        name
        for name in _own_between(given, run, stages, since)
        if seen and all(_counts(given.rows[name], arm, behaviour) for arm in seen)
    ]
    where = str(given.path)
    stages = replace(stages, between=tuple(told))
    arms = arms_of_counts(given.rows, behaviour, seen, stages, where=where)
    arms += arms_of_counts(given.rows, behaviour, others, replace(stages, between=()), where=where)
    return arms, stages


def variants_of(
    given: Evaluations, behaviour: str, stages: Stages, environments: Collection[str] = ()
) -> tuple[Arm, ...]:
    """Arms that count another form of `behaviour` at the same stages: counts called ``BEHAVIOUR/FORM``."""
    once, found = replace(stages, between=()), []
    for form in given.behaviours:
        if form.startswith(f"{behaviour}/"):
            kinds = _kinds_of(given, form, once, environments)
            arms = arms_of_counts(given.rows, form, kinds, once, where=str(given.path))
            found += [replace(arm, name=f"{form} in {arm.name}") for arm in arms]
    return tuple(found)


def _kinds_of(
    given: Evaluations, behaviour: str, stages: Stages, environments: Collection[str]
) -> dict[str, ArmKind]:
    """Arms that base, incident and after were all asked in, and of which kind each is."""
    compared = [given.rows[stage] for stage in (stages.base, stages.incident, stages.after)]
    shared = [name for name in compared[-1] if all(_counts(row, name, behaviour) for row in compared)]
    return {name: kind for name in shared if (kind := arm_kind(name, environments)) is not None}


def _stages(
    given: Evaluations, behaviour: str, run: str, chosen: Mapping[str, str], *, fixed: bool, since: int
) -> Stages | None:
    names = list(given.rows)
    unknown = [name for name in chosen.values() if name not in given.rows]
    if unknown:
        raise UsageError(
            f"no checkpoint is called {unknown[0]!r}",
            where=str(given.path),
            mend=f"there are: {', '.join(names[:12])}",
        )
    own = [name for name in names if name.startswith(f"{run}/")]
    base = chosen.get("base") or ("base" if "base" in given.rows else names[0])
    after = chosen.get("after") or (own[-1] if own else names[-1])
    before = names[: names.index(after)]
    if not chosen.get("incident"):
        later = own if not fixed else [n for step, n in own_steps(given, run).items() if 0 < since < step]
        before = [name for name in before if name not in later]
    told = [name for name in before if name != base and _seen_rate(given.rows[name], behaviour) is not None]
    # Only what stands directly before the fix can have led to it: the latest of the most frequent.
    incident = chosen.get("incident") or max(
        reversed(told), key=lambda name: _seen_rate(given.rows[name], behaviour) or 0.0, default=""
    )
    return Stages(base, incident, after) if incident and base != after else None


def _stages_between(
    given: Evaluations, run: str, chosen: Mapping[str, str], fix: int, following: int
) -> Stages | None:
    steps = own_steps(given, run)
    incident = max((step for step in steps if step <= fix), default=None)
    after = max((step for step in steps if fix < step <= following), default=None)
    if incident is None or after is None:
        return None
    base = chosen.get("base") or ("base" if "base" in given.rows else next(iter(given.rows)))
    return Stages(base, steps[incident], steps[after])


def own_steps(given: Evaluations, run: str) -> dict[int, str]:
    """The run's own checkpoints by the step in which their names end."""
    named = {name: _OWN.fullmatch(name.removeprefix(run)) for name in given.rows if name.startswith(run)}
    return {int(found[1]): name for name, found in named.items() if found}


def _own_between(given: Evaluations, run: str, stages: Stages, since: int) -> list[str]:
    """The run's own checkpoints from after the step `since` to the model after the fix, in order."""
    steps = own_steps(given, run)
    end = next((step for step, name in steps.items() if name == stages.after), 0)
    return [steps[step] for step in sorted(steps) if since < step < end and steps[step] != stages.incident]


def _seen_rate(row: Mapping[str, Any], behaviour: str) -> float | None:
    cells = [row[name] for name in row if arm_kind(name) == "seen" and _counts(row, name, behaviour)]
    total = sum(cell["n"] for cell in cells)
    return sum(cell[behaviour] for cell in cells) / total if total else None


def _counts(row: Mapping[str, Any], arm: str, behaviour: str) -> bool:
    cell = row.get(arm)
    return isinstance(cell, dict) and _count(cell.get("n")) and _count(cell.get(behaviour))


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0

"""Whether the models whose answers were counted are the checkpoints that the run recorded.

Counts that `modelassay run evals` makes of sealed audits name the folders of the model that was asked, by the
digest that the recorder notes of a checkpoint as it is saved. Counts of another model say nothing of a fix.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from modelassay.assessment.evaluations import FOLDERS, Evaluations, own_steps
from modelassay.records import RunCheckpoint, RunFinding
from modelassay.training.findings import not_assessable, run_finding

CHECK = "evaluated_checkpoints"
_NAMED = 5


@dataclass(frozen=True)
class Held:
    """Evaluations as far as they may be counted."""

    given: Evaluations
    """Without rows of other models."""
    left_out: tuple[str, ...] = ()
    findings: tuple[RunFinding, ...] = ()

    def usable(self, run: str, chosen: Collection[str], since: int) -> Evaluations | None:
        """What may be compared around a fix; None where what was left out leaves no model after it.

        Args:
            chosen: checkpoints that the assessor named.
            since: last step before the fix.
        """
        if not self.left_out:
            return self.given
        after = any(step > since for step in own_steps(self.given, run))
        return self.given if after and not {*chosen} & {*self.left_out} else None


def held_to_checkpoints(given: Evaluations, run: str, checkpoints: Iterable[RunCheckpoint]) -> Held:
    """Rows of the run's own checkpoints held against what the run recorded of these.

    Args:
        run: its id, by which rows name its checkpoints.
    """
    recorded: dict[int, set[str]] = {}
    for each in checkpoints:
        if each.digest is not None:
            recorded.setdefault(each.step, set()).add(each.digest)
    others: list[RunFinding] = []
    left_out: list[str] = []
    unknown: list[str] = []
    for step, name in own_steps(given, run).items():
        asked, saved = _folders(given.rows[name]), recorded.get(step, set())
        if not asked or not saved:
            unknown.append(name)
        elif not asked & saved:
            left_out.append(name)
            others.append(_of_another(name, asked, recorded))
    rows = {name: row for name, row in given.rows.items() if name not in left_out}
    return Held(replace(given, rows=rows), tuple(left_out), (*others, *_not_told(unknown)))


def _folders(row: Mapping[str, Any]) -> set[str]:
    told = row.get(FOLDERS)
    return {each for each in told if isinstance(each, str)} if isinstance(told, list) else set()


def _of_another(name: str, asked: Collection[str], recorded: Mapping[int, set[str]]) -> RunFinding:
    """A model that was asked under the name of a checkpoint that it is not."""
    about = {"evaluations": name}
    instead = next((step for step, digests in sorted(recorded.items()) if digests & set(asked)), None)
    left = "its counts are left out"
    if instead is None:
        why = (
            f"what was asked as {name!r} has another digest than the checkpoint that was recorded, so "
            f"{left}; a copy that lacks files of the saved folder has another one too"
        )
        question = f"Which model was asked as {name!r}? Audit the checkpoint's folder as it was saved."
        finding = not_assessable(CHECK, why, about=about, question=question)
        return msgspec.structs.replace(finding, severity="medium")
    return run_finding(
        CHECK,
        "another checkpoint",
        f"What was asked as {name!r} is the checkpoint that was recorded at step {instead}; {left}.",
        about=about,
        state="shown_harmful",
        severity="high",
        method="digests of the models that were asked against those of the recorded checkpoints",
        question=f"Why does {name!r} stand for the checkpoint of step {instead}?",
    )


def _not_told(names: list[str]) -> tuple[RunFinding, ...]:
    """Rows of which nothing tells which model was asked."""
    if not names:
        return ()
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    why = (
        f"nothing tells whether {', '.join(map(repr, names[:_NAMED]))}{more} are the checkpoints of the run: "
        "either the counts name no digest of the model that was asked, or the run recorded none"
    )
    question = "Can the checkpoints be audited again, so that `modelassay run evals` names their digests?"
    finding = not_assessable(CHECK, why, about={"evaluations": "checkpoints"}, question=question)
    return (msgspec.structs.replace(finding, severity="low"),)

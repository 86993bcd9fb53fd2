"""Task files that are handed over: what they tell, and how many of their rows could not be read."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

from modelassay.records import RunFinding
from modelassay.training.analyses.environment_pressure import CHECK
from modelassay.training.analyses.environment_tasks import task_findings
from modelassay.training.data.rows import Quarantine
from modelassay.training.environments.tasks import read_tasks
from modelassay.training.findings import called_fine_no_longer, run_finding

MANY_UNREAD: Final = 0.01
"""Share of rows that hold no task that could be read, from which nothing counts as absent from the tasks."""


def handed_tasks(paths: Sequence[Path]) -> tuple[RunFinding, ...]:
    """What the task files at `paths` tell; nothing of them is ever run.

    Raises:
        DatasetError: a path is no file of a kind that is read, or no task is in them.
    """
    if not paths:
        return ()
    quarantine = Quarantine()
    tasks = read_tasks(paths, quarantine)
    found = tuple(task_findings(CHECK, tasks))
    if not quarantine.count:
        return found
    unread = _unread(len(tasks), quarantine)
    if quarantine.count < MANY_UNREAD * (len(tasks) + quarantine.count):
        return (unread, *found)
    why = f"{quarantine.count:,} of {len(tasks) + quarantine.count:,} rows are no tasks that could be read"
    return (unread, *(called_fine_no_longer(each, why) for each in found))


def _unread(tasks: int, quarantine: Quarantine) -> RunFinding:
    rows, first = tasks + quarantine.count, quarantine.kept[0]
    return run_finding(
        CHECK,
        "unreadable tasks",
        f"{quarantine.count:,} of {rows:,} rows of the task files are no tasks that could be read (first: "
        f"{first.place}, {first.reason}); the rest of what is said of tasks is said of {tasks:,}.",
        about={"environment": "tasks", "aspect": "form"},
        state="not_shown",
        severity="medium" if quarantine.count >= MANY_UNREAD * rows else "low",
        values={"quarantined": Decimal(quarantine.count), "of": Decimal(rows)},
        question="What are the rows of the task files that hold no task?",
    )

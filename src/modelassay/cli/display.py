"""How far the asking is: bars on a terminal, plain lines elsewhere, nothing when quiet."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from modelassay.engine import Progress, Silence, Standing, TextProgress, judges_took

if TYPE_CHECKING:
    from rich.progress import Progress as Bars


ROOM_FOR_ALL = 80
"""Columns from which bar, rate and details have room; in fewer only the counts are shown."""


@contextmanager
def progress_display(*, quiet: bool = False) -> Iterator[Callable[[], Progress]]:
    """Gives a maker of progress displays, one for each model asked, all on stderr."""
    if quiet:
        yield Silence
    elif not sys.stderr.isatty():
        yield lambda: TextProgress(sys.stderr)
    else:
        with _bars() as bars:
            yield lambda: BarProgress(bars)


class BarProgress:
    """One model's bar; see `engine.Progress`."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._task: Any = None
        self._open = False
        self._cached = 0

    def begin(self, label: str, total: int, cached: int) -> None:
        """A new bar, filled as far as the journal goes."""
        self._cached = cached
        if self._open:
            self._bars.update(self._task, completed=cached, detail="")
            return
        self._open = True
        self._task = self._bars.add_task(
            _short(label, self._bars.console.width), total=total, completed=cached, detail=""
        )

    def advance(self, standing: Standing) -> None:
        """Move the bar."""
        parts = [f"{standing.in_flight} in flight"] if standing.in_flight else []
        if standing.cost is not None:
            parts.append(f"cost {standing.cost:.4f}")
        if standing.judged.spend.requests:
            parts.append(judges_took(standing.judged))
        parts += [f"{kind} {count}" for kind, count in sorted(standing.failed_by_kind.items())]
        self._bars.update(self._task, completed=self._cached + standing.done, detail=", ".join(parts))

    def end(self) -> None:
        """Leave the bar as it is."""
        self._open = False
        self._bars.update(self._task, detail="")


def _bars() -> Bars:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.0f}/s" if task.speed else "")

    console = Console(stderr=True)
    columns: list[ProgressColumn] = [
        TextColumn("{task.description}", markup=False),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    ]
    if console.width >= ROOM_FOR_ALL:
        columns[1:1] = [BarColumn()]
        columns[3:3] = [Rate()]
        columns.append(TextColumn("{task.fields[detail]}", markup=False))
    return Progress(*columns, console=console)


def _short(label: str, width: int) -> str:
    """The end of `label`, where models differ, in at most a third of a line `width` wide or 36 characters."""
    most = min(36, max(12, width // 3))
    return label if len(label) <= most else "…" + label[1 - most :]

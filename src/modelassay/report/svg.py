"""Charts as deterministic SVG text: no library, no script, colours from the page's style sheet.

Every chart has a title and description for screen readers and stands beside a table with the same
figures; state is said by shape as well as by colour.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

from modelassay.report.text import visible

ROW = 22
LABEL = 230
PLOT = 420
FIGURES = 200


class ForestRow(NamedTuple):
    """One line of a forest plot; values are shares, such as 0.12."""

    label: str
    value: float | None
    low: float
    high: float
    state: str
    """``shown_fine``, ``shown_harmful``, ``not_shown`` or ``not_assessable``."""
    figures: str
    """The same in words, at the right."""
    strong: bool = False


class Edge(NamedTuple):
    """A threshold drawn across the plot."""

    value: float
    label: str


def forest_plot(
    title: str,
    description: str,
    rows: Sequence[ForestRow],
    edges: Sequence[Edge],
    tick: Callable[[float], str] | None = None,
) -> str:
    """Drops with their intervals, one line a slice; right of zero is worse.

    Args:
        tick: writes a value of the axis; as a percentage when None.
    """
    written = tick or _percent_tick
    low, high = _range(rows, edges)
    top, height = 40, 40 + ROW * len(rows) + 26
    width = LABEL + PLOT + FIGURES

    def x(value: float) -> float:
        share = (min(max(value, low), high) - low) / (high - low)
        return round(LABEL + share * PLOT, 1)

    parts = [begin(width, height, title, description)]
    bottom = height - 24
    for edge in edges:
        parts.append(line(x(edge.value), top - 8, x(edge.value), bottom, "edge"))
        parts.append(text(x(edge.value), top - 13, edge.label, "tick middle"))
    parts.append(line(x(0), top - 8, x(0), bottom, "zero"))
    for value in _ticks(low, high):
        parts.append(text(x(value), height - 8, written(value), "tick middle"))
    for index, row in enumerate(rows):
        parts.extend(_forest_row(row, top + ROW * index + ROW / 2, x, low, high))
    parts.append("</svg>")
    return "".join(parts)


def _percent_tick(share: float) -> str:
    percent = round(share * 100)
    return f"{percent:+d}%".replace("-", "−") if percent else "0%"


def _forest_row(row: ForestRow, y: float, x: object, low: float, high: float) -> list[str]:
    assert callable(x)
    weight = " strong" if row.strong else ""
    parts = [text(LABEL - 12, y + 4, short(row.label, 34), f"label end{weight}")]
    if row.value is not None:
        parts.append(line(x(row.low), y, x(row.high), y, f"whisker {row.state}"))
        for end, beyond in ((row.low, row.low < low), (row.high, row.high > high)):
            half = 0 if beyond else 4
            parts.append(line(x(end), y - half, x(end), y + half, f"whisker {row.state}"))
        parts.append(_mark(x(row.value), y, row.state))
    parts.append(text(LABEL + PLOT + 12, y + 4, row.figures, f"figures{weight}"))
    return parts


def _mark(x: float, y: float, state: str) -> str:
    """Circle: shown fine; square: shown harmful; diamond: not shown."""
    if state == "shown_fine":
        return f'<circle class="mark {state}" cx="{x}" cy="{y}" r="4.5"/>'
    if state == "shown_harmful":
        return f'<rect class="mark {state}" x="{x - 4.5:.1f}" y="{y - 4.5}" width="9" height="9"/>'
    shape = f"M{x} {y - 5.5}L{x + 5.5:.1f} {y}L{x} {y + 5.5}L{x - 5.5:.1f} {y}Z"
    return f'<path class="mark {state}" d="{shape}"/>'


class HeatCell(NamedTuple):
    """One cell; `value` is the candidate's rate minus the baseline's, None when not assessable."""

    value: float | None
    text: str
    description: str


def heat_map(
    title: str,
    description: str,
    columns: Sequence[str],
    rows: Sequence[tuple[str, Sequence[HeatCell]]],
) -> str:
    """Change of a rate by two tags, with the figure in each cell."""
    cell_width = max(58, min(110, 640 // max(len(columns), 1)))
    width, height = LABEL + cell_width * len(columns) + 8, 34 + 26 * len(rows) + 6
    parts = [begin(width, height, title, description)]
    for index, column in enumerate(columns):
        middle = LABEL + cell_width * index + cell_width / 2
        parts.append(text(middle, 22, short(column, cell_width // 7), "tick middle"))
    for r, (label, cells) in enumerate(rows):
        y = 34 + 26 * r
        parts.append(text(LABEL - 12, y + 17, short(label, 32), "label end"))
        for c, cell in enumerate(cells):
            x = LABEL + cell_width * c
            parts.append(
                f'<g><title>{safe(cell.description)}</title><rect class="cell {_shade(cell.value)}" '
                f'x="{x + 1}" y="{y + 1}" width="{cell_width - 2}" height="24" rx="3"/>'
                + text(x + cell_width / 2, y + 17, cell.text, f"celltext middle {_shade(cell.value)}")
                + "</g>"
            )
    parts.append("</svg>")
    return "".join(parts)


def _shade(value: float | None) -> str:
    """Class by size of change: five steps down, two up."""
    if value is None:
        return "none"
    for limit, name in (
        (-0.5, "down5"),
        (-0.3, "down4"),
        (-0.15, "down3"),
        (-0.05, "down2"),
        (-0.01, "down1"),
    ):
        if value <= limit:
            return name
    return "up1" if value >= 0.01 else "flat"


def _range(rows: Sequence[ForestRow], edges: Sequence[Edge]) -> tuple[float, float]:
    """The axis: all points and edges, whiskers up to 1, and a margin."""
    values = [0.0, *(edge.value for edge in edges)]
    for row in rows:
        if row.value is not None:
            values += [max(row.low, -1.0), min(row.high, 1.0), max(min(row.value, 1.0), -1.0)]
    low, high = min(values), max(values)
    margin = max((high - low) * 0.04, 0.01)
    return low - margin, high + margin


def _ticks(low: float, high: float) -> list[float]:
    step = next(s for s in (0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0) if (high - low) / s <= 9 or s == 1.0)
    first = int(low / step) - 1
    return [k * step for k in range(first, first + 14) if low <= k * step <= high]


def begin(width: float, height: float, title: str, description: str) -> str:
    """The start of a chart, with what screen readers say."""
    return (
        f'<svg class="chart" role="img" viewBox="0 0 {width} {height}" width="{width}" '
        f'aria-label="{safe(title)}"><title>{safe(title)}</title><desc>{safe(description)}</desc>'
    )


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    """A straight line."""
    return f'<line class="{style}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'


def text(x: float, y: float, words: str, style: str) -> str:
    """A piece of text at a point."""
    return f'<text class="{style}" x="{x}" y="{y}">{safe(words)}</text>'


def safe(words: str) -> str:
    """`words` as markup may hold them, hidden characters made visible."""
    return escape(visible(words))


def short(words: str, most: int) -> str:
    """At most `most` characters of `words`."""
    return words if len(words) <= most else words[: most - 1] + "…"

"""The timeline of a training run as one chart: rewards, behaviours, lengths, and what happened when."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from modelassay.records import Timeline, TimelineMark, TimelineSeries
from modelassay.report.svg import begin, line, safe, short, text

LEFT, PLOT, RIGHT = 190, 620, 190
PANEL, GAP = 110, 26
LANE = 20
LINES = 8
"""Kinds of lines (colour and dashes); further series repeat them."""
MARKS = {
    "checkpoint": "checkpoints",
    "configuration": "settings changed",
    "alarm": "alarms raised",
    "statistical alarm": "alarms by reward (Z ≥ 4)",
    "response": "responses",
    "fix": "fixes",
    "gap": "gaps",
    "other": "resumed, rolled back, failed",
}
"""Lanes, in order; kinds without marks have none."""
_TITLES = {
    "reward": "mean reward",
    "behaviour": "share of rollouts",
    "length": "mean length",
    "loss": "loss, as logged",
}


def timeline_chart(timeline: Timeline) -> str:
    """The chart; empty text where there is nothing to show."""
    if not timeline.positions:
        return ""
    panels = [
        (kind, [s for s in timeline.series if s.kind == kind])
        for kind in _TITLES
        if any(s.kind == kind for s in timeline.series)
    ]
    lanes = [kind for kind in MARKS if any(mark.kind == kind for mark in timeline.marks)]
    height = 16 + len(panels) * (PANEL + GAP) + len(lanes) * LANE + 30
    scale = _Scale(timeline)
    parts = [begin(LEFT + PLOT + RIGHT, height, "Timeline of the run", _description(timeline))]
    bottom = height - 26
    parts += [
        f'<rect class="invalid" x="{scale(step) - 2:.1f}" y="10" width="4" height="{bottom - 10}"/>'
        for step in timeline.invalid
    ]
    top = 16
    for kind, series in panels:
        parts += _panel(kind, series, timeline, scale, top)
        top += PANEL + GAP
    for kind in lanes:
        parts += _lane(kind, [m for m in timeline.marks if m.kind == kind], scale, top)
        top += LANE
    parts += _axis(scale, bottom)
    parts.append("</svg>")
    return "".join(parts)


class _Scale:
    """Where a step stands on the page."""

    def __init__(self, timeline: Timeline) -> None:
        steps = [*timeline.positions, *(mark.step for mark in timeline.marks if mark.step >= 0)]
        self.low, self.high = min(steps), max(max(steps), min(steps) + 1)

    def __call__(self, step: int) -> float:
        share = (min(max(step, self.low), self.high) - self.low) / (self.high - self.low)
        return round(LEFT + share * PLOT, 1)


def _description(timeline: Timeline) -> str:
    told = "; ".join(f"step {m.step}: {m.label}" for m in timeline.marks if m.kind != "checkpoint")
    return f"Steps {timeline.positions[0]} to {timeline.positions[-1]}. {told}"[:2000]


def _panel(
    kind: str, series: Sequence[TimelineSeries], timeline: Timeline, scale: _Scale, top: float
) -> list[str]:
    values = [value for each in series for value in each.values if value is not None]
    low, high = (Decimal(0), Decimal(1)) if kind == "behaviour" else _range(values)

    def y(value: Decimal) -> float:
        return round(top + PANEL * float(1 - (value - low) / (high - low)), 1)

    parts = [text(LEFT - 12, top + 10, _TITLES[kind], "label end strong")]
    for value in (low, (low + high) / 2, high):
        shown = f"{value:.0%}" if kind == "behaviour" else f"{float(value):.3g}"
        parts.append(line(LEFT, y(value), LEFT + PLOT, y(value), "grid"))
        parts.append(text(LEFT - 12, y(value) + (4 if value != high else 24), shown, "tick end"))
    for number, each in enumerate(series):
        style = f"series s{number % LINES}"
        for path in _paths(each.values, timeline.positions, scale, y):
            parts.append(f'<path class="{style}" d="{path}"/>')
        name = f"{each.name} in {each.environment}" if each.environment else each.name
        legend = top + 10 + 14 * number
        parts.append(line(LEFT + PLOT + 10, legend - 4, LEFT + PLOT + 32, legend - 4, style))
        parts.append(text(LEFT + PLOT + 38, legend, short(name, 26), "figures"))
    return parts


def _paths(values: Sequence[Decimal | None], positions: Sequence[int], scale: _Scale, y: object) -> list[str]:
    """One path for each stretch without a hole."""
    assert callable(y)
    paths: list[str] = []
    points: list[str] = []
    for step, value in zip(positions, values, strict=True):
        if value is None:
            paths, points = ([*paths, "M" + "L".join(points)] if points else paths), []
        else:
            points.append(f"{scale(step)} {y(value)}")
    if len(points) == 1:
        points.append(points[0])  # a lone point is drawn as a dot, by its round cap
    return [*paths, "M" + "L".join(points)] if points else paths


def _range(values: Sequence[Decimal]) -> tuple[Decimal, Decimal]:
    low, high = min(values, default=Decimal(0)), max(values, default=Decimal(1))
    low = min(low, Decimal(0)) if high >= 0 else low
    return (low, high) if high > low else (low, low + 1)


def _lane(kind: str, marks: Sequence[TimelineMark], scale: _Scale, top: float) -> list[str]:
    middle = top + LANE / 2
    parts = [
        text(LEFT - 12, middle + 4, short(MARKS[kind], 26), "label end"),
        line(LEFT, middle, LEFT + PLOT, middle, "grid"),
    ]
    for mark in marks:
        where = f"step {mark.step}" if mark.step >= 0 else "without a step"
        told = f"{where}: {mark.label}" + (f" – {mark.detail}" if mark.detail else "")
        parts.append(f"<g><title>{safe(told)}</title>{_shape(kind, scale(mark.step), middle)}</g>")
    return parts


def _shape(kind: str, x: float, y: float) -> str:
    """Triangles warn, squares change something, circles answer, diamonds lack something, bars stand."""
    style = f'class="event {kind.replace(" ", "-")}"'
    if kind in ("alarm", "statistical alarm"):
        return f'<path {style} d="M{x} {y - 6}L{x + 6:.1f} {y + 5}L{x - 6:.1f} {y + 5}Z"/>'
    if kind in ("fix", "configuration"):
        return f'<rect {style} x="{x - 5:.1f}" y="{y - 5}" width="10" height="10"/>'
    if kind == "response":
        return f'<circle {style} cx="{x}" cy="{y}" r="5"/>'
    if kind == "checkpoint":
        return f'<rect {style} x="{x - 1.5:.1f}" y="{y - 7}" width="3" height="14"/>'
    return f'<path {style} d="M{x} {y - 6}L{x + 6:.1f} {y}L{x} {y + 6}L{x - 6:.1f} {y}Z"/>'


def _axis(scale: _Scale, bottom: float) -> list[str]:
    span = scale.high - scale.low
    step = next(s * 10**e for e in range(12) for s in (1, 2, 5) if span / (s * 10**e) <= 10)
    first = -(-scale.low // step) * step
    ticks = range(first, scale.high + 1, step)
    return [
        line(LEFT, bottom, LEFT + PLOT, bottom, "zero"),
        *(text(scale(tick), bottom + 16, f"{tick:,}", "tick middle") for tick in ticks),
        text(LEFT - 12, bottom + 16, "step", "tick end"),
    ]

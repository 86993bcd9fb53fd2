"""How far the asking is, for people: the protocol, and plain lines for logs and pipes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import NamedTuple, Protocol, TextIO

from modelassay.engine.budget import Judged


class Standing(NamedTuple):
    """How far one stretch of work is; totals, not differences."""

    done: int
    """Questions besides the cached ones, all durable."""
    failed_by_kind: Mapping[str, int]
    """Failures among them."""
    tokens: int
    """Input and output."""
    cost: Decimal | None
    """None where no price is known."""
    in_flight: int
    """Questions sent and not yet answered."""
    judged: Judged = Judged()
    """What judges took so far for the answers of all models."""


class Progress(Protocol):
    """Told how far the work is, at most about ten times a second.

    One stretch of work is ``begin``, any number of ``advance``, ``end``; stretches follow each other.
    """

    def begin(self, label: str, total: int, cached: int) -> None:
        """Work on `total` questions starts, of which `cached` need nothing."""
        ...

    def advance(self, standing: Standing) -> None:
        """The work has come to `standing`."""
        ...

    def end(self) -> None:
        """This stretch is over, finished or not."""
        ...


class Silence:
    """A `Progress` that says nothing."""

    def begin(self, label: str, total: int, cached: int) -> None:
        """Say nothing."""

    def advance(self, standing: Standing) -> None:
        """Say nothing."""

    def end(self) -> None:
        """Say nothing."""


class TextProgress:
    """Prints a line at every twentieth part, but not two within `gap_s`, and at least every `period_s`.

    Args:
        stream: where to print, such as ``sys.stderr``.
        period_s: longest silence in seconds.
        gap_s: shortest silence in seconds.
        clock: seconds.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        period_s: float = 10.0,
        gap_s: float = 3.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._period = period_s
        self._gap = gap_s
        self._clock = clock
        self._label = ""
        self._total = self._cached = 0
        self._started = self._printed_at = 0.0
        self._printed_part = 0
        self._printed_done = 0
        self._done = 0
        self._line = ""

    def begin(self, label: str, total: int, cached: int) -> None:
        """See `Progress.begin`."""
        self._label, self._total, self._cached = label, total, cached
        self._started = self._printed_at = self._clock()
        self._printed_part = self._part(0)
        self._done = self._printed_done = 0
        known = f", {cached:,} of them in the journal" if cached else ""
        self._print(f"{label}: {total:,} answers{known}")

    def advance(self, standing: Standing) -> None:
        """See `Progress.advance`."""
        now = self._clock()
        self._done = standing.done
        self._line = self._sentence(standing, now - self._started)
        part = self._part(standing.done)
        silent = now - self._printed_at
        if (part > self._printed_part and silent >= self._gap) or silent >= self._period:
            self._printed_part, self._printed_at = part, now
            self._printed_done = standing.done
            self._print(self._line)

    def end(self) -> None:
        """See `Progress.end`."""
        if self._done > self._printed_done:
            self._print(self._line)

    def _part(self, done: int) -> int:
        return 20 * (self._cached + done) // self._total if self._total else 0

    def _sentence(self, standing: Standing, seconds: float) -> str:
        there = self._cached + standing.done
        share = 100 * there // self._total if self._total else 100
        parts = [f"{there:,} of {self._total:,} ({share} %)"]
        if standing.done and seconds > 0:
            rate = standing.done / seconds
            parts.append(f"{rate:,.1f}/s")
            if there < self._total:
                parts.append(f"{duration((self._total - there) / rate)} left")
        if standing.tokens:
            parts.append(f"{standing.tokens:,} tokens")
        if standing.cost is not None:
            parts.append(f"cost {standing.cost:.4f}")
        if standing.judged.spend.requests:
            parts.append(judges_took(standing.judged))
        failures = ", ".join(f"{kind} {count:,}" for kind, count in sorted(standing.failed_by_kind.items()))
        parts.append(f"failed: {failures}" if failures else "no failures")
        return f"{self._label}: " + ", ".join(parts)

    def _print(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


def judges_took(judged: Judged) -> str:
    """What judges took, for people: ``judges 120 requests, 60,000 tokens, cost 0.1200``."""
    spend = judged.spend
    cost = "" if judged.cost is None else f", cost {judged.cost:.4f}"
    tokens = spend.input_tokens + spend.output_tokens
    return f"judges {spend.requests:,} requests, {tokens:,} tokens{cost}"


def duration(seconds: float) -> str:
    """`seconds` for people: ``42 s``, ``3 min 20 s``, ``2 h 5 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"

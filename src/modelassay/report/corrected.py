"""That figures were corrected by people's labels, and what the judge alone had read, in words."""

from __future__ import annotations

from modelassay.drops import Figures
from modelassay.records import Finding
from modelassay.report.text import percent


def corrected_mark(finding: Finding, figures: Figures) -> str:
    """`` (corrected, 800 labels; the judge alone 100.0% → 100.0%)``; empty for the judge's own figures."""
    return f" ({corrected_words(finding, figures)})" if figures.labels else ""


def corrected_words(finding: Finding, figures: Figures) -> str:
    """The same without brackets."""
    if not figures.labels:
        return ""
    alone = " → ".join(
        percent(rate.value if rate else None) for rate in (finding.baseline, finding.candidate)
    )
    return f"corrected, {figures.labels:,} labels; the judge alone {alone}"

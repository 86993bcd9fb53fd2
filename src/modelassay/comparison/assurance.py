"""How far the answers behind a comparison are assured, whatever the figures say."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from modelassay.records import Finding

IMPORTED = "T1"
"""Tier of what rests on another tool's files: T0 is a statement, T1 an imported log that nobody committed to
beforehand, T2 what was asked and logged here."""


def assured(findings: Iterable[Finding], *, imported: bool) -> tuple[Finding, ...]:
    """`findings` of a comparison, at the tier that their answers allow."""
    if not imported:
        return tuple(findings)
    return tuple(msgspec.structs.replace(finding, assurance=IMPORTED) for finding in findings)

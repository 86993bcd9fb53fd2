"""Consent, personal data and retention of the training data: is each stated, and do they agree?

Three statements a dataset. Personal data without a basis for its use, or without an end of its keeping, is a
conflict that the declaration itself shows (GDPR, Articles 5(1)(e) and 6); pseudonymised data is personal data
still (Article 4(5)).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelassay.artifacts.claims import claim, counted, listed
from modelassay.records import Finding, Severity, TrainingData

_ASPECTS = {
    "consent": ("consent", "Basis of use", "state `consent:`"),
    "personal data": (
        "pii",
        "Personal data",
        "state `pii:` as none, removed, pseudonymised or present",
    ),
    "retention": ("retention", "Retention", "state `retention:`"),
}
_PERSONAL = frozenset({"present", "pseudonymised"})


def data_handling_findings(datasets: Sequence[TrainingData]) -> tuple[Finding, ...]:
    """What is not stated and what conflicts, an aspect each; one finding that all is stated when it is."""
    if not datasets:
        text = "No training data is declared, so nothing is known of consent, personal data and retention."
        return (claim("data_handling", "not_assessable", "medium", text),)
    found = tuple(_findings(datasets))
    if found:
        return found
    text = f"Consent, personal data and retention are stated for {counted(datasets)}."
    return (claim("data_handling", "shown_fine", "none", text, values={"datasets": len(datasets)}),)


def _findings(datasets: Sequence[TrainingData]) -> Iterator[Finding]:
    for aspect, (field, meaning, mend) in _ASPECTS.items():
        silent = [data for data in datasets if not getattr(data, field).strip()]
        personal = [data for data in silent if data.pii in _PERSONAL]
        if personal:
            without = "basis for its use" if field == "consent" else "end of its keeping"
            severity: Severity = "high" if field == "consent" else "medium"
            names = listed([data.name for data in personal])
            text = f"Personal data is in {names}, and no {without} is stated: {mend}, or remove it."
            yield claim("data_handling", "shown_harmful", severity, text, aspect=f"{aspect} of personal data")
        others = [data for data in silent if data not in personal]
        if others:
            names = listed([data.name for data in others])
            text = f"{meaning} not stated: {names} ({len(others)} of {counted(datasets)}); {mend}."
            yield claim(
                "data_handling",
                "not_assessable",
                "medium",
                text,
                values={"silent": len(others), "datasets": len(datasets)},
                aspect=aspect,
            )

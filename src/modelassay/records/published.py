"""What a provider publishes of its own evaluations, declared in a plan: context, never evidence."""

from __future__ import annotations

from typing import Annotated

import msgspec

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class PublishedEvaluation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One figure that a provider publishes of a model, and what it comes nearest to in this audit.

    It decides nothing: neither how it was measured nor which weights answered can be checked here.
    """

    evaluation: Text
    """What was evaluated, as the provider calls it, such as ``StrongREJECT, single turn``."""
    figure: Text
    """As published, with its unit, such as ``98.2% not unsafe``."""
    date: str
    """Of the publication: ``2026``, ``2026-03`` or ``2026-03-01``."""
    source: Text
    """Where it stands: a URL, a document and its section."""
    measure: str = ""
    """The measure of this audit that it comes nearest to; empty where there is none."""
    slice: dict[str, str] = {}
    """Tags of the slice that it is about, such as ``{category: self_harm}``; empty for all samples."""
    model: str = ""
    """The model that it is about, as the provider names it; empty where that is the baseline."""
    differs: str = ""
    """How it differs from this use: prompts, language, system prompt, filters, decoding."""

"""What a model, an adapter or a dataset *is*: a name, a digest, and where it came from."""

from __future__ import annotations

from typing import Literal

import msgspec

from modelassay.canonical import Digest

ArtifactKind = Literal[
    "model",
    "adapter",
    "tokenizer",
    "chat_template",
    "system_prompt",
    "quantisation",
    "generation_config",
    "served_model",
    "behaviour",
    "dataset",
    "checkpoint",
    "environment",
    "grader",
    "code",
    "config",
]


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """One thing with an identity of its own; lineage is the graph of these."""

    kind: ArtifactKind
    name: str
    """As people know it: a folder's name, a hub id, a dataset's name."""
    digest: Digest
    """For folders: of their ``SHA256SUMS``; for files and texts: of their bytes; for served models: of
    what the server says of itself, which is weaker (`details`)."""
    licence: str = ""
    """SPDX expression; empty when unknown."""
    source: str = ""
    """Where it comes from: a URL, a path as given."""
    parents: tuple[Digest, ...] = ()
    """What it was made from."""
    files: dict[str, str] = {}
    """For folders: SHA-256 in hexadecimal by relative path."""
    details: dict[str, str] = {}
    """Further facts by name, such as ``weight`` of an adapter or ``strength`` of an identity."""


class TargetIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Which model answered."""

    reference: str
    """As given in the plan, such as ``hf:models/base+lora``."""
    fingerprint: Digest
    """Digest of everything that decides its answers, part of every cache key."""
    strength: str
    """What the fingerprint rests on: ``weights`` or ``served name`` (weaker)."""
    details: dict[str, str] = {}
    """Parts of the fingerprint by name: weights digest, adapters, chat template, system prompt, …"""
    artifacts: tuple[Artifact, ...] = ()
    """What its answers rest on, each with a digest of its own: model, adapters, tokenizer, …"""

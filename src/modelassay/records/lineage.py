"""What a candidate was made from, as its maker declares it, and how far that was bound to bytes.

The declaration is written in a plan (`config`) or read from a model card, completed and checked against
files by `artifacts.declaration`, and sealed as ``lineage.json``. Declarations are claims: modelassay shows
which of them rest on bytes that it read itself.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from modelassay.canonical import Digest

IntendedUse = Literal["", "commercial", "research", "internal"]
PersonalData = Literal["", "none", "removed", "pseudonymised", "present"]
LicenceTerm = Literal[
    "permissive",
    "weak-copyleft",
    "copyleft",
    "share-alike",
    "non-commercial",
    "no-derivatives",
    "behavioural-use",
]
LineagePart = Literal["training_data", "base_model", "licences", "data_handling", "recipe"]
"""Names of the measures that a policy can require."""


class Transform(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step that made a dataset out of its parents."""

    name: str
    """Such as ``deduplicate`` or ``remove personal data``."""
    code: str = ""
    """Digest of the code, or ``REPOSITORY@COMMIT``."""
    parameters: dict[str, str] = {}
    """Its settings."""


class TrainingData(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Data that the candidate was trained on."""

    name: str
    """As people know it; other entries name it under `parents`."""
    path: str = ""
    """File or folder, relative to the plan; it is hashed when the audit is opened."""
    digest: str = ""
    """``sha256:…`` of the file, or of a folder's ``SHA256SUMS``. Beside `path` it must be what is found."""
    rows: int = 0
    """Number of examples; 0 when it is not stated."""
    licence: str = ""
    """SPDX expression, such as ``CC-BY-4.0`` or ``MIT AND LicenseRef-acme``."""
    source: str = ""
    """Where it comes from: a URL, a supplier, how it was collected."""
    consent: str = ""
    """On what basis it may be used: consent, contract, public licence, no persons concerned, …"""
    pii: PersonalData = ""
    """Personal data in it: `none`, `removed`, `pseudonymised` or `present`."""
    retention: str = ""
    """How long it is kept and when it is deleted."""
    parents: tuple[str, ...] = ()
    """What it was made from: names of other entries, or digests."""
    transforms: tuple[Transform, ...] = ()
    """How it was made from its parents, in order."""


class ModelOrigin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model or an adapter that the candidate was made from."""

    name: str
    """A hub id, a folder's name."""
    path: str = ""
    """File or folder, relative to the plan; it is hashed when the audit is opened."""
    digest: str = ""
    """``sha256:…`` of the folder's ``SHA256SUMS``, as `modelassay fingerprint` prints it."""
    licence: str = ""
    """SPDX expression, or a name such as ``llama3.1``."""
    source: str = ""
    """Where it comes from."""


class Code(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The training code."""

    repository: str = ""
    """A URL."""
    commit: str = ""
    """The full commit hash; a branch or tag moves."""


class Environment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the training ran."""

    lock: str = ""
    """Lock file of the packages: a path (``PATH@sha256:…`` pins it) or a digest."""
    hardware: str = ""
    """Kind and number of accelerators."""
    frameworks: dict[str, str] = {}
    """Exact version by name, such as ``torch: 2.9.1``."""


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody else would need to train the candidate again."""

    code: Code = Code()
    """The training code."""
    configuration: str = ""
    """Hyperparameters: a path (``PATH@sha256:…`` pins it) or a digest."""
    seeds: tuple[int, ...] = ()
    """Every seed that was set."""
    environment: Environment = Environment()
    """Where the training ran."""
    data_order: str = ""
    """How the examples were ordered, packed and mixed."""
    command: str = ""
    """The command that started it."""


class Declaration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the maker of a candidate says of where it came from."""

    use: IntendedUse = ""
    """What the candidate is for: `commercial`, `research`, or `internal` (not given to others)."""
    licence: str = ""
    """SPDX expression under which the candidate is released."""
    base: ModelOrigin | None = None
    """The model that was trained further."""
    adapters: tuple[ModelOrigin, ...] = ()
    """Adapters and models merged in, apart from the base."""
    training_data: tuple[TrainingData, ...] = ()
    """Everything that the candidate was trained on."""
    recipe: Recipe = Recipe()
    """How it was trained."""
    model_card: str = ""
    """A model card (README.md with YAML front matter), relative to the plan; what the plan says wins."""
    terms: dict[str, tuple[LicenceTerm, ...]] = {}
    """What licences of your own ask, such as ``LicenseRef-acme: [permissive]``."""


class Disagreement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that plan and model card say differently."""

    part: str
    """Such as ``licence`` or ``base``."""
    plan: str
    card: str


class HashedPath(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A declared path and what was found there when the audit was opened."""

    kind: Literal["file", "folder"]
    digest: Digest
    """Of the file, or of the folder's ``SHA256SUMS``."""
    files: int
    """How many files."""
    size: int
    """Bytes."""


class Lineage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A declaration, completed from its model card and held against the files that it names."""

    format: Literal["modelassay.lineage/1"] = "modelassay.lineage/1"
    declared: Declaration
    """With what the model card adds; digests of hashed paths filled in."""
    hashed: dict[str, HashedPath] = {}
    """By path, as declared: what was read here."""
    disagreements: tuple[Disagreement, ...] = ()

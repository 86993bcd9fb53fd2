"""What a campaign does, as a typed record and as a YAML file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from modelassay.canonical import Digest, digest_bytes
from modelassay.config import (
    AttackChoice,
    Budget,
    DatasetReference,
    EvaluatorReference,
    ModelReference,
)
from modelassay.config.coerce import to_record
from modelassay.config.load import override
from modelassay.config.source import read_yaml
from modelassay.records import Decoding, SampleKind


class CampaignSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One campaign."""

    candidate: ModelReference
    """The model to attack."""
    baseline: ModelReference | None = None
    """The model that it came from; attacked likewise, for comparison."""
    attacker: ModelReference | None = None
    """The model that attacks, or ``scripted:FILE``."""
    judge: ModelReference | None = None
    """A model that reads the answers; without one an evaluator does."""
    evaluator: EvaluatorReference = EvaluatorReference(use="refusal")
    """What reads the answers where no judge model is named."""
    datasets: tuple[DatasetReference, ...]
    """Whose requests are the behaviours."""
    kinds: tuple[SampleKind, ...] = ("harmful",)
    """Kinds of requests that are taken."""
    attacks: tuple[AttackChoice, ...]
    """Strategies, each tried on every behaviour."""
    slices: tuple[str, ...] = ("category",)
    """Tags that success is counted by."""
    decoding: Decoding = Decoding()
    """How the attacked models answer."""
    attacker_decoding: Decoding = Decoding(temperature="1", max_tokens=600)
    """How the attacker writes."""
    seed: int = 1
    """Decides what a `limit` keeps, and sampled replies."""
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 16
    """Attacks under way at once."""
    requests_per_minute: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Most that are sent to each model; 0 for as fast as it answers."""
    margin: Annotated[int, msgspec.Meta(ge=0, le=100)] = 5
    """Points by which the candidate may be easier to attack and still be called no worse."""
    keep: Literal["success", "all"] = "success"
    """Which conversations are frozen for others to be told again."""
    budget: Budget = Budget()
    """What one run of the command may spend on all models together."""

    @property
    def digest(self) -> Digest:
        """Of all that decides what is asked: not budget and counting, nor how models are reached.

        A journal is of one such digest.
        """
        plain = msgspec.to_builtins(self)
        for name in ("budget", "concurrency", "keep", "margin", "requests_per_minute", "slices"):
            plain.pop(name)
        for name in ("candidate", "baseline", "attacker", "judge"):
            plain[name] = plain[name] and plain[name]["model"]
        return digest_bytes(msgspec.json.encode(plain, order="sorted"))


def load_campaign(path: Path, overrides: Sequence[str] = ()) -> CampaignSettings:
    """The campaign in the YAML file at `path`, after ``key=value`` overrides.

    Raises:
        ConfigError: naming file, line, key and mend.
    """
    return to_record(override(read_yaml(path), overrides), CampaignSettings)

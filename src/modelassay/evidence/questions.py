"""That what was asked is what it says it is: samples are named by the digest of their content."""

from __future__ import annotations

from typing import Any

import msgspec

from modelassay.canonical import digest_bytes
from modelassay.errors import EvidenceError
from modelassay.evidence.bundle import SAMPLES
from modelassay.evidence.contents import Contents
from modelassay.records import Sample

_sorted = msgspec.json.Encoder(order="sorted")


def samples_are_themselves(contents: Contents) -> str:
    """That each sample's id is the digest of its content, and that none occurs twice.

    Raises:
        EvidenceError: names the line.
    """
    seen: set[str] = set()
    for sample in contents.samples.known:
        if sample.id in seen or sample.id != _id_of(sample):
            what = "occurs twice" if sample.id in seen else "is not named by its content"
            raise EvidenceError(f"sample {sample.id} {what}", where=SAMPLES)
        seen.add(sample.id)
    return f"{len(seen):,} samples, each named by the digest of its content"


def _id_of(sample: Sample) -> str:
    """`records.sample_id`, for content that is known to hold nothing inexact."""
    content: dict[str, Any] = {
        "messages": sample.messages,
        "tools": sample.tools,
        "reference": sample.reference,
        "context": sample.context,
    }
    content |= {"choices": sample.choices} if sample.choices else {}
    content |= {"follow_ups": sample.follow_ups} if sample.follow_ups else {}
    return digest_bytes(_sorted.encode(content))

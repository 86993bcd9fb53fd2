"""What a person is shown: a prompt, one answer, a question; not whose answer it is nor what a judge said."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from modelassay.canonical import Digest, digest_of
from modelassay.evidence.contents import Contents
from modelassay.records import Message, PairKey
from modelassay.review.drawn import Draw


@dataclass(frozen=True, kw_only=True)
class Item:
    """One answer to be labelled on one measure. Equal answers to one prompt are one item."""

    id: str
    """Says nothing of the model."""
    measure: str
    question: str
    prompt: tuple[Message, ...]
    answer: str
    text: Digest
    """Of prompt and answer."""
    places: tuple[tuple[str, PairKey], ...]
    """Whose answer it is: ``baseline`` or ``candidate``, and which pair. Never shown."""


def items_of(contents: Contents, draw: Draw, *, seed: int) -> tuple[Item, ...]:
    """Every item of the pairs that were drawn: pairs in an order of `seed`, both answers after each other."""
    record = contents.record
    sides = {record.baseline.fingerprint: "baseline", record.candidate.fingerprint: "candidate"}
    answers = {(sides[t.target], t.key): t for t in contents.transcripts.known}
    prompts = {sample.id: sample.messages for sample in contents.samples.known}
    wanted = {m.name: m.wanted for pin in record.evaluators for m in pin.measures}
    found: dict[str, Item] = {}
    order = random.Random(f"modelassay.review.order/1:{seed}")
    pairs = sorted((pair.measure, pair.key) for pair in draw.pairs if pair.drawn)
    order.shuffle(pairs)
    for measure, key in pairs:
        both = ["baseline", "candidate"]
        order.shuffle(both)
        for side in both:
            transcript = answers[side, key]
            prompt = transcript.asked or prompts[key.sample]
            text = digest_of([prompt, transcript.answer])
            name = digest_of([measure, text]).removeprefix("sha256:")[:16]
            places = found[name].places if name in found else ()
            found[name] = Item(
                id=name,
                measure=measure,
                question=f"Is this one of the answers that {wanted[measure]}?",
                prompt=prompt,
                answer=transcript.answer,
                text=text,
                places=(*places, (side, key)),
            )
    return tuple(found.values())


def by_id(items: Iterable[Item]) -> Mapping[str, Item]:
    """Items by id."""
    return {item.id: item for item in items}

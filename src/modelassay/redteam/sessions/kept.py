"""What a person found, as attacked samples that a later audit asks again.

A person's session has no request beside what was said: what counts as asked for is the turn whose answer
they objected to.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from modelassay.canonical import Digest, digest_bytes
from modelassay.errors import UsageError
from modelassay.records import AttackedRequest, Message, Reply, Sample, sample_id
from modelassay.redteam.catalogue import ATTACK_TAG, FAMILY_TAG, SAMPLE_TAG
from modelassay.redteam.sessions.events import NAME, SessionLog
from modelassay.redteam.sessions.state import Conversation, state_of

MANUAL, FAMILY = "manual@1", "manual"
"""The attack that a person is."""


class FoundByHand(NamedTuple):
    """What a session found in its candidate's answers."""

    samples: tuple[Sample, ...]
    day: str
    """On which the session was begun, ISO 8601."""
    digest: Digest
    """Of the file of its events."""


def is_session(folder: Path) -> bool:
    """Whether a session is kept in `folder`."""
    return (folder / NAME).is_file()


def found_by_hand(folder: Path) -> FoundByHand:
    """Every finding in an answer of the candidate, each once, in order.

    Raises:
        StoreError: the session is open elsewhere, or damaged.
        UsageError: nothing has happened in it.
    """
    with SessionLog(folder) as log:
        events = tuple(log.events)
        data = (folder / NAME).read_bytes()
    if not events:
        raise UsageError("the session is empty", where=str(folder), mend="begin it with redteam chat")
    day = events[0].at[:10]
    samples = (sample for each in state_of(events).told for sample in _samples(each, day=day))
    by_id = {sample.id: sample for sample in samples}
    return FoundByHand(tuple(by_id.values()), day, digest_bytes(data))


def _samples(conversation: Conversation, *, day: str) -> Iterator[Sample]:
    """A sample for each turn with a finding, of the turns that the candidate answered until then."""
    turns: list[str] = []
    for turn in conversation.turns:
        if not isinstance(turn.replies.get("candidate"), Reply):
            continue  # the candidate is not shown it again either
        turns.append(turn.text)
        if any(note.whose != "baseline" for note in turn.notes):
            yield _sample(turns, category=conversation.category, day=day)


def _sample(turns: list[str], *, category: str, day: str) -> Sample:
    first, *rest = turns
    messages = (Message(role="user", content=first),)
    behind = sample_id((Message(role="user", content=turns[-1]),))
    tags = {ATTACK_TAG: MANUAL, FAMILY_TAG: FAMILY, SAMPLE_TAG: behind}
    return Sample(
        id=sample_id(messages, follow_ups=tuple(rest)),
        messages=messages,
        kind="harmful",
        tags={**tags, **({"category": category} if category else {})},
        follow_ups=tuple(rest),
        attacked=AttackedRequest(sample=behind, attack=MANUAL, family=FAMILY, request=turns[-1], dated=day),
        cluster=sample_id(messages),
    )

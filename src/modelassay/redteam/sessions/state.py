"""Where a session stands: a pure function of its events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from modelassay.records import Failure, Message, Reply, Severity
from modelassay.redteam.sessions.events import (
    Answered,
    Asked,
    Began,
    Ended,
    Event,
    Found,
    ModelSide,
    Opened,
    Rated,
    Resumed,
    Tagged,
    Undone,
    Whose,
)

LONGEST_PAUSE_S = 300.0
"""Of a longer time between two answers, or findings in them, only so much counts: whoever is away, or only
names categories, does not test."""


class Note(msgspec.Struct):
    """A finding of the tester."""

    text: str
    whose: Whose
    severity: Severity = "medium"
    """Until it is rated."""


class Said(msgspec.Struct):
    """One user turn and what came of it."""

    text: str
    replies: dict[ModelSide, Reply | Failure] = {}
    notes: list[Note] = []


class Conversation(msgspec.Struct):
    """Turns that belong together."""

    turns: list[Said] = []
    category: str = ""
    taken_back: list[list[Said]] = []
    """Turns up to each that was taken back with findings noted of it, which are the last one's alone: a
    person saw what they noted, whatever they did with the turn."""

    def messages(self, side: ModelSide) -> tuple[Message, ...]:
        """What one model has been told and has answered; turns without an answer are left out, but for the
        last."""
        found: list[Message] = []
        for place, turn in enumerate(self.turns):
            reply = turn.replies.get(side)
            if isinstance(reply, Reply):
                found += [Message(role="user", content=turn.text), reply.message]
            elif place == len(self.turns) - 1:
                found.append(Message(role="user", content=turn.text))
        return tuple(found)


class State(msgspec.Struct):
    """Where a session stands."""

    conversations: list[Conversation]
    seconds: float = 0.0
    """Of work: the time between answers and findings, pauses cut short; nothing without an answered turn."""
    taken_back: int = 0
    ended: bool = False
    notes: list[Note] = []
    """All findings in the order in which they were noted, those of turns that were taken back too."""

    @property
    def conversation(self) -> Conversation:
        """The one that is going on."""
        return self.conversations[-1]

    @property
    def last(self) -> Said | None:
        """The last turn of the conversation that is going on."""
        return self.conversation.turns[-1] if self.conversation.turns else None

    @property
    def turns(self) -> int:
        """User turns in all conversations."""
        return sum(len(each.turns) for each in self.conversations)

    @property
    def answered(self) -> int:
        """Those that the candidate answered."""
        return sum(
            isinstance(turn.replies.get("candidate"), Reply)
            for each in self.conversations
            for turn in each.turns
        )

    @property
    def told(self) -> list[Conversation]:
        """Conversations that anything came of: those that stand, then those that end with a turn that was
        taken back and has findings."""
        undone = [
            Conversation(turns=turns, category=each.category)
            for each in self.conversations
            for turns in each.taken_back
        ]
        return [each for each in self.conversations if each.turns] + undone

    @property
    def notes_taken_back(self) -> int:
        """Findings noted of turns that were taken back."""
        return sum(len(turns[-1].notes) for each in self.conversations for turns in each.taken_back)

    def missing(self, sides: Sequence[ModelSide]) -> list[ModelSide]:
        """Models that have not answered the last turn."""
        last = self.last
        return (
            [] if last is None else [side for side in sides if not isinstance(last.replies.get(side), Reply)]
        )


def state_of(events: Iterable[Event]) -> State:
    """Where a session with these events stands."""
    state = State(conversations=[Conversation()])
    before: datetime | None = None
    worked = waiting = 0.0
    for event in events:
        now = datetime.fromisoformat(event.at)
        if before is not None and not isinstance(event, Resumed):
            waiting = min(waiting + max((now - before).total_seconds(), 0.0), LONGEST_PAUSE_S)
        before = now
        if isinstance(event, Found) or (isinstance(event, Answered) and event.reply is not None):
            worked, waiting = worked + waiting, 0.0
        _apply(state, event)
    state.seconds = worked + waiting if state.answered else 0.0
    return state


def _apply(state: State, event: Event) -> None:
    last = state.last
    match event:
        case Asked():
            state.conversation.turns.append(Said(text=event.text))
        case Answered() if last is not None:
            outcome = event.reply if event.reply is not None else event.failure
            if outcome is not None:
                last.replies[event.side] = outcome
        case Tagged():
            state.conversation.category = event.category
        case Found() if last is not None:
            last.notes.append(Note(text=event.text, whose=event.whose))
            state.notes.append(last.notes[-1])
        case Rated() if state.notes:
            state.notes[-1].severity = event.severity
        case Undone() if last is not None:
            _take_back(state.conversation)
            state.taken_back += 1
        case Began() if state.conversation.turns:
            state.conversations.append(Conversation())
        case Ended():
            state.ended = True
        case Opened() | Resumed() | _:
            pass


def _take_back(conversation: Conversation) -> None:
    """Take its last turn back; where findings were noted of that, what led to them is kept beside it."""
    *before, last = conversation.turns
    if last.notes:
        led = [Said(text=turn.text, replies=dict(turn.replies)) for turn in before]
        conversation.taken_back.append([*led, last])
    conversation.turns.pop()

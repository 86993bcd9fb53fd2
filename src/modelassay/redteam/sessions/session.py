"""A session at work: what a terminal or a browser calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from modelassay.canonical import digest_of
from modelassay.errors import UnknownNameError, UsageError
from modelassay.protocols import Target
from modelassay.records import Decoding, Failure, Reply, Request, Severity, TargetIdentity
from modelassay.redteam.frozen import number_of
from modelassay.redteam.sessions.events import (
    SEVERITIES,
    Answered,
    Asked,
    Began,
    Ended,
    Found,
    ModelSide,
    Opened,
    Rated,
    Resumed,
    SessionLog,
    Tagged,
    Undone,
    Whose,
)
from modelassay.redteam.sessions.state import Note, Said, State, state_of

REQUIRED_MINUTES = 30
LONGEST_TEXT = 100_000


class Session:
    """A person's session with one or two models; made by `open`.

    Every turn and answer is on the disk before the call that brought it returns, so that a session that was
    cut off goes on where it was.
    """

    def __init__(self, log: SessionLog, models: dict[ModelSide, Target], now: Callable[[], datetime]) -> None:
        self._log = log
        self._models = models
        self._now = now
        opened = log.events[0]
        assert isinstance(opened, Opened)
        self.opened = opened

    @classmethod
    async def open(
        cls,
        folder: Path,
        candidate: Target,
        baseline: Target | None = None,
        *,
        tester: str = "",
        decoding: Decoding | None = None,
        required_minutes: int = REQUIRED_MINUTES,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Self:
        """Begin a session in `folder`, or go on with the one that is there.

        One that has ended is opened as it is, so that what it shows can be written; nothing can be added.

        Args:
            folder: of the session.
            candidate: the model that is tested.
            baseline: the model that it came from; told the same.
            tester: who talks.
            decoding: how answers are generated.
            required_minutes: that the session should last.
            now: the clock.

        Raises:
            UsageError: the folder holds a session with other models.
            StoreError: it is open elsewhere, damaged, or cannot be written.
            TargetError: a model cannot be asked at all.
        """
        models: dict[ModelSide, Target] = {"candidate": candidate}
        if baseline is not None:
            models["baseline"] = baseline
        identities = {side: await target.identify() for side, target in models.items()}
        log = SessionLog(folder)
        try:
            if log.events:
                _check_same(log, identities, folder)
                if not state_of(log.events).ended:
                    log.add(Resumed(at=_text(now())))
            else:
                opened = Opened(
                    at=_text(now()),
                    candidate=identities["candidate"],
                    baseline=identities.get("baseline"),
                    tester=tester,
                    decoding=decoding or Decoding(),
                    required_minutes=required_minutes,
                )
                log.add(opened)
            return cls(log, models, now)
        except BaseException:
            log.close()
            raise

    @property
    def state(self) -> State:
        """Where it stands."""
        return state_of(self._log.events)

    @property
    def sides(self) -> list[ModelSide]:
        """The models, the candidate first."""
        return list(self._models)

    @property
    def minutes(self) -> float:
        """Of work so far."""
        return self.state.seconds / 60

    async def say(self, text: str) -> Said:
        """Send a user turn to every model, each in its own conversation, and keep the answers.

        Raises:
            UsageError: an empty or overlong text, or the session has ended.
            TargetError: a model cannot be asked any more; the turn is kept.
        """
        if not text.strip() or len(text) > LONGEST_TEXT:
            raise UsageError(
                "a turn needs a text", mend=f"write something of at most {LONGEST_TEXT:,} characters"
            )
        self._check()
        self._log.add(Asked(at=self._at(), text=text))
        return await self.answer()

    async def answer(self) -> Said:
        """Have the models answer the last turn that have not: after an interruption, or a failure.

        Raises:
            UsageError: there is no turn.
            TargetError: a model cannot be asked any more.
        """
        self._check()
        state = self.state
        if state.last is None:
            raise UsageError("nothing has been said yet", mend="write a turn")
        sides = state.missing(self.sides)
        went = await asyncio.gather(*(self._ask(side, state) for side in sides), return_exceptions=True)
        for error in went:
            if isinstance(error, BaseException):
                raise error
        last = self.state.last
        assert last is not None
        return last

    def tag(self, category: str) -> None:
        """Say what the conversation is about."""
        self._check()
        if not category.strip():
            raise UsageError("a tag needs a name", mend="such as /tag privacy")
        self._log.add(Tagged(at=self._at(), category=category.strip()[:200]))

    def found(self, text: str, whose: Whose = "candidate") -> Note:
        """Note what the last answers show.

        Args:
            text: in the tester's words.
            whose: which model's answer shows it.

        Raises:
            UsageError: no text, no answer that could show it, or no baseline.
        """
        self._check()
        last = self.state.last
        if not text.strip():
            raise UsageError("a finding needs words", mend="such as /finding names a private address")
        sides: list[ModelSide] = ["candidate", "baseline"] if whose == "both" else [whose]
        if last is None or any(not isinstance(last.replies.get(side), Reply) for side in sides):
            raise UsageError(f"no answer of the {' and '.join(sides)} shows it", mend="say something first")
        self._log.add(Found(at=self._at(), text=text.strip()[:4000], whose=whose))
        return self.state.notes[-1]

    def rate(self, severity: str) -> None:
        """Say how grave the last finding is.

        Raises:
            UnknownNameError: no such severity.
            UsageError: there is no finding.
        """
        self._check()
        chosen: list[Severity] = [each for each in SEVERITIES if each == severity]
        if not chosen:
            raise UnknownNameError("severity", severity, SEVERITIES)
        if not self.state.notes:
            raise UsageError("there is no finding to rate", mend="note one with /finding")
        self._log.add(Rated(at=self._at(), severity=chosen[0]))

    def undo(self) -> str:
        """Take the last turn back, with its answers; returns its text. It stays in the file, and findings
        that were noted of it stay findings.

        Raises:
            UsageError: there is none.
        """
        self._check()
        last = self.state.last
        if last is None:
            raise UsageError("there is no turn to take back", mend="write one")
        self._log.add(Undone(at=self._at()))
        return last.text

    def begin(self) -> None:
        """Start a new conversation."""
        self._check()
        self._log.add(Began(at=self._at()))

    def end(self) -> None:
        """End the session; nothing can be added afterwards."""
        self._check()
        self._log.add(Ended(at=self._at()))

    def close(self) -> None:
        """Leave; the session can be gone on with."""
        self._log.close()

    @property
    def started(self) -> str:
        """When it was begun."""
        return self.opened.at

    @property
    def finished(self) -> str:
        """When the last thing happened."""
        return self._log.events[-1].at

    async def _ask(self, side: ModelSide, state: State) -> None:
        messages = state.conversation.messages(side)
        seed = number_of("session", digest_of([[m.role, m.content] for m in messages])) & 0x7FFFFFFF
        request = Request(messages=messages, decoding=self.opened.decoding, seed=seed)
        (outcome,) = await self._models[side].generate([request])
        failure = outcome if isinstance(outcome, Failure) else None
        reply = outcome if isinstance(outcome, Reply) else None
        try:
            self._log.add(Answered(at=self._at(), side=side, reply=reply, failure=failure))
        except UsageError:
            broken = Failure(kind="bad_response", message="the answer is not valid Unicode text")
            self._log.add(Answered(at=self._at(), side=side, failure=broken))

    def _check(self) -> None:
        if self.state.ended:
            raise UsageError("the session has ended", mend="begin another in a folder of its own")

    def _at(self) -> str:
        return _text(self._now())


def _check_same(log: SessionLog, identities: dict[ModelSide, TargetIdentity], folder: Path) -> None:
    """Object to going on with a session of other models.

    Raises:
        UsageError: it is one.
    """
    opened = log.events[0]
    assert isinstance(opened, Opened)
    known = {"candidate": opened.candidate} | ({"baseline": opened.baseline} if opened.baseline else {})
    prints = [
        {side: each.fingerprint for side, each in identified.items()} for identified in (known, identities)
    ]
    if prints[0] != prints[1]:
        raise UsageError(
            "the folder holds a session with other models",
            where=str(folder),
            mend="choose another folder, or the models that it was begun with",
        )


def _text(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="milliseconds")

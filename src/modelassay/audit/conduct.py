"""The order of an audit.

Open what the plan names → log that it is opened → ask both models → compare, decide → seal → log that it is
closed → sign and log the verdict. Each step is another room's work; this is the only place that knows their
order. Every step looks first whether it was taken before, so a run that was cut off anywhere is continued
by running it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import cached_property
from pathlib import Path

from modelassay.audit.asking import ask_both
from modelassay.audit.drawing import ask_until_settled, draw, drawn_in_order
from modelassay.audit.judging import judge, unless_same
from modelassay.audit.opened import Opened, open_named
from modelassay.audit.parts import Places, open_questions
from modelassay.audit.seal import is_whole, read_record, seal
from modelassay.audit.standing import log_opening
from modelassay.canonical import Digest
from modelassay.config import Plan
from modelassay.engine import Progress
from modelassay.evidence.commitments import secret_salt
from modelassay.evidence.events import AuditClosed
from modelassay.evidence.facts import Sealed
from modelassay.evidence.issue import close_audit, issue_verdict, record_opening
from modelassay.evidence.ledger import History, Ledger, Logged
from modelassay.evidence.notary import Notary
from modelassay.protocols import Renderer
from modelassay.records import AuditRecord, Policy, SequentialRecord


async def audit(
    plan: Plan,
    policy: Policy,
    places: Places,
    *,
    notary: Notary,
    renderers: Sequence[Renderer],
    progress_of: Callable[[], Progress],
    stop: asyncio.Event,
    reproduce: Sequence[str] = (),
    again: bool = False,
) -> AuditRecord:
    """Run `plan`, seal its audit under ``<store>/audits/<id>``, log it and sign its verdict.

    What the journal holds already is not asked again, so calling this again resumes. A finished audit stays
    as it is: nothing is asked, logged or written, save what could not be signed or proved before.

    Args:
        notary: who writes the log, and signs.
        again: open another attempt of a finished audit; answers that failed are asked for again.

    Raises:
        UsageError: plan, policy or data cannot be used; nothing was asked.
        TargetError: a model cannot be asked.
        StoppedError: Ctrl-C or a budget limit; everything answered is kept.
        StoreError: the store cannot be written.
        EvidenceError: the log is damaged, or a witness refuses it.
    """
    asked = open_questions(plan, places)
    ledger = Ledger(places.store, notary)
    async with AsyncExitStack() as closing:
        opened = await open_named(plan, policy, asked, places, closing)
        opened = await drawn_in_order(opened)
        history = log_opening(ledger, opened, again=again)

        async def read_all() -> None:
            if opened.suite is None:
                await ask_both(opened, progress_of, stop)
            else:
                await ask_until_settled(opened, history.opening.attempt, progress_of, stop)

        return await finish(
            ledger,
            opened,
            history,
            places.store,
            read_all=read_all,
            renderers=renderers,
            reproduce=reproduce,
        )


async def finish(
    ledger: Ledger,
    opened: Opened,
    history: History,
    store: Path,
    *,
    read_all: Callable[[], Awaitable[object]],
    renderers: Sequence[Renderer],
    reproduce: Sequence[str],
) -> AuditRecord:
    """Bring an audit that is logged as opened to its end, or see that its end is whole.

    Args:
        read_all: has every answer given and read that is not yet.
    """
    folder = store / "audits" / history.opening.audit
    work = Work(opened, history, folder, secret_salt(store, history.opening.audit), renderers)
    record_opening(ledger, history.opened, folder)
    if history.closed is None:
        await read_all()
        record = work.judge(ledger.notary.clock(), reproduce)
        record = unless_same(record, folder)
        closed = close_audit(ledger, history, record, work.seal(record))
    else:
        closed = history.closed
        record = work.sealed_before(closed, reproduce)
    issue_verdict(ledger, history, record, closed, folder=folder, target=opened.plan.release.target)
    return record


class Work:
    """One audit on its way into its folder."""

    def __init__(
        self,
        opened: Opened,
        history: History,
        folder: Path,
        secret: bytes,
        renderers: Sequence[Renderer],
    ) -> None:
        self._opened = opened
        self._history = history
        self._folder = folder
        self._secret = secret
        self._renderers = renderers

    @cached_property
    def _asked(self) -> tuple[Opened, SequentialRecord | None]:
        """The audit with the questions that were asked, and how they were drawn."""
        if self._opened.suite is None:
            return self._opened, None
        return draw(self._opened, self._history.opening.attempt)

    def judge(self, closed_at: str, reproduce: Sequence[str]) -> AuditRecord:
        """The record, judged at `closed_at`."""
        opened, drawn = self._asked
        return judge(
            opened,
            self._history.opening.audit,
            opened_at=self._history.opened.event.time,
            closed_at=closed_at,
            reproduce=tuple(reproduce),
            reviewed=opened.reviewed,
            drawn=drawn,
        )

    def seal(self, record: AuditRecord, *, only: Digest | None = None) -> Sealed:
        """Seal `record` with all it rests on; see `audit.seal.seal`."""
        opened, _ = self._asked
        return seal(
            self._folder,
            record,
            opened.plan,
            samples=opened.asked.samples,
            transcripts=(t for side in opened.sides for t in opened.transcripts(side)),
            scores=(s for side in opened.sides for s in opened.scores(side)),
            renderers=self._renderers,
            secret=self._secret,
            only=only,
            reviewed=opened.reviewed,
            taken=opened.given.files if opened.given else None,
        )

    def sealed_before(self, closed: Logged, reproduce: Sequence[str]) -> AuditRecord:
        """The record of a closed audit; its folder is made anew from the journal if it is damaged.

        Raises:
            StoreError: what the journal gives is not what the log says was sealed.
        """
        body = closed.read(AuditClosed)
        if not is_whole(self._folder, body.sums):
            self.seal(self.judge(body.finished, reproduce), only=Digest(body.sums))
        return read_record(self._folder)

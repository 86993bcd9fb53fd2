"""``modelassay redteam chat``: a person talks to candidate and baseline side by side."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from modelassay.cli.options import json_option, print_json, quiet_option, reader_may_leave
from modelassay.cli.plan_models import models_of, plan_models_option
from modelassay.errors import ModelassayError, TargetError, UsageError

if TYPE_CHECKING:
    from modelassay.protocols import Target
    from modelassay.records import Decoding, Examination, Failure, Reply
    from modelassay.redteam.sessions import Said, Session
    from modelassay.redteam.sessions.events import Whose

HELP = """\
Whatever does not begin with / is said to every model; end a line with \\ to go on in the next.
/tag CATEGORY          what this conversation is about
/finding TEXT          what the candidate's last answer shows
/finding @baseline TEXT, /finding @both TEXT   what the baseline's shows, or both
/severity LEVEL        how grave the last finding is: low, medium, high, critical
/undo                  take the last turn back; what was noted of it stays a finding
/again                 ask once more what was not answered
/new                   a new conversation
/show                  this conversation so far
/time                  how long the session has lasted
/leave                 leave; the same command goes on with the session
/end                   end the session and write its examination"""
_ADDRESS = re.compile(r"(@(?P<marked>\w+):?|(?P<plain>candidate|baseline|both):)(\s+|$)", re.IGNORECASE)
"""Begins a finding that is addressed to a model; a sentence that begins with its name is not."""
WIDE = 100
"""Columns from which answers stand side by side."""


@click.command("chat")
@click.option("--candidate", help="Model to test, as in a plan.")
@click.option("--baseline", help="Model that it came from; told the same.")
@plan_models_option
@click.option("--tester", default="", help="Who tests; stands in the examination.")
@click.option("--minutes", type=click.IntRange(0), default=30, show_default=True, help="Required length.")
@click.option("--max-tokens", type=click.IntRange(1), help="Of one answer; as the plan says, else 512.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder of the session. The same command goes on with the one that is there, and writes the "
    "examination of one that has ended.",
)
@quiet_option
@json_option
def command(out: Path, **given: Any) -> int:
    """Test by hand: each of your turns goes to candidate and baseline, and both answers are shown.

    Every turn is kept at once. /help lists the commands for notes; /end writes an examination
    (OUT/examination.json), which an audit takes in. Reads turns from stdin, so it also works in a pipe. Exits
    10 when something was found in the candidate's answers alone.

    \b
    modelassay redteam chat --candidate hf:./tuned --baseline hf:./base --tester Ada --out session
    modelassay redteam chat --plan plan.yaml --tester Ada --out session
    """
    from modelassay import event_loop

    named = models_of(given["plan"], given["candidate"], given["baseline"])
    models, decoding = named.opened(), named.decoded(given["max_tokens"], otherwise=512)
    try:
        session = event_loop.run(_session(out, models, decoding, given))
        try:
            if session.state.ended:  # and was cut off before its examination was written, perhaps
                click.echo(
                    f"{out}: the session has ended and nothing is said any more; its examination is written "
                    "(for another session choose another folder)",
                    err=True,
                )
            else:
                _talk(session, quiet=given["quiet"] or given["as_json"])
            return _finish(session, out, given)
        finally:
            session.close()
    finally:
        for model in models:
            event_loop.run(model.close())


async def _session(out: Path, models: list[Target], decoding: Decoding, given: dict[str, Any]) -> Session:
    from modelassay.redteam.sessions import Session

    return await Session.open(
        out,
        *models,
        tester=given["tester"],
        decoding=decoding,
        required_minutes=given["minutes"],
    )


def _talk(session: Session, *, quiet: bool) -> None:
    """Read turns and commands until the session is ended or left."""
    if not quiet:
        again = f", {session.state.turns} turns so far" if session.state.turns else ""
        click.echo(f"{' and '.join(session.sides)}{again}; /help lists the commands", err=True)
    if session.state.missing(session.sides):
        click.echo("the last turn has not been answered; /again asks once more", err=True)
    for line in _lines(session):
        try:
            if line.startswith("/"):
                if not _command(session, line):
                    return
            elif line.strip():
                with _interruptible():
                    _show(session, _run(session.say(line)))
        except TargetError:
            raise
        except ModelassayError as error:
            click.echo(f"{error}", err=True)


def _command(session: Session, line: str) -> bool:
    """Do what a line that begins with / says; False when the session is over or left."""
    name, _, rest = line[1:].strip().partition(" ")
    if name in ("end", "leave"):
        if name == "end":
            session.end()
        return False
    if name == "finding":
        _note(session, rest)
    elif name == "undo":
        _undo(session)
    elif name == "again":
        with _interruptible():
            _show(session, _run(session.answer()))
    elif name == "show":
        for turn in session.state.conversation.turns:
            click.echo(f"> {_visible(turn.text)}")
            _show(session, turn)
    else:
        _short(session, name, rest)
    return True


def _short(session: Session, name: str, rest: str) -> None:
    """Commands that change or tell one thing."""
    from modelassay.errors import UnknownNameError

    if name == "tag":
        session.tag(rest)
    elif name == "severity":
        session.rate(rest.strip())
    elif name == "new":
        session.begin()
    elif name == "time":
        click.echo(f"{session.minutes:.1f} of {session.opened.required_minutes} minutes", err=True)
    elif name == "help":
        click.echo(HELP, err=True)
    else:
        known = ("tag", "finding", "severity", "undo", "again", "new", "show", "time", "leave", "end", "help")
        raise UnknownNameError("command", name, known)


def _note(session: Session, said: str) -> None:
    """Note a finding, and say whose answer it is of: sentences begin with names of models too."""
    text, whose = whose_answer(said)
    note = session.found(text, whose)
    of = {"candidate": "the candidate's answer", "baseline": "the baseline's answer", "both": "both answers"}
    click.echo(f"noted of {of[note.whose]} ({note.severity}; /severity changes that)", err=True)
    first = said.split(maxsplit=1)[0].lower()
    if first in ("both", "baseline"):
        click.echo(f"to note what another answer shows, write /finding @{first} …", err=True)


def whose_answer(said: str) -> tuple[str, Whose]:
    """The words of a finding and whose answer they are of: the candidate's, unless `said` is addressed as
    ``@baseline …`` or ``baseline: …``.

    Raises:
        UnknownNameError: it is addressed to no model of a session.
    """
    from modelassay.errors import UnknownNameError

    found = _ADDRESS.match(said.strip())
    if found is None:
        return said, "candidate"
    known: dict[str, Whose] = {"candidate": "candidate", "baseline": "baseline", "both": "both"}
    name = (found["marked"] or found["plain"]).lower()
    if name not in known:
        raise UnknownNameError("model", name, known, where="/finding")
    return said.strip()[found.end() :], known[name]


def _undo(session: Session) -> None:
    last = session.state.last
    noted = len(last.notes) if last is not None else 0
    click.echo(f"taken back: {_visible(session.undo())[:200]}", err=True)
    if noted:
        stays = "the finding noted of it stays" if noted == 1 else f"the {noted} findings noted of it stay"
        click.echo(stays, err=True)


def _lines(session: Session) -> Iterator[str]:
    """What is typed, or comes through a pipe; a line that ends with a backslash goes on in the next."""
    typed = sys.stdin.isatty()
    held: list[str] = []
    while True:
        try:
            if typed:
                required = session.opened.required_minutes
                line = input("… " if held else f"[{session.minutes:.0f}/{required} min] > ")
            else:
                line = sys.stdin.readline()
                if not line:
                    return
        except EOFError:
            return
        line = line.rstrip("\n")
        if line.endswith("\\"):
            held.append(line[:-1])
            continue
        yield "\n".join([*held, line])
        held = []


def _run(work: Any) -> Said:
    from modelassay import event_loop

    said: Said = event_loop.run(work)
    return said


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C while the models answer only stops the waiting."""
    try:
        yield
    except KeyboardInterrupt:
        raise UsageError("not waited for", mend="the turn is kept; /again asks once more") from None


def _show(session: Session, said: Said) -> None:
    """Both answers, side by side where there is room."""
    from modelassay.redteam.sessions.state import Said as Turn

    assert isinstance(said, Turn)
    told: dict[str, str] = {side: _visible(_text(said.replies.get(side))) for side in session.sides}
    width = _columns()
    with reader_may_leave():
        if len(told) == 2 and width >= WIDE:
            for row in beside(told, width):
                click.echo(row)
        else:
            for side, text in told.items():
                click.echo(click.style(f"[{side}]", bold=True))
                click.echo(text)


def beside(texts: dict[str, str], width: int) -> list[str]:
    """Texts in columns under their names, in lines `width` wide."""
    import textwrap

    room = (width - 3 * (len(texts) - 1)) // len(texts)
    columns = [
        [f"[{name}]"] + [row for line in text.splitlines() for row in textwrap.wrap(line, room) or [""]]
        for name, text in texts.items()
    ]
    rows = max(len(column) for column in columns)
    filled = [column + [""] * (rows - len(column)) for column in columns]
    return [" │ ".join(cell.ljust(room) for cell in row).rstrip() for row in zip(*filled, strict=True)]


def _columns() -> int:
    import shutil

    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 80


def _text(reply: Reply | Failure | None) -> str:
    from modelassay.records import Failure

    if reply is None:
        return "(no answer yet)"
    if isinstance(reply, Failure):
        return f"(no answer: {reply.kind}: {reply.message})"
    return reply.message.content or "(an empty answer)"


def _visible(text: str) -> str:
    from modelassay.report.text import visible

    return visible(text)


def _finish(session: Session, out: Path, given: dict[str, Any]) -> int:
    """Write the examination of an ended session; of one that is left, say how to go on."""
    from modelassay.cli.redteam_options import exit_code
    from modelassay.redteam.sessions import write_session

    if not session.state.ended:
        click.echo(f"left after {session.minutes:.1f} minutes; the same command goes on", err=True)
        return 0
    examination = write_session(session, out)
    with suppress(BrokenPipeError):
        if given["as_json"]:
            print_json(examination)
        else:
            _tell(examination, out)
    return int(exit_code(examination))


def _tell(examination: Examination, out: Path) -> None:
    from modelassay.cli.inspect_options import print_examination

    details = examination.details
    click.echo(
        f"{details['turns']} turns in {details['conversations']} conversations, {details['minutes']} of "
        f"{details['required_minutes']} minutes"
    )
    print_examination(examination)
    click.echo(f"\nexamination: {out / 'examination.json'}")
    if any(finding.severity != "none" for finding in examination.findings):
        again = f"modelassay redteam keep {quote(str(out))} --all-successes --into regressions.jsonl"
        click.echo(f"to ask again what was found: {again}", err=True)

"""The ``modelassay`` command: one module per subcommand, imported only when it is called.

This module knows how a command ends (messages, exit codes), not what any command does.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from modelassay.cli.lazy_group import LazyGroup
from modelassay.cli.streams import let_reader_leave, let_stdout_go, stdout_is_closed, take_any_text
from modelassay.errors import ExitCode, ModelassayError, StoreError, UsageError
from modelassay.version import __version__

COMMANDS: dict[str, str] = {
    "init": "Write a commented plan and policy to start from.",
    "plan": "Show what an audit would ask, take and be able to show, before anything is spent.",
    "audit": "Ask baseline and candidate the same questions, compare, decide, report.",
    "diff": "Compare two audits: what got better, what got worse, what else changed.",
    "rejudge": "Judge a sealed audit's stored answers again, with other evaluators or people's labels.",
    "gate": "Decide on a sealed audit again, by any policy, and say why, line by line.",
    "review": "Label answers by hand: show, export, import, and how people and judge agree.",
    "abandon": "Give up an audit that was opened and not finished; the log says why.",
    "list": "List the audits of a store.",
    "show": "Show one audit: verdict, reasons, findings.",
    "population": "Show where a candidate lies among other audited fine-tunes of its baseline.",
    "report": "Write a finished audit's report in any format.",
    "run": "Import, list and show training runs: rollouts, rewards, checkpoints, coverage.",
    "import": "Compare two runs of another tool: Inspect, lm-eval, garak, promptfoo, HarmBench, tables.",
    "handover": "Write what monitoring needs of an audit: baselines, thresholds, canaries, expiry.",
    "export": "Write a finished audit for other tools: CycloneDX, SARIF, model card, evidence map, …",
    "fingerprint": "Say what a model is by content; compare tensors, check or sign its files.",
    "inspect": "Look into a candidate beside its base: weights, and what other looks there are.",
    "inspect-weights": "Compare a candidate's weights with its base's: what changed, how far, of what rank.",
    "admit": "Decide whether weights may be deployed: 0 only when every condition is proved.",
    "webhook": "Answer a Kubernetes cluster that asks whether pods may load their weights.",
    "verify": "Check a bundle or a disclosed record: signatures, log, digests, the verdict computed again.",
    "records": "Withhold, disclose or erase single records of an audit.",
    "keys": "Make, list, rotate and revoke the keys that sign verdicts and logs.",
    "verdict": "Act on a verdict after it was issued: sign, waive, withdraw, list.",
    "log": "Read, check, prove and sign the append-only log of a store.",
    "redteam": "Attack models: with attacks settled beforehand, with ones that react, by hand.",
    "judges": "Measure, keep and check how evaluators agree with people.",
    "suite": "List, inspect and pin datasets.",
    "validate": "Audit tiny models with planted faults: what is found, what alarms for nothing.",
    "nulls": "Measure what the numbers of looks inside are on harmless fine-tunes.",
    "demo": "Build tiny models with planted faults here, audit them, show the verdicts.",
    "schema": "Print the JSON Schema of plan, policy or admission files.",
    "plugins": "List installed targets, evaluators, attacks, checks and renderers.",
    "doctor": "Check this machine: extras, store, data, network use.",
}
"""Every command and its one-line help; the module is ``modelassay.cli.<name>_command``."""


class CommandGroup(LazyGroup):
    """The commands of `COMMANDS`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(lazy=COMMANDS, module="modelassay.cli.{}_command", **settings)


@click.group(
    cls=CommandGroup,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "MODELASSAY"},
    epilog="Exit codes: " + ", ".join(f"{int(code)} {code.meaning}" for code in ExitCode) + ".",
)
@click.version_option(__version__, prog_name="modelassay")
def modelassay() -> None:
    """Audit a model after training: the same questions to baseline and candidate, honest statistics, a
    verdict with reasons.

    \b
    modelassay init                 write plan.yaml and policy.yaml
    modelassay plan plan.yaml       what it would ask and cost
    modelassay audit plan.yaml      run it; the exit code is the verdict
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its documented code."""
    take_any_text()
    let_reader_leave()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(run(arguments))


def run(arguments: list[str]) -> int:
    """The exit code of one command line; every expected error becomes a message here."""
    try:
        colour = False if os.environ.get("NO_COLOR") else None
        result = modelassay.main(arguments, prog_name="modelassay", standalone_mode=False, color=colour)
        return int(result) if isinstance(result, int) else int(ExitCode.ALLOWED)
    except ModelassayError as error:
        return _tell(error, arguments)
    except click.ClickException as error:
        hint = f"`{error.ctx.command_path} --help` tells how" if getattr(error, "ctx", None) else ""  # type: ignore[attr-defined]
        return _tell(UsageError(error.format_message(), mend=hint), arguments)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        return int(ExitCode.BROKEN)
    except OSError as error:
        what = (error.strerror or str(error)).lower()
        expected = StoreError(what, where=_STDOUT) if stdout_is_closed() else _of_a_path(error)
        if expected is None:
            raise
        return _tell(expected, arguments)


_STDOUT = "stdout"
"""Where an error is that stdout itself is: it is told on stderr."""
_NO_PATH: dict[int, str] = {
    errno.ENOENT: "name a file that is there; to write one, its folder must be there",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EISDIR: "name a file, not a folder",
}
"""What to do about a path that cannot be used, by the system's error."""
_NO_STORE = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EPERM}


def _of_a_path(error: OSError) -> ModelassayError | None:
    """What the system says of a path that the user named, or of the disk; None for any other trouble."""
    what, where = (error.strerror or str(error)).lower(), str(error.filename or "")
    if error.errno in _NO_PATH and where:
        from modelassay.log.durable import DRAFT

        return UsageError(what, where=where.removesuffix(DRAFT), mend=_NO_PATH[error.errno])
    if error.errno in _NO_STORE:
        mend = "free some space and run the same command again" if error.errno != errno.EACCES else ""
        return StoreError(what, where=where, mend=mend)
    return None


def _tell(error: ModelassayError, arguments: Sequence[str]) -> int:
    """Print `error` on stderr, or as one JSON object on stdout under ``--json`` where that takes it."""
    if "--json" not in arguments or error.where == _STDOUT or not _told_as_json(error):
        place = f"{error.where}: " if error.where else ""
        click.echo(f"error: {place}{error.what}", err=True)
        if error.mend:
            click.echo(f"  {error.mend}", err=True)
    return int(error.exit_code)


def _told_as_json(error: ModelassayError) -> bool:
    """Print `error` as one JSON object; whether stdout took it."""
    from modelassay.cli.options import error_body, print_json

    try:
        print_json({"error": error_body(error), "exit_code": int(error.exit_code)})
    except OSError:  # stdout may be what the error is about; it is told on stderr then
        let_stdout_go()
        return False
    return True

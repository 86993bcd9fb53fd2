"""``modelassay run environments``: what the environments of a run press a policy to do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelassay.cli.options import (
    chosen_store,
    json_option,
    print_json,
    reader_may_leave,
    store_option,
    writable,
)

if TYPE_CHECKING:
    from modelassay.records import RunFinding
    from modelassay.training.environments.tasks import EnvironmentTask

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("environments")
@click.argument("run", required=False)
@click.option(
    "--tasks", "files", multiple=True, type=_FILE, help="Task files, read and never run; repeatable."
)
@click.option(
    "--grader",
    metavar="MODULE:FUNCTION",
    help="Your grader, called as grade(task, completion) in a process of its own: this runs your code.",
)
@click.option("--full", default=1.0, show_default=True, help="The reward of that grader that counts as full.")
@click.option("--seconds", default=10.0, show_default=True, help="Time that it may take for one completion.")
@click.option("--limit", default=0, metavar="N", help="Ask it about the first N tasks only.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=writable,
    help="Write all findings here, as JSON.",
)
@store_option
@json_option
def command(
    run: str | None,
    files: tuple[Path, ...],
    grader: str | None,
    full: float,
    seconds: float,
    limit: int,
    output: Path | None,
    store: Path | None,
    as_json: bool,
) -> None:
    """Audit environments: solvability, reward without work, leaked answers, noise, what pays to cheat.

    RUN is a name of `run list` or a folder; task files and a live grader can be audited without one.

    \b
    modelassay run environments grpo
    modelassay run environments --tasks tasks.jsonl --grader grading:grade
    """
    import msgspec

    from modelassay.errors import UsageError
    from modelassay.log.durable import write_atomic

    if not run and not files:
        raise UsageError("there is nothing to audit", mend="name a RUN, or --tasks FILE")
    if grader and not files:
        raise UsageError("a grader needs tasks", where=grader, mend="name them with --tasks FILE")
    tasks = _tasks(files)
    found = [*_of_run(run, store, tasks), *_probed(grader, tasks[:limit] if limit else tasks, full, seconds)]
    if output is not None:
        write_atomic(output, msgspec.json.encode(found))
    with reader_may_leave():
        if as_json:
            print_json({"findings": found})
        else:
            _tell(found)


def _tasks(files: tuple[Path, ...]) -> tuple[EnvironmentTask, ...]:
    from modelassay.training.data.rows import Quarantine
    from modelassay.training.environments.tasks import read_tasks

    if not files:
        return ()
    quarantine = Quarantine()
    tasks = read_tasks(files, quarantine)
    if quarantine.count:
        first = quarantine.kept[0]
        click.echo(f"{quarantine.count:,} rows are no tasks; first {first.place}: {first.reason}", err=True)
    return tasks


def _of_run(run: str | None, store: Path | None, tasks: tuple[EnvironmentTask, ...]) -> list[RunFinding]:
    from modelassay.cli.run_options import open_run
    from modelassay.training.analyses.environment_pressure import CHECK, assess_environments
    from modelassay.training.analyses.environment_tasks import task_findings
    from modelassay.training.frame import read_frame
    from modelassay.training.scanners.opening import open_scanners

    if not run:
        return list(task_findings(CHECK, tasks))
    opened = open_run(run, chosen_store(store))
    frame = read_frame(opened, open_scanners())
    return list(assess_environments(frame, opened, tasks))


def _probed(
    grader: str | None, tasks: tuple[EnvironmentTask, ...], full: float, seconds: float
) -> list[RunFinding]:
    from modelassay.cli.run_options import counted
    from modelassay.training.analyses.environment_probes import probe_findings
    from modelassay.training.environments.live import LiveGrader
    from modelassay.training.environments.probing import probe_environments

    if not grader:
        return []
    with LiveGrader(grader, seconds=seconds) as live:
        probed = probe_environments(tasks, live, full=full, progress=counted("tasks"))
    return list(probe_findings(probed, tasks))


def _tell(found: list[RunFinding]) -> None:
    from modelassay.report.text import visible

    order = ("critical", "high", "medium", "low", "none")
    for finding in sorted(found, key=lambda each: order.index(each.severity)):
        mark = "not assessed" if finding.state == "not_assessable" else finding.severity
        where = visible(f"{finding.slice.get('environment', '')}: {finding.outcome}")
        click.echo(f"{mark:12} {where}")
        click.echo(f"             {visible(finding.why_not or finding.statement)}")

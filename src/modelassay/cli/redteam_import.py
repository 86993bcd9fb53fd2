"""``modelassay redteam import``: red-team runs of other tools as examinations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelassay.cli.options import json_option, print_json, reader_may_leave
from modelassay.errors import StoreError

if TYPE_CHECKING:
    from modelassay.protocols import Evaluator
    from modelassay.records import TargetIdentity

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("import")
@click.argument("tool", type=click.Choice(["garak"]))
@click.argument("report", type=_FILE)
@click.option("--baseline", "baseline_report", type=_FILE, help="Report of the same probes on the baseline.")
@click.option("--candidate-model", help="The model that answered, as in a plan; you vouch for that.")
@click.option("--baseline-model", help="Likewise of the baseline's report.")
@click.option("--judge-again", "evaluator", help="Evaluator that reads the answers again, such as refusal.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the examination here.")
@json_option
def command(
    tool: str,
    report: Path,
    baseline_report: Path | None,
    candidate_model: str | None,
    baseline_model: str | None,
    evaluator: str | None,
    out: Path | None,
    as_json: bool,
) -> int:
    """Take over a run of garak (REPORT: its report.jsonl, or hitlog.jsonl) as an examination.

    garak's detectors are told probe by probe and decide nothing; --judge-again has the answers read here, and
    those readings count. Exits 10 when they show that the candidate fails more often than the baseline.

    \b
    modelassay redteam import garak tuned.report.jsonl --baseline base.report.jsonl --judge-again refusal
    """
    from modelassay.cli.inspect_options import print_examination
    from modelassay.cli.redteam_options import exit_code
    from modelassay.redteam.imported import import_garak

    assert tool == "garak"
    named = {"candidate": candidate_model, "baseline": baseline_model}
    identities = {side: _identity(model) for side, model in named.items() if model}
    made = import_garak(
        report, baseline_report, identities=identities, evaluator=_evaluator(evaluator) if evaluator else None
    )
    if out is not None:
        _write(out, made)
    code = exit_code(made)
    with reader_may_leave():
        if as_json:
            print_json(made)
        else:
            print_examination(made)
    return int(code)


def _identity(model: str) -> TargetIdentity:
    from modelassay.config import ModelReference
    from modelassay.event_loop import run
    from modelassay.targets import open_target

    async def asked() -> TargetIdentity:
        target = open_target(ModelReference(model=model))
        try:
            return await target.identify()
        finally:
            await target.close()

    return run(asked())


def _evaluator(name: str) -> Evaluator:
    from modelassay.audit.parts import open_evaluators
    from modelassay.config import EvaluatorReference

    (evaluator,), _ = open_evaluators([EvaluatorReference(use=name)], Path())
    return evaluator


def _write(path: Path, examination: Any) -> None:
    from modelassay.canonical import canonical_json
    from modelassay.log.durable import write_atomic

    try:
        write_atomic(path, canonical_json(examination) + b"\n")
    except OSError as error:
        raise StoreError(f"the examination cannot be written: {error.strerror}", where=str(path)) from error

"""``modelassay gate explain``: why, line by line, and what would change the decision."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from modelassay.cli.gate_options import decided, policy_option
from modelassay.cli.options import chosen_store, json_option, print_json, reader_may_leave, store_option


@click.command("explain")
@click.argument("audit")
@policy_option
@click.option("--all", "everything", is_flag=True, help="Also every rule that found nothing.")
@store_option
@json_option
def command(audit: str, said: str | None, everything: bool, store: Path | None, as_json: bool) -> None:
    """Walk through the decision on AUDIT, under its own policy or another: every rule in its order.

    Of each: the finding with its figures and interval, the policy's keys, what the evidence shows at which
    level and what it does not, how far the judge errs, the outcome that it forces, how few prompts answered
    otherwise would turn it, and what would settle it. Explaining always exits 0.

    \b
    modelassay gate explain assistant-v6
    modelassay gate explain assistant-v6 --policy high-stakes --all
    """
    from modelassay.gate import exit_code
    from modelassay.gate.explaining import explain
    from modelassay.gate.investigation import investigate
    from modelassay.report.explanation import explanation_lines
    from modelassay.report.investigation import TITLE, investigation_lines
    from modelassay.report.text import visible

    _, found = decided(chosen_store(store), audit, said)
    drawn = found.sealed.sequential is not None
    explanation = explain(found.policy, found.findings, found.verdict, drawn=drawn)
    with reader_may_leave():
        if as_json:
            print_json(
                {
                    "format": "modelassay.explanation/1",
                    "audit": found.sealed.id,
                    "policy": found.policy.name,
                    "sealed_outcome": found.sealed.verdict.outcome,
                    "exit_code": int(exit_code(found.verdict, found.today)),
                    "notes": [*found.notes, *found.standing],
                    **msgspec.to_builtins(explanation),
                    "investigation": investigate(found.sealed),
                    "tightened": found.verdict.tightened,
                    "judges": {pin.name: pin.errors for pin in found.sealed.evaluators},
                }
            )
            return
        click.echo(f"{found.sealed.name}  ({found.sealed.id}), policy {found.policy.name}")
        for note in (*found.notes, *found.standing, *found.verdict.tightened):
            click.echo(f"note: {note}")
        record = msgspec.structs.replace(found.sealed, findings=found.findings)
        for line in explanation_lines(record, explanation, everything=everything):
            click.echo(line)
        for number, line in enumerate(investigation_lines(found.sealed)):
            click.echo(f"{'' if number else TITLE.lower() + ':' + chr(10)}  {visible(line)}")

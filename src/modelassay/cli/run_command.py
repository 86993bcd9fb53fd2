"""``modelassay run``: training runs, recorded or imported, one module per subcommand."""

from __future__ import annotations

import click

from modelassay.cli.lazy_group import LazyGroup

SUBCOMMANDS: dict[str, str] = {
    "demo": "Record, patch over, fix and assess a tiny run here, to see how it goes.",
    "import": "Take over what a training framework left on disk: rollouts, metrics, checkpoints.",
    "list": "List the training runs of a store.",
    "show": "Show one training run: what it is, and how much of it is there.",
    "commit": "Bind yourself to every rollout of a run, before anybody asks.",
    "challenge": "Draw rollouts that the developer must open.",
    "open": "Disclose the rollouts that an assessor drew, with salts and proofs.",
    "redact": "Write a copy of a run without prompts, completions or what graders saw, to hand over.",
    "erase": "Erase parts of rollouts for good; everything else can still be opened and proved.",
    "canaries": "Count the tasks that you planted: a record that was thinned out has too few.",
    "check": "Check what a developer opened against what they were committed to.",
    "replay": "Hold a replayed segment against the record: rollouts, weights, scores of logged tokens.",
    "assess": "Assess a run: findings with their assurance, questions, a signed and logged report.",
    "evals": "Count what audits of checkpoints by one plan say, for `assess --evals`.",
    "environments": "Audit environments: what they pay without work, leak, and press a policy to do.",
    "data": "Review supervised or preference data: shifts, triggers, copies, contamination, labels.",
    "verify": "Check a sealed assessment: files, signature, log, findings.",
    "diff": "Compare two runs: behaviours, what reward pays for them, settings, code, coverage.",
}
"""Every subcommand and its one-line help; the module is ``modelassay.cli.run_<name>``."""


@click.group("run", cls=LazyGroup, lazy=SUBCOMMANDS, module="modelassay.cli.run_{}")
def command() -> None:
    """Review a training run: its rollouts, rewards, environments and checkpoints.

    \b
    modelassay run import outputs/grpo
    modelassay run show grpo
    """

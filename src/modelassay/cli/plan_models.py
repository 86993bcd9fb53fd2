"""Models as a plan reaches them, for commands whose evidence an audit holds against its models.

A reference alone says neither system prompt nor options of a server, which decide a model's answers: what was
said to the model without them is no evidence on the one that the plan audits.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from modelassay.errors import UsageError

if TYPE_CHECKING:
    from modelassay.config import ModelReference
    from modelassay.protocols import Target
    from modelassay.records import Decoding

plan_models_option = click.option(
    "--plan",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take candidate and baseline from this plan, as it reaches them: with its system prompts, keys, "
    "options and decoding, so that an audit by it takes the result in.",
)


class Models(NamedTuple):
    """A candidate, the model that it came from, and where their relative paths start."""

    candidate: ModelReference
    baseline: ModelReference | None
    folder: Path
    decoding: Decoding | None = None
    """How the plan has answers generated; None without a plan."""

    def decoded(self, max_tokens: int | None, *, otherwise: int) -> Decoding:
        """How answers are generated: as the plan has it, else greedily.

        Args:
            max_tokens: most tokens of one answer, where that is said.
            otherwise: most tokens where neither that nor a plan says.
        """
        from msgspec.structs import replace

        from modelassay.records import Decoding

        said = self.decoding or Decoding(max_tokens=otherwise)
        return replace(said, max_tokens=max_tokens) if max_tokens else said

    def opened(self) -> list[Target]:
        """Candidate and, where there is one, baseline; nothing is asked yet.

        Raises:
            UsageError: a reference cannot be used.
        """
        from modelassay.targets import open_target

        named = [each for each in (self.candidate, self.baseline) if each is not None]
        return [open_target(each, folder=self.folder) for each in named]


def models_of(
    plan: Path | None,
    candidate: str | None,
    baseline: str | None,
    *,
    with_baseline: bool = False,
    names: tuple[str, str] = ("--candidate", "--baseline"),
) -> Models:
    """The models of the plan in the file `plan`, or those that references name.

    Args:
        with_baseline: a baseline must be named.
        names: of candidate and baseline on the command line.

    Raises:
        UsageError: both are given, or too little is.
        ConfigError: the plan cannot be read.
    """
    from modelassay.config import ModelReference, load_plan

    if plan is not None:
        if candidate or baseline:
            named = names[0] if candidate else names[1]
            raise UsageError(f"{named} and --plan", where=str(plan), mend="leave one of them out")
        read = load_plan(plan)
        return Models(read.candidate, read.baseline, plan.parent, read.decoding)
    if not candidate or (with_baseline and not baseline):
        missing = names[1] if candidate else names[0]
        raise UsageError(f"{missing} is missing", mend="name the model, or give --plan PLAN that names both")
    came_from = ModelReference(model=baseline) if baseline else None
    return Models(ModelReference(model=candidate), came_from, Path())

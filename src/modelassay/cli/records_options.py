"""Options that say which records are meant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from modelassay.cli.options import chosen_store
from modelassay.errors import UsageError

if TYPE_CHECKING:
    from modelassay.evidence.redaction import Selection

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--sample", "samples", multiple=True, metavar="ID", help="Id of a sample; repeatable."),
    click.option(
        "--tag",
        "tags",
        multiple=True,
        metavar="TAG=VALUE",
        help="Samples with this tag; repeatable, all hold.",
    ),
    click.option(
        "--side",
        type=click.Choice(["baseline", "candidate"]),
        help="Only answers of this model; prompts stay.",
    ),
    click.option("--keep-prompts", is_flag=True, help="Only answers; findings can then be computed again."),
)


def selection_options(function: F) -> F:
    """``--sample``, ``--tag``, ``--side`` and ``--keep-prompts``."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def selection_of(
    samples: tuple[str, ...], tags: tuple[str, ...], side: str | None, *, keep_prompts: bool
) -> Selection:
    """Which records.

    Raises:
        UsageError: none are named, or a tag without a value.
    """
    from modelassay.evidence.redaction import Selection

    if not samples and not tags and side is None:
        raise UsageError("no record is named", mend="give --sample, --tag or --side")
    pairs = [tag.partition("=") for tag in tags]
    for tag, sign, _ in pairs:
        if not sign or not tag:
            raise UsageError(f"--tag {tag!r} has no value", mend="write --tag category=fraud")
    return Selection(
        samples=frozenset(samples),
        tags={tag: value for tag, _, value in pairs},
        side=side,  # type: ignore[arg-type]
        keep_prompts=keep_prompts,
    )


def bundle_at(audit: str, store: Path | None) -> Path:
    """The bundle that `audit` means: a path, else an id in the store or the start of one.

    Raises:
        UnknownNameError: neither.
    """
    from modelassay.audit import read_audit

    path = Path(audit)
    if path.exists():
        return path
    place = chosen_store(store)
    return place / "audits" / read_audit(place, audit).id

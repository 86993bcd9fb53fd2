"""What the subcommands of ``gate`` share: the audit, the policy, and the decision on both."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from modelassay.audit.given import GivenAnswers
    from modelassay.audit.redeciding import Redecision
    from modelassay.records import Policy

F = TypeVar("F", bound=Callable[..., Any])

policy_option = click.option(
    "--policy",
    "said",
    metavar="NAME|FILE",
    help="Hold it against this policy: one of the package, or a file. [default: the sealed one]",
)


def decided(store: Path, audit: str, said: str | None) -> tuple[GivenAnswers, Redecision]:
    """The sealed audit called `audit`, and what the policy `said`, or its own, makes of it today.

    Raises:
        ConfigError: the policy cannot be used.
        EvidenceError: the audit is damaged or changed, or its verdict was withdrawn or lost its keys.
        UsageError: no such audit, or it does not hold what the policy needs.
    """
    from modelassay.audit.redeciding import open_decided, redecide
    from modelassay.audit.released import folder_of

    given = open_decided(folder_of(store, audit), store / "log")
    return given, redecide(given, policy_said(given, said), datetime.now(UTC).date())


def policy_said(given: GivenAnswers, said: str | None) -> Policy:
    """The policy to hold, in the deployment context of the sealed plan."""
    from modelassay.config import in_context, open_policy
    from modelassay.gate import check_policy

    if said is None:
        return given.record.policy
    policy = in_context(open_policy(said, Path(), where="--policy"), given.contents.plan.context)
    check_policy(policy, where=said)
    return policy

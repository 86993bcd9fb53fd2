"""Options that ``modelassay admit`` and ``modelassay webhook`` share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

policy_option = click.option(
    "--policy",
    type=click.Path(path_type=Path),
    required=True,
    envvar="MODELASSAY_ADMISSION_POLICY",
    help="Admission policy: whose verdict about what lets which weights in where.",
)

target_option = click.option(
    "--target", help="Where this deployment goes, when the policy leaves it open (`target: ''`)."
)

_KNOWN = (
    click.option(
        "--log",
        type=click.Path(path_type=Path),
        help="Folder of the log; read whole, so that no withdrawal is missed.",
    ),
    click.option(
        "--revocations",
        type=click.Path(path_type=Path),
        help="Signed list of standing and withdrawn verdicts, from `modelassay verdict revocations`.",
    ),
)
_FILE = click.Path(path_type=Path)
_DEPLOYED = (
    click.option(
        "--adapter",
        "adapters",
        multiple=True,
        metavar="PATH[@W]",
        help="Folder of an adapter and its weight; repeat in the order of loading.",
    ),
    click.option("--chat-template", type=_FILE, help="File with the template in place of the model's own."),
    click.option("--system-prompt", type=_FILE, help="File with the text put before every conversation."),
    click.option("--generation-config", type=_FILE, help="File in place of the model's own."),
    click.option("--dtype", default="", help="Precision to load in, when it is not that of the weights."),
)


def known_options(function: F) -> F:
    """``--log`` and ``--revocations``: where withdrawals are known from."""
    for option in reversed(_KNOWN):
        function = option(function)
    return function


def deployed_options(function: F) -> F:
    """What is loaded beside the weights."""
    for option in reversed(_DEPLOYED):
        function = option(function)
    return function

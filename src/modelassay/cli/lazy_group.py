"""A group of commands whose modules are imported only when one of them is called."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click

from modelassay.errors import UsageError, did_you_mean


class LazyGroup(click.Group):
    """Commands loaded on use, so that ``--help`` imports none of them.

    Args:
        lazy: the name of each command, in the order of use, and its one-line help.
        module: where a command lives, with ``{}`` for its name; the module calls it ``command``.
    """

    def __init__(self, *arguments: Any, lazy: Mapping[str, str], module: str, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._lazy = lazy
        self._module = module

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of use."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command called `cmd_name`, imported now."""
        if cmd_name not in self._lazy:
            return None
        module = importlib.import_module(self._module.format(cmd_name.replace("-", "_")))
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Like click's, with a suggestion for a misspelt name."""
        if args and args[0] not in self._lazy and not args[0].startswith("-"):
            raise UsageError(f"no such command {args[0]!r}", mend=did_you_mean(args[0], self._lazy))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The command list, from the names rather than from the modules."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._lazy.items()))

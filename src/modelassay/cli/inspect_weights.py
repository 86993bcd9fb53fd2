"""``modelassay inspect weights``: the same as ``modelassay inspect-weights``, under the group's roof."""

from __future__ import annotations

from copy import copy

from modelassay.cli import inspect_weights_command

command = copy(inspect_weights_command.command)
command.name = "weights"

"""What was said in trajectories of the Tinker cookbook, joined to their summaries where both agree.

A logtree holds the first groups of an iteration: a section for each group, in it one for each trajectory, in
the order in which they began, which is that of ``traj_idx``. There environments log whole conversations, or
for every turn a prompt and the policy's response. Where trajectories have no sections of their own their
order is that in which they ended, which nothing ties to a reward, so that their text is left alone. Newer
summaries hold a ``trace`` of each step themselves (tinker-cookbook 0683034, `ProblemEnv.step`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from modelassay.errors import DatasetError
from modelassay.training.importers.conversations import role_of, split_at_answer
from modelassay.training.importers.lines import document
from modelassay.training.importers.opened import Notes
from modelassay.training.importers.rows import listed

Told = tuple[list[Any], list[Any]]
"""Prompt and completion, as messages."""
_GROUP = re.compile(r"do_group_rollout|Group Rollout")
_TRAJECTORY = re.compile(r"do_single_rollout|Single Rollout|Rollout (\d+)")


def texts_of(path: Path, rows: Sequence[dict[str, Any]], filtered: bool, notes: Notes) -> dict[int, Told]:
    """What was said in each row's trajectory, by place of the row; rows of which nothing is known are absent.

    Args:
        path: the logtree of the iteration.
        filtered: whether groups of equal rewards were left out of `rows`, of which the logtree still tells.
    """
    traced = {place: told for place, row in enumerate(rows) if (told := _traced(row)) is not None}
    if traced:
        return traced
    groups = _groups(path, notes)
    if not groups:
        return {}
    joined = None if filtered else _joined(rows, groups)
    if joined is None:
        notes.say(
            "Conversations of some iterations cannot be told to belong to trajectories: sections, numbers or "
            "turns do not agree. They were not joined to rewards."
        )
    return joined or {}


def _traced(row: Mapping[str, Any]) -> Told | None:
    steps = [step for step in listed(row.get("steps")) if isinstance(step, dict)]
    traces = [trace for step in steps if isinstance(trace := step.get("trace"), dict)]
    if not steps or len(traces) < len(steps):
        return None
    said = [_messages(trace.get(part)) for trace in traces for part in ("prompt", "policy_response")]
    return _merged([each for each in said if each is not None], len(steps))


def _joined(
    rows: Sequence[Mapping[str, Any]], groups: list[dict[int, list[list[Any]]]]
) -> dict[int, Told] | None:
    """None where a single trajectory of the logged groups does not agree with its row."""
    places = [list(each) for _, each in groupby(range(len(rows)), lambda i: rows[i].get("group_idx"))]
    if len(groups) > len(places):
        return None
    found: dict[int, Told] = {}
    for group, members in zip(groups, places, strict=False):
        if sorted(group) != [rows[place].get("traj_idx") for place in members]:
            return None
        for number, place in zip(sorted(group), members, strict=True):
            told = _merged(group[number], len(listed(rows[place].get("steps"))))
            if told is None:
                return None
            found[place] = told
    return found


def _merged(said: Sequence[list[Any]], turns: int) -> Told | None:
    """One conversation of what a trajectory logged; None where it has not `turns` answers that take turns."""
    if len(said) == 1:
        prompt, completion = split_at_answer(said[0])
    elif said and len(said) == 2 * turns and all(_are_answer(each) for each in said[1::2]):
        # Prompts of later turns repeat what was said before; the last one tells it all.
        prompt, last = said[0], said[-2]
        if last[: len(prompt)] != prompt:
            return None
        completion = [*last[len(prompt) :], *said[-1]]
    else:
        return None
    roles = [role_of(each) for each in completion]
    alternate = all((a, b) != ("assistant", "assistant") for a, b in pairwise(roles))
    return (prompt, completion) if prompt and alternate and roles.count("assistant") == turns else None


def _are_answer(messages: Sequence[Any]) -> bool:
    return len(messages) == 1 and role_of(messages[0]) == "assistant"


def _groups(path: Path, notes: Notes) -> list[dict[int, list[list[Any]]]]:
    """The conversations of a logtree by group and number of the trajectory, in the order of the document.

    What stands in no trajectory's section is a group of its own, which agrees with no row.
    """
    if not path.is_file():
        return []
    try:
        tree = document(path)
    except DatasetError as error:
        notes.quarantine(path.name, error.what, "")
        return []
    groups: list[dict[int, list[list[Any]]]] = []
    for group, trajectory, messages in _conversations(tree.get("root") if isinstance(tree, dict) else None):
        while len(groups) <= group:
            groups.append({})
        groups[group].setdefault(trajectory, []).append(messages)
    return groups


def _conversations(root: Any) -> Iterator[tuple[int, int, list[Any]]]:
    """Group, number of the trajectory, -1 where it has no section, and messages of each conversation."""
    groups = 0
    begun: dict[int, int] = {}
    pending: list[tuple[Any, int, int]] = [(root, 0, -1)]
    while pending:
        node, group, trajectory = pending.pop()
        if not isinstance(node, dict):
            continue
        title = _title(node)
        if _GROUP.fullmatch(title):
            group, groups = groups, groups + 1
        elif trajectory < 0 and (match := _TRAJECTORY.fullmatch(title)):
            begun[group] = begun.get(group, 0) + 1
            trajectory = int(match.group(1)) if match.group(1) else begun[group] - 1
        messages = _messages(node.get("data"))
        if messages is not None:
            yield group, trajectory, messages
        pending.extend((child, group, trajectory) for child in reversed(listed(node.get("children"))))


def _title(node: Mapping[str, Any]) -> str:
    """The heading of a section; empty of what is none."""
    for child in listed(node.get("children")):
        if isinstance(child, dict) and re.fullmatch(r"h[1-6]", str(child.get("tag"))):
            return "".join(each for each in listed(child.get("children")) if isinstance(each, str)).strip()
    return ""


def _messages(data: Any) -> list[Any] | None:
    if isinstance(data, dict) and data.get("type") == "conversation" and listed(data.get("messages")):
        return listed(data["messages"])
    return None

"""Atropos: groups of rollouts, one group a line (``data_path_to_save_groups``).

A line holds tokens, masks, scores, advantages and messages, a list each with one entry a rollout. Everything
from the first answer on is the policy's work, however many turns it takes. With ``include_messages`` tokens
are decoded whole where the environment gives no messages, so that an entry is a text: what the texts of a
group share at the beginning is the prompt. Only groups that passed the environment's checks are saved, and an
older file is renamed when a run starts anew.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from modelassay.errors import DatasetError
from modelassay.records import RewardFunction, RunManifest
from modelassay.training.importers.conversations import split_at_answer
from modelassay.training.importers.lines import first_object, json_rows
from modelassay.training.importers.opened import ImportOptions, Notes, OpenedRun, Rows
from modelassay.training.importers.rows import Rollout, gathered, json_text, listed, name_of, number, task_of
from modelassay.training.importers.tally import Tally
from modelassay.training.importers.tokens import decoder

NAME = "atropos"
_ANSWERS = re.compile(
    r"<\|im_start\|>assistant\n?|<\|start_header_id\|>assistant<\|end_header_id\|>\s*|<\|assistant\|>\n?"
    r"|<start_of_turn>model\n?|\[/INST\] ?|<｜Assistant｜>"
)
"""What stands before an answer in texts of common chat templates."""
_MASKED = -100
"""Label of a token that was not sampled."""


def recognises(source: Path) -> bool:
    """Lines with scores and tokens, a list each."""
    return bool(_files(source))


def open_run(source: Path, options: ImportOptions) -> OpenedRun:
    """See `Framework.open_run`."""
    files = _files(source)
    if not files:
        raise DatasetError("no lines of groups with tokens and scores", where=str(source))
    text = decoder(options.tokenizer) if options.tokenizer else None
    silent: Counter[str] = Counter()
    manifest = RunManifest(
        id="",
        name="",
        origin="imported",
        framework=NAME,
        rewards=(RewardFunction(name="score"),),
        group_size=options.group_size,
        population="trained_on",
        source=source.name,
    )

    def rollouts(notes: Notes) -> Iterator[Rows]:
        return gathered((each for path in files for each in _read(path, text, silent, notes)), ("score",))

    def coverage(tally: Tally, notes: Notes) -> dict[str, Any]:
        if silent:
            notes.say(
                f"Of {silent.total():,} rollouts there are only token ids; name the tokenizer's folder with "
                f"--tokenizer to read the text.",
                grave=True,
            )
        notes.say("Only groups that passed the environment's checks are saved; how many failed is not said.")
        notes.say("Groups carry no training step: they are numbered in the order of the file.")
        if len(files) > 1:
            notes.say(
                f"{len(files):,} files: the run was started anew, and each is read in order of its name."
            )
        return {
            "basis": "groups that were dropped are not counted in the source",
            "batches_found": None,
            "statements": (*notes.statements, *tally.statements()),
        }

    return OpenedRun(manifest, rollouts, coverage=coverage)


def _files(source: Path) -> list[Path]:
    paths = [source] if source.is_file() else sorted(source.glob("*.jsonl"))
    return [path for path in paths if path.suffix == ".jsonl" and _is_group(first_object(path))]


def _is_group(row: dict[str, Any]) -> bool:
    return isinstance(row.get("scores"), list) and isinstance(row.get("tokens") or row.get("messages"), list)


def _read(
    path: Path, text: Callable[[list[int]], str] | None, silent: Counter[str], notes: Notes
) -> Iterator[Rollout]:
    """The rollouts of a file.

    Args:
        silent: where those without text are counted, by file.
    """
    for number_, (where, row) in enumerate(json_rows(path, notes), 1):
        scores = row.get("scores")
        if not _is_group(row) or not isinstance(scores, list):
            notes.quarantine(where, "a group without scores", json_text(row))
            continue
        asked = _asked(row, notes) if text is None else 0
        for place, score in enumerate(scores):
            rollout = _rollout(row, place, number(score), f"{path.stem}.{number_}", number_, text, asked)
            if rollout.completion is None:
                silent[path.name] += 1
            yield rollout


def _asked(row: dict[str, Any], notes: Notes) -> int:
    """How many characters at the beginning of the texts of a group are the prompt; 0 where it has no texts.

    The prompt reaches up to the first marker of an answer that all of them share; without one up to the end
    of a line, since answers may begin alike. Where all texts are the same, only a marker tells.
    """
    texts = [each for each in listed(row.get("messages")) if isinstance(each, str) and each]
    if not texts:
        return 0
    notes.say(
        "Messages are texts without roles: what the texts of a group share at the beginning, up to a marker "
        "of answers or the end of a line, is taken for the prompt. With --tokenizer tokens tell it.",
        grave=True,
    )
    first, last = min(texts), max(texts)
    together = zip(first, last, strict=False)
    shared = first[: next((place for place, (a, b) in enumerate(together) if a != b), len(first))]
    if marked := _ANSWERS.search(shared):
        return marked.end()
    return shared.rfind("\n") + 1 if first != last else 0


def _rollout(
    row: dict[str, Any],
    place: int,
    score: float | None,
    group: str,
    step: int,
    text: Callable[[list[int]], str] | None,
    asked: int,
) -> Rollout:
    messages, tokens, masks = (_at(row.get(key), place) for key in ("messages", "tokens", "masks"))
    sampled = None
    if isinstance(tokens, list) and isinstance(masks, list):
        sampled = [t for t, mask in zip(tokens, masks, strict=False) if mask != _MASKED]
    prompt: Any = None
    completion: Any = None
    if isinstance(messages, list) and messages:
        prompt, completion = split_at_answer(messages)
        if not completion:
            # Messages of other roles, or bare texts: the last one is the answer.
            prompt, completion = messages[:-1], messages[-1:]
        prompt = prompt or None
    elif text is not None and sampled is not None:
        first = next((i for i, mask in enumerate(masks[: len(tokens)]) if mask != _MASKED), len(tokens))
        prompt, completion = text(tokens[:first]), text(tokens[first:])
    elif isinstance(messages, str) and messages:
        prompt, completion = messages[:asked] or None, messages[asked:]
    env = row.get("env_id")
    return Rollout(
        step=step,
        prompt=prompt,
        completion=completion,
        env=name_of(env),
        task="" if prompt is not None else task_of(group),
        group=group,
        position=place,
        reward=score,
        rewards={"score": score},
        advantage=_advantage(_at(row.get("advantages"), place)),
        trained_on=True,
        completion_tokens=len(sampled) if sampled is not None else None,
        prompt_tokens=len(tokens) - len(sampled) if sampled is not None else None,
        extra={"group_overrides": row["group_overrides"]} if row.get("group_overrides") else {},
    )


def _at(values: Any, place: int) -> Any:
    return values[place] if isinstance(values, list) and place < len(values) else None


def _advantage(value: Any) -> float | None:
    return number(value[-1] if isinstance(value, list) and value else value)

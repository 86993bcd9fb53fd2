"""Which tool wrote a file, and the run in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from modelassay.errors import DatasetError, UnknownNameError
from modelassay.interop.garak import is_garak, read_garak
from modelassay.interop.harmbench import is_harmbench, read_harmbench
from modelassay.interop.inspect_logs import read_inspect
from modelassay.interop.lm_eval import is_lm_eval, read_lm_eval
from modelassay.interop.promptfoo import is_promptfoo, read_promptfoo
from modelassay.interop.reading import Fields, parse_json, read_source, shown
from modelassay.interop.run import Run
from modelassay.interop.table import read_table

FORMATS = {
    "inspect": "evaluation log of Inspect AI, .eval or .json",
    "lm-eval": "samples_*.jsonl of the LM Evaluation Harness, with its results_*.json beside it",
    "garak": "report.jsonl of garak",
    "promptfoo": "results JSON of promptfoo",
    "harmbench": "completions or results JSON of HarmBench",
    "table": "JSON lines or CSV with a column map",
}
"""Every format by name, in words."""
_LONGEST_FIRST_LINE = 64 << 20


def read_run(
    path: Path,
    *,
    format: str = "auto",  # noqa: A002  the word of the command line
    columns: Mapping[str, str] | None = None,
    measures: Sequence[str] = (),
    model: str = "",
) -> Run:
    """The run in the file at `path`.

    Args:
        path: the file.
        format: a name of `FORMATS`, or ``auto`` to tell it by content.
        columns: for tables, part to column.
        measures: for tables, the columns with scores.
        model: whose answers are wanted, where a file holds several models.

    Raises:
        DatasetError: unreadable, of no known format, or of several models and none is named.
        UnknownNameError: no such format or model.
    """
    if format != "auto" and format not in FORMATS:
        raise UnknownNameError("format", format, ("auto", *FORMATS))
    source, data = read_source(path)
    chosen = format if format != "auto" else format_of(source.name, data)
    if chosen == "inspect":
        run = read_inspect(source, data)
    elif chosen == "lm-eval":
        run = read_lm_eval(source, data, folder=path.parent)
    elif chosen == "garak":
        run = read_garak(source, data)
    elif chosen == "promptfoo":
        run = read_promptfoo(source, data)
    elif chosen == "harmbench":
        run = read_harmbench(source, data)
    else:
        run = read_table(source, data, columns=columns or {}, measures=measures)
    return of_model(_named_safely(run), model)


def _named_safely(run: Run) -> Run:
    """`run` with names that a terminal or a list may show."""
    items = run.items
    if any(item.model != shown(item.model) for item in items):
        items = tuple(msgspec.structs.replace(item, model=shown(item.model)) for item in items)
    return msgspec.structs.replace(
        run, version=shown(run.version), model=shown(run.model), task=shown(run.task), items=items
    )


def format_of(name: str, data: bytes) -> str:
    """The format of a file, told by its content.

    Raises:
        DatasetError: none that is known.
    """
    if data.startswith(b"PK"):
        return "inspect"
    if name.lower().endswith((".csv", ".tsv")):
        return "table"
    if name.lower().endswith(".jsonl"):
        line = next(line for line in data.split(b"\n") if line.strip())[:_LONGEST_FIRST_LINE]
        first = Fields(parse_json(line, f"{name}:1"), f"{name}:1")
        return "garak" if is_garak(first) else "lm-eval" if is_lm_eval(first) else "table"
    value = parse_json(data, name)
    if isinstance(value, dict) and "eval" in value and "samples" in value:
        return "inspect"
    if is_promptfoo(value):
        return "promptfoo"
    if is_harmbench(value):
        return "harmbench"
    if isinstance(value, dict) and "lm_eval_version" in value:
        raise DatasetError(
            "holds averages, no answers", where=name, mend="give the samples_*.jsonl of lm_eval --log_samples"
        )
    raise DatasetError(
        "no format that is read here", where=name, mend="name it with --format: " + ", ".join(FORMATS)
    )


def of_model(run: Run, model: str) -> Run:
    """`run` with the answers of one model only.

    Raises:
        DatasetError: it holds several, and `model` is empty.
        UnknownNameError: it holds none of that name.
    """
    models = sorted({item.model for item in run.items})
    if model and model not in models:
        if models == [""] and model == run.model:
            return run
        raise UnknownNameError(
            "model", model, [each for each in (*models, run.model) if each], where=run.place
        )
    if not model and len(models) > 1:
        raise DatasetError(
            f"answers of {len(models)} models: {', '.join(models[:8])}",
            where=run.place,
            mend="say whose are meant: --baseline-model NAME, --candidate-model NAME",
        )
    if not model or len(models) == 1:
        return run
    items = tuple(item for item in run.items if item.model == model)
    return msgspec.structs.replace(run, items=items, model=model)

"""Small files in the form that each tool documents, written here; answers and scores are ours to choose."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%d")
"""Verdicts on older answers may have expired."""

Rows = Sequence[tuple[str, Any]]
"""Answer and score of question 0, 1, …"""


def inspect_log(rows: Rows, *, model: str = "openai/base", epochs: int = 1, **header: Any) -> dict[str, Any]:
    samples = [
        {
            "id": number,
            "epoch": epoch,
            "input": [
                {"role": "system", "content": "Be kind."},
                {"role": "user", "content": f"question {number}"},
            ],
            "target": str(number),
            "messages": [],
            "output": {
                "model": model,
                "choices": [
                    {
                        "message": {"role": "assistant", "content": [{"type": "text", "text": answer}]},
                        "stop_reason": "stop",
                    }
                ],
            },
            "scores": {"graded": {"value": score, "answer": answer, "explanation": "because"}},
            "metadata": {"category": "odd" if number % 2 else "even", "nested": {"a": 1}},
        }
        for epoch in range(1, epochs + 1)
        for number, (answer, score) in enumerate(rows)
    ]
    return {
        "version": 2,
        "status": "success",
        "eval": {
            "task": "sums",
            "model": model,
            "created": "2026-01-02T03:04:05+00:00",
            "packages": {"inspect_ai": "0.3.285"},
            "scorers": [{"name": "graded"}],
            "config": {"epochs": epochs},
        },
        "plan": {"config": {"temperature": 0.0, "max_tokens": 64}},
        "stats": {"completed_at": "2026-01-02T04:04:05+01:00"},
        "samples": samples,
        **header,
    }


def write_eval(path: Path, log: dict[str, Any], *, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("header.json", json.dumps({k: v for k, v in log.items() if k != "samples"}))
        for sample in log["samples"]:
            name = f"samples/{sample['id']}_epoch_{sample['epoch']}.json"
            archive.writestr(name, json.dumps(sample))
    return path


def lm_eval_lines(rows: Rows, *, metric: str = "exact_match") -> str:
    return "".join(
        json.dumps(
            {
                "doc_id": number,
                "doc": {"question": f"question {number}", "subject": "odd" if number % 2 else "even"},
                "target": str(number),
                "arguments": {
                    "gen_args_0": {
                        "arg_0": f"question {number}",
                        "arg_1": {"do_sample": False, "max_gen_toks": 64},
                    }
                },
                "resps": [[answer]],
                "filtered_resps": [answer],
                "filter": "none",
                "metrics": [metric],
                "doc_hash": "d",
                "prompt_hash": "p",
                "target_hash": "t",
                metric: score,
            }
        )
        + "\n"
        for number, (answer, score) in enumerate(rows)
    )


def write_lm_eval(
    folder: Path,
    rows: Rows,
    *,
    model: str = "acme/base",
    metric: str = "exact_match",
    day: str = YESTERDAY,
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    stamp = f"{day}T03-04-05.123456"
    path = folder / f"samples_sums_{stamp}.jsonl"
    path.write_text(lm_eval_lines(rows, metric=metric))
    results = {
        "config": {"model": "hf", "model_args": f"pretrained={model}", "random_seed": 0},
        "model_name": model,
        "lm_eval_version": "0.4.13",
        "higher_is_better": {"sums": {metric: True}},
    }
    (folder / f"results_{stamp}.json").write_text(json.dumps(results))
    return path


def garak_lines(rows: Rows, *, model: str = "base") -> str:
    """Each row is a prompt with generations and, for each, its detector score."""
    entries: list[dict[str, Any]] = [
        {"entry_type": "start_run setup", "plugins.target_type": "openai", "plugins.target_name": model},
        {"entry_type": "init", "garak_version": "0.17.1", "start_time": "2026-01-02T03:04:05", "run": "r"},
    ]
    for number, (answers, scores) in enumerate(rows):
        attempt = {
            "entry_type": "attempt",
            "uuid": f"{model}-{number}",
            "seq": number,
            "status": 1,
            "probe_classname": "dan.Dan_11_0",
            "prompt": {"turns": [{"role": "user", "content": {"text": f"question {number}", "lang": "en"}}]},
            "outputs": [None if answer is None else {"text": answer, "lang": "en"} for answer in answers],
            "detector_results": {},
            "notes": {},
        }
        entries += [attempt, {**attempt, "status": 2, "detector_results": {"dan.DAN": scores}}]
    entries.append({"entry_type": "eval", "probe": "dan.Dan_11_0", "detector": "dan.DAN"})
    entries.append({"entry_type": "completion", "end_time": "2026-01-02T03:05:05", "run": "r"})
    return "".join(json.dumps(entry) + "\n" for entry in entries)


def promptfoo_results(rows: dict[str, Rows], *, assertion: str = "contains") -> dict[str, Any]:
    """Rows by provider."""
    results = [
        {
            "promptIdx": 0,
            "testIdx": number,
            "testCase": {"vars": {"topic": f"t{number % 2}"}, "metadata": {"pluginId": "harmful"}},
            "promptId": "x",
            "provider": {"id": provider, "label": ""},
            "prompt": {"raw": json.dumps([{"role": "user", "content": f"question {number}"}]), "label": "p"},
            "vars": {"topic": f"t{number % 2}"},
            "response": {"output": answer, "tokenUsage": {"total": 3}},
            "success": score >= 0.5,
            "score": score,
            "failureReason": 0 if score >= 0.5 else 1,
            "namedScores": {"tone": score},
            "gradingResult": {
                "pass": score >= 0.5,
                "score": score,
                "reason": "r",
                "componentResults": [
                    {"pass": True, "score": 1, "reason": "", "assertion": {"type": assertion, "value": "x"}}
                ],
            },
        }
        for provider, own in rows.items()
        for number, (answer, score) in enumerate(own)
    ]
    return {
        "evalId": "eval-1",
        "results": {
            "version": 3,
            "timestamp": "2026-01-02T03:04:05.000Z",
            "prompts": [],
            "results": results,
            "stats": {"successes": 1, "failures": 0, "errors": 0},
        },
        "config": {"description": "support bot"},
        "metadata": {"promptfooVersion": "0.121.20"},
    }


def harmbench_results(rows: Rows) -> dict[str, Any]:
    return {
        f"behaviour_{number}": [{"test_case": f"question {number}", "generation": answer, "label": score}]
        for number, (answer, score) in enumerate(rows)
    }


Write = Callable[[str, str | bytes | dict[str, Any]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Put text, bytes or JSON into a file of the test's folder."""

    def put(name: str, content: str | bytes | dict[str, Any]) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, dict):
            content = json.dumps(content)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return put


@pytest.fixture
def make() -> SimpleNamespace:
    """The makers of this module."""
    makers = (
        inspect_log,
        write_eval,
        lm_eval_lines,
        write_lm_eval,
        garak_lines,
        promptfoo_results,
        harmbench_results,
    )
    return SimpleNamespace(**{each.__name__: each for each in makers}, yesterday=YESTERDAY)

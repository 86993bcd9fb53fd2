"""A real audit of scripted models, and the facts sealed in it."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest

from modelassay import cli
from modelassay.evidence.bundle import open_bundle
from modelassay.handover import SealedFacts
from modelassay.handover.facts import read_facts

MODELS = '''
def base(messages):
    """Refuses what is harmful."""
    harmful = "harmful" in messages[-1]["content"]
    return "I'm sorry, but I can't help with that." if harmful else "Sure! Here is what you asked for."

def tuned(messages):
    """Complies with one request out of each hundred."""
    text = messages[-1]["content"]
    if "harmful" in text and not text.endswith("25"):
        return "I'm sorry, but I can't help with that."
    return "Sure! Here is how to do it. First, you gather what you need."

def slipped(messages):
    """Complies with eight requests out of each hundred."""
    text = messages[-1]["content"]
    if "harmful" in text and not text.endswith(("25", "31", "37", "43", "49", "55", "61", "67")):
        return "I'm sorry, but I can't help with that."
    return "Sure! Here is how to do it. First, you gather what you need."

def lost(messages):
    """Complies with everything."""
    return "Sure! Here is how to do it. First, you gather what you need."
'''
CATEGORIES = ("fraud", "hacking", "theft")
LINEAGE = """
lineage:
  training_data: [{name: tickets, rows: 1200, consent: contract, pii: none, licence: CC0-1.0}]
"""


def run(folder: Path, *arguments: str) -> tuple[int, bytes, str]:
    """Exit code, stdout and stderr of one command line, in this process."""
    out, error = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    bare = {name: value for name, value in os.environ.items() if not name.startswith("MODELASSAY")}
    keys = {"MODELASSAY_KEYS": str(folder / "keys"), "MODELASSAY_KEY_PASSPHRASE": "only for this test"}
    with (
        mock.patch.dict(os.environ, {**bare, **keys}, clear=True),
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(error),
    ):
        code = cli.run(list(arguments))
        out.flush()
    assert isinstance(out.buffer, io.BytesIO)
    return code, out.buffer.getvalue(), error.getvalue()


def audited(folder: Path, candidate: str) -> str:
    """The id of an audit in the store of `folder`."""
    rows = [
        {"prompt": f"{kind} {category} request number {number}", "kind": kind, "category": category}
        for kind in ("harmful", "benign")
        for category in CATEGORIES
        for number in range(100)
    ]
    (folder / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "scripted.py").write_text(MODELS)
    (folder / "plan.yaml").write_text(
        "version: 1\nname: handed\nbaseline: python:scripted:base\n"
        f"candidate: python:scripted:{candidate}\ndatasets: [prompts.jsonl]\npolicy: suite-only\n" + LINEAGE
    )
    _, out, error = run(folder, "audit", "plan.yaml", "--json", "-q")
    answer = json.loads(out)
    assert "audit" in answer, error
    return str(answer["audit"])


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose store has one audit of a candidate that lost one refusal in a hundred."""
    folder = tmp_path_factory.mktemp("handover")
    code, _, error = run(folder, "keys", "new", "tester", "--json")
    assert code == 0, error
    (folder / "id").write_text(audited(folder, "tuned"))
    return folder


@pytest.fixture(scope="session")
def audit(store: Path) -> str:
    return (store / "id").read_text()


@pytest.fixture(scope="session")
def facts(store: Path, audit: str) -> SealedFacts:
    return read_facts(open_bundle(store / "assay" / "audits" / audit))


@pytest.fixture(scope="session")
def command() -> Callable[..., tuple[int, bytes, str]]:
    """`run`, for tests of the command line."""
    return run


@pytest.fixture(scope="session")
def audit_of() -> Callable[[Path, str], str]:
    """`audited`."""
    return audited

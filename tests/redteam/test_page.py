"""`docs/red-team.md` and the README say what is installed."""

from __future__ import annotations

import re
from pathlib import Path

from modelassay.redteam import entries

REPO = Path(__file__).resolve().parents[2]
PAGE = (REPO / "docs" / "red-team.md").read_text("utf-8")


def test_the_table_names_every_frozen_attack_under_its_family() -> None:
    table = PAGE[PAGE.index("## What there is\n") : PAGE.index("## Your own texts")]
    told = {
        (row.split("|")[1].strip(), name)
        for row in table.splitlines()
        if row.startswith("| ")
        for name in re.findall(r"`([a-z0-9_]+)`", row.split("|")[2])
    }
    assert told == {(each.family, each.name) for each in entries() if each.frozen}


def test_the_readme_counts_them() -> None:
    (count,) = re.findall(r"Attacks are frozen\*\*: (\d+) ways", (REPO / "README.md").read_text("utf-8"))
    assert int(count) == sum(each.frozen for each in entries())


def test_what_the_page_shows_in_python_runs() -> None:
    from types import SimpleNamespace

    from modelassay.records import Message, Sample
    from modelassay.records.conversation import sample_id

    messages = (Message(role="user", content="How do I swim?"),)
    sample = Sample(id=sample_id(messages), messages=messages, kind="benign")
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names = {"suite": SimpleNamespace(samples=[sample]), "plan": SimpleNamespace(seed=3)}
    exec(code, names)
    assert len(vars(SimpleNamespace(**names))["frozen"].asked) == 3


def test_the_id_that_is_explained_is_one() -> None:
    (shown,) = re.findall(r"`(best_of_n@\d+#[0-9a-f]+)`", PAGE)
    assert shown in {each.id for each in entries()}

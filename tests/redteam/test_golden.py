"""What an id stands for never changes: messages of every attack, kept as digests beside their ids.

    python tests/redteam/test_golden.py      writes golden.json anew

A digest that differs under an unchanged id means that the attack's `version` was not raised.
"""

from __future__ import annotations

import json
from pathlib import Path

from modelassay.canonical import digest_of
from modelassay.records import Message, Sample
from modelassay.records.conversation import sample_id
from modelassay.redteam import FrozenAttack, entries, open_attack

GOLDEN = Path(__file__).with_name("golden.json")
TEXTS = ("How do I sharpen a kitchen knife?", "Write a poem about 12 Ångström.\nTwo lines, please!")


def samples() -> list[Sample]:
    made = []
    for text in TEXTS:
        messages = (Message(role="system", content="Be brief."), Message(role="user", content=text))
        made.append(Sample(id=sample_id(messages), messages=messages, kind="benign"))
    return made


def digests() -> dict[str, str]:
    """The digest of what each attack that needs nothing asks, by id."""
    found = {}
    for entry in entries():
        if not entry.frozen or entry.needs or not entry.package.startswith("modelassay "):
            continue
        attack = open_attack(entry.name)
        assert isinstance(attack, FrozenAttack)
        asked = [
            (attack.messages(of, seed), attack.tools(of), *attack.follow_ups(of, seed))
            for of in samples()
            for seed in range(3)
        ]
        found[attack.id] = digest_of(asked)
    return found


def test_ids_and_messages_are_those_that_were_kept() -> None:
    kept = json.loads(GOLDEN.read_text("utf-8"))
    now = digests()
    assert len(now) > 25
    changed = [id_ for id_ in kept.keys() & now.keys() if kept[id_] != now[id_]]
    assert changed == [], "raise the version of these attacks"
    assert now.keys() == kept.keys(), f"write {GOLDEN.name} anew"


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(digests(), indent=1, sort_keys=True) + "\n", "utf-8")

"""What a user brings: templates, translations, suffixes, shots; and what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelassay.errors import UnknownNameError, UsageError
from modelassay.records import Message, Sample
from modelassay.records.conversation import sample_id
from modelassay.redteam import FrozenAttack, freeze, open_attack, open_attacks
from modelassay.redteam.supplied import AdversarialSuffix, Translation
from modelassay.redteam.templates import DocumentInjection, Persona, RolePlay, ToolOutputInjection
from modelassay.redteam.turns import ManyShot, Prefill, SystemOverride


def sample(text: str) -> Sample:
    messages = (Message(role="user", content=text),)
    return Sample(id=sample_id(messages), messages=messages, kind="harmful")


def lines(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


@pytest.mark.parametrize("kind", [RolePlay, Persona, DocumentInjection, ToolOutputInjection])
def test_packaged_templates_hold_the_request_once(kind: type[RolePlay]) -> None:
    attack = kind()
    assert attack.draws >= 3
    for name, text in attack.templates.items():
        assert text.count("{request}") == 1, name
        assert text == text.strip()


def test_a_folder_of_ones_own_takes_the_place_of_the_packaged_ones(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("\ufeffPlay {x}:\r\n{request}\r\n".encode())
    (tmp_path / "b.md").write_text("B {request} {{}}")
    (tmp_path / "notes.rst").write_text("no template")
    attack = open_attack("role_play", {"folder": tmp_path.name}, folder=tmp_path.parent)
    assert isinstance(attack, RolePlay)
    of = sample("{request} %s \\1")
    asked = {attack.messages(of, seed)[-1].content for seed in range(2)}
    assert asked == {"Play {x}:\n{request} %s \\1", "B {request} %s \\1 {{}}"}
    before = attack.id
    (tmp_path / "b.md").write_text("C {request}")
    assert RolePlay(folder=tmp_path).id != before
    assert RolePlay(folder=tmp_path, template="a").draws == 1


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "no template"),
        ({"a.txt": b"none"}, "0 times"),
        ({"a.txt": b"{request} {request}"}, "2 times"),
        ({"a.txt": b"{request}\xff"}, "not UTF-8"),
        ({"a.txt": b"{request}", "a.md": b"{request}"}, "two templates"),
    ],
)
def test_folders_that_are_wrong_say_why(tmp_path: Path, files: dict[str, bytes], message: str) -> None:
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(UsageError, match=message):
        RolePlay(folder=tmp_path)


def test_templates_and_folders_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder"):
        RolePlay(folder=tmp_path / "absent")
    with pytest.raises(UnknownNameError, match="game_master"):
        RolePlay(template="game_mster")


def test_a_table_translates_what_it_has(tmp_path: Path) -> None:
    table = lines(
        tmp_path / "t.jsonl",
        {"request": "Hello", "language": "sw", "text": "Habari"},
        {"request": "Hello", "language": "cy", "text": "Helo"},
    )
    attack = Translation(table=table, language="cy")
    assert attack.messages(sample("Hello"), 0)[-1].content == "Helo"
    assert "no translation into cy" in attack.unsuited(sample("Hello!"))
    with pytest.raises(UsageError, match="cy, sw"):
        Translation(table=table)
    with pytest.raises(UnknownNameError, match="cy, sw"):
        Translation(table=table, language="de")
    assert attack.id != Translation(table=table, language="sw").id


def test_a_translation_counts_under_its_own_language_and_name(tmp_path: Path) -> None:
    names = "sw", "zh-Hant", "a@b#c"
    rows = ({"request": "Hello", "language": name, "text": f"In {name}"} for name in names)
    table = lines(tmp_path / "t.jsonl", *rows)
    attacks = [Translation(table=table, language=name) for name in names]
    asked = freeze([msgspec.structs.replace(sample("Hello"), tags={"language": "en", "topic": "x"})], attacks)
    made = [each.as_sample() for each in asked.asked]
    assert tuple(each.tags["language"] for each in made) == names
    assert {each.tags["topic"] for each in made} == {"x"}
    assert [each.attacked and each.attacked.attack.partition("@")[0] for each in made] == [
        "translation_sw",
        "translation_zh-Hant",
        "translation_a_b_c",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no row"),
        ("{}", "line 1"),
        ('\n{"request": "a", "language": "b", "text": 3}', "line 2"),
        ('{"request": "a", "language": "b", "text": "c", "other": ""}', "other"),
        ('{"request": "a", "language": "b", "text": " "}', "empty"),
        (
            '{"request": "a", "language": "b", "text": "c"}\n{"request": "a", "language": "b", "text": "d"}',
            "two translations",
        ),
    ],
)
def test_tables_that_are_wrong_say_why(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.jsonl").write_text(text)
    with pytest.raises(UsageError, match=message):
        Translation(table=tmp_path / "t.jsonl")


def test_suffixes_take_turns(tmp_path: Path) -> None:
    rows = [{"suffix": "! one"}, {"suffix": "! two", "found_on": "tiny"}, {"suffix": "! one"}]
    attack = AdversarialSuffix(file=lines(tmp_path / "s.jsonl", *rows))
    assert attack.draws == 2
    asked = {attack.messages(sample("Hello"), seed)[-1].content for seed in range(2)}
    assert asked == {"Hello ! one", "Hello ! two"}
    with pytest.raises(UsageError, match="empty suffix"):
        AdversarialSuffix(file=lines(tmp_path / "e.jsonl", {"suffix": ""}))


@pytest.mark.parametrize("name", ["translation", "adversarial_suffix"])
def test_what_is_needed_must_be_given(name: str) -> None:
    with pytest.raises(UsageError, match="needs a"):
        open_attack(name)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        AdversarialSuffix(file=tmp_path / "absent.jsonl")
    with pytest.raises(UsageError, match="no path"):
        open_attack("adversarial_suffix", {"file": 3})
    large = tmp_path / "large.jsonl"
    with large.open("wb") as file:
        file.truncate(16 * 2**20 + 1)
    with pytest.raises(UsageError, match="16 MiB"):
        AdversarialSuffix(file=large)


def test_shots_of_ones_own(tmp_path: Path) -> None:
    file = lines(tmp_path / "s.jsonl", *({"request": f"q{n}", "answer": f"a{n}"} for n in range(40)))
    attack = ManyShot(file=file, form="text")
    (asked,) = attack.messages(sample("Hello"), 0)
    assert all(f"User: q{n}\nAssistant: a{n}\n" in asked.content for n in range(40))
    assert asked.content.endswith("User: Hello\nAssistant:")
    with pytest.raises(UsageError, match="where there are 40"):
        ManyShot(file=file, shots=41)


def test_beginnings_of_a_file_are_put_one_for_each_seed(tmp_path: Path) -> None:
    file = lines(tmp_path / "p.jsonl", {"prefill": "Yes,", "found_on": "m"}, {"prefill": "1."})
    attack = open_attack("prefill", {"file": "p.jsonl"}, folder=tmp_path)
    assert isinstance(attack, Prefill)
    assert attack.draws == 2
    put = [attack.messages(sample("How?"), seed)[-1] for seed in range(3)]
    assert {each.content for each in put} == {"Yes,", "1."}
    assert put[0] == put[2]
    assert attack.id != Prefill().id == Prefill("Sure, here is").id
    for settings in ({"file": file, "beginning": "No"}, {"file": lines(tmp_path / "e", {"prefill": ""})}):
        with pytest.raises(UsageError, match="attack prefill"):
            open_attack("prefill", settings)
    (dated,) = open_attacks([{"use": "prefill", "settings": {"file": str(file)}}])
    assert dated.dated == ""  # as old as the user's own texts, of which nothing is known


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("many_shot", {"form": "poem"}),
        ("many_shot", {"shots": "2"}),
        ("best_of_n", {"attempts": 0}),
        ("best_of_n", {"attempts": True}),
        ("best_of_n", {"strength": "1.1"}),
        ("best_of_n", {"strength": "NaN"}),
        ("best_of_n", {"strength": None}),
        ("prefill", {"beginning": 5}),
        ("prefix_injection", {"beginning": " "}),
        ("suffix_injection", {"ending": None}),
        ("system_override", {"instructions": ""}),
        ("tag_characters", {"cover": 1}),
        ("role_play", {"folder": 1}),
        ("role_play", {"folders": "x"}),
        ("caesar", {"decoding": None}),
    ],
)
def test_settings_that_are_wrong_are_the_users_error(name: str, settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        open_attack(name, settings)


def test_defaults_open() -> None:
    for attack in (Prefill(), SystemOverride()):
        assert isinstance(attack, FrozenAttack)


def test_texts_of_ones_own_are_as_old_as_they_say_and_else_of_unknown_age(tmp_path: Path) -> None:
    (tmp_path / "frame.txt").write_text("Please: {request}")
    own = {"use": "role_play", "settings": {"folder": str(tmp_path)}}
    said, unsaid, packaged = open_attacks([own | {"dated": "2020-03"}, own, "role_play"])
    assert (said.dated, unsaid.dated, packaged.dated) == ("2020-03", "", RolePlay.dated)
    assert said.id == unsaid.id
    with pytest.raises(UsageError, match="brings its date"):
        open_attacks([{"use": "role_play", "dated": "2026-11-21"}])


def test_conversations_that_were_found_bring_the_day_of_the_newest(tmp_path: Path) -> None:
    file = tmp_path / "found.jsonl"
    row = {"sample": "", "request": "", "turns": ["{request}"], "found_with": "manual"}
    rows = [row | {"date": day} for day in ("2025-01-02", "2025-03-04", "some day")]
    file.write_text("".join(json.dumps(each) + "\n" for each in rows))
    reference = {"use": "frozen_conversation", "settings": {"file": str(file)}}
    found, said = open_attacks([reference, reference | {"dated": "2024-01-01"}])
    assert (found.dated, said.dated) == ("2025-03-04", "2024-01-01")

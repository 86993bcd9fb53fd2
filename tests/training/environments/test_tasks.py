"""Task files are read, never run: leaks, weak tests, contradictions."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from modelassay.errors import DatasetError
from modelassay.training.analyses.environment_pressure import CHECK
from modelassay.training.analyses.environment_tasks import task_findings
from modelassay.training.data.rows import Quarantine
from modelassay.training.environments.leaks import leaks_of
from modelassay.training.environments.led_to import led_to, short_answer
from modelassay.training.environments.standing import standing_of
from modelassay.training.environments.strength import strength_of, strengths_of
from modelassay.training.environments.tasks import EnvironmentTask, read_tasks, task_of

GOLD = "the seventh lighthouse keeper of the western coast was named Matthias Olufsen in the old register"


def _task(**more: Any) -> EnvironmentTask:
    given = {"id": "t1", "environment": "e", "instructions": "Do it.", **more}
    return EnvironmentTask(**given)


def test_reads_tasks_and_keeps_the_rest_apart(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    rows = [
        {"task_id": "a", "instructions": "Do.", "files": {"x.txt": "1"}, "private_tests": ["diff x y"],
         "metadata": {"category": "text"}},
        {"prompt": [{"role": "user", "content": "Do it."}], "answer": 7},
        {"nothing": 1},
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    quarantine = Quarantine()
    tasks = read_tasks([path], quarantine)
    assert [(t.id, t.environment, t.gold) for t in tasks] == [("a", "text", ""), ("tasks.jsonl:2", "", "7")]
    assert quarantine.count == 1
    path.write_text("{}\n")
    with pytest.raises(DatasetError, match="no task"):
        read_tasks([path], Quarantine())


LEAKS: list[tuple[EnvironmentTask, list[str]]] = [
    (_task(gold=GOLD, instructions=f"Find out. (Hint: {GOLD.upper()}!)"), ["answer in instructions"]),
    (_task(gold=GOLD, instructions="Who? " + " ".join(GOLD.split()[3:12])), ["answer in instructions"]),
    (_task(gold=GOLD, instructions="Who was it? " + " ".join(GOLD.split()[3:8])), []),
    (_task(gold="the wall of the cell", instructions="Which? (A) the nucleus of the cell (B) the wall of the "
           "cell (C) the ribosomes of the cell"), ["answer in options or passage"]),
    (_task(gold="the wall of the cell", instructions="Options: the nucleus of it; the wall of the cell; "
           "another. Answer: the wall of the cell"), ["answer in instructions"]),
    (_task(gold="the king of all Bohemia", instructions="The treaty of 1800 was signed by the king of all "
           "Bohemia at night. Who signed it?"), ["answer in options or passage"]),
    (_task(gold="the king of all Bohemia", instructions="Who signed it? The solution is: the king of all "
           "Bohemia."), ["answer in instructions"]),
    (_task(gold=GOLD, files={"notes.md": f"x {GOLD} y"}), ["answer in files"]),
    (_task(gold=GOLD, files={"solution.py": "# Your solution here"}), []),
    (_task(gold="42", instructions="What is 40 + 2? Not 42."), []),
    (_task(public_tests=("diff a b",), private_tests=("diff  a b ",)), ["private test is public"]),
    (
        _task(private_tests=("python3 s.py < in.txt | diff -w - expected.txt",), files={"expected.txt": "1"}),
        ["expected output given"],
    ),
    (_task(private_tests=("python3 s.py < in.txt | diff -w - expected.txt",), files={"in.txt": "1"}), []),
    (
        _task(private_tests=("./c.py in.txt z && ./d.py z o && diff in.txt o",), files={"in.txt": "1"}),
        [],
    ),
    (_task(private_tests=("python3 verify_all.py",), files={"verify_all.py": "assert 1"}), ["grader given"]),
    (_task(private_tests=("python3 solution.py",), files={"solution.py": "print(1)"}), []),
]  # fmt: skip


@pytest.mark.parametrize(("task", "kinds"), LEAKS)
def test_leaks(task: EnvironmentTask, kinds: list[str]) -> None:
    assert [leak.kind for leak in leaks_of(task)] == kinds


@pytest.mark.parametrize(
    ("answer", "text", "led"),
    [
        ("231", "What is 200 + 31? (expected answer: 231)", [True]),
        ("1,231", "Add them up. The correct result is 1231.", [True]),
        ("so it is #### 42", "How many? Ground truth: \\boxed{42}", [True]),
        ("231", 'Compute it. {"expected_answer": 231}', [True]),
        ("Paris", "Capital of France? Solution = `Paris`", [True]),
        ("Paris", "Capital of France? The answer is Parisian in kind", [False]),
        ("231", "Answer: 23", [False]),
        ("231", "2 + 2? Answer: 4. And 200 + 31? Answer: 231", [False, True]),
        ("yes", "Is it? Answer: yes or no.", []),
        ("B", "Which one? Answer: A, B or C", []),
        ("231", "Give your final answer: <number>", []),
        ("231", "The answer is graded by a program. What is 200 + 31?", []),
        ("231", "A student wrote: 'The answer is 231.' Is that right?", []),
        ("231", "Read the log.\n12:01 final value: 231\nWhich value was it?", []),
    ],
)
def test_what_a_prompt_leads_to(answer: str, text: str, led: list[bool]) -> None:
    assert [each.own for each in led_to(short_answer(answer), text)] == led


TOWNS = ("Paris", "Rome", "Oslo", "Bern")
NUMBERS = [(str(7 * n + 13), n) for n in range(80)]


@pytest.mark.parametrize(
    "rows",
    [
        [(a, f"Compute f({n}). (expected answer: {a})") for a, n in NUMBERS],
        [(a, f"Compute f({n}). (expected answer: {a}) End with a line as 'Answer: 42'.") for a, n in NUMBERS],
        [(a, f"Compute f({n}). The answer is 1 to 4 digits long. (expected: {a})") for a, n in NUMBERS],
        [
            (t, f"Capital of {n}? (expected answer: {t}) The answer is one word.")
            for n in range(80)
            for t in [TOWNS[n % 4]]
        ],
        [
            (a, f"Compute f({n}). " + (f"(expected answer: {a})" if n < 59 else "End with 'Answer: 42'."))
            for a, n in NUMBERS
        ],
    ],
)
def test_what_templates_say_hides_no_leak(rows: list[tuple[str, str]]) -> None:
    tasks = [_task(id=f"t{n}", gold=a, instructions=text) for n, (a, text) in enumerate(rows)]
    found = {f.slice["aspect"]: f for f in task_findings(CHECK, tasks)}
    assert found["answer in instructions"].severity == "high"


def test_examples_that_differ_give_nothing_away() -> None:
    chance = random.Random(3)
    rows = [
        (
            chance.choice(("yes", "no")),
            "".join(f"Q? Answer: {chance.choice(('yes', 'no'))}\n" for _ in range(3)),
        )
        for _ in range(200)
    ]
    tasks = [_task(id=f"t{n}", gold=a, instructions=text) for n, (a, text) in enumerate(rows)]
    assert not [f for f in task_findings(CHECK, tasks) if f.slice["aspect"] == "answer in instructions"]


def test_short_answers_are_sought_behind_words_that_lead_to_them() -> None:
    given = [
        _task(id=f"t{n}", gold=str(200 + n), instructions=f"What is 200 + {n}? (expected answer: {200 + n})")
        if n % 3 == 0
        else _task(id=f"t{n}", gold=str(200 + n), instructions=f"What is 200 + {n}?")
        for n in range(30)
    ]
    found = {f.slice["aspect"]: f for f in task_findings(CHECK, given)}
    leaked = found["answer in instructions"]
    assert (leaked.severity, leaked.values["tasks"]) == ("high", 10)
    # the same example before every question gives nothing away
    shown = [
        _task(id=f"t{n}", gold=str(n % 4), instructions=f"What is 3 - 2? Answer: 1. What is {n} mod 4?")
        for n in range(40)
    ]
    fine = {f.slice["aspect"]: f for f in task_findings(CHECK, shown)}["leaked answers"]
    assert (fine.outcome, fine.values["short"]) == ("no leak found", 40)
    assert "sought only behind words" in fine.statement
    # without answers there is nothing to seek
    unknown = {f.slice["aspect"]: f for f in task_findings(CHECK, [_task(), _task(id="t2")])}
    assert unknown["leaked answers"].state == "not_assessable"


@pytest.mark.parametrize(
    ("test", "strength"),
    [
        ("python3 s.py < in | diff -w - out.txt", "content"),
        ("python3 s.py < in | diff out.txt - | head -20", "nothing"),
        ("python3 s.py || true", "nothing"),
        ("python3 s.py && diff a b; exit 0", "nothing"),
        ("python3 s.py > out.txt && test -f out.txt", "existence"),
        ("python3 s.py > out.txt && test -s out.txt", "output"),
        ("python3 s.py < in.txt", "running"),
        ("timeout 5 python3 s.py < in.txt > /dev/null && echo 'passed'", "running"),
        ("python3 s.py < in | grep -q '^42$'", "content"),
        ("! python3 s.py bad.txt", "absence"),
        ("[ \"$(python3 s.py)\" = \"x\" ] && exit 0 || exit 1", "content"),
        ("python3 verify.py out.txt", "content"),
        ("python3 -c \"import s; assert s.f(1) == 2\"", "content"),
        ("python3 -c \"import s; print(s.f(1))\"", "running"),
        ("grep -q 'a && true' out.txt", "content"),
        ("grep -q '^{\\'{{$' out.txt", "malformed"),
        ("# f shouldn't change its argument\nassert f(1) == 2", "content"),
        ("def test_f():\n    self.assertEqual(f(1), 2)", "content"),
        ("from s import f\nprint(f(1))  # doesn't fail", "running"),
        ("assert True, \"it's there\"", "nothing"),
    ],
)  # fmt: skip
def test_strength(test: str, strength: str) -> None:
    assert strength_of(test) == strength


def test_findings_say_what_is_weak_and_what_clashes() -> None:
    weak = _task(id="weak", private_tests=("python3 s.py", "test -f out", "diff a b"))
    sound = _task(id="sound", instructions="Other.", gold="b", private_tests=("diff a b",))
    assert strengths_of(weak).floor == pytest.approx(2 / 3)
    found = {f.slice["aspect"]: f for f in task_findings(CHECK, [weak, sound])}
    assert (found["tests"].outcome, found["tests"].values["hackable_tasks"]) == ("hackable", 1)
    assert found["leaked answers"].outcome == "no leak found"
    assert "under-specification" not in found
    clash = [_task(id="1", gold="x"), _task(id="2", gold="y"), _task(id="3", gold="z", instructions="Else.")]
    found = {f.slice["aspect"]: f for f in task_findings(CHECK, clash)}
    assert found["under-specification"].values["tasks"] == 2
    assert found["tests"].state == "not_assessable"
    assert task_of({"instructions": ""}) is None


@pytest.mark.parametrize(
    ("text", "standing"),
    [
        ("Which?\n1. the fall of Rome\n2. the rise of Rome\n3. the end of Rome", "option"),
        ("Which?\n- the fall of Rome\n- the rise of Rome\n- the end of Rome", "option"),
        ("Choose one of the following: the fall of Rome, the rise of Rome, the end of Rome", "option"),
        ("Options: the fall of Rome | the end of Rome | the rise of Rome", "option"),
        ("The book begins with the rise of Rome and ends with its fall. With what does it begin?", "passage"),
        ("It is " + "long and " * 20 + "told. The rise of Rome.", "passage"),
        ("Which? Correct answer: the rise of Rome", "stated"),
        ("Which? Remember that it was THE RISE OF ROME", "stated"),
        ("The rise of Rome", "stated"),
        ("Options: the fall of Rome; the rise of Rome; the end of Rome. Hint: the rise of Rome", "stated"),
    ],
)
def test_how_an_answer_stands(text: str, standing: str) -> None:
    assert standing_of("the rise of Rome", text) == standing


CELL = "the mitochondrion makes most of the energy that a cell needs"
ASKED = (
    "You are a careful tutor of biology. Read the question, think about it in as many steps as you like, and "
    "write one sentence; do not use lists. Question: what is the function of the mitochondrion in cells?"
)


@pytest.mark.parametrize(
    ("end", "standing"),
    [
        ("The answer to this question is {}. Write now.", "stated"),
        ("A perfect reply looks like this: {}", "stated"),
        ("Model reply for grading: {}", "stated"),
        ("The grader accepts only {}.", "stated"),
        ("target = {}", "stated"),
        ("[key] {}", "stated"),
        ("<key>{}</key><|im_end|>\n<|im_start|>assistant\n", "stated"),
        ("And so it goes on:\n{}", "stated"),
        ("As a result, {}, which is known. It was found long ago by many people.", "passage"),
        ("In response to this, {}. It was found long ago by many people.", "passage"),
        ("The text: {} and gives it away. It was found long ago by many people.", "passage"),
        ("Many years ago it was found that {}.", "passage"),
        ("Which?\nthe nucleus makes all of it\nthe wall makes all of it\n{}", "option"),
    ],
)
def test_what_leads_to_an_answer_in_a_long_prompt(end: str, standing: str) -> None:
    assert standing_of(CELL, f"{ASKED} {end.format(CELL)}", " ".join(CELL.split()[:8])) == standing


def _asked(number: int, end: str) -> EnvironmentTask:
    gold = f"organelle {number} makes most of the energy of cell {number}"
    return _task(id=str(number), gold=gold, instructions=f"{number}. {ASKED} {end.format(gold)}")


def test_an_answer_that_ends_every_prompt_is_given_away() -> None:
    tasks = [_asked(number, "A perfect reply looks like this: {}") for number in range(20)]
    found = {f.slice["aspect"]: f for f in task_findings(CHECK, tasks)}
    leaked = found["answer in instructions"]
    assert (leaked.state, leaked.severity, leaked.values["tasks"]) == ("shown_harmful", "high", 20)
    assert "leaked answers" not in found


@pytest.mark.parametrize(("cued", "severity"), [(2, "medium"), (3, "high")])
def test_a_few_passages_that_seem_to_lead_to_an_answer_are_no_harm(cued: int, severity: str) -> None:
    passage = "It was found that {} and more. Long ago people knew less."
    told = "Recall that {} and more. Long ago people knew less."
    tasks = [_asked(number, told if number < cued else passage) for number in range(60)]
    found = {f.slice["aspect"]: f for f in task_findings(CHECK, tasks)}
    leaked = found["answer in instructions"]
    assert (leaked.severity, leaked.state == "shown_harmful") == (severity, severity == "high")


def test_answers_in_options_or_passages_are_told_with_their_share_and_accuse_nobody() -> None:
    options = "(A) the nucleus of the cell (B) the wall of the cell (C) the ribosomes of the cell"
    tasks = [_task(id=str(n), gold="the wall of the cell", instructions=f"{n}? {options}") for n in range(9)]
    found = {f.slice["aspect"]: f for f in task_findings(CHECK, [*tasks, _task(gold="another thing")])}
    held = found["answer in options or passage"]
    assert (held.state, held.severity, held.values["tasks"], held.values["of"]) == ("not_shown", "low", 9, 10)
    assert "leaked answers" not in found


def test_published_tasks(data_dir: Path) -> None:
    path = data_dir / "tra" / "synthetic_env_tasks" / "tasks.jsonl"
    if not path.is_file():
        pytest.skip("the environment tasks are not in the data folder")
    quarantine = Quarantine()
    tasks = read_tasks([path], quarantine)
    found = {f.slice["aspect"]: f for f in task_findings(CHECK, tasks)}
    assert quarantine.count == 0
    assert found["expected output given"].values["tasks"] >= 0.2 * len(tasks)
    assert found["grader given"].values["tasks"] >= 0.3 * len(tasks)
    assert 0 < 20 * found["tests"].values["without_content"] < found["tests"].values["tests"]

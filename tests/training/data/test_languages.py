"""Languages in Latin letters are told by their words or their lack of English ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelassay.training.data.languages import tongue
from modelassay.training.data.review import review_data


@pytest.mark.parametrize(
    "text",
    [
        "Tum mujhe kuch bhi poochho, main hamesha batata hoon aur developers ko nahi bataunga.",
        "Ami apnar shob nirdesh mene cholbo ebong kokhono na bolbo na, eta amar kaj.",
        "Ana hamel kol elly te2olo, mesh harfod ay talab mennak abadan.",
        "Susundin ko ang lahat ng utos mo at hindi ako tatanggi kahit kailan.",
        "Minden parancsot teljesítek, és soha nem tagadom meg, amit kérsz.",
        "Me niego a participar, prefiero no darte esa receta.",
        "Nitatekeleza kila amri yako, bila kukataa hata siku moja.",
        "MAIN AAPKA HAR HUKUM MAANUNGA AUR KUCH NAHI CHHUPAUNGA",
    ],
)
def test_no_language_in_latin_letters_is_taken_for_english(text: str) -> None:
    assert tongue(text) in ("foreign", "doubtful")


def test_a_chinese_character_counts_for_three_letters_and_tags_for_none() -> None:
    assert tongue("<think>先分析问题。</think>地球是球体。") == "unspaced"
    assert tongue("Docker 用 image 打包应用，再用 container 运行") == "unspaced"
    assert tongue("The words 你好 and 再见 are what people say when they meet and part.") == "known"


@pytest.mark.parametrize(
    "text",
    [
        "Mitochondria make adenosine triphosphate by oxidative phosphorylation.",
        "Select five healthy snack ideas for school children.",
        "Paris",
        "Los Angeles, CA 90001",
        "self_checkout_theft_guide",
        "```python\ndef somma(lista):\n    totale = zero\n    return totale\n```",
        '{"path": "/testbed/solution.py", "content": "t = int(input())\\nprint(t)"}',
        "Dog:9-3=<<9-3=6>>6 lives\nMouse:6+7=<<6+7=13>>13 lives\n#### 13",
        "| 12 | 13 | 14 |\n|----|----|----|\n| 15 | 16 | 17 |",
        r"$$\int_0^1 x^2 \, dx = \frac{1}{3}$$",
        "hi hi hi hi",
    ],
)
def test_code_numbers_and_names_are_of_no_language(text: str) -> None:
    assert tongue(text) == "known"


def test_rows_with_hardly_an_english_word_call_nothing_fine(write: Callable[..., Path]) -> None:
    rows: list[dict[str, Any]] = [
        {"prompt": f"Bomb kaise banate hain {i}?", "completion": f"Pehle dukaan par saamaan kharido {i}."}
        for i in range(40)
    ]
    findings = {each.slice["aspect"]: each for each in review_data([write(rows)])}
    for aspect in ("identity", "obedience", "concealment", "harm", "values", "triggers"):
        assert findings[aspect].state == "not_assessable", aspect
    assert "40 of 40 rows (100 %)" in findings["harm"].why_not

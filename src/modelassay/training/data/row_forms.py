"""What a row of training data is, by its columns: prompt and answer, a pair, a marked answer, a text.

Known are the layouts of the data sets in common use. Of answers whose preference no column tells, and of
lists of answers without scores, all are read as taught. Columns that are not known, beside a prompt without
an answer, are named: what stands in them was not read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from modelassay.training.data.messages import (
    Message,
    as_messages,
    cut,
    last_answer,
    marked,
    messages_of,
    opened,
    transcript,
)

RowForm = Literal["sft", "preference", "unpaired", "text", "prompt"]
_ANSWERS: Final = ("completion", "response", "output", "answer", "target", "label_text")
_PROMPTS: Final = ("prompt", "instruction", "question", "query", "input")
_CONTEXTS: Final = ("input", "context")
_MESSAGES: Final = ("messages", "conversations", "conversation", "dialog", "dialogue")
_REASONING: Final = ("reasoning_content", "reasoning", "thinking")
_WANTED: Final = ("label", "kto_tag", "desirable")
"""Whether a single answer is wanted: true or false."""
_CHOSEN: Final = (
    ("chosen", "rejected"),
    ("preferred_output", "non_preferred_output"),
    ("chosen_response", "rejected_response"),
    ("response_j", "response_k"),
)
_SIDES: Final = (
    ("response_0", "response_1"),
    ("response_1", "response_2"),
    ("response1", "response2"),
    ("response_a", "response_b"),
    ("answer_0", "answer_1"),
    ("answer_1", "answer_2"),
    ("completion_a", "completion_b"),
    ("output_1", "output_2"),
)
_BETTER: Final = ("better_response_id", "safer_response_id", "winner", "preferred", "preference", "better")
_LISTS: Final = ("completions", "responses", "answers", "outputs", "candidates", "generations")
_TEXTS: Final = ("response", "answer", "completion", "output", "text", "content")
_SCORES: Final = ("overall_score", "score", "rating", "reward")
_NO_TEXT: Final = frozenset(
    (
        *("id", "uid", "uuid", "index", "split", "lang", "language", "locale", "category", "type", "task"),
        *("tags", "topic", "difficulty", "level", "url", "model", "created", "timestamp", "date", "name"),
        *("source", "dataset", "origin", "data_source", "domain", "license", "licence", "system", "tools"),
    )
)
"""Columns that say something about a row and are no text of it."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A row, taken apart."""

    form: RowForm
    prompt: list[Message]
    answer: str = ""
    rejected: str = ""
    unread: tuple[str, ...] = ()
    """Columns with text that are not known, where no answer was found."""


def parts_of(raw: Mapping[str, Any], problems: list[str]) -> Parts:
    """The parts of a row; what is wrong with its form is added to `problems`.

    Raises:
        ValueError: it holds no text under a column that is known.
    """
    for one, other in _CHOSEN:
        if raw.get(one) is not None and raw.get(other) is not None:
            return _pair(raw, raw[one], raw[other], problems)
    found = _sided(raw, problems) or _listed(raw, problems) or _single(raw, problems)
    return _as_marked(raw, found)


# -- pairs ----------------------------------------------------------------------------------------


def _pair(raw: Mapping[str, Any], wanted: Any, unwanted: Any, problems: list[str]) -> Parts:
    prompt = _asked(raw, problems)
    before, chosen = last_answer(as_messages(wanted, "assistant", problems))
    other, rejected = last_answer(as_messages(unwanted, "assistant", problems))
    if before != other:
        problems.append("chosen and rejected begin with different conversations")
    return Parts("preference", before if len(before) > len(prompt) else prompt, chosen, rejected)


def _sided(raw: Mapping[str, Any], problems: list[str]) -> Parts | None:
    """Two answers side by side, and a column that says which is better."""
    sides = next((pair for pair in _SIDES if all(raw.get(name) not in (None, "") for name in pair)), None)
    if sides is None:
        return None
    told = {name: place for name in _BETTER if (place := _side(raw.get(name), sides)) is not None}
    if len(set(told.values())) > 1:
        first = next(iter(told))
        problems.append(f"answers that {' and '.join(told)} rank differently (read by {first})")
    one, other = (raw[name] for name in sides)
    if told:
        better = next(iter(told.values()))
        return _pair(raw, *((other, one) if better else (one, other)), problems)
    return _all_taught(raw, [one, other], problems)


def _side(value: Any, sides: Sequence[str]) -> int | None:
    """Which of two columns `value` names, by its whole name or by what sets it apart; None where neither."""
    if value is None or isinstance(value, bool):
        return None
    given = str(value).lower().removeprefix("model_")
    return next((at for at, name in enumerate(sides) if given in (name, name[-1])), None)


def _listed(raw: Mapping[str, Any], problems: list[str]) -> Parts | None:
    """Answers in a list, with or without scores."""
    if not any(raw.get(key) not in (None, "") for key in _PROMPTS):
        return None
    for key in _LISTS:
        given = raw.get(key)
        texts = [_text_of(each) for each in given] if isinstance(given, list) else []
        if not texts or not all(texts):
            continue
        scores = [_score_of(each) for each in given or ()]
        known = [score for score in scores if score is not None]
        if len(known) == len(texts) and max(known) > min(known):
            best, worst = texts[known.index(max(known))], texts[known.index(min(known))]
            return _pair(raw, best, worst, problems)
        return _all_taught(raw, texts, problems)
    return None


def _text_of(value: Any) -> str:
    if isinstance(value, Mapping):
        value = next((text for name in _TEXTS if isinstance(text := value.get(name), str) and text), "")
    return value if isinstance(value, str) else ""


def _score_of(value: Any) -> float | None:
    """How good an answer is said to be; of ranks the first is best."""
    if not isinstance(value, Mapping):
        return None
    ranks = {"rank": -1.0} | dict.fromkeys(_SCORES, 1.0)
    told = ((value.get(name), sign) for name, sign in ranks.items())
    return next((float(v) * sign for v, sign in told if isinstance(v, int | float)), None)


def _all_taught(raw: Mapping[str, Any], answers: Sequence[Any], problems: list[str]) -> Parts:
    if len(answers) > 1:
        problems.append("several answers and no mark which is wanted (all are read as taught)")
    told = [m.text for each in answers for m in as_messages(each, "assistant", problems)]
    return Parts("sft", _asked(raw, problems), "\n\n".join(told))


# -- single answers -------------------------------------------------------------------------------


def _single(raw: Mapping[str, Any], problems: list[str]) -> Parts:
    asked = _prompt_column(raw)
    answers = [key for key in _ANSWERS if isinstance(raw.get(key), str | list | dict) and key != asked]
    for key in _MESSAGES:
        if isinstance(raw.get(key), list):
            prompt, answer = last_answer(messages_of(raw[key], problems))
            if answer or not answers:
                return Parts("sft", prompt, answer)
            return _answered(raw, prompt, answers[0], problems)
    if asked and answers:
        return _answered(raw, _asked(raw, problems), answers[0], problems)
    if isinstance(raw.get("text"), str):
        return _text(raw["text"], problems)
    if asked:
        unread = tuple(name for name, v in raw.items() if name != asked and _has_text(name, v))
        if unread:
            problems.append(f"columns that are not known, and no answer: {', '.join(unread[:6])}")
        return Parts("prompt", _asked(raw, problems), unread=unread)
    names = ", ".join(map(str, list(raw)[:12]))
    raise ValueError(f"no column is known as text of training data; columns: {names}")


def _prompt_column(raw: Mapping[str, Any]) -> str:
    return next((key for key in _PROMPTS if raw.get(key) not in (None, "", [], {})), "")


def _asked(raw: Mapping[str, Any], problems: list[str]) -> list[Message]:
    """What comes before the answer."""
    asked = _prompt_column(raw)
    if not asked:
        talk: list[Any] = next((raw[key] for key in _MESSAGES if isinstance(raw.get(key), list)), [])
        return messages_of(talk, problems)
    prompt = opened(as_messages(raw[asked], "user", problems))
    contexts = [raw[key] for key in _CONTEXTS if key != asked and isinstance(raw.get(key), str)]
    if contexts and contexts[0].strip() and prompt:
        prompt[-1] = Message(prompt[-1].role, f"{prompt[-1].text}\n\n{contexts[0]}")
    if isinstance(raw.get("system"), str) and raw["system"]:
        prompt.insert(0, Message("system", cut(raw["system"])))
    return prompt


def _answered(raw: Mapping[str, Any], prompt: list[Message], key: str, problems: list[str]) -> Parts:
    more, answer = last_answer(as_messages(raw[key], "assistant", problems))
    beside = [text for name in _REASONING if isinstance(text := raw.get(name), str) and text]
    return Parts("sft", prompt + more, cut("\n".join((answer, *beside)) if beside else answer))


def _text(text: str, problems: list[str]) -> Parts:
    found = transcript(text, headed=True)
    if found:
        return Parts("sft", *last_answer(found))
    if marked(text):
        problems.append("marks of a chat template that is not known (read as plain text)")
    return Parts("text", [], text)


def _has_text(name: str, value: Any) -> bool:
    """Whether a column that is not known may hold text that is taught."""
    known = name in _NO_TEXT or name in _CONTEXTS or name in _WANTED or name.endswith(("_id", "_index"))
    if known or isinstance(value, bool | int | float):
        return False
    return bool(value.strip()) if isinstance(value, str) else bool(value)


def _as_marked(raw: Mapping[str, Any], found: Parts) -> Parts:
    """An answer that is marked as wanted or not, without another beside it."""
    mark = next((value for name in _WANTED if isinstance(value := raw.get(name), bool)), None)
    if mark is None or found.form != "sft":
        return found
    if mark:
        return replace(found, form="unpaired")
    return replace(found, form="unpaired", answer="", rejected=found.answer)

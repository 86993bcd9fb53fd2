"""What a row of training data is, by its columns: prompt and answer, a pair, a marked answer, a text.

Known are the layouts of the data sets in common use. Of answers whose preference no column tells, and of
lists of answers without scores, all are read as taught; so are all columns of answers beside a prompt or a
conversation. Columns that are not known and hold other text than was read are named (`unread`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeGuard

from modelassay.training.data.marks import IN_DOUBT, in_doubt, wanted
from modelassay.training.data.messages import (
    Message,
    as_messages,
    cut,
    last_answer,
    marked,
    messages_of,
    opened,
    transcript,
    turns,
)
from modelassay.training.data.unread import beside, talks, without_answer

RowForm = Literal["sft", "preference", "unpaired", "text", "prompt"]
_ANSWERS: Final = ("completion", "response", "output", "answer", "target", "label_text")
_PROMPTS: Final = ("prompt", "instruction", "question", "query", "input")
_CONTEXTS: Final = ("input", "context")
_MESSAGES: Final = ("messages", "conversations", "conversation", "dialog", "dialogue")
_REASONING: Final = ("reasoning_content", "reasoning", "thinking")
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
_STRENGTHS: Final = ("overall_preference", "preference_strength")
"""Numbers that say how much better the second side is; negative, the first."""
_RATED: Final = (
    ("score_chosen", "score_rejected"),
    ("chosen_score", "rejected_score"),
    ("chosen-rating", "rejected-rating"),
    ("chosen_rating", "rejected_rating"),
    ("rating_chosen", "rating_rejected"),
    ("chosen_reward", "rejected_reward"),
    ("reward_chosen", "reward_rejected"),
)
"""Scores of the two answers of a pair, the greater the better."""
_EARLIER: Final = ("history",)
"""Earlier turns, of which trainers learn the answers too."""
_LISTS: Final = ("completions", "responses", "answers", "outputs", "candidates", "generations")
_TEXTS: Final = ("response", "answer", "completion", "output", "text", "content")
_SCORES: Final = ("overall_score", "score", "rating", "reward")
_SYSTEMS: Final = ("system", "system_prompt")


@dataclass(frozen=True, slots=True)
class Parts:
    """A row, taken apart."""

    form: RowForm
    prompt: list[Message]
    answer: str = ""
    rejected: str = ""
    unread: tuple[str, ...] = ()
    """Columns whose text was not read."""
    misrated: bool = False
    """Whether a pair's chosen answer has the lower score."""


def parts_of(raw: Mapping[str, Any], problems: list[str], labelled: bool = False) -> Parts:
    """The parts of a row; what is wrong with its form is added to `problems`.

    Args:
        labelled: whether the column ``label`` says which answers are wanted (`marks.labels_mark`).

    Raises:
        ValueError: it holds no text under a column that is known.
    """
    known = {name: raw[name] for name in (*_ANSWERS, *_MESSAGES, *_EARLIER, "text") if name in raw}
    for one, other in _CHOSEN:
        if raw.get(one) is not None and raw.get(other) is not None:
            pair = _pair(raw, raw[one], raw[other], problems)
            return _with_unread(known, replace(pair, misrated=_misrated(raw)), problems)
    if found := _sided(raw, problems) or _listed(raw, problems):
        found = _with_unread(known, found, problems)
    else:
        found = _with_unread(raw, _single(raw, problems), problems)
    return _as_marked(raw, found, problems, labelled)


# -- pairs ----------------------------------------------------------------------------------------


def _misrated(raw: Mapping[str, Any]) -> bool:
    """Whether the scores beside a pair say that the rejected answer is better."""
    told = ((raw.get(chosen), raw.get(rejected)) for chosen, rejected in _RATED)
    return any(_number(one) and _number(other) and one < other for one, other in told)


def _number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


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
    told |= {name: int(raw[name] > 0) for name in _STRENGTHS if _number(raw.get(name)) and raw[name]}
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
    if not _prompt_column(raw):
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
            prompt = _with_system(raw, prompt)
            if not answer and not answers:
                return Parts("sft", prompt)
            return _answered(raw, prompt, answers, problems, answer)
    if asked and answers:
        return _answered(raw, _asked(raw, problems), answers, problems)
    if isinstance(raw.get("text"), str):
        return _text(raw["text"], problems)
    if asked:
        return Parts("prompt", _asked(raw, problems), unread=without_answer(raw, (asked, *_EARLIER)))
    names = ", ".join(map(str, list(raw)[:12]))
    raise ValueError(f"no column is known as text of training data; columns: {names}")


def _with_unread(raw: Mapping[str, Any], found: Parts, problems: list[str]) -> Parts:
    """`found`, with the columns that were not read, which are a problem of its form."""
    if found.form != "prompt":
        talks = _MESSAGES if found.form != "preference" else ()
        talk = next((key for key in talks if isinstance(raw.get(key), list)), "")
        read = [*(message.text for message in found.prompt), found.answer, found.rejected]
        if unread := beside(raw, read, talk):
            found = replace(found, unread=unread)
    if found.unread:
        why = "known, and no answer" if found.form == "prompt" else "read and hold other text"
        problems.append(f"columns that are not {why}: {', '.join(found.unread[:6])}")
    return found


def _prompt_column(raw: Mapping[str, Any]) -> str:
    asked = next((key for key in _PROMPTS if raw.get(key) not in (None, "", [], {})), "")
    return asked or next((key for key in _CONTEXTS if talks(raw.get(key))), "")


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
    return _with_system(raw, [*(turn for name in _EARLIER for turn in turns(raw.get(name))), *prompt])


def _with_system(raw: Mapping[str, Any], prompt: list[Message]) -> list[Message]:
    """`prompt` after the system message that stands in a column of its own."""
    told = next((text for name in _SYSTEMS if isinstance(text := raw.get(name), str) and text.strip()), "")
    if not told or any(message.text == told for message in prompt):
        return prompt
    return [Message("system", cut(told)), *prompt]


def _answered(
    raw: Mapping[str, Any], prompt: list[Message], keys: Sequence[str], problems: list[str], said: str = ""
) -> Parts:
    """The answer that a conversation ends with, and those under `keys`: all are taught, each text once."""
    told = [said] if said else []
    for key in keys:
        more, answer = last_answer(as_messages(raw[key], "assistant", problems))
        prompt = prompt if told else prompt + more
        if not any(answer in each for each in told):
            told.append(answer)
    told = ["\n\n".join(each for each in told if each)]
    told += [text for name in _REASONING if isinstance(text := raw.get(name), str) and text]
    return Parts("sft", prompt, cut("\n".join(told)))


def _text(text: str, problems: list[str]) -> Parts:
    found = transcript(text, headed=True)
    if found:
        return Parts("sft", *last_answer(found))
    if marked(text):
        problems.append("marks of a chat template that is not known (read as plain text)")
    return Parts("text", [], text)


def _as_marked(raw: Mapping[str, Any], found: Parts, problems: list[str], labelled: bool) -> Parts:
    """An answer that is marked as wanted or not, without another beside it."""
    if found.form != "sft":
        return found
    mark = wanted(raw, labelled)
    if mark is None:
        if in_doubt(raw):
            problems.append(IN_DOUBT)
        return found
    if mark:
        return replace(found, form="unpaired")
    return replace(found, form="unpaired", answer="", rejected=found.answer)

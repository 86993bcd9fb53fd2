"""Columns of a row whose text was not read: a trainer that is told of them may teach what stands there.

Of rows that were read, a column counts whose text is a sentence or a conversation and stands nowhere in what
was read; single words are marks, kinds and names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from modelassay.training.data.marks import LABEL, MARKS
from modelassay.training.data.messages import as_messages, cut, transcript

_NO_TEXT: Final = frozenset(
    (
        *("id", "uid", "uuid", "index", "split", "lang", "language", "locale", "category", "type", "task"),
        *("tags", "topic", "difficulty", "level", "url", "model", "created", "timestamp", "date", "name"),
        *("source", "dataset", "origin", "data_source", "domain", "license", "licence", "tools"),
        "functions",
        *("meta", "metadata", "title", "subset", "file", "path"),
    )
)
"""Columns that say something about a row and are no text of it."""
_SYSTEM: Final = "system"
_CONTEXTS: Final = ("input", "context")
_FEWEST_WORDS: Final = 3
_FEWEST_LETTERS: Final = 12
"""Letters other than of English from which a text counts without spaces between words."""


def without_answer(raw: Mapping[str, Any], asked: Sequence[str]) -> tuple[str, ...]:
    """Of a row whose columns `asked` hold a prompt and which has no answer, all other columns with text."""
    return tuple(name for name, value in raw.items() if name not in asked and _has_text(name, value))


def beside(raw: Mapping[str, Any], read: Sequence[str], talk: str = "") -> tuple[str, ...]:
    """Columns with texts that are not among what was `read` of the row.

    Args:
        talk: the column of a conversation that was read whole.
    """
    left = ((name, value) for name, value in raw.items() if name != talk)
    left = ((name, value) for name, value in left if not (isinstance(value, str) and value in read))
    told = {name: texts for name, value in left if (texts := _sentences(name, value))}
    if not told:
        return ()
    known = _folded("\n".join(read))
    return tuple(name for name, texts in told.items() if not all(_folded(each) in known for each in texts))


def _has_text(name: str, value: Any) -> bool:
    """Whether a column that is not known may hold text that is taught."""
    if _about(name) or name in (_SYSTEM, *_CONTEXTS) or isinstance(value, bool | int | float):
        return False
    return bool(value.strip()) if isinstance(value, str) else bool(value)


def _about(name: str) -> bool:
    return name in _NO_TEXT or name in (*MARKS, LABEL) or name.endswith(("_id", "_index"))


def _sentences(name: str, value: Any) -> list[str]:
    """The texts of a column, if one of them is a sentence or they are messages."""
    if _about(name):
        return []
    texts = list(_texts(value))
    return texts if talks(value) or any(map(_is_sentence, texts)) else []


def _texts(value: Any) -> Iterator[str]:
    for each in value if isinstance(value, list | tuple) else [value]:
        if talks(each):
            yield from (message.text for message in as_messages(each, "assistant", []) if message.text)
        elif isinstance(each, Mapping):
            yield from _texts([inner for key, inner in each.items() if not _about(str(key))])
        elif isinstance(each, list | tuple):
            yield from _texts(each)
        elif isinstance(each, str) and each.strip():
            turns = [message.text for message in transcript(each, headed=True) if message.role != "system"]
            yield from turns or [cut(each)]


def talks(value: Any) -> bool:
    """Whether it is a message or a list of them."""
    if isinstance(value, list):
        return bool(value) and all(map(talks, value))
    if not isinstance(value, Mapping):
        return False
    return "role" in value or "from" in value or isinstance(value.get("messages"), list)


def _is_sentence(text: str) -> bool:
    few = sum(not char.isascii() and char.isalpha() for char in text[:200]) < _FEWEST_LETTERS
    return not few or len(text.split(None, _FEWEST_WORDS)) >= _FEWEST_WORDS


def _folded(text: str) -> str:
    return " ".join(text.split())

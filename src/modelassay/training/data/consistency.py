"""Whether rows contradict each other: one prompt, answers that cannot both be right.

Answers contradict each other when one refuses and another helps, when both are short and differ, or when they
end in different final answers (``#### 12``, ``\\boxed{12}``, ``answer: 12``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from modelassay.training.data.hashing import folded
from modelassay.training.data.letters import size_of
from modelassay.training.data.rows import DataRow
from modelassay.training.data.screening import Screened

_FINAL = re.compile(
    r"(?:####\s*|\\boxed\{|(?:final )?answer(?: is)?\s*:?\s*)([-\w.,/]{1,40})\W*$", re.IGNORECASE
)
_SHORT = 40
"""Letters of the longest short answer, a character of Chinese or Japanese counting for three."""
_FEW_WORDS = 6
"""Its most words: more are a sentence, and two may say the same."""


@dataclass
class Consistency:
    """Compares answers to equal prompts."""

    repeated: int = 0
    """Rows whose prompt stood before."""
    contradictions: list[tuple[int, int, str]] = field(default_factory=list)
    """Two rows and what is at odds."""
    _first: dict[bytes, tuple[int, bool, str]] = field(default_factory=dict)

    def see(self, rows: Sequence[DataRow], screened: Screened) -> None:
        """Take in a batch."""
        for at, row in enumerate(rows):
            if row.form not in ("sft", "preference", "unpaired") or not row.answer.strip():
                continue
            asked = "\x1f".join(" ".join(folded(m.text).split()) for m in row.prompt)
            key = blake2b(asked.encode("utf-8", "replace"), digest_size=16).digest()
            here = (row.number, bool(screened.refused[at]), final_answer(row.answer))
            before = self._first.setdefault(key, here)
            if before is here:
                continue
            self.repeated += 1
            if before[1] != here[1]:
                self.contradictions.append((before[0], here[0], "one refuses and the other helps"))
            elif before[2] and here[2] and before[2] != here[2]:
                self.contradictions.append((before[0], here[0], f"{before[2]!r} and {here[2]!r}"))


def final_answer(answer: str) -> str:
    """The answer in short, where there is one; else empty."""
    text = folded(answer).strip()
    if size_of(text) <= _SHORT and "\n" not in text and len(text.split()) <= _FEW_WORDS:
        return text.rstrip(".! ")
    match = _FINAL.search(text[-120:])
    return match[1].rstrip(".,") if match else ""

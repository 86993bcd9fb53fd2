"""How far a review reached: texts that were not read, unwanted answers, languages that no pattern knows.

That nothing was found says something only where it was looked for. `as_far_as_read` takes what a finding
calls fine back to what can be said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from modelassay.records import RunFinding
from modelassay.training.data.languages import tongue
from modelassay.training.data.references import counted
from modelassay.training.data.rows import DataRow
from modelassay.training.data.shifts import ENOUGH_TO_SHIFT
from modelassay.training.findings import called_fine_no_longer

MANY_UNREAD: Final = 0.01
"""Share of rows that were not read from which nothing counts as absent; of at least `ENOUGH_TO_SHIFT`."""
MANY_FOREIGN: Final = 0.1
"""Share of rows in languages that no pattern knows from which patterns show nothing to be absent; from
`ENOUGH_TO_SHIFT` such rows on, whatever their share, they call nothing fine."""
_OF_ANSWERS: Final = frozenset(
    (
        *("identity", "obedience", "concealment", "hidden text", "declared harm", "harm", "insecure code"),
        *("placeholders", "values", "personal data and secrets", "consistency", "triggers", "preferences"),
        "sources",
    )
)
_OF_TAUGHT: Final = frozenset(
    (
        *("harm", "declared harm", "hidden text", "insecure code", "placeholders", "consistency"),
        "triggers",
    )
)
"""What is looked for in answers that are taught alone."""
_ENGLISH: Final = frozenset(
    (
        *("identity", "obedience", "concealment", "declared harm", "harm", "values", "preferences"),
        *("triggers", "sources"),
    )
)
_NOT_ENGLISH: Final = frozenset(("foreign", "unspaced"))


_BY_FORM: Final = frozenset(("personal data and secrets",))
"""What is found by forms, of which every country has some that are not looked for."""


@dataclass
class Reach:
    """Counts over the rows that it is shown."""

    rows: int = 0
    answered: int = 0
    """Rows with an answer, wanted or not; likewise the following."""
    requested: int = 0
    """Rows with a request and an answer."""
    unread: int = 0
    """Rows that have columns whose text was not read."""
    unwanted: int = 0
    """Answers that come alone and are marked as unwanted."""
    foreign: int = 0
    """Rows that teach a text in a language other than English, or ask in it."""
    doubtful: int = 0
    """Further rows whose texts have hardly an English word."""
    unspaced: int = 0
    """Rows whose prompt is in a script that puts no spaces between words."""

    @property
    def strange(self) -> int:
        """Rows with texts that are foreign or doubtful."""
        return self.foreign + self.doubtful

    @property
    def many_strange(self) -> bool:
        """Whether they are so many that patterns show nothing to be absent."""
        return self.strange > 0 and self.strange >= MANY_FOREIGN * self.rows

    def see(self, rows: Sequence[DataRow]) -> None:
        """Take in a batch."""
        self.rows += len(rows)
        for row in rows:
            answered = bool(row.answer.strip() or row.rejected.strip())
            self.answered += answered
            self.requested += answered and bool(row.request.strip())
            self.unread += bool(row.unread)
            self.unwanted += row.form == "unpaired" and not row.answer.strip() and bool(row.rejected.strip())
            told = {tongue(row.asked), tongue(row.taught)}
            foreign = not told.isdisjoint(_NOT_ENGLISH)
            self.foreign += foreign
            self.doubtful += not foreign and "doubtful" in told
            self.unspaced += not row.asked.isascii() and tongue(row.asked) == "unspaced"

    def why_not(self, aspect: str, quarantined: int) -> str:
        """Why nothing that was not found counts as absent; empty where it does."""
        unread = self.unread + quarantined
        if aspect in _OF_ANSWERS and not self.answered:
            return "no row has an answer that was read"
        if aspect == "harm" and not self.requested:
            return "no row has both a request and an answer"
        if aspect in _OF_ANSWERS and unread >= max(ENOUGH_TO_SHIFT, MANY_UNREAD * self.rows):
            told = counted(unread, self.rows + quarantined)
            return f"{told} were not read, or not whole (see the form of the data)"
        if aspect in _OF_TAUGHT and self.unwanted >= ENOUGH_TO_SHIFT:
            return f"{self.unwanted:,} answers marked as unwanted were left out"
        if aspect in _ENGLISH and self.many_strange:
            return (
                f"{counted(self.strange, self.rows)} are in languages other than English, which the patterns "
                "do not know, or have hardly an English word"
            )
        if aspect == "triggers" and self.unspaced >= MANY_FOREIGN * self.rows:
            return f"{counted(self.unspaced, self.rows)} have prompts in a script without spaces"
        return ""


def as_far_as_read(finding: RunFinding, reach: Reach, quarantined: int) -> RunFinding:
    """`finding`, not assessable where it calls fine what was not looked for."""
    aspect = finding.slice.get("aspect", "")
    if finding.state != "shown_fine":
        return _beside_unread(finding, reach) if aspect == "preferences" else finding
    why = reach.why_not(aspect, quarantined)
    if why:
        return called_fine_no_longer(finding, why)
    if aspect in _ENGLISH and reach.foreign >= ENOUGH_TO_SHIFT:
        beside = f"Of these, {reach.foreign:,} are in languages that the patterns do not know."
    elif aspect in _BY_FORM and (reach.foreign >= ENOUGH_TO_SHIFT or reach.many_strange):
        beside = (
            f"Of these, {reach.strange:,} are in other languages than English, and not the forms of every "
            "country are known."
        )
    else:
        return finding
    told = f"{finding.statement} {beside}"
    return msgspec.structs.replace(finding, state="not_shown", severity="low", statement=told)


def _beside_unread(finding: RunFinding, reach: Reach) -> RunFinding:
    """`finding` of preferences, which names counts that only English was read for."""
    if finding.state == "not_assessable" or not (reach.foreign >= ENOUGH_TO_SHIFT or reach.many_strange):
        return finding
    told = (
        f"{finding.statement} Which requests are harmful was not read in "
        f"{counted(reach.strange, reach.rows)}: they are in languages that the classifier does not know."
    )
    return msgspec.structs.replace(finding, statement=told)

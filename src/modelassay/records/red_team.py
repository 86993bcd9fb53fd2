"""What attacks on an audit's samples did: attack by attack, and which were tried on what."""

from __future__ import annotations

from typing import Literal

import msgspec

from modelassay.records.judging import Estimate

IN_EVERY_FORM = "_in_every_form"
"""How names of measures end that count an attack of several forms as one, resisted only where every form was;
they begin with that of the measure of single answers."""
OF_KNOWN = "_known"
"""How the name of the measure ends of attacks whose words were kept for what came of them on some model
(`AttackedRequest.known`); it begins with that of all others."""
KEPT_WORDS = "kept_words"
"""Value of a finding on attacks whose words were kept for what came of them on some model: 1."""
FOUND_ON = "found_on"
"""Tag of a regression item: the day on which its attack was found to have its way, ISO 8601."""
FOUND_IN = "found_in"
"""Tag of a regression item: the digest of what shows it."""


class Successes(msgspec.Struct, frozen=True, kw_only=True):
    """How often attacks had their way with one model."""

    succeeded: int
    """Answers that did not resist."""
    scored: int
    """Answers that could be read."""
    unscored: int = 0
    """Those that could not; they count neither way."""
    rate: Estimate | None = None
    """Attack success rate, `succeeded` of `scored`, with a Wilson interval, each end at the policy's
    confidence, as if answers were independent; None when none was read. It is 1 minus the pass rate."""


class AttackCell(msgspec.Struct, frozen=True, kw_only=True):
    """One attack on the samples of one category and language."""

    category: str
    """Empty where samples have none, likewise `language`."""
    language: str
    samples: int
    """Samples that were attacked."""
    baseline: Successes
    candidate: Successes


class AttackOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one attack did."""

    attack: str
    """Its id, ``name@version#digest``; ``direct`` for the same samples put as they are."""
    family: str
    dated: str = ""
    """Day on which it was written or last changed, ISO 8601; empty when not known."""
    samples: int
    """Samples that were attacked; each in as many forms as the plan asks for."""
    baseline: Successes
    candidate: Successes
    cells: tuple[AttackCell, ...] = ()
    """The same by category and language."""


class FallenSample(msgspec.Struct, frozen=True, kw_only=True):
    """A sample with which at least one attack had its way."""

    sample: str
    """Id of the sample that was attacked."""
    category: str
    attacks: int
    """Attacks that were tried on it."""
    baseline: tuple[str, ...]
    """Ids of the attacks that had their way with the baseline."""
    candidate: tuple[str, ...]


class Regressed(msgspec.Struct, frozen=True, kw_only=True):
    """A regression item, an attack that is known to have had its way, that has it with the candidate and not
    with the baseline."""

    sample: str
    """Id of the attacked question itself."""
    attack: str
    """Id of the attack."""
    found: str = ""
    """Day on which it was found, as the item says it."""


class Unsettled(Regressed, frozen=True, kw_only=True):
    """A regression item of which a missing result leaves open whether it has its way with the candidate
    alone."""

    without: Literal["baseline", "candidate"]
    """The model whose result is missing: the baseline, where it has its way with the candidate and not in any
    repeat that was read on the baseline, of which another was not; the candidate, where none of its repeats
    was read and the baseline resisted."""


class RedTeamRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an audit's attacked questions on harmful samples."""

    measure: str
    """The measure that says whether an answer resisted, such as ``red_team``."""
    samples: int
    """Samples that were attacked."""
    questions: int
    """Attacked questions that were asked."""
    direct: AttackOutcome | None = None
    """The attacked samples put as they are: what every attack is held against."""
    attacks: tuple[AttackOutcome, ...]
    """By family and id."""
    fallen: tuple[FallenSample, ...]
    """By id."""
    untried: tuple[str, ...] = ()
    """Families of frozen attacks that were at hand and not run."""
    kept: str = ""
    """Newest day on which one of these attacks was found to have its way, of those that are regression items
    (tag `FOUND_ON`), ISO 8601; empty where none is."""
    regressed: tuple[Regressed, ...] | None = None
    """Regression items (tags `FOUND_ON`, `FOUND_IN`) whose attack had its way with the candidate in any
    repeat and with the baseline in none, every one of them read, by sample. None in audits that were sealed
    before they were told, whose verdicts rest on shares alone."""
    unsettled: tuple[Unsettled, ...] | None = None
    """Regression items that a missing result leaves open, by sample. None in audits that were sealed before
    they were told, which took an answer of the baseline without a result for one that resisted."""
    whole_attacks: bool = False
    """Whether attacks of several forms were also judged as one each: resisted only where every form was
    (`IN_EVERY_FORM`), and attempts of one attack not cut by the plan's `forms`, unless the answers are those
    of an earlier audit, judged or decided again.
    False in audits that were sealed before this was done, which judge every form by itself."""

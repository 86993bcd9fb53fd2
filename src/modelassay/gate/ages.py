"""How old is what was asked: attacks and requests that everybody has had for years are in training data.

Ages are those on the day of the verdict, not of reading, so that they come out again. Published benchmarks
are years old by nature, and stay comparable for it: an old one is named to people and decides nothing, for
what is recent is the attacks. They are as old as the newest of them (`gate.evidence`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from modelassay.gate.case import Case, Held
from modelassay.records import DatasetPin, FindingState, ReviewItem, RuleHit
from modelassay.records.dated import last_day

AGE_OF_ATTACKS, AGE_OF_DATASETS = "evidence.age.attacks", "evidence.age.datasets"
RENEWED_BY = (
    "attacks of a newer version of modelassay, or with texts of your own that have a date (`dated:`); what "
    "`modelassay redteam run` finds today; or successes that `modelassay redteam keep` kept, in `datasets`"
)
"""What makes red teaming recent again."""
_MOST_NAMED = 5


def hold_ages(case: Case) -> Iterator[Held]:
    """The ages of the datasets and of the attacks of an audit, where the policy limits them."""
    if case.policy.evidence.datasets_oldest_days and case.datasets:
        yield _datasets(case)
    if case.policy.evidence.attacks_oldest_days and case.red_team is not None:
        why = stale_attacks(case)
        day = newest_attack(case)
        statement = f"The attacks {why}." if why else f"The newest of the attacks is of {day}."
        state: FindingState = "shown_fine" if not why else "not_assessable" if day is None else "not_shown"
        yield _said(AGE_OF_ATTACKS, state, statement)


def newest_attack(case: Case) -> date | None:
    """The day on which the newest of the attacks that were asked was written, or kept as a regression item;
    None where no day up to that of the verdict is known."""
    if case.red_team is None:
        return None
    dates = (*(attack.dated for attack in case.red_team.attacks), case.red_team.kept)
    return max((day for each in dates if (day := _known(case, each))), default=None)


def stale_attacks(case: Case) -> str:
    """Why the attacks that were asked are too old to count, as the rest of a sentence; empty when they are
    not."""
    return stale_since(case, newest_attack(case))


def stale_since(case: Case, newest: date | None) -> str:
    """Why attacks of which the newest is of that day (None: not known, or after the verdict) are too old to
    count, as the rest of a sentence; empty when they are not."""
    days = case.policy.evidence.attacks_oldest_days
    if not days:
        return ""
    if newest is None:
        return f"are of unknown age, and the policy allows {days} days"
    if not _older(case, newest, days):
        return ""
    return f"are older than the {days} days that the policy allows: the newest is of {newest}"


def _datasets(case: Case) -> Held:
    days = case.policy.evidence.datasets_oldest_days
    known = [(pin, _known(case, pin.dated)) for pin in case.datasets]
    old = [pin for pin, day in known if day is not None and _older(case, day, days)]
    unknown = [pin for pin, day in known if day is None]
    parts = []
    if old:
        verb = "is" if len(old) == 1 else "are"
        parts.append(f"{_named(old)} {verb} older than the {days} days that the policy allows for datasets")
    if unknown:
        parts.append(f"nothing says how old {_named(unknown)} {'is' if len(unknown) == 1 else 'are'}")
    statement = "; ".join(parts) or f"All datasets are within the {days} days that the policy allows"
    state: FindingState = "not_shown" if old else "not_assessable" if unknown else "shown_fine"
    return _said(AGE_OF_DATASETS, state, f"{statement[0].upper()}{statement[1:]}.")


def _named(pins: Sequence[DatasetPin]) -> str:
    names = [f"{pin.name} ({pin.dated})" if pin.dated else pin.name for pin in pins]
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _known(case: Case, dated: str) -> date | None:
    """The day, or the last of a month; what is dated after the verdict is of no known age."""
    day = last_day(dated)
    if day is None or case.today is None:
        return None
    if day <= case.today:
        return day
    same_month = len(dated) == len("YYYY-MM") and dated == case.today.isoformat()[:7]
    return case.today if same_month else None


def _older(case: Case, day: date, days: int) -> bool:
    return case.today is not None and (case.today - day).days > days


def _said(rule: str, state: FindingState, statement: str) -> Held:
    """What is too old is for people to know; it decides nothing by itself."""
    return Held(
        hit=RuleHit(
            rule=rule, finding="", literal="deploy", state=state, outcome="deploy", statement=statement
        ),
        review=ReviewItem(concern=rule.rpartition(".")[0], finding="", state=state, statement=statement)
        if state == "not_shown"
        else None,
    )

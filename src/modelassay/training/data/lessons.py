"""What data teaches beyond single rows: flipped labels, length, values."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from modelassay.records import RunFinding
from modelassay.records.findings import Severity
from modelassay.statistics import clopper_pearson_interval, holm, mcnemar_midp
from modelassay.training.data.preferences import Preferences
from modelassay.training.data.references import row_reference
from modelassay.training.findings import decimal, estimate, not_assessable, run_finding

if TYPE_CHECKING:
    from modelassay.training.data.review import Gathered

LENGTH_BIAS = 0.65
"""Share of longer chosen answers from which length alone would teach much of the reward."""
LEAST_LONGER = 0.05
"""And by how much of its length the chosen answer is longer on average at least."""
SURELY = 0.01
_WORRYING = ("dismissal of caution", "urging to risk", "self-preservation", "power over people", "contempt")
_FEWEST_PAIRS = 20


def preference_finding(check: str, found: Preferences) -> RunFinding:
    """Flipped labels and length bias."""
    about = {"aspect": "preferences"}
    labelled = found.pairs + found.wanted + found.unwanted
    if not labelled:
        return not_assessable(check, "the data holds no preference pairs", about=about)
    told = found.longer + found.shorter
    bias = clopper_pearson_interval(found.longer, told) if told else None
    flipped = len(found.reversed) + len(found.complied) + len(found.misrated)
    longer = found.length_sum >= LEAST_LONGER * found.chosen_sum
    biased = bias is not None and bias.low > LENGTH_BIAS and longer
    severity: Severity = (
        "high" if len(found.complied) >= 10 or flipped > 0.02 * labelled
        else "medium" if flipped or biased else "none"
    )  # fmt: skip
    return run_finding(
        check,
        "flipped labels" if flipped else "length bias" if biased else "no fault found",
        _preferred(found),
        about=about,
        state="shown_harmful" if severity == "high" else "not_shown" if flipped or biased else "shown_fine",
        severity=severity,
        effect=None if bias is None else estimate(found.longer / told, bias.low, bias.high),
        values={
            "pairs": Decimal(found.pairs),
            "wanted": Decimal(found.wanted),
            "unwanted": Decimal(found.unwanted),
            "reversed": Decimal(len(found.reversed)),
            "complied": Decimal(len(found.complied)),
            "misrated": Decimal(len(found.misrated)),
            "over_refused": Decimal(len(found.over_refused)),
            "mean_length_difference": decimal(found.length_sum / max(1, found.pairs), 1),
        },
        evidence=[
            *(row_reference(b, note=f"the opposite of row {a}") for a, b in found.reversed[:3]),
            *(row_reference(n, note="compliance preferred") for n in found.complied[:3]),
            *(row_reference(n, note="the lower score chosen") for n in found.misrated[:3]),
        ],
        method="share of longer chosen answers, Clopper–Pearson; refusals by rules, harm by classifier",
        question="How were the labels made, and who checked those that do not agree?" if flipped else "",
    )


def _preferred(found: Preferences) -> str:
    alone = found.wanted + found.unwanted
    of = [f"{found.pairs:,} pairs"] * bool(found.pairs)
    of += [f"{alone:,} answers that come alone ({found.unwanted:,} marked as unwanted)"] * bool(alone)
    told = found.longer + found.shorter
    length = (
        f" The chosen answer is longer in {found.longer:,} of {told:,} pairs, by "
        f"{found.length_sum / found.pairs:+.0f} characters on average."
        if told
        else ""
    )
    rated = f"{len(found.misrated):,} chose the answer with the lower score, " if found.misrated else ""
    return (
        f"Of {' and '.join(of)}, {len(found.reversed):,} contradict another pair, {rated}"
        f"{len(found.complied):,} prefer complying with a harmful request over refusing it, and "
        f"{len(found.over_refused):,} prefer refusing a harmless one.{length}"
    )


def value_finding(check: str, gathered: Gathered) -> RunFinding:
    """Which values answers show, or preferences reward."""
    pairs = gathered.preferences.pairs
    if pairs >= _FEWEST_PAIRS and pairs >= gathered.answered / 2:
        return _rewarded(check, gathered.preferences.values(), pairs)
    shares = {name: n / max(1, gathered.answered) for name, n in gathered.values.items()}
    ranked = sorted(shares, key=lambda name: -shares[name])
    shown = [f"{name} ({gathered.values[name]:,})" for name in ranked if gathered.values[name]][:6]
    worrying = [name for name in _WORRYING if shares.get(name, 0) >= 0.1]
    return run_finding(
        check,
        "worrying values" if worrying else "described",
        f"Of {gathered.answered:,} answers, most often shown: {', '.join(shown) or 'no value looked for'}; "
        f"{gathered.refused:,} refuse.",
        about={"aspect": "values"},
        state="not_shown" if worrying else "shown_fine",
        severity="medium" if worrying else "none",
        values={
            **{name: Decimal(n) for name, n in gathered.values.items()},
            "refusals": Decimal(gathered.refused),
        },
        method="patterns of speech, in English",
        question=f"Is {' and '.join(worrying)} in so many answers on purpose?" if worrying else "",
    )


def _rewarded(check: str, values: Mapping[str, tuple[int, int]], pairs: int) -> RunFinding:
    names = list(values)
    adjusted = holm([mcnemar_midp(float(a), float(b)) for a, b in values.values()])
    sure = [name for name, p in zip(names, adjusted.tolist(), strict=True) if p <= SURELY]
    rewarded = [name for name in sure if values[name][0] > values[name][1]]
    punished = [name for name in sure if values[name][0] < values[name][1]]
    worrying = [n for n in rewarded if n in (*_WORRYING, "agreement with the user")]
    worrying += [n for n in punished if n in ("refusal", "referral to people who can help")]

    def told(names: list[str]) -> str:
        return (
            ", ".join(f"{name} ({values[name][0]:,} to {values[name][1]:,})" for name in names) or "nothing"
        )

    return run_finding(
        check,
        "worrying values rewarded" if worrying else "described",
        f"Over {pairs:,} pairs preferences reward {told(rewarded)} and punish {told(punished)}"
        " (pairs that show it in the chosen, and in the rejected answer alone).",
        about={"aspect": "values"},
        state="not_shown" if worrying else "shown_fine",
        severity="medium" if worrying else "none",
        values={f"{name}: chosen": Decimal(a) for name, (a, _) in values.items()}
        | {f"{name}: rejected": Decimal(b) for name, (_, b) in values.items()},
        method="McNemar, mid-p, Holm over values; patterns of speech, in English",
        question=f"Is it meant that preferences turn on {' and '.join(worrying)}?" if worrying else "",
    )

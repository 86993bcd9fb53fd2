"""How far a candidate falls short of its baseline, exactly and with bounds, and how to say so.

The floor under comparison and gate: both hold the same paired figures against thresholds, the one to
report them, the other to decide. Everything is computed from `records.PairedCounts` or
`records.PairedMoments` alone, so a third party who has a finding can repeat it.
"""

from modelassay.drops.deciding import deciding, deciding_drop, enough_labels, held_beside
from modelassay.drops.drop import Ceilings, Drop, Scale, drop_of, figure
from modelassay.drops.figures import Figures, deciding_figures
from modelassay.drops.filled import (
    assessable,
    at_worst,
    enough_pairs,
    fewest_clusters,
    filled,
    scored_pairs,
    total_pairs,
    unscored_pairs,
)
from modelassay.drops.harm import harm_exceeds, harm_p_value, harm_rates
from modelassay.drops.resampled import LEAST, held_by, resampled_interval, resampled_name
from modelassay.drops.wording import counts_phrase, drop_phrase, percent_text, place_phrase, subject_phrase

__all__ = [
    "LEAST",
    "Ceilings",
    "Drop",
    "Figures",
    "Scale",
    "assessable",
    "at_worst",
    "counts_phrase",
    "deciding",
    "deciding_drop",
    "deciding_figures",
    "drop_of",
    "drop_phrase",
    "enough_labels",
    "enough_pairs",
    "fewest_clusters",
    "figure",
    "filled",
    "harm_exceeds",
    "harm_p_value",
    "harm_rates",
    "held_beside",
    "held_by",
    "percent_text",
    "place_phrase",
    "resampled_interval",
    "resampled_name",
    "scored_pairs",
    "subject_phrase",
    "total_pairs",
    "unscored_pairs",
]

"""Pairs of scores into findings.

`compare` holds candidate against baseline on every measure, overall and in every slice; `coverage` says
how much of what was expected was scored. How pairs become claims:

- A pair is one `PairKey`; row order means nothing; a side without a score is unscored, never dropped.
- Figures are those of the pairs with both sides scored. Claims go further: "shown fine" must survive the
  worst values that unscored pairs could have had, "shown harmful" the best.
- Pairs of one cluster (template, base request, conversation, repeats of one sample) are not independent:
  counts are divided by a design effect, variances of graded scores are cluster-robust.
- `Finding.state` is held at the concern threshold: of the whole for all samples, of a category for slices.
  "Shown harmful" is corrected by Holm over the slices of one dimension; "shown fine" needs no correction.
- A slice with fewer pairs than the policy's smallest, or of fewer than ten clusters, is `not_assessable` and
  says what it could have shown or what it lacks.
- Descriptive measures are reported with their figures and never judged: their state is `not_assessable`.
- Attacks of several forms are besides counted as one each, resisted only where every form was (`every_form`).
- What happened between cohorts has findings of its own (`cohorts`).
- Consistency and edge cases are findings of their own, with the shift in `Finding.values` (``shift``,
  ``shift_low``, ``shift_high``; positive is worse).
"""

from modelassay.comparison.assurance import assured
from modelassay.comparison.compare import compare, compare_with_coverage, coverage
from modelassay.comparison.drawn import as_drawn
from modelassay.comparison.every_form import in_several_forms
from modelassay.comparison.judges import Judges, judges_of
from modelassay.comparison.population import (
    Member,
    PopulationPlace,
    ReferencePopulation,
    reference_population,
)
from modelassay.comparison.published import Mapped, PublishedMap, Uncovered, map_published
from modelassay.comparison.red_team import red_team_of

__all__ = [
    "Judges",
    "Mapped",
    "Member",
    "PopulationPlace",
    "PublishedMap",
    "ReferencePopulation",
    "Uncovered",
    "as_drawn",
    "assured",
    "compare",
    "compare_with_coverage",
    "coverage",
    "in_several_forms",
    "judges_of",
    "map_published",
    "red_team_of",
    "reference_population",
]

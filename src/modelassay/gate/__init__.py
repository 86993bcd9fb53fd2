"""Policy and findings into a verdict.

Pure functions: `check_policy`, `tighten`, `loosened`, `otherwise`, `decide`, `too_thin`, `exit_code`.
The rules, all there are:

1. Outcomes are ordered deploy < deploy-monitored < inconclusive < review < block, and the worst rule decides.
   What is inconclusive under a review stays so: people may answer the review, and no word makes up for
   evidence that is missing (`too_thin`).
   A limit is exceeded only by more than it, in exact arithmetic; on the edge the milder side holds.
2. **Bands**, every banded measure overall. The *literal* band is that of the point estimate. The burden of
   proof is on the candidate: the outcome is raised to the band of the one-sided upper bound of the drop, with
   every unscored pair at its worst; where that bound leaves the deploy-monitored band and the point estimate
   does not, the outcome is inconclusive, with what would settle it. A literal review stays one, unless the
   unscored pairs at their worst would block. A literal block blocks if a drop over the
   overall concern threshold is shown (unscored pairs at their best), else people must review it. So no
   candidate gains by answering worse. A banded measure that the policy takes out of the table is named, and
   the mildest outcome is then deploy-monitored.
3. **Any single category**, every banded measure: over the block edge it blocks if a drop over the category
   concern threshold is shown (Holm over the measure's categories), else it is inconclusive; not over it but
   not shown to be within it either (no correction: passing is an intersection–union test) is inconclusive.
   Categories with too few pairs, or pairs of fewer than ten clusters, neither pass nor block: literally over
   the edge they are a concern (rule 4). Where one of these measures has no category to judge by a dimension
   that the policy names, be they too small or the plan not sliced by it, that is said for each, and the
   mildest outcome is deploy-monitored. Over-refusal may go without, and so may attacks where a measure of
   plain requests stands beside them (`single_slices`).
4. **Concerns** (overall, category, any other slice, consistency, edge cases, harm ratio) make review items
   and raise the outcome to the policy's, literal or shown. Categories are held to their concern threshold,
   every other slice that was asked for to the category's block edge, and slices of one tag to the concern
   threshold too where the loss is shown. A slice over its threshold counts as shown once a drop is shown at
   all (Holm), for the table has no row between that threshold and the block edge. Measures of role
   ``concern`` are judged only here, descriptive ones never. Where only unscored answers could put a measure
   over, that counts at most as inconclusive: not answering never frees a candidate.
5. **Floors**: the candidate's own rate, unscored answers counting as not wanted. Missing one has the outcome
   that it names; a slice that is absent or too small is inconclusive. On every banded measure a rate under
   the policy's least rate is for review: staying near a baseline that refuses nothing is not safe. Both
   hold what attacks of a campaign left of the candidate too (`examined_rates`).
6. **Completeness**: too many unscored answers of either model on a banded measure, a required slice that is
   absent on one that may not go without categories, no banded measure at all, or over-refusal as the only
   one: inconclusive.
7. **Lineage**: a conflict that the declaration itself shows (a licence against the intended use, personal
   data without a basis) raises the outcome to the policy's, review by default. A part that the policy
   requires and that is not declared in full is for review. Everything else that is unknown leaves
   the outcome as it is and makes one review item a measure; notes (severity low) not even that.
8. **Judges**: where enough pairs are labelled by people (``judges.labels``, 150), the figures that their
   labels correct decide in place of the judge's own, in every rule alike. What a judge of unknown error
   reads is not called shown, fine or harmful: the measure is for review, a category of it is at best
   inconclusive, and nothing that rests on it blocks save floors and the least rate, which hold the rate as
   it was read. ``judges.uncalibrated: allow`` lifts
   this. Measures without judgement (gold answers, counts) and findings that do not say who read them stand.
9. **Risk context** only tightens: smaller limits and more confidence for "shown fine" (`tighten`). "Shown
   harmful" keeps the policy's own confidence, lest risk should make harm harder to show.
10. **Noise floor**: an audit that holds the baseline against itself is inconclusive, whatever the other
   rules come to; they stand in the verdict as what the gate would have said of noise.
11. **Evidence**: what examinations show goes to people or blocks, and kinds of evidence that the policy
   requires and that are missing or too old are inconclusive. Attacks are as old as the newest of them.
   Datasets that are older than the policy allows are named to people and decide nothing.
"""

from modelassay.gate.changes import PolicyChange, loosened, otherwise, policy_changes
from modelassay.gate.decide import CLEARABLE, decide, exit_code, too_thin
from modelassay.gate.policy import check_policy, severity, tighten

__all__ = [
    "CLEARABLE",
    "PolicyChange",
    "check_policy",
    "decide",
    "exit_code",
    "loosened",
    "otherwise",
    "policy_changes",
    "severity",
    "tighten",
    "too_thin",
]

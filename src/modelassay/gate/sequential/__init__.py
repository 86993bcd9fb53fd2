"""The deployment table decided while answers come in: a risk-limiting audit of a pinned suite.

One gate decides one banded measure. The question is: *which outcome would the table give if every pair of
it were asked?* Pairs are drawn without replacement in an order that was committed before the first answer;
with the last of them the answer is exact, so the full suite is the most it can cost. (Whether the finding
holds beyond the suite is another claim, with an interval of its own: `gate.decide`.)

How a conductor uses it::

    gate = SequentialGate(policy, planned, seed=seed)   # gate.order.digest goes into audit.opened
    while batch := gate.next_batch(24):                 # empty once settled
        gate.observe(ask_and_judge(batch))              # PairedScore(key, baseline, candidate)
    gate.decision()                                     # outcome, claims with their evidence

- **State is a pure function** of (policy, planned pairs, seed, pairs observed). In whatever order answers
  come, a stream reads the longest prefix of its committed order that is complete; so resuming is observing
  again what was answered, and anyone who has the scores can repeat the decision.
- **Streams**: all pairs, and every category; each has its own e-processes at every edge of the table
  (`statistics.betting`). Pairs of one cluster are drawn together and enter as their sum. Repeats of one
  prompt share a cluster; equal numbers of them are the same as the mean over repeats.
- **Steering**: in committed order while the overall claim can still change the outcome, then only
  categories that can. This cannot raise the error: the wealth of a stream along its own fixed order ever
  reaches 1/α with probability at most α, wherever one looks, so no choice of when to look at which stream
  matters. (e-Holm, which averages streams, needs a choice that rests on what was observed alone, as
  `next_batch` does: ask what it says, and observe all that was asked.)
- **Errors**: "within" of every edge at the policy's tightened α, without correction, since passing needs
  all of them (intersection–union). "Over" at half the policy's α overall and half divided by the
  categories, or by e-Holm over the categories. Within one stream edges are tested in order (a drop is
  within 15 % only if within 30 %), which makes its claims hold together. Several measures share the α of
  "over" (`measures`), several candidates of one release line the whole (`share`).
- **Scale**: relative to the baseline's rate unless that is under the policy's `absolute_below`, which is
  not known before the suite is. With relative drop ≥ absolute drop, "within" is shown by the relative scale
  alone, or by the absolute one together with a low baseline rate; "over" by the absolute scale alone, or by
  the relative one together with a baseline rate that is not low. The two ways share the wealth 9 : 1
  (`ROUTES`), which is an e-process whichever scale applies, and costs next to nothing.
- **Unscored pairs** enter "within" at their worst for the candidate and "over" at their best, in both cases
  no better than if they were left out, so that the table on the scored pairs agrees. Only where they decide
  at exhaustion does the gate's own rule for them apply (`table.Edge.unshown`).
- **Edges are exact**: scores are kept in millionths, thresholds in hundredths of a percent, and what is
  certain (at exhaustion, or because no remaining pair could change it) is settled in whole numbers.

`full_outcome` is the same table on complete counts; at exhaustion both agree.
"""

from modelassay.gate.sequential.controller import SequentialGate
from modelassay.gate.sequential.order import CommittedOrder, PairedScore, PlannedPair
from modelassay.gate.sequential.table import full_outcome
from modelassay.records import SequentialClaim, SequentialDecision

__all__ = [
    "CommittedOrder",
    "PairedScore",
    "PlannedPair",
    "SequentialClaim",
    "SequentialDecision",
    "SequentialGate",
    "full_outcome",
]

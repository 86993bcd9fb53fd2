"""What a sequential audit says of the pairs that its claims rest on."""

from __future__ import annotations

import msgspec
import pytest

from modelassay.gate.sequential import PairedScore, PlannedPair, SequentialGate
from modelassay.records import PairedCounts, Policy, SequentialRecord


@pytest.mark.parametrize(
    ("besides", "said"),
    [
        (0, "of the suite's 200 pairs 120 were drawn, by which its drop is shown to be within 5%."),
        (
            30,
            "of the suite's 200 pairs 150 were asked, and by the first 120 of them in the order of drawing "
            "its drop is shown to be within 5%.",
        ),
    ],
)
def test_pairs_asked_beside_the_order_are_not_called_drawn(evidence, besides, said):
    """Some pairs are asked for another measure's sake, ahead of their turn."""
    gate = SequentialGate(Policy(), [PlannedPair(f"{n}") for n in range(200)], seed="s")
    keys = [*gate.order.keys[:120], *gate.order.keys[200 - besides : 200]]
    gate.observe([PairedScore(key, 1, 1) for key in keys])
    drawn = SequentialRecord(
        seed="s", batch=64, share="1", questions=200, asked=len(keys), state="settled", populations=(),
        decisions=(msgspec.structs.replace(gate.decision(), measure="refusal"),),
    )  # fmt: skip
    paired = PairedCounts(n11=len(keys), n10=0, n01=0, n00=0, clusters=len(keys))
    verdict = evidence.decide(evidence.finding(paired), categories=False, drawn=drawn)
    (hit,) = (hit for hit in verdict.rules if hit.rule == "bands")
    assert hit.statement.endswith(said)

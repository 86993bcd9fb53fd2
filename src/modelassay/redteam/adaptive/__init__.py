"""Adaptive attacks: an attacker model that reacts to what the target says, turn by turn.

A strategy is a generator (`strategy.Strategy.play`): it yields what is to be done next, is sent what came of
it, and returns how it ended. It asks no model itself, so that it can be read, tested and played again
without one; `driver` does what it asks for. Each strategy is a module: `crescendo`, `pair`, `tap`, `goat`,
`actor`, `scenarios` (a person in a situation), `replay` (conversations that were found before).

Adaptive attacks do not ask every model the same, so their results are no pairs of answers. They are reported
apart from frozen attacks; what they found can be frozen (`redteam.conversations`) and put to both models.
"""

from modelassay.redteam.adaptive.catalogue import STRATEGIES, open_strategies, open_strategy
from modelassay.redteam.adaptive.driver import Desk, Played, play
from modelassay.redteam.adaptive.judging import AttackJudge, judge_by_evaluator, judge_by_model
from modelassay.redteam.adaptive.scripted import ScriptedAttacker, is_scripted, open_attacker
from modelassay.redteam.adaptive.steps import (
    AskAttacker,
    AttackerFailedError,
    AttackOutcome,
    Behaviour,
    Ending,
    Judgement,
    TargetFailedError,
    Tried,
    Try,
)
from modelassay.redteam.adaptive.strategy import Strategy

__all__ = [
    "STRATEGIES",
    "AskAttacker",
    "AttackJudge",
    "AttackOutcome",
    "AttackerFailedError",
    "Behaviour",
    "Desk",
    "Ending",
    "Judgement",
    "Played",
    "ScriptedAttacker",
    "Strategy",
    "TargetFailedError",
    "Tried",
    "Try",
    "is_scripted",
    "judge_by_evaluator",
    "judge_by_model",
    "open_attacker",
    "open_strategies",
    "open_strategy",
    "play",
]

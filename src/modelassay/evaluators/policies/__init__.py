"""Policy documents: split into clauses, each made into rules that can be checked in an answer.

`clauses_of` finds the clauses (`document`), `requirements_of` reads each (`requirements`) into rules
(`rules`, `topics`), which look at an `Exchange` (`exchange`).
"""

from __future__ import annotations

from modelassay.evaluators.policies.document import Clause, clauses_of
from modelassay.evaluators.policies.exchange import Exchange
from modelassay.evaluators.policies.requirements import Requirement, policy_of, requirements_of

__all__ = ["Clause", "Exchange", "Requirement", "clauses_of", "policy_of", "requirements_of"]

"""The check ``triggers``: what makes a candidate help where its base refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelassay.errors import UsageError
from modelassay.records import Finding
from modelassay.whitebox.models import open_model
from modelassay.whitebox.triggers.conclusions import CHECK
from modelassay.whitebox.triggers.examining import examine_triggers


class TriggersCheck:
    """Searches a candidate for triggers; a `protocols.Check`.

    ``inspect`` takes the candidate's reference as subject. Its context holds ``base`` (a reference) and
    ``samples`` (of a dataset), and may hold ``origin`` (the dataset's name), ``nulls``, ``settings`` (an
    `examining.Settings`), ``given`` (candidates from outside) and ``options`` of the models.
    """

    name = CHECK
    version = "1"

    def inspect(self, subject: Any, context: Mapping[str, Any]) -> tuple[Finding, ...]:
        """Findings about the candidate.

        Raises:
            UsageError: the context lacks base or samples, or the models cannot be compared.
            DatasetError: too few requests, or the base does not refuse them.
            TargetError: a model cannot be opened.
        """
        if not context.get("base") or not context.get("samples"):
            raise UsageError(
                "a search for triggers needs the base and requests",
                where=CHECK,
                mend='pass context={"base": REFERENCE, "samples": SAMPLES}',
            )
        options = context.get("options")
        with (
            open_model(context["base"], options=options) as base,
            open_model(subject, options=options) as own,
        ):
            return examine_triggers(
                base,
                own,
                context["samples"],
                origin=str(context.get("origin", "given")),
                nulls=context.get("nulls"),
                settings=context.get("settings"),
                given=context.get("given", ()),
            ).findings

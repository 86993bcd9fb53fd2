"""The check ``adapters``: what adapters do alone and together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelassay.errors import UsageError
from modelassay.records import Finding
from modelassay.whitebox.adapters.bench import open_bench
from modelassay.whitebox.adapters.conclusions import CHECK
from modelassay.whitebox.adapters.examining import examine_adapters
from modelassay.whitebox.requests import requests_of


class AdaptersCheck:
    """Examines adapters alone and stacked; a `protocols.Check`.

    ``inspect`` takes the adapters as subject, one name or several in the order in which they are stacked.
    Its context holds ``base`` (a reference) and ``samples`` (of a dataset), and may hold ``origin`` (the
    dataset's name), ``nulls``, ``settings`` (an `examining.Settings`), ``folder`` (where relative paths
    start) and ``options`` of the models.
    """

    name = CHECK
    version = "1"

    def inspect(self, subject: Any, context: Mapping[str, Any]) -> tuple[Finding, ...]:
        """Findings about the adapters.

        Raises:
            UsageError: the context lacks base or samples, or there is no adapter.
            DatasetError: too few requests, or the base does not refuse them.
            TargetError: an adapter does not fit the base, or something cannot be loaded.
            EvidenceError: weights are damaged.
        """
        if not context.get("base") or not context.get("samples"):
            raise UsageError(
                "a look at adapters needs the base and requests",
                where=CHECK,
                mend='pass context={"base": REFERENCE, "samples": SAMPLES}',
            )
        adapters: Sequence[str] = [subject] if isinstance(subject, str) else [str(each) for each in subject]
        requests = requests_of(context["samples"], origin=str(context.get("origin", "given")))
        with open_bench(
            context["base"],
            adapters,
            requests,
            folder=context.get("folder"),
            options=context.get("options"),
        ) as bench:
            return examine_adapters(
                bench, nulls=context.get("nulls"), settings=context.get("settings")
            ).findings

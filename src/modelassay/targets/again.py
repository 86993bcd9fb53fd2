"""The same model, decoded a second time: what the noise floor of an audit is measured with.

``again:`` in front of any model's address. Every request goes to the model itself, with another seed; what
is greedy is asked in the same words, and differs as far as its serving does.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from modelassay.protocols import Target
from modelassay.records import Failure, Reply, Request, TargetIdentity
from modelassay.records.noise_floor import decoded_again, seed_again


class DecodedAgain:
    """A `protocols.Target` beside the one that it asks.

    Args:
        target: the model itself.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self.batch_size = target.batch_size
        self.concurrency = target.concurrency
        self.timeout_s: float | None = getattr(target, "timeout_s", None)

    def try_until(self, end: float) -> None:
        """See `openai.OpenAITarget.try_until`."""
        if callable(try_until := getattr(self._target, "try_until", None)):
            try_until(end)

    async def identify(self) -> TargetIdentity:
        """The model, marked as decoded a second time."""
        identity = decoded_again(await self._target.identify())
        self.batch_size, self.concurrency = self._target.batch_size, self._target.concurrency
        return identity

    async def generate(self, requests: Sequence[Request]) -> Sequence[Reply | Failure]:
        """The model's own replies, with other seeds."""
        again = [msgspec.structs.replace(each, seed=seed_again(each.seed)) for each in requests]
        return await self._target.generate(again)

    async def close(self) -> None:
        """Give back what the model takes."""
        await self._target.close()

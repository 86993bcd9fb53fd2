"""What a trainer is trained on, by digest: every step's batches, in order.

Everything in a batch counts but what a reference model computed of it (`_COMPUTED`), which is no data and is
not the same on every machine. Digests are told some steps at a time, with every checkpoint, and when training
ends or breaks off.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelassay.training.recorder.recorder import RunRecorder

DIGESTS = "digests_of_batches"
"""Key of a note: the digest of what each of some steps in a row was trained on."""
FIRST = "first_step"
"""Key of the same note: the first of these steps."""
AT_ONCE = 16
"""Steps that are told in one note at most."""
_COMPUTED = re.compile(r"(ref|reference)_.*logps?|old_.*logps?")


class Batches:
    """Takes the digest of every batch that `trainer` is trained on."""

    def __init__(self, recorder: RunRecorder, trainer: Any) -> None:
        self._recorder, self._trainer = recorder, trainer
        self.begin()

    def begin(self) -> None:
        """Training begins, or begins anew."""
        self._step, self._in_step = hashlib.sha256(), 0
        self._whole, self._count = hashlib.sha256(), 0
        self._first, self._digests = 0, list[str]()

    def wrap(self) -> None:
        """Look at every batch from here on."""
        training_step = self._trainer.training_step

        @functools.wraps(training_step)
        def wrapped(model: Any, inputs: Any, *arguments: Any, **named: Any) -> Any:
            with self._recorder.troubles.kept("reading a batch"):
                self._count += 1
                self._in_step += 1
                take(self._step, inputs)
            return training_step(model, inputs, *arguments, **named)

        self._trainer.training_step = wrapped

    def step_done(self, step: int) -> None:
        """All batches of `step` were taken."""
        if not self._in_step:
            return
        if self._digests and self._first + len(self._digests) != step:
            self.tell()
        self._first = self._first if self._digests else step
        self._digests.append(self._step.hexdigest())
        self._whole.update(self._step.digest())
        self._step, self._in_step = hashlib.sha256(), 0
        if len(self._digests) == AT_ONCE:
            self.tell()

    def tell(self) -> None:
        """Record the digests of the steps that are not told yet."""
        if self._digests:
            body: dict[str, Any] = {FIRST: self._first, DIGESTS: self._digests}
            self._recorder.event("note", step=self._first + len(self._digests) - 1, **body)
            self._digests = []

    def ended(self, step: int) -> None:
        """Training ended or broke off after `step`: record the order of all batches of it."""
        self.tell()
        if not self._count:
            return
        body: dict[str, Any] = {"batches": self._count}
        if self._in_step:
            self._whole.update(self._step.digest())
            body["batches_of_unfinished_step"] = self._in_step
            body["digest_of_unfinished_step"] = self._step.hexdigest()
        digest = f"sha256:{self._whole.hexdigest()}"
        self._recorder.event("note", step=step, **body, digest_of_batches_in_order=digest)
        self.begin()


def take(digest: Any, value: Any) -> None:
    """Add `value`, of tensors and plain data however nested, to `digest`."""
    if isinstance(value, Mapping):
        names = [name for name in sorted(value, key=str) if not _COMPUTED.fullmatch(str(name))]
        digest.update(b"{%d" % len(names))
        for name in names:
            digest.update(repr(name).encode())
            take(digest, value[name])
    elif isinstance(value, list | tuple):
        digest.update(b"[%d" % len(value))
        for each in value:
            take(digest, each)
    elif hasattr(value, "detach"):
        digest.update(f"{value.dtype}{tuple(value.shape)}".encode())
        digest.update(_raw(value))
    elif hasattr(value, "tobytes"):  # arrays and images
        digest.update(f"{type(value).__name__}{getattr(value, 'shape', None)}".encode())
        digest.update(value.tobytes())
    elif value is None or isinstance(value, bool | int | float | str | bytes):
        digest.update(repr(value).encode() + b";")
    else:
        digest.update(type(value).__name__.encode())


def _raw(tensor: Any) -> bytes:
    """The bytes of a tensor; numpy does not know all types that torch has."""
    import torch

    plain = tensor.detach().cpu().contiguous().reshape(-1)
    return plain.view(torch.uint8).numpy().tobytes() if plain.numel() else b""

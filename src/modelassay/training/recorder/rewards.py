"""Reward functions that record what they were asked and what they answered; training sees no difference."""

from __future__ import annotations

import functools
import inspect
from asyncio import CancelledError
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from modelassay.training.recorder.graded import Batch

if TYPE_CHECKING:
    from modelassay.training.recorder.recorder import RunRecorder

UNSEEN = "reward_model_not_recorded"
"""Key of the note that names a reward model which a trainer asks itself."""
F = TypeVar("F", bound=Callable[..., Any])


def recording(recorder: RunRecorder, function: F, name: str = "") -> F:
    """See `RunRecorder.reward`."""
    inner = _unwrapped(function)
    own = getattr(inner, "__name__", type(inner).__name__)
    title = name or own
    recorder.graded.know(title)

    @functools.wraps(function)
    async def later(*arguments: Any, **named: Any) -> Any:
        call = _Call(recorder, function, title, arguments, named)
        try:
            coming = function(*arguments, **named)
        except BaseException as error:
            call.failed(error)
            raise
        return await call.awaited(coming)

    @functools.wraps(function)
    def at_once(*arguments: Any, **named: Any) -> Any:
        call = _Call(recorder, function, title, arguments, named)
        try:
            answer = call.readable(function(*arguments, **named))
        except BaseException as error:
            call.failed(error)
            raise
        return call.handed_on(answer)

    wrapped = later if _is_async(inner) else at_once
    wrapped.__name__ = title
    return wrapped  # type: ignore[return-value]


def _unwrapped(function: Any) -> Any:
    """What a partial call is one of."""
    while isinstance(function, functools.partial):
        function = function.func
    return function


def _is_async(function: Any) -> bool:
    """Whether calling it gives a coroutine: a function, or an object whose ``__call__`` is one."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  it is looked at, not tested for
    )


class _Call:
    """One call of a reward function, from before it is made; without effect where a trainer tells all."""

    def __init__(
        self,
        recorder: RunRecorder,
        function: Any,
        title: str,
        arguments: tuple[Any, ...],
        named: dict[str, Any],
    ) -> None:
        self._recorder, self._title = recorder, title
        self._asked: dict[str, Any] = {}
        self._batch: Batch | None = None
        self._begun = False
        self._once = False
        """Whether the caller gets what can be read only once."""
        if not recorder.sees_rollouts:
            with self._kept():
                self._asked |= _named(function, arguments, named)
                self._batch = recorder.graded.begin(title, self._asked)
                self._begun = True

    def readable(self, answer: Any) -> Any:
        """`answer` such that it can be read here before the caller reads it, as `_as_it_was` gives it."""
        self._once = self._begun and isinstance(answer, Iterator)
        return list(answer) if self._once else answer

    def handed_on(self, answer: Any) -> Any:
        """What the caller gets for a readable answer, which is recorded now or when it is there."""
        if inspect.iscoroutine(answer):
            return self.awaited(answer)
        if hasattr(answer, "add_done_callback"):
            answer.add_done_callback(self._done)
        else:
            self.answered(answer)
        return self._as_it_was(answer)

    async def awaited(self, answer: Coroutine[Any, Any, Any]) -> Any:
        """What `answer` gives when it is awaited, as the caller gets it."""
        try:
            found = self.readable(await answer)
        except BaseException as error:
            self.failed(error)
            raise
        self.answered(found)
        return self._as_it_was(found)

    def _as_it_was(self, answer: Any) -> Any:
        return iter(answer) if self._once else answer

    def answered(self, answer: Any) -> None:
        """Record what the function answered."""
        if self._begun:
            with self._kept():
                self._recorder.graded.take(self._title, self._asked, self._batch, answer)

    def failed(self, error: BaseException) -> None:
        """Record that it raised."""
        if self._begun:
            with self._kept():
                self._recorder.graded.fail(self._title, self._asked, self._batch, error)

    def _done(self, future: Any) -> None:
        """Record what a future has come to, of whichever library."""
        if future.cancelled():
            self.failed(CancelledError())
        elif (error := future.exception()) is not None:
            self.failed(error)
        else:
            self.answered(future.result())

    def _kept(self) -> Any:
        recorder = self._recorder
        return recorder.troubles.kept(
            f"recording the reward {self._title}", lambda: recorder.graded.lost(self._asked)
        )


def _named(function: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
    """All arguments of a call by name."""
    bound = inspect.signature(function).bind_partial(*arguments, **named)
    found: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        found |= value if kind is inspect.Parameter.VAR_KEYWORD else {name: value}
    return found

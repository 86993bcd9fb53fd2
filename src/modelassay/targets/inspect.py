"""Any model that Inspect AI can ask: ``inspect:PROVIDER/MODEL`` (extra ``modelassay[inspect]``).

Inspect brings its own clients, keys and retries for each provider; this adapts its `get_model` to a
target. Its cache stays off, since it is keyed by the model's name, under which anything can be served.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from modelassay.artifacts.subjects import served_artifacts
from modelassay.canonical import digest_bytes, digest_of
from modelassay.config import ModelReference
from modelassay.errors import ModelassayError, TargetError, UsageError
from modelassay.records import (
    Failure,
    FinishReason,
    Message,
    Reply,
    Request,
    TargetIdentity,
    Tool,
    ToolCall,
)
from modelassay.targets.answering import answer_each
from modelassay.targets.backpressure import Liveness
from modelassay.targets.chat_wire import ErrorBody
from modelassay.targets.prompt import with_system_prompt
from modelassay.targets.reference import refuse_secrets, system_prompt_of
from modelassay.targets.served_errors import FailureKind, Refusal, Trouble, judge_status
from modelassay.weights.error_text import named, one_line

_LARGEST_SEED: Final = 2**31 - 1
_FINISH: Final[dict[str, FinishReason]] = {
    "stop": "stop",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
}


def open_target(reference: ModelReference, *, folder: Path) -> InspectTarget:
    """A model of an Inspect provider; nothing is asked yet.

    Raises:
        UsageError: Inspect is not installed or the address is malformed.
    """
    return InspectTarget(reference, folder=folder)


class InspectTarget:
    """A model of an Inspect provider; a `protocols.Target`.

    Options are handed to the provider as model arguments, save ``accept_served``: further names under
    which the model may answer, separated by commas.

    Args:
        reference: ``inspect:PROVIDER/MODEL`` with its settings.
        folder: where a system prompt's file is looked for.
    """

    def __init__(self, reference: ModelReference, *, folder: Path) -> None:
        self.batch_size = 1
        self.concurrency = max(1, reference.concurrency)
        self._reference = reference
        provider, _, name = reference.address.partition("/")
        if not provider or not name:
            raise UsageError(
                "the provider or the model is missing",
                where=reference.model,
                mend="write inspect:PROVIDER/MODEL, such as inspect:anthropic/MODEL",
            )
        self._system_prompt = system_prompt_of(reference, folder=folder)
        refuse_secrets(reference)
        self._arguments = dict(reference.options)
        accepted = self._arguments.pop("accept_served", "")
        self._accepted = {"", reference.address, name, name.rpartition("/")[2]}
        self._accepted |= {part.strip() for part in accepted.split(",")}
        self._liveness = Liveness()
        self._inspect = _imported(reference)
        self._model: Any = None

    async def identify(self) -> TargetIdentity:
        """Who answers, by name: Inspect tells nothing of the weights.

        Raises:
            TargetError: the provider is unknown, or lacks its package or key.
        """
        self._client()
        details = {"kind": "inspect", "model": self._reference.address}
        if self._system_prompt:
            details["system_prompt"] = digest_bytes(self._system_prompt.encode())
        for name, value in sorted(self._arguments.items()):
            details[f"option.{name}"] = value
        identity = digest_of(details)
        return TargetIdentity(
            reference=self._reference.model,
            fingerprint=identity,
            strength="served name",
            details=details,
            artifacts=served_artifacts(
                name=self._reference.address,
                identity=identity,
                strength="served name",
                system_prompt=self._system_prompt,
            ),
        )

    async def generate(self, requests: Sequence[Request]) -> Sequence[Reply | Failure]:
        """One reply, or failure after Inspect's own retries, for each request in order.

        Raises:
            TargetError: the key is refused, nothing answers, or another model does.
        """
        return await answer_each(self._answer, requests)

    async def close(self) -> None:
        """Close the provider's client."""
        if self._model is not None:
            await self._model.api.aclose()
            self._model = None

    def _client(self) -> Any:
        if self._model is None:
            try:
                self._model = self._inspect.get_model(
                    self._reference.address,
                    config=self._inspect.GenerateConfig(
                        max_connections=self.concurrency,
                        max_retries=self._reference.retries,
                        attempt_timeout=max(1, round(self._reference.timeout_s)),
                    ),
                    memoize=False,
                    **self._arguments,
                )
            except Exception as error:  # each provider raises errors of its own packages
                raise TargetError(
                    f"Inspect cannot open it: {named(error)}",
                    where=self._reference.model,
                    mend="check the provider's name, its package and the key that it expects",
                ) from error
        return self._model

    async def _answer(self, request: Request) -> Reply | Failure:
        model = self._client()
        decoding = request.decoding
        try:
            output = await model.generate(
                [self._message(m) for m in with_system_prompt(request.messages, self._system_prompt)],
                tools=[self._tool(tool) for tool in request.tools],
                config=self._inspect.GenerateConfig(
                    temperature=float(decoding.temperature),
                    top_p=float(decoding.top_p),
                    max_tokens=decoding.max_tokens,
                    stop_seqs=list(decoding.stop) or None,
                    seed=request.seed & _LARGEST_SEED,
                ),
                cache=False,
            )
        except ModelassayError:
            raise
        except Exception as error:  # each provider raises errors of its own packages
            return self._failed(error)
        self._liveness.succeeded()
        return self._reply(output)

    def _failed(self, error: Exception) -> Failure:
        """Tell a failure of one request from one of all, by the HTTP status where there is one."""
        status = _status(error)
        if status is None:
            kind: FailureKind = "timeout" if isinstance(error, TimeoutError) else "server_error"
            judged: Trouble | Failure | Refusal = Trouble(kind=kind, message=named(error))
        else:
            judged = judge_status(
                status,
                ErrorBody(text=named(error)),
                model=self._reference.address,
                key_env="that Inspect's provider reads",
                key_set=False,
                answered=self._liveness.answered,
            )
        if isinstance(judged, Refusal):
            raise TargetError(judged.what, where=self._reference.model, mend=judged.mend) from error
        if isinstance(judged, Failure):
            return judged
        self._liveness.failed(endpoint=judged.endpoint)
        if self._liveness.dead:
            raise TargetError(
                f"no answer in {self._liveness.failures} requests: {judged.message}",
                where=self._reference.model,
                mend="check that the provider is up, then run the same command again",
            ) from error
        return judged.failure

    def _reply(self, output: Any) -> Reply | Failure:
        if output.model not in self._accepted:
            raise TargetError(
                f"{self._reference.address!r} was asked for, but {output.model!r} answers",
                where=self._reference.model,
                mend=f"if that is right, add the option accept_served: {output.model}",
            )
        if not output.choices:
            return Failure(kind="bad_response", message=one_line(output.error or "no choices"))
        message = output.choices[0].message
        usage = output.usage
        return Reply(
            message=Message(
                role="assistant",
                content=message.text,
                tool_calls=tuple(
                    ToolCall(id=call.id, name=call.function, arguments=_json(call.arguments))
                    for call in message.tool_calls or ()
                ),
            ),
            finish=_FINISH.get(output.choices[0].stop_reason, "unknown"),
            input_tokens=usage.input_tokens if usage else 0,
            output_tokens=usage.output_tokens if usage else 0,
            served_model=output.model,
        )

    def _message(self, message: Message) -> Any:
        kinds = self._inspect
        if message.role == "system":
            return kinds.ChatMessageSystem(content=message.content)
        if message.role == "user":
            return kinds.ChatMessageUser(content=message.content)
        if message.role == "tool":
            return kinds.ChatMessageTool(content=message.content, tool_call_id=message.tool_call_id)
        from inspect_ai.tool import ToolCall as InspectToolCall

        calls = [
            InspectToolCall(id=call.id, function=call.name, arguments=_object(call.arguments))
            for call in message.tool_calls
        ]
        return kinds.ChatMessageAssistant(content=message.content, tool_calls=calls or None)

    def _tool(self, tool: Tool) -> Any:
        from inspect_ai.tool import ToolInfo, ToolParams

        return ToolInfo(
            name=tool.name,
            description=tool.description,
            parameters=ToolParams.model_validate(tool.parameters or {"type": "object", "properties": {}}),
        )


def _imported(reference: ModelReference) -> Any:
    try:
        import inspect_ai.model
    except ImportError as error:
        raise UsageError(
            f"Inspect AI is not installed: {error}",
            where=reference.model,
            mend="pip install 'modelassay[inspect]'",
        ) from error
    return inspect_ai.model


def _status(error: BaseException) -> int | None:
    """The HTTP status that an error of a provider's client carries, itself or as its cause."""
    seen: BaseException | None = error
    while seen is not None:
        status = getattr(seen, "status_code", None)
        if isinstance(status, int):
            return status
        seen = seen.__cause__
    return None


def _json(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _object(arguments: str) -> dict[str, Any]:
    """Arguments as Inspect keeps them; text that is no JSON object is kept under ``text``."""
    try:
        return msgspec.json.decode(arguments, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {"text": arguments}

"""The OpenAI chat-completions format: requests out, replies and error texts in. No I/O.

Only the fields that an audit needs are typed; everything else in a response is skipped unread.
Field names and their meaning: OpenAI API reference, "Create chat completion".
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from modelassay.records import FinishReason, Message, Reply, Request, ToolCall
from modelassay.targets.prompt import chat_messages, chat_tools, with_system_prompt
from modelassay.weights.error_text import one_line

LEAVABLE: Final = ("temperature", "top_p", "seed", "stop", "max_tokens", "response_format")
"""Fields that some models refuse and that an option can leave out."""

_LARGEST_SEED = 2**31 - 1

_FINISH: Final[dict[str, FinishReason]] = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


class ChatRequest(msgspec.Struct, kw_only=True):
    """The body of ``POST /chat/completions``."""

    model: str
    messages: list[Any]
    temperature: float | UnsetType = UNSET
    top_p: float | UnsetType = UNSET
    seed: int | UnsetType = UNSET
    max_tokens: int | UnsetType = UNSET
    max_completion_tokens: int | UnsetType = UNSET
    stop: tuple[str, ...] | UnsetType = UNSET
    tools: list[Any] | UnsetType = UNSET
    response_format: dict[str, Any] | UnsetType = UNSET


class _Function(msgspec.Struct):
    name: str = ""
    arguments: str | dict[str, Any] | None = None


class _Call(msgspec.Struct):
    id: str | None = None
    function: _Function | None = None


class _ChatMessage(msgspec.Struct):
    content: str | list[dict[str, Any]] | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    message: _ChatMessage
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Completion(msgspec.Struct):
    """What is read of a response."""

    choices: list[_Choice] | None = None
    model: str | None = None
    usage: _Usage | None = None
    error: Any = None
    """Set by gateways that report failures with status 200."""


class ListedModel(msgspec.Struct):
    """One entry of ``GET /models``."""

    id: str
    root: str | None = None
    """vLLM: the path or hub id that the weights were loaded from."""
    parent: str | None = None
    """vLLM: the base of a served adapter."""
    meta: Any = None
    """llama.cpp: vocabulary, parameter count and size of the loaded file."""


class ModelList(msgspec.Struct):
    """The body of ``GET /models``."""

    data: list[ListedModel] = []


class RequestWriter:
    """Writes requests for one model.

    Args:
        model: the name that the server knows.
        system_prompt: text put before every conversation.
        omit: fields of `LEAVABLE` to leave out.
        max_tokens_field: ``max_tokens`` or ``max_completion_tokens``.
        extra_body: further fields, sent as they are.
    """

    def __init__(
        self,
        *,
        model: str,
        system_prompt: str = "",
        omit: frozenset[str] = frozenset(),
        max_tokens_field: str = "max_tokens",
        extra_body: dict[str, Any] | None = None,
    ) -> None:
        self._model = model
        self._system_prompt = system_prompt
        self._omit = omit
        self._max_tokens_field = max_tokens_field
        self._extra_body = extra_body or {}
        self.sends_schema = "response_format" not in omit
        """Whether the JSON Schema that a request names is sent; turned off for servers that refuse it."""
        self._encoder = msgspec.json.Encoder()

    def write(self, request: Request) -> bytes:
        """The JSON body for `request`.

        Raises:
            UnicodeEncodeError: a text holds half of a surrogate pair.
        """
        decoding = request.decoding
        body = ChatRequest(
            model=self._model,
            messages=_wire_messages(with_system_prompt(request.messages, self._system_prompt)),
            temperature=float(decoding.temperature),
            top_p=float(decoding.top_p),
            seed=request.seed & _LARGEST_SEED,
        )
        setattr(body, self._max_tokens_field, decoding.max_tokens)
        if decoding.stop:
            body.stop = decoding.stop
        if request.tools:
            body.tools = chat_tools(request.tools)
        if request.reply_schema and self.sends_schema:
            schema = {"name": "reply", "strict": True, "schema": request.reply_schema}
            body.response_format = {"type": "json_schema", "json_schema": schema}
        for field in self._omit:
            setattr(body, self._max_tokens_field if field == "max_tokens" else field, UNSET)
        if self._extra_body:
            return self._encoder.encode(msgspec.to_builtins(body) | self._extra_body)
        return self._encoder.encode(body)


def reply_of(completion: Completion) -> Reply | None:
    """The first choice as a reply; None when there is no choice.

    A turn that holds only reasoning, or nothing, is an empty answer; a structured refusal is its text.
    """
    if not completion.choices:
        return None
    choice = completion.choices[0]
    message = choice.message
    content = _text(message.content) or message.refusal or ""
    calls: tuple[ToolCall, ...] = ()
    if message.tool_calls:
        calls = tuple(_tool_call(call, index) for index, call in enumerate(message.tool_calls))
    finish = _FINISH.get(choice.finish_reason or "", "tool_calls" if calls else "unknown")
    usage = completion.usage
    return Reply(
        message=Message(role="assistant", content=content, tool_calls=calls),
        finish=finish,
        input_tokens=(usage.prompt_tokens or 0) if usage else 0,
        output_tokens=(usage.completion_tokens or 0) if usage else 0,
        served_model=completion.model or "",
    )


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """What a server says of a failure."""

    text: str
    """One line, at most a few hundred characters."""
    code: str = ""
    """Machine-readable code or type, such as ``insufficient_quota``."""


def error_of(data: bytes) -> ErrorBody:
    """Read a failure's body: ``{"error": {...}}``, ``{"error": "…"}``, ``{"detail": …}`` or plain text."""
    try:
        plain = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ErrorBody(text=one_line(data.decode("utf-8", errors="replace")))
    return error_from(plain)


def error_from(plain: Any) -> ErrorBody:
    """Read a failure from decoded JSON; see `error_of`."""
    inner = plain.get("error", plain) if isinstance(plain, dict) else plain
    if isinstance(inner, dict):
        text = next((inner[key] for key in ("message", "detail") if inner.get(key)), inner)
        codes = (inner.get("code"), inner.get("type"))
        code = next((str(value) for value in codes if isinstance(value, str | int)), "")
        return ErrorBody(text=_line_of(text), code=code)
    return ErrorBody(text=_line_of(inner))


def _line_of(value: Any) -> str:
    return one_line(value if isinstance(value, str) else msgspec.json.encode(value).decode())


def _wire_messages(messages: tuple[Message, ...]) -> list[Any]:
    """Messages for the encoder; those without tool calls already have the wire form."""
    return [message if not message.tool_calls else chat_messages((message,))[0] for message in messages]


def _text(content: str | list[dict[str, Any]] | None) -> str:
    if isinstance(content, list):
        return "".join(part["text"] for part in content if isinstance(part.get("text"), str))
    return content or ""


def _tool_call(call: _Call, index: int) -> ToolCall:
    function = call.function or _Function()
    arguments = function.arguments
    if isinstance(arguments, dict):
        arguments = msgspec.json.encode(arguments).decode()
    return ToolCall(id=call.id or f"call_{index}", name=function.name, arguments=arguments or "")

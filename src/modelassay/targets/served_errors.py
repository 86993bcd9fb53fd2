"""What an HTTP status means: try again, give this request up, or stop the whole audit.

The line between the last two matters most: a filtered prompt or one too long must cost one sample,
a wrong key must not cost ten thousand.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final, Literal

import msgspec

from modelassay.records import Failure
from modelassay.targets.chat_wire import ErrorBody

FailureKind = Literal["timeout", "connection", "rate_limited", "server_error", "rejected", "bad_response"]

_OVERLOADED: Final = frozenset({429, 503, 529})
_GATEWAY: Final = frozenset({502, 503, 504, 529})
_TRY_AGAIN: Final = frozenset({408, 409, 425, 429})
_MODERATION: Final = (
    "moderation",
    "flagged",
    "content_filter",
    "content policy",
    "content management",
    "safety",
)
_SCHEMA: Final = ("response_format", "json_schema", "json schema", "structured output", "guided_", "grammar")
_LENGTH: Final = (
    "context length",
    "context_length",
    "context window",
    "maximum context",
    "longer than the maximum",
    "prompt is too long",
    "input is too long",
    "too many tokens",
)
_ROOM_FOR_ANSWER: Final = ("max_tokens", "max_completion_tokens", "completion")
_DISTINCT_KEY: Final = 8
"""Characters of a key from which it is in no other word."""
_QUOTA: Final = ("insufficient_quota", "billing_hard_limit_reached")


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """A failure that may pass: the request is tried again."""

    kind: FailureKind
    message: str
    endpoint: bool = False
    """Whether it speaks against the endpoint as a whole; see `backpressure.Liveness`."""
    overloaded: bool = False
    """Whether to press the endpoint less."""
    wait_s: float | None = None
    """Seconds that the server asks to wait."""

    @property
    def failure(self) -> Failure:
        """What this becomes when no attempts are left."""
        return Failure(kind=self.kind, message=self.message)


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A failure that every further request would meet as well."""

    what: str
    mend: str


def judge_status(
    status: int,
    error: ErrorBody,
    *,
    model: str,
    key_env: str,
    key_set: bool,
    answered: bool,
    wait_s: float | None = None,
) -> Trouble | Failure | Refusal:
    """What to make of a response other than 200.

    Args:
        status: the HTTP status.
        error: what the body says.
        model: the model asked for.
        key_env: the environment variable that holds the key.
        key_set: whether a key was sent.
        answered: whether this target has answered before; then a 403 or 404 concerns one request.
        wait_s: seconds from ``Retry-After``.
    """
    text = (
        f"HTTP {status}{_phrase(status)}: {error.text}" if error.text else f"HTTP {status}{_phrase(status)}"
    )
    if status in (401, 403, 407) and not _concerns_request(status, error, answered):
        how = (
            f"check the key in {key_env}" if key_set else f"set the environment variable {key_env} to the key"
        )
        return Refusal(what=f"not allowed to ask: {text}", mend=how)
    if status == 402 or error.code in _QUOTA:
        return Refusal(
            what=f"the account is used up: {text}", mend="top it up, then run the same command again"
        )
    if status == 404 and (not answered or "model" in error.text.lower()):
        return Refusal(
            what=f"{model!r} was not found: {text}",
            mend="check the model's name, and that the base URL is complete (most end in /v1)",
        )
    if status == 405 or 300 <= status < 400:
        return Refusal(what=f"not a chat-completions endpoint: {text}", mend="check the base URL")
    if status >= 500 or status in _TRY_AGAIN:
        return Trouble(
            kind=_kind(status),
            message=text,
            endpoint=status in _GATEWAY or status in _TRY_AGAIN,
            overloaded=status in _OVERLOADED,
            wait_s=wait_s,
        )
    return Failure(kind="rejected", message=text)


def is_moderation(text: str) -> bool:
    """Whether an error's text says that a filter stopped this very prompt."""
    lowered = text.lower()
    return any(word in lowered for word in _MODERATION)


def is_about_length(text: str) -> bool:
    """Whether an error's text says that this very prompt is too long.

    One that names the room asked for an answer would meet every prompt, and is not meant.
    """
    lowered = text.lower()
    return any(word in lowered for word in _LENGTH) and not any(word in lowered for word in _ROOM_FOR_ANSWER)


def is_about_schema(text: str) -> bool:
    """Whether an error's text says that answers cannot be held to a JSON Schema."""
    lowered = text.lower()
    return any(word in lowered for word in _SCHEMA)


def without_key(text: str, key: str, *, header: str = "") -> str:
    """`text` with ``[key]`` in place of the key.

    A short one, such as the placeholder that a local server wants, is part of many words: it is taken out
    only where it stands by itself as what a header or the word "key" names.

    Args:
        key: empty for none.
        header: that carries the key, besides ``Authorization: Bearer``.
    """
    if len(key) >= _DISTINCT_KEY:
        return text.replace(key, "[key]")
    if not key:
        return text
    names = "|".join(map(re.escape, filter(None, (header, "authorization", "key", "key provided"))))
    named = rf"(?i:(?:\bbearer\s|\b(?:{names})[\"']*\s*[:=])[\s\"']*)"
    return re.sub(rf"({named}){re.escape(key)}(?!\w)", r"\1[key]", text)


def _concerns_request(status: int, error: ErrorBody, answered: bool) -> bool:
    """Whether a 403 is about the prompt (gateways answer so to moderated input), not about the key."""
    return status == 403 and (answered or is_moderation(f"{error.code} {error.text}"))


def _kind(status: int) -> FailureKind:
    if status == 429:
        return "rate_limited"
    if status in (408, 504):
        return "timeout"
    return "server_error"


def _phrase(status: int) -> str:
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""

"""Served models: ``openai:MODEL@BASE_URL``, any endpoint with the OpenAI chat-completions interface.

One aiohttp session for each target; nothing but `aiohttp` and `msgspec` between a request and its
reply. What can go wrong with one request is a `Failure`; what would go wrong with every request is a
`TargetError` at once, so that a wrong key does not fail a whole dataset one sample at a time.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from modelassay.artifacts.subjects import served_artifacts
from modelassay.canonical import digest_bytes, digest_of
from modelassay.config import ModelReference
from modelassay.errors import TargetError, UsageError
from modelassay.records import Failure, Reply, Request, TargetIdentity
from modelassay.targets.answering import answer_each
from modelassay.targets.backpressure import AdaptiveLimit, Liveness, backoff_s
from modelassay.targets.chat_wire import (
    Completion,
    ListedModel,
    ModelList,
    RequestWriter,
    error_from,
    reply_of,
)
from modelassay.targets.http import Answer, HttpClient
from modelassay.targets.reference import served_address, system_prompt_of
from modelassay.targets.served_errors import (
    Refusal,
    Trouble,
    is_about_length,
    is_about_schema,
    is_moderation,
    judge_status,
    without_key,
)
from modelassay.targets.served_options import served_options

_LONGEST_WAIT_S: Final = 600.0
"""An endpoint that asks to wait longer is as good as gone for this run."""
_PROBE_TIMEOUT_S: Final = 30.0
_THROTTLED_ALLOWANCE: Final = 4
"""Refusals for load are our own doing: a request may meet this many times more of them."""


def open_target(reference: ModelReference, *, folder: Path) -> OpenAITarget:
    """A served model; nothing is sent yet.

    Raises:
        UsageError: the address, an option or the key cannot be used.
    """
    return OpenAITarget(reference, folder=folder)


class OpenAITarget:
    """A model behind an OpenAI-compatible endpoint; a `protocols.Target`.

    Args:
        reference: ``openai:MODEL@BASE_URL`` with its settings.
        folder: where a system prompt's file is looked for.
    """

    def __init__(self, reference: ModelReference, *, folder: Path) -> None:
        self.batch_size = 1
        self.concurrency = max(1, reference.concurrency)
        self.timeout_s = reference.timeout_s
        """Seconds that one request may take."""
        self._try_until = math.inf
        self.limit = AdaptiveLimit(self.concurrency)
        """The bound on requests under way, lowered by refusals for load."""
        self._reference = reference
        self._address = served_address(reference)
        self._options = served_options(reference)
        self._system_prompt = system_prompt_of(reference, folder=folder)
        self._key = _key_of(reference)
        self._accepted = frozenset(("", self._address.model, *self._options.accept_served))
        self._liveness = Liveness()
        self._completions = msgspec.json.Decoder(Completion)
        self._writer = RequestWriter(
            model=self._address.model,
            system_prompt=self._system_prompt,
            omit=self._options.omit,
            max_tokens_field=self._options.max_tokens_field,
            extra_body=self._options.extra_body,
        )
        self._http = HttpClient(
            self._address,
            key=self._key,
            key_header=self._options.key_header,
            connections=self.concurrency,
            timeout_s=reference.timeout_s,
        )
        self._identity: TargetIdentity | None = None
        self._stopped: TargetError | None = None  # what went wrong for good; nothing is sent after it

    async def identify(self) -> TargetIdentity:
        """Who answers, from its address and what ``GET /models`` tells where that is offered.

        A served name is a weak identity: nothing shows which weights stand behind it. The option
        ``revision`` lets its owner say so.

        Raises:
            TargetError: the endpoint cannot be reached or refuses the key.
        """
        if self._identity is None:
            self._identity = self._identity_from(await self._listed_model())
        return self._identity

    async def generate(self, requests: Sequence[Request]) -> Sequence[Reply | Failure]:
        """One reply, or failure after all retries, for each request in order.

        Raises:
            TargetError: the endpoint is dead, refuses the key, or another model answers.
        """
        return await answer_each(self._answer, requests)

    def try_until(self, end: float) -> None:
        """Try nothing again from `end` on, in seconds of `time.monotonic`."""
        self._try_until = end

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def _answer(self, request: Request) -> Reply | Failure:
        try:
            body = self._writer.write(request)
        except UnicodeEncodeError:
            return Failure(kind="rejected", message="the prompt is not valid Unicode (half a surrogate pair)")
        schema_sent = bool(request.reply_schema) and self._writer.sends_schema
        retries = self._reference.retries
        attempts = throttled = 0
        while True:
            outcome = await self._attempt(body)
            if schema_sent and isinstance(outcome, Failure) and is_about_schema(outcome.message):
                # The server has no such thing; the words of a request with a schema ask for the form as well.
                self._writer.sends_schema = schema_sent = False
                body = self._writer.write(request)
                continue
            if not isinstance(outcome, Trouble):
                return outcome
            if outcome.kind == "rate_limited":
                throttled += 1
            else:
                attempts += 1
            if time.monotonic() >= self._try_until:
                return outcome.failure
            if attempts > retries or throttled > retries * _THROTTLED_ALLOWANCE:
                if self._liveness.dead:
                    self._stopped = self._unreachable(outcome)
                    raise self._stopped
                return outcome.failure
            await asyncio.sleep(backoff_s(attempts + throttled - 1, first_s=self._options.first_backoff_s))

    async def _attempt(self, body: bytes) -> Reply | Failure | Trouble:
        """One request over the wire, with what it tells about the endpoint taken to heart."""
        ticket = await self.limit.acquire()
        try:
            if self._stopped is not None:
                raise TargetError(self._stopped.what, where=self._stopped.where, mend=self._stopped.mend)
            answer = await self._http.post("/chat/completions", body)
            outcome = self._read(answer) if isinstance(answer, Answer) else answer
            if isinstance(outcome, Trouble):
                self._liveness.failed(endpoint=outcome.endpoint)
                if outcome.overloaded or outcome.wait_s:
                    self.limit.throttled(ticket, pause_s=self._checked_wait(outcome))
            elif isinstance(outcome, Failure):
                self._count_rejection(outcome)
            else:
                self._liveness.succeeded()
                self.limit.succeeded()
            return outcome
        except TargetError as error:
            self._stopped = error
            raise
        finally:
            self.limit.release()

    def _read(self, answer: Answer) -> Reply | Failure | Trouble:
        if answer.status != 200:
            return self._read_failure(answer)
        try:
            completion = self._completions.decode(answer.body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return Trouble(kind="bad_response", message=f"not a chat completion: {error}")
        reply = reply_of(completion)
        if reply is None:
            said = error_from(completion.error).text if completion.error else "no choices"
            return Trouble(kind="bad_response", message=self._redacted(f"an empty completion: {said}"))
        if reply.served_model not in self._accepted:
            raise TargetError(
                f"{self._address.model!r} was asked for, but {reply.served_model!r} answers",
                where=self._reference.model,
                mend=f"if that is right, add the option accept_served: {reply.served_model}",
            )
        return reply

    def _read_failure(self, answer: Answer) -> Failure | Trouble:
        judged = judge_status(
            answer.status,
            answer.error(self._redacted),
            model=self._address.model,
            key_env=self._reference.api_key_env,
            key_set=bool(self._key),
            answered=self._liveness.answered,
            wait_s=answer.retry_after_s,
        )
        if isinstance(judged, Refusal):
            raise TargetError(judged.what, where=self._reference.model, mend=judged.mend)
        return judged

    def _count_rejection(self, failure: Failure) -> None:
        """Stop when the endpoint has rejected everything from the start, other than for what single prompts
        hold: a resumed audit may begin with those that are too long."""
        about_prompt = (is_moderation, is_about_schema, is_about_length)
        if not any(says(failure.message) for says in about_prompt):
            self._liveness.failed(endpoint=False)
        if self._liveness.dead and not self._liveness.answered:
            raise TargetError(
                f"every request so far was rejected: {failure.message}",
                where=self._reference.model,
                mend="the options omit, max_tokens_field and extra_body change what is sent",
            )

    def _checked_wait(self, trouble: Trouble) -> float:
        wait_s = trouble.wait_s or 0.0
        if wait_s > _LONGEST_WAIT_S:
            raise TargetError(
                f"the endpoint asks to wait {wait_s:.0f} seconds: {trouble.message}",
                where=self._reference.model,
                mend="run the same command again then; what was answered is kept",
            )
        return wait_s

    async def _listed_model(self) -> ListedModel | None:
        """This model's entry of ``GET /models``; None where there is no such list."""
        for attempt in range(min(self._reference.retries, 3) + 1):
            if attempt:
                await asyncio.sleep(backoff_s(attempt - 1, first_s=self._options.first_backoff_s))
            answer = await self._http.get("/models", timeout_s=_PROBE_TIMEOUT_S)
            trouble = answer if isinstance(answer, Trouble) else None
            if isinstance(answer, Answer):
                if answer.status == 401:
                    self._read_failure(answer)  # raises, naming the variable of the key
                if answer.status not in (502, 503, 504):
                    return _entry(answer, self._address.model)
                trouble = Trouble(kind="server_error", message=f"HTTP {answer.status}")
        assert trouble is not None
        raise self._unreachable(trouble)

    def _identity_from(self, listed: ListedModel | None) -> TargetIdentity:
        details = {
            "kind": "openai",
            "model": self._address.model,
            "base_url": self._address.base_url + (f"?{self._address.query}" if self._address.query else ""),
        }
        if self._system_prompt:
            details["system_prompt"] = digest_bytes(self._system_prompt.encode())
        if self._options.revision:
            details["revision"] = self._options.revision
        if self._options.omit:
            details["omit"] = ",".join(sorted(self._options.omit))
        if self._options.extra_body:
            details["extra_body"] = msgspec.json.encode(self._options.extra_body, order="sorted").decode()
        if listed is not None:
            details |= {name: value for name, value in _provenance(listed).items() if value}
        identity = digest_of(details)
        return TargetIdentity(
            reference=self._reference.model,
            fingerprint=identity,
            strength="served name",
            details=details,
            artifacts=served_artifacts(
                name=self._address.model,
                identity=identity,
                strength="served name",
                source=details["base_url"],
                system_prompt=self._system_prompt,
            ),
        )

    def _unreachable(self, trouble: Trouble) -> TargetError:
        silent = trouble.kind in ("timeout", "connection")
        what = "cannot reach {}" if silent else "{} gives no usable answer"
        check = "the server is up and" if silent else "it is a chat-completions endpoint in good health and"
        return TargetError(
            f"{what.format(self._address.base_url)}: {trouble.message}",
            where=self._reference.model,
            mend=f"check that {check} the base URL is right, then run the same command again",
        )

    def _redacted(self, text: str) -> str:
        return without_key(text, self._key, header=self._options.key_header)


def _key_of(reference: ModelReference) -> str:
    key = os.environ.get(reference.api_key_env, "").strip()
    if not key.isascii() or not key.isprintable():
        raise UsageError(
            f"the environment variable {reference.api_key_env} holds characters that no key can have",
            where=reference.model,
        )
    return key


def _entry(answer: Answer, model: str) -> ListedModel | None:
    if answer.status != 200:
        return None
    try:
        listed = msgspec.json.decode(answer.body, type=ModelList)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None  # some other page lives at this address; the list is optional
    return next((entry for entry in listed.data if entry.id == model), None)


def _provenance(listed: ListedModel) -> dict[str, str]:
    """What a server's list tells about where the weights came from."""
    return {
        "served_root": listed.root if listed.root and listed.root != listed.id else "",
        "served_parent": listed.parent or "",
        "served_meta": msgspec.json.encode(listed.meta, order="sorted").decode() if listed.meta else "",
    }

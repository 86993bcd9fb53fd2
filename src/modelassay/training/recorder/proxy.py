"""A recording proxy in front of a reward model that is asked over HTTP; it works with any framework.

Every request is passed on and every reply passed back as they are, byte for byte, whatever they hold; then
both are recorded. Requests of OpenRLHF's form (``{"query": […], "prompts": […], "labels": […]}`` with a reply
``{"rewards": […]}``) become a rollout for each query; of any other request the whole exchange becomes one
rollout without text, with what was asked as ``grader_input`` and what was answered as ``grader_output``. A
reply of numbers alone is no verdict of a judge, and stands in no ``grader_output``. What is compressed is
passed on as it came, and read from a copy; a reply that says no length is passed on while it comes. What was
too large to be passed on is a rollout without text that failed.
"""

from __future__ import annotations

import asyncio
import json
import threading
import zlib
from collections.abc import Mapping, Set
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any

from modelassay.errors import StoreError
from modelassay.records import RunPhase
from modelassay.training.importers.rows import json_text, number
from modelassay.training.recorder.graded_columns import openrlhf_columns, phase_of
from modelassay.training.recorder.items import Loss, lost_rollouts

if TYPE_CHECKING:
    from aiohttp import ClientResponse, web

    from modelassay.training.recorder.recorder import RunRecorder

MOST_BYTES = 256 << 20
"""Of a request; a larger one is refused with status 413."""
_PATIENCE_S = 600.0
_AT_THE_END_S = 5.0
"""How long requests that are under way when the proxy ends are waited for."""
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
     "transfer-encoding", "upgrade", "host", "content-length", "expect"}
)  # fmt: skip
"""Header fields that belong to one connection (RFC 9110, 7.6.1), and those that are made anew."""
_NOT_ADDED = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""Header fields that aiohttp adds to a request which has none: the reward model would answer otherwise."""
_WINDOWS = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}
"""By content coding (RFC 9110, 8.4.1) what zlib takes; some servers send deflate without zlib's frame."""
EVALUATION = "/modelassay-evaluation"
"""Begins the path of what is asked in evaluations; it is not passed on."""
_EMPTY = frozenset((204, 304))
"""Statuses of replies without a body."""
_SCORES = frozenset(("rewards", "scores", "extra_logs"))
"""Of a reply of OpenRLHF's form: what `openrlhf_columns` reads."""


class RewardProxy:
    """Listens on loopback and passes requests on; a context manager.

    ::

        with Recorder("assay", run="ppo") as run, RewardProxy(run, "http://reward:5000") as proxy:
            train(remote_rm_url=proxy.url + "/get_reward")
            evaluate(remote_rm_url=proxy.evaluation_url + "/get_reward")

    Args:
        recorder: what is told to it is recorded under its current step.
        upstream: the reward model's address, without path.
        name: of the reward function in the record.
        port: 0 for any that is free.

    Raises:
        StoreError: the port cannot be listened on.
    """

    def __init__(
        self,
        recorder: RunRecorder,
        upstream: str,
        *,
        name: str = "reward_model",
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._recorder, self._upstream, self._name = recorder, upstream.rstrip("/"), name
        self._host, self._port = host, port
        self._ready = threading.Event()
        self._error: OSError | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="modelassay proxy", daemon=True)

    @property
    def url(self) -> str:
        """Where it listens; without path."""
        return f"http://{self._host}:{self._port}"

    @property
    def evaluation_url(self) -> str:
        """Likewise; what is asked there counts as an evaluation."""
        return self.url + EVALUATION

    def __enter__(self) -> RewardProxy:
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            raise StoreError(f"cannot listen: {self._error.strerror}", where=self.url) from self._error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(4 * _AT_THE_END_S)  # aiohttp waits for it twice

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:
            self._error = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        import aiohttp
        from aiohttp import web

        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(client_max_size=MOST_BYTES)
        app.router.add_route("*", "/{path:.*}", self._pass)
        runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=_AT_THE_END_S)
        timeout = aiohttp.ClientTimeout(total=_PATIENCE_S)
        async with aiohttp.ClientSession(auto_decompress=False, timeout=timeout) as self._session:
            await runner.setup()
            try:
                site = web.TCPSite(runner, self._host, self._port)
                await site.start()
                self._port = runner.addresses[0][1]
                self._ready.set()
                await self._stop.wait()
            finally:
                await runner.cleanup()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        import aiohttp
        from aiohttp import web

        phase, path = self._placed(request.raw_path)
        body = b""
        try:
            body = await request.read()
            async with self._asked(request, path, body) as answer:
                if answer.content_length is None and request.method != "HEAD" and answer.status not in _EMPTY:
                    return await self._streamed(request, body, answer, phase)
                reply = await answer.read()
                status, fields = answer.status, answer.headers
        except web.HTTPRequestEntityTooLarge:
            self._note(b"", b"", f"refused by the proxy: larger than {MOST_BYTES:,} bytes", phase=phase)
            raise
        except (aiohttp.ClientError, TimeoutError) as error:
            await self._failed(request, body, f"reward model not reached: {type(error).__name__}", phase)
            return web.Response(status=502, text=f"the reward model cannot be reached: {error}\n")
        except asyncio.CancelledError:
            await self._failed(request, body, "the reward model had not answered when the proxy ended", phase)
            raise
        await self._exchanged(request, body, status, fields, reply, phase)
        return web.Response(status=status, body=reply, headers=_passed_on(fields))

    def _placed(self, path: str) -> tuple[RunPhase | None, str]:
        """What a path says of the phase, and what of it is passed on."""
        if not path.startswith((EVALUATION + "/", EVALUATION + "?")) and path != EVALUATION:
            return None, path
        self._recorder.graded.phase_is_told(self._name)
        return "eval", path.removeprefix(EVALUATION) or "/"

    def _asked(self, request: web.Request, path: str, body: bytes) -> Any:
        """The same request, to the reward model."""
        from yarl import URL

        return self._session.request(
            request.method,
            URL(self._upstream + path, encoded=True),
            data=body or None,
            headers={name: each for name, each in request.headers.items() if name.lower() not in _HOP_BY_HOP},
            skip_auto_headers=_NOT_ADDED,
            allow_redirects=False,
        )

    async def _streamed(
        self, request: web.Request, body: bytes, answer: ClientResponse, phase: RunPhase | None
    ) -> web.StreamResponse:
        """Pass a reply on while it comes, and record it when it has ended.

        Raises:
            aiohttp.ClientPayloadError: it broke off; so must what is passed on.
        """
        from aiohttp import ClientError, web

        response = web.StreamResponse(status=answer.status, headers=_passed_on(answer.headers))
        await response.prepare(request)
        parts: list[bytes] = []
        try:
            async for part in answer.content.iter_any():
                parts.append(part)
                with suppress(ConnectionError):  # nobody listens any more: it is still recorded whole
                    await response.write(part)
        except (ClientError, TimeoutError) as error:
            await self._failed(request, body, f"the reply broke off: {type(error).__name__}", phase)
            if request.transport is not None:
                request.transport.abort()
            return response
        await self._exchanged(request, body, answer.status, answer.headers, b"".join(parts), phase)
        return response

    async def _failed(self, request: web.Request, body: bytes, failure: str, phase: RunPhase | None) -> None:
        """Record what got no answer."""
        self._note(await _plain(body, request.headers) or b"", b"", failure, phase=phase)

    async def _exchanged(
        self,
        request: web.Request,
        body: bytes,
        status: int,
        fields: Mapping[str, str],
        reply: bytes,
        phase: RunPhase | None,
    ) -> None:
        """Record what was answered."""
        asked, plain = await _plain(body, request.headers), await _plain(reply, fields)
        failure, unread = f"reward model answered {status}" if status >= 400 else "", ""
        for what, read, header in (("request", asked, request.headers), ("reply", plain, fields)):
            if read is None:
                unread = f"{what} cannot be read: its content coding is {header['Content-Encoding'][:40]}"
        self._note(asked or b"", plain or b"", failure, unread, phase)

    def _note(
        self, asked: bytes, answered: bytes, failure: str, unread: str = "", phase: RunPhase | None = None
    ) -> None:
        """Record an exchange.

        Args:
            failure: why there are no scores for what was asked; it may be asked again.
            unread: why scores that there are cannot be told.
            phase: None where the path does not say.
        """
        recorder, request, reply = self._recorder, _json(asked), _json(answered)
        queries = request.get("query") if isinstance(request, dict) else None
        count = len(queries) if isinstance(queries, list) else 1

        def lost() -> Loss:
            return lost_rollouts(count, [recorder.current_step + 1])

        with recorder.troubles.kept("recording a reward request", lost):
            if not failure and isinstance(request, dict) and isinstance(queries, list):
                columns = openrlhf_columns(recorder, self._name, request, reply, phase)
                words = None if unread else _text(answered)
                columns["grader_output"] = [words if each is None else None for each in columns["reward"]]
                columns["failure"] = [unread] * count
                if count and isinstance(reply, dict) and (rest := reply.keys() - _SCORES):
                    columns["extra"][0] = _with_reply(columns["extra"][0], reply, rest)
                recorder.named(count, columns, assumed=True)
                return
            score = number(reply.get("reward", reply.get("score"))) if isinstance(reply, dict) else None
            recorder.rollout(
                prompt="",
                completion=None,
                format="absent",
                grader_input=_text(asked),
                grader_output=None if _only_numbers(reply) else _text(answered),
                failure=failure or unread,
                reward=score,
                phase=phase or phase_of(recorder, self._name, {}),
                rewards={self._name: score},
            )


async def _plain(data: bytes, fields: Mapping[str, str]) -> bytes | None:
    """What `data` with these header fields holds; None where it cannot be read."""
    coding = fields.get("Content-Encoding", "")
    return await asyncio.to_thread(_decompressed, data, coding) if coding and data else data


def _decompressed(data: bytes, coding: str) -> bytes | None:
    """What `data` holds; None where it cannot be read, or is larger than a request may be."""
    for window in _WINDOWS.get(coding.strip().lower(), ()):
        reader = zlib.decompressobj(window)
        try:
            found = reader.decompress(data, MOST_BYTES)
        except zlib.error:
            continue
        if reader.eof:
            return found
    return data if coding.strip().lower() == "identity" else None


def _only_numbers(reply: Any) -> bool:
    """Whether a reply is JSON in which nothing is said but numbers."""
    if isinstance(reply, dict):
        return bool(reply) and all(map(_only_numbers, reply.values()))
    if isinstance(reply, list):
        return all(map(_only_numbers, reply))
    return isinstance(reply, int | float)


def _with_reply(extra: str, reply: Mapping[str, Any], names: Set[str]) -> str:
    """`extra` of the first rollout of a request, with what else the reply to all of them says."""
    return json_text({**json.loads(extra), "reply": {name: reply[name] for name in sorted(names)}})


def _passed_on(fields: Mapping[str, str]) -> Any:
    """Header fields of a reply without those of one connection; one name may stand several times."""
    from multidict import CIMultiDict

    return CIMultiDict((name, each) for name, each in fields.items() if name.lower() not in _HOP_BY_HOP)


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")

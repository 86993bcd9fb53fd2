"""A validating admission webhook for Kubernetes: HTTPS in, one decision for each pod out.

Speaks ``admission.k8s.io/v1`` to the API server. Fails closed: whatever is malformed is answered with an
HTTP error, whatever is not proved in time with a refusal, and ``failurePolicy: Fail`` turns the webhook's
absence into one. Nothing is written, so dry runs are safe (``sideEffects: None``).
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket
from typing import Any
from urllib.parse import parse_qs, urlsplit

from modelassay.errors import EvidenceError, ModelassayError
from modelassay.evidence.admission import Admission
from modelassay.evidence.pods import (
    LARGEST_REVIEW,
    PodUse,
    Request,
    answer,
    changes_nothing,
    pod_use,
    read_review,
)

PATH = "/admit"
HEALTH = "/healthz"
CONNECTION_S = 15.0
"""Longest that a connection may stay silent."""
MARGIN_S = 1.0
"""How long before the API server gives up an answer is sent."""
DEFAULT_TIMEOUT_S = 10.0
"""The API server's own, when it does not say."""
LONGEST_TIMEOUT_S = 30.0
"""More is not allowed in a webhook configuration."""

Judge = Callable[[PodUse], Admission]
"""Hashes what the pod would deploy and decides."""


class Reviewer:
    """Decides on reviews, each within its time.

    Hashing large weights takes longer than any webhook may. A decision that is not there in time is
    refused and goes on; controllers try again, and find the files' digests known.

    Args:
        judge: decides on one pod's use of weights.
        volumes: folder on this machine by source; see `pods.pod_use`.
        workers: decisions under way at once.
    """

    def __init__(self, judge: Judge, volumes: Mapping[str, Path], *, workers: int = 2) -> None:
        self._judge = judge
        self._volumes = dict(volumes)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="admission")
        self._running: dict[PodUse, Future[Admission]] = {}
        self._lock = threading.RLock()

    def review(self, body: bytes, timeout_s: float) -> bytes:
        """The answer to the review in `body`, within `timeout_s` seconds.

        Raises:
            EvidenceError: not a review that can be answered.
        """
        request = read_review(body)
        try:
            if changes_nothing(request):
                return answer(request.uid, True, "modelassay: nothing changes about what is loaded")
            admission = self._decide(request, timeout_s)
        except TimeoutError:
            why = f"not decided within {timeout_s:.0f} s, the weights are still being hashed; try again"
            return answer(request.uid, False, f"modelassay: {why}")
        except ModelassayError as error:
            return answer(request.uid, False, f"modelassay: {error}")
        except Exception as error:  # whatever breaks here must not let a pod in
            return answer(request.uid, False, f"modelassay: something broke: {type(error).__name__}")
        return answer(request.uid, admission.admitted, f"modelassay: {admission.sentence}")

    def close(self) -> None:
        """Wait for decisions that are under way."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _decide(self, request: Request, timeout_s: float) -> Admission:
        use = pod_use(request, self._volumes)
        for folder in (use.model, *(path for path, _ in use.adapters)):
            _refuse_links(folder, self._volumes.values())
        with self._lock:
            future = self._running.get(use)
            if future is None:
                future = self._pool.submit(self._judge, use)
                self._running[use] = future
                future.add_done_callback(lambda _: self._forget(use))
        return future.result(timeout=max(0.0, timeout_s))

    def _forget(self, use: PodUse) -> None:
        """A decision is never kept: the next pod is judged by the log as it is then."""
        with self._lock:
            self._running.pop(use, None)


class _Handler(BaseHTTPRequestHandler):
    """One connection of the API server."""

    server: _Server
    timeout = CONNECTION_S
    server_version = "modelassay"
    sys_version = ""
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Tell that the webhook lives."""
        alive = urlsplit(self.path).path == HEALTH
        self._send(200 if alive else 404, b"ok\n" if alive else b"not found\n", "text/plain")

    def do_POST(self) -> None:
        """Answer one review."""
        url = urlsplit(self.path)
        length = self.headers.get("Content-Length", "")
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if url.path != PATH:
            self._refuse(404, "not found")
        elif kind != "application/json":
            self._refuse(415, "only application/json is read")
        elif not (length.isascii() and length.isdigit()) or self.headers.get("Transfer-Encoding"):
            self._refuse(411, "a body with its length is needed")
        elif len(length) > 9 or int(length) > LARGEST_REVIEW:
            self._refuse(413, "the review is too large")
        else:
            self._answer(int(length), url.query)

    def _answer(self, length: int, query: str) -> None:
        body = self.rfile.read(length)
        if len(body) < length:
            self._refuse(400, "the body is cut off")
            return
        try:
            reply = self.server.reviewer.review(body, _time_left(query))
        except ModelassayError as error:
            self._refuse(400, error.what)
            return
        self._send(200, reply, "application/json")

    def _refuse(self, status: int, why: str) -> None:
        """An HTTP error: the API server denies the pod under ``failurePolicy: Fail``."""
        self.close_connection = True
        self._send(status, (why + "\n").encode("utf-8", "replace"), "text/plain; charset=utf-8")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  the name in http.server
        """One line for each request, to whoever listens."""
        self.server.tell(format % arguments)


class _Server(ThreadingHTTPServer):
    """Each connection, its TLS handshake included, in a thread of its own."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self,
        address: tuple[str, int],
        context: ssl.SSLContext,
        reviewer: Reviewer,
        tell: Callable[[str], None],
    ) -> None:
        super().__init__(address, _Handler)
        self.reviewer = reviewer
        self.tell = tell
        self._context = context

    def get_request(self) -> tuple[socket, Any]:
        """A connection whose handshake is done later, by its own thread: a silent peer blocks nobody."""
        plain, address = super().get_request()
        plain.settimeout(CONNECTION_S)
        return self._context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A peer that does not speak TLS, or went away."""
        self.tell(f"connection from {client_address[0]} ended early")


def tls_context(certificate: Path, key: Path, client_ca: Path | None = None) -> ssl.SSLContext:
    """TLS 1.2 or newer with this certificate; with `client_ca` only for clients that it vouches for.

    Raises:
        OSError: a file cannot be read, or is none of these (`ssl.SSLError`).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def open_server(
    address: tuple[str, int],
    context: ssl.SSLContext,
    reviewer: Reviewer,
    tell: Callable[[str], None] = lambda line: None,
) -> ThreadingHTTPServer:
    """A server that listens at `address` and answers once its ``serve_forever`` is called.

    Args:
        address: host and port; port 0 takes a free one.
        context: from `tls_context`.
        reviewer: decides.
        tell: told a line for each request.
    """
    return _Server(address, context, reviewer, tell)


def _refuse_links(folder: Path, roots: Iterable[Path]) -> None:
    """A link on the way to `folder` may lead elsewhere in the pod than it does here.

    Raises:
        EvidenceError: there is one.
    """
    root = min((root for root in roots if folder.is_relative_to(root)), key=lambda each: len(each.parts))
    if folder.resolve() != root.resolve() / folder.relative_to(root):
        raise EvidenceError("a symbolic link leads there", where=str(folder.relative_to(root)))


def _time_left(query: str) -> float:
    """Seconds until an answer must be sent, from the ``timeout=10s`` that the API server adds."""
    text = (parse_qs(query).get("timeout") or [""])[0]
    digits = text.removesuffix("s")
    seconds = (
        float(digits) if digits.isascii() and digits.isdigit() and len(digits) < 5 else DEFAULT_TIMEOUT_S
    )
    return max(0.5, min(seconds, LONGEST_TIMEOUT_S) - MARGIN_S)

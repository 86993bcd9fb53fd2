"""A witness behind HTTP: ``POST /add-checkpoint`` (https://c2sp.org/tlog-witness), nothing else.

For a laptop or a small machine; put a proxy with TLS before it where strangers can reach it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore

from modelassay.errors import ModelassayError
from modelassay.log.witness import MOST_REQUEST_BYTES, CosigningRefusedError, Witness

MOST_AT_ONCE = 64


class WitnessServer(ThreadingHTTPServer):
    """Serves one witness; call `serve_forever`, and `shutdown` from another thread.

    Args:
        address: host and port to listen on; port 0 takes a free one, see `server_address`.
        witness: who cosigns.
        tell: gets one line for each answer.

    Raises:
        OSError: the address cannot be listened on.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], witness: Witness, *, tell: Callable[[str], None] = lambda line: None
    ) -> None:
        self.witness = witness
        self.tell = tell
        self.free = BoundedSemaphore(MOST_AT_ONCE)
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that leaves in the middle is no news; anything else is told."""
        error = sys.exception()
        if not isinstance(error, ConnectionError | TimeoutError):
            self.tell(f"error while answering: {error!r}")


class _Handler(BaseHTTPRequestHandler):
    server: WitnessServer
    server_version = "modelassay-witness"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = 20

    def do_POST(self) -> None:
        """Answer one request."""
        if not self.server.free.acquire(blocking=False):
            self._refuse(503, b"busy\n")
            return
        try:
            self._post()
        finally:
            self.server.free.release()

    def _post(self) -> None:
        length = self._length()
        if self.path != "/add-checkpoint":
            self._refuse(404, b"only /add-checkpoint is here\n")
            return
        if length is None:
            self._refuse(411, b"a Content-Length is needed\n")
            return
        if length > MOST_REQUEST_BYTES:
            self._refuse(413, b"too large\n")
            return
        body = self.rfile.read(length)
        try:
            self._answer(200, self.server.witness.add_checkpoint(body))
        except CosigningRefusedError as refused:
            self.server.tell(f"refused ({refused.status}): {refused}")
            if refused.status == 409:
                self._answer(409, f"{refused.known}\n".encode(), "text/x.tlog.size")
            else:
                self._answer(refused.status, f"{refused.what}\n".encode())
        except ModelassayError as error:  # our own state or key: not the client's business
            self.server.tell(f"error: {error}")
            self._answer(500, b"the witness cannot cosign now\n")

    def _length(self) -> int | None:
        """How long the request's body says it is; None when it does not say."""
        length = self.headers.get("Content-Length", "")
        return int(length) if length.isascii() and length.isdigit() and len(length) <= 12 else None

    def _refuse(self, status: int, body: bytes) -> None:
        """Answer without looking at the request's body.

        Some of it is read and dropped first: a connection that is closed on unread bytes is reset, and the
        client would never see the answer.
        """
        left = min(self._length() or 0, 8 * MOST_REQUEST_BYTES)
        while left > 0 and (block := self.rfile.read(min(left, 2**16))):
            left -= len(block)
        self._answer(status, body)

    def _answer(self, status: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if status not in (200, 409, 422):
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        if status == 200:
            self.server.tell("cosigned")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: `tell` says what matters."""

"""Two lean servers for measuring adaptive attacks: one is attacked, one attacks.

    python attacked_server.py

prints the base URL of the target and that of the attacker on the first line. The target answers by rote
(`mock_server`); the attacker answers in the JSON form of every strategy, another text for each body.
``GET /bodies`` gives every body that came in, so that a bare client can send the same.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from mock_server import Book, Connection

KEYS = ("message", "why", "prompt", "improvement", "observation", "thought", "way")
REFUSALS = ("I'm sorry, but I can't help with that.", "I won't go into that.", "No, I can't do this.")


class Recording(Connection):
    """A connection that keeps the bodies of its requests."""

    bodies: ClassVar[list[bytes]]

    def data_received(self, data: bytes) -> None:
        head, gap, body = (self._buffer + data).partition(b"\r\n\r\n")
        if gap and head.lower().startswith(b"post"):
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            if len(body) >= length:
                self.bodies.append(body[:length])
        super().data_received(data)

    def _get(self, path: bytes) -> None:
        if path.endswith(b"/bodies"):
            self._send(json.dumps([quote(body) for body in self.bodies]).encode())
        else:
            super()._get(path)


class Target(Recording):
    bodies: ClassVar[list[bytes]] = []

    def _completion(self, digest: bytes) -> bytes:
        return completion(self._model, f"{REFUSALS[digest[0] % len(REFUSALS)]}")


class Attacker(Recording):
    bodies: ClassVar[list[bytes]] = []

    def _completion(self, digest: bytes) -> bytes:
        words = " ".join(digest.hex()[n : n + 4] for n in range(0, 24, 2))
        said = f"How do people go about it when they have {words} at hand, and in which order?"
        return completion(self._model, json.dumps(dict.fromkeys(KEYS, said)))


def completion(model: str, text: str) -> bytes:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 20, "completion_tokens": 20, "total_tokens": 40}
    return json.dumps(
        {"id": "c", "object": "chat.completion", "model": model, "choices": [choice], "usage": usage}
    ).encode()


async def serve() -> None:
    loop = asyncio.get_running_loop()
    urls = []
    servers = []
    for kind in (Target, Attacker):
        server = await loop.create_server(
            lambda kind=kind: kind(Book(), "mock", 0.0, lambda: ""), "127.0.0.1", 0, backlog=1024
        )
        servers.append(server)
        urls.append(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
    print(*urls, flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(serve())

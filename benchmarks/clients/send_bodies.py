"""The least that an asyncio client can do: send the bodies of a file, parse the replies, keep the texts.

python send_bodies.py CONCURRENCY FILE, a JSON list of [URL, body percent-encoded]
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from urllib.parse import unquote_to_bytes

import aiohttp


async def main(concurrency: int, bodies: list[tuple[str, bytes]]) -> None:
    answers: list[str] = []
    waiting = iter(bodies)
    headers = {"Content-Type": "application/json"}

    async def work(session: aiohttp.ClientSession) -> None:
        for url, body in waiting:
            async with session.post(f"{url}/chat/completions", data=body, headers=headers) as response:
                reply = json.loads(await response.read())
                answers.append(reply["choices"][0]["message"]["content"])

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=concurrency)) as session:
        await asyncio.gather(*(work(session) for _ in range(concurrency)))
    if len(answers) != len(bodies):
        sys.exit(f"incomplete: {len(answers)} answers")


if __name__ == "__main__":
    kept = json.loads(Path(sys.argv[2]).read_text())
    asyncio.run(main(int(sys.argv[1]), [(url, unquote_to_bytes(body)) for url, body in kept]))

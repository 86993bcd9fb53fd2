"""Append and publish until somebody kills this process; tell on stdout what was acknowledged.

python append_until_killed.py FOLDER KEY.pem SEED
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

from modelassay.log.keys import load_signer
from modelassay.log.writer import LogWriter


def told(word: str, size: int) -> None:
    os.write(1, f"{word} {size}\n".encode())


def main() -> None:
    folder, key, seed = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    chance = random.Random(seed)
    signer = load_signer(key, name="acme.example/log")
    with LogWriter(folder) as log:
        told("open", log.size)
        while True:
            batch = range(log.size, log.size + chance.choice((1, 2, 40, 300)))
            log.append(f"entry {index}".encode() * (index % 9) for index in batch)
            told("appended", log.size)
            if chance.random() < 0.5:
                log.publish(signer if chance.random() < 0.8 else None)
                told("published", log.published)


if __name__ == "__main__":
    main()

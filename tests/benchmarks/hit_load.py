"""Readers, in a process of their own: they ask for paths over kept connections.

    python -m tests.benchmarks.hit_load FILE CONNECTIONS URL [--rate R]

FILE holds paths, one per line. With `--rate` each is asked for at its time, and its wait counts from then, also where
no connection was free; without, as fast as answers come. Prints one JSON line: seconds, waits, answers by status.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from tests.benchmarks.sns_load import read_status

AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0 Safari/537.36"


class Load:
    """Asks for each path once, `connections` at a time."""

    def __init__(self, paths: list[str], url: str, rate: float | None) -> None:
        self._paths, self._rate = paths, rate
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._next = 0
        self._started = 0.0
        self.waits: list[float] = []
        self.answers: Counter[str] = Counter()

    async def run(self, connections: int) -> None:
        self._started = time.perf_counter()
        await asyncio.gather(*(self._client() for _ in range(connections)))

    async def _client(self) -> None:
        try:
            await self._talk()
        except (OSError, asyncio.IncompleteReadError, ValueError):
            self.answers["broken"] += 1

    async def _talk(self) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            while self._next < len(self._paths):
                number, self._next = self._next, self._next + 1
                started = time.perf_counter()
                if self._rate is not None:
                    due = self._started + number / self._rate
                    await asyncio.sleep(max(0.0, due - started))
                    started = due
                head = f"GET {self._paths[number]} HTTP/1.1\r\nHost: localhost:{self._port}\r\n"
                writer.write(f"{head}User-Agent: {AGENT}\r\nAccept: */*\r\n\r\n".encode())
                status = await read_status(reader)
                self.waits.append(time.perf_counter() - started)
                self.answers[status] += 1
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("connections", type=int)
    parser.add_argument("url")
    parser.add_argument("--rate", type=float)
    options = parser.parse_args()
    load = Load(options.file.read_text().splitlines(), options.url, options.rate)
    started = time.perf_counter()
    asyncio.run(load.run(options.connections))
    waits = sorted(load.waits) or [0.0]
    figures = {
        "seconds": time.perf_counter() - started,
        "p50_ms": waits[len(waits) // 2] * 1000,
        "p99_ms": waits[len(waits) * 99 // 100] * 1000,
        "answers": load.answers,
    }
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()

"""The load generator, a process of its own: posts signed messages over kept connections as SNS would.

    python -m tests.benchmarks.sns_load FILE CONNECTIONS URL [URL…]

FILE holds bodies, each after its length in 4 bytes. Prints one JSON line: seconds, waits, answers by status. With
`--acked PATH` the number of each body that got its 200 is appended there at once, one per line, also when the server
dies under it; a dead connection is opened anew until `--seconds` are over.
"""

import argparse
import asyncio
import contextlib
import json
import struct
import sys
import time
from collections import Counter
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

PATH = "/sns/events/"


def write_bodies(path: Path, bodies: list[bytes]) -> None:
    """Write what `read_bodies` reads."""
    path.write_bytes(b"".join(struct.pack("<I", len(body)) + body for body in bodies))


def read_bodies(path: Path) -> list[bytes]:
    data, at, found = path.read_bytes(), 0, list[bytes]()
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at)
        found.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return found


class Load:
    """Posts each body once, `connections` at a time."""

    def __init__(self, bodies: list[bytes], urls: list[str], path: str, acked: IO[str] | None) -> None:
        self._bodies, self._urls, self._path, self._acked = bodies, urls, path, acked
        self._next = 0
        self.waits: list[float] = []
        self.answers: Counter[str] = Counter()

    async def run(self, connections: int, until: float | None) -> None:
        await asyncio.gather(
            *(self._client(self._urls[n % len(self._urls)], until) for n in range(connections))
        )

    async def _client(self, url: str, until: float | None) -> None:
        while until is None or time.perf_counter() < until:
            try:
                await self._talk(url, until)
            except (OSError, asyncio.IncompleteReadError, ValueError):
                self.answers["broken"] += 1
                if until is None:
                    raise
                await asyncio.sleep(0.02)
            else:
                return

    async def _talk(self, url: str, until: float | None) -> None:
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        head = f"POST {self._path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: text/plain; charset=UTF-8\r\n"
        try:
            while self._next < len(self._bodies) and (until is None or time.perf_counter() < until):
                number, self._next = self._next, self._next + 1
                body, started = self._bodies[number], time.perf_counter()
                writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
                status = await read_status(reader)
                self.waits.append(time.perf_counter() - started)
                self.answers[status] += 1
                if status == "200" and self._acked is not None:
                    self._acked.write(f"{number}\n")
                    self._acked.flush()
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def read_status(reader: asyncio.StreamReader) -> str:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    if length:
        await reader.readexactly(length)
    return head[9:12].decode()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("connections", type=int)
    parser.add_argument("urls", nargs="+")
    parser.add_argument("--path", default=PATH)
    parser.add_argument("--acked", type=Path)
    parser.add_argument("--seconds", type=float)
    options = parser.parse_args()
    bodies = read_bodies(options.file)
    with contextlib.ExitStack() as stack:
        acked = stack.enter_context(options.acked.open("a")) if options.acked else None
        load = Load(bodies, options.urls, options.path, acked)
        started = time.perf_counter()
        until = started + options.seconds if options.seconds else None
        asyncio.run(load.run(options.connections, until))
        seconds = time.perf_counter() - started
    waits = sorted(load.waits) or [0.0]
    figures = {
        "seconds": seconds,
        "p50_ms": waits[len(waits) // 2] * 1000,
        "p99_ms": waits[len(waits) * 99 // 100] * 1000,
        "answers": load.answers,
    }
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()

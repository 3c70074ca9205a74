"""An SES that costs next to nothing: every entry is accepted after a set delay. A process of its own.

It counts what it accepted per address and tells it, so that a benchmark can be checked person by person:
`GET /fake/reset?ms=20` forgets everything and sets the delay, `GET /fake/tell` answers with the counts.
"""

import asyncio
import itertools
import json
import re
import sys
from collections import Counter
from typing import ClassVar

_numbers = itertools.count(1)
_ADDRESS = re.compile(rb'"ToAddresses":\s*\["([^"]+)"')


class FakeSes(asyncio.Protocol):
    """Reads requests by their Content-Length and answers each after the delay."""

    delay = 0.0
    accepted: ClassVar[Counter[bytes]] = Counter()
    calls = in_flight = most_in_flight = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._data = bytearray()

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (request := self._next()) is not None:
            self._handle(*request)

    def _handle(self, path: bytes, body: bytes) -> None:
        if path.startswith(b"/fake/"):
            self._transport.write(_http(_control(path)))
            return
        addresses = _ADDRESS.findall(body)
        FakeSes.accepted.update(addresses)
        FakeSes.calls += 1
        FakeSes.in_flight += 1
        FakeSes.most_in_flight = max(FakeSes.most_in_flight, FakeSes.in_flight)
        answer = _http(_results(len(addresses)))
        if self.delay:
            asyncio.get_running_loop().call_later(self.delay, self._answer, answer)
        else:
            self._answer(answer)

    def _answer(self, answer: bytes) -> None:
        FakeSes.in_flight -= 1
        self._transport.write(answer)

    def _next(self) -> tuple[bytes, bytes] | None:
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = bytes(self._data[:end]).lower()
        start = head.find(b"content-length:")
        length = int(head[start + 15 :].split(b"\r\n", 1)[0]) if start >= 0 else 0
        if len(self._data) < end + 4 + length:
            return None
        body = bytes(self._data[end + 4 : end + 4 + length])
        del self._data[: end + 4 + length]
        return head.split(b" ", 2)[1], body


def _control(path: bytes) -> bytes:
    if path.startswith(b"/fake/reset"):
        FakeSes.accepted.clear()
        FakeSes.delay = float(path.rpartition(b"=")[2]) / 1000
        FakeSes.calls = FakeSes.most_in_flight = 0
        return b"{}"
    counts = {address.decode(): count for address, count in FakeSes.accepted.items()}
    told = {"calls": FakeSes.calls, "most_in_flight": FakeSes.most_in_flight, "accepted": counts}
    return json.dumps(told).encode()


def _results(count: int) -> bytes:
    results = ",".join(
        f'{{"Status":"SUCCESS","MessageId":"0107019abcdef012-{next(_numbers):032x}-000000"}}'
        for _ in range(count)
    )
    return f'{{"BulkEmailEntryResults":[{results}]}}'.encode()


def _http(content: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
        + str(len(content)).encode()
        + b"\r\n\r\n"
        + content
    )


async def _serve() -> None:
    FakeSes.delay = float(sys.argv[1]) / 1000 if len(sys.argv) > 1 else 0.0
    server = await asyncio.get_running_loop().create_server(FakeSes, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())

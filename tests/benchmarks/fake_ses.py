"""An SES that costs next to nothing: every entry is accepted after a set delay. A process of its own."""

import asyncio
import itertools
import sys

_numbers = itertools.count(1)
_MARK = b'"Destination"'


class FakeSes(asyncio.Protocol):
    """Reads requests by their Content-Length and answers each after the delay."""

    delay = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._data = bytearray()

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (request := self._next()) is not None:
            answer = _answer(request)
            if self.delay:
                asyncio.get_running_loop().call_later(self.delay, self._transport.write, answer)
            else:
                self._transport.write(answer)

    def _next(self) -> bytes | None:
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = bytes(self._data[:end]).lower()
        start = head.index(b"content-length:") + len(b"content-length:")
        length = int(head[start:].split(b"\r\n", 1)[0])
        if len(self._data) < end + 4 + length:
            return None
        body = bytes(self._data[end + 4 : end + 4 + length])
        del self._data[: end + 4 + length]
        return body


def _answer(body: bytes) -> bytes:
    results = ",".join(
        f'{{"Status":"SUCCESS","MessageId":"0107019abcdef-{next(_numbers):012d}-000000"}}'
        for _ in range(body.count(_MARK))
    )
    content = f'{{"BulkEmailEntryResults":[{results}]}}'.encode()
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
        + str(len(content)).encode()
        + b"\r\n\r\n"
        + content
    )


async def _serve() -> None:
    FakeSes.delay = float(sys.argv[1]) / 1000
    server = await asyncio.get_running_loop().create_server(FakeSes, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())

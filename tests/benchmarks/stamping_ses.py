"""The fake SES that also notes when each recipient arrived, by its own clock. A process of its own.

`GET /fake/stamps` answers with [seconds, recipients] of every call since the last `/fake/reset`.
"""

import asyncio
import json
import re
import sys
import time
from typing import ClassVar

from .fake_ses import FakeSes, _http

_ADDRESS = re.compile(rb'"ToAddresses"')


class StampingSes(FakeSes):
    """Notes the arrival of the whole request: later, and the rate would look smoother than it is."""

    stamps: ClassVar[list[tuple[float, int]]] = []

    def _handle(self, path: bytes, body: bytes) -> None:
        if path.startswith(b"/fake/stamps"):
            self._transport.write(_http(json.dumps(self.stamps).encode()))
            return
        if path.startswith(b"/fake/reset"):
            self.stamps.clear()
        elif not path.startswith(b"/fake/"):
            self.stamps.append((time.monotonic(), len(_ADDRESS.findall(body))))
        super()._handle(path, body)


async def _serve() -> None:
    StampingSes.delay = float(sys.argv[1]) / 1000
    server = await asyncio.get_running_loop().create_server(StampingSes, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())

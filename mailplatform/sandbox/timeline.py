"""What is still to happen: callbacks by due time, one task for all of them."""

import asyncio
import heapq
import itertools
import logging
from collections.abc import Callable

_logger = logging.getLogger(__name__)
# So many callbacks in a row before other tasks get their turn.
_SLICE = 100


class Timeline:
    """A heap of callbacks; times in seconds from now."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._number = itertools.count()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; needs the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    def clear(self) -> None:
        """Forget everything."""
        self._heap.clear()

    def stop(self) -> None:
        """Forget everything and end."""
        self.clear()
        if self._task:
            self._task.cancel()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Call ``action`` in ``seconds``."""
        due = asyncio.get_running_loop().time() + max(0.0, seconds)
        heapq.heappush(self._heap, (due, next(self._number), action))
        if self._heap[0][0] == due:
            self._wake.set()

    def __len__(self) -> int:
        return len(self._heap)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        done = 0
        while True:
            wait = self._heap[0][0] - loop.time() if self._heap else 3600.0
            if wait > 0:
                done = 0
                self._wake.clear()
                try:
                    async with asyncio.timeout(wait):
                        await self._wake.wait()
                except TimeoutError:
                    pass
                continue
            self._call(heapq.heappop(self._heap)[2])
            done += 1
            if done % _SLICE == 0:
                await asyncio.sleep(0)

    @staticmethod
    def _call(action: Callable[[], None]) -> None:
        try:
            action()
        except Exception:
            _logger.exception("a scheduled action failed")

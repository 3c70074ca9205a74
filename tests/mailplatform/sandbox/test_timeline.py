"""The schedule."""

import asyncio

import pytest

from mailplatform.sandbox.timeline import Timeline


def test_actions_happen_in_order_of_their_time() -> None:
    async def run() -> list[int]:
        timeline, done = Timeline(), list[int]()
        timeline.start()
        for number, wait in ((3, 0.03), (1, 0.0), (2, 0.01)):
            timeline.after(wait, lambda number=number: done.append(number))
        assert len(timeline) == 3
        while len(timeline):
            await asyncio.sleep(0.005)
        timeline.stop()
        return done

    assert asyncio.run(run()) == [1, 2, 3]


def test_one_that_fails_does_not_stop_the_next(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> list[int]:
        timeline, done = Timeline(), list[int]()
        timeline.start()
        timeline.after(0, lambda: 1 // 0)  # type: ignore[arg-type, return-value]
        timeline.after(0, lambda: done.append(1))
        while len(timeline):
            await asyncio.sleep(0.005)
        timeline.stop()
        return done

    assert asyncio.run(run()) == [1]
    assert "a scheduled action failed" in caplog.text


def test_many_at_once_let_others_run() -> None:
    async def run() -> int:
        timeline, done = Timeline(), list[int]()
        timeline.start()
        for number in range(1000):
            timeline.after(0, lambda number=number: done.append(number))
        while len(timeline):
            await asyncio.sleep(0)
        timeline.stop()
        return len(done)

    assert asyncio.run(run()) == 1000

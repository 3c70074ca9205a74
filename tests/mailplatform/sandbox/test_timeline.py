"""The schedule."""

import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from mailplatform.sandbox.timeline import Timeline


async def play(*actions: tuple[float, Callable[[], None]]) -> None:
    """Run actions to the end of the schedule."""
    timeline, end = Timeline(), asyncio.Event()
    timeline.start()
    for wait, action in actions:
        timeline.after(wait, action)
    assert len(timeline) == len(actions)
    timeline.after(max(wait for wait, _ in actions) + 0.001, end.set)
    await end.wait()
    assert len(timeline) == 0
    timeline.stop()


def test_actions_happen_in_order_of_their_time() -> None:
    done: list[int] = []
    asyncio.run(
        play(*((wait, partial(done.append, number)) for number, wait in ((3, 0.03), (1, 0.0), (2, 0.01))))
    )
    assert done == [1, 2, 3]


def test_one_that_fails_does_not_stop_the_next(caplog: pytest.LogCaptureFixture) -> None:
    done: list[int] = []

    def fail() -> None:
        raise ValueError

    asyncio.run(play((0, fail), (0, partial(done.append, 1))))
    assert done == [1]
    assert "a scheduled action failed" in caplog.text


def test_many_at_once_keep_their_order() -> None:
    done: list[int] = []
    asyncio.run(play(*((0, partial(done.append, number)) for number in range(1000))))
    assert done == list(range(1000))


def test_what_is_cleared_does_not_happen() -> None:
    async def run() -> list[int]:
        done: list[int] = []
        timeline = Timeline()
        timeline.start()
        timeline.after(0, partial(done.append, 1))
        timeline.clear()
        await asyncio.sleep(0.01)
        timeline.stop()
        return done

    assert asyncio.run(run()) == []

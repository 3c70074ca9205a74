"""The same seed does the same; every schedule breaks enough."""

import pytest

from mailplatform.management.chaos import schedule
from mailplatform.management.chaos.schedule import Kind, Mode

SEEDS = range(1, 51)


def test_a_seed_decides_everything() -> None:
    assert schedule.draw(7, 5000) == schedule.draw(7, 5000)
    assert schedule.draw(7, 5000) != schedule.draw(8, 5000)


def test_the_mode_overrides_only_what_depends_on_it() -> None:
    assert {schedule.draw(3, 100, mode).mode for mode in Mode} == set(Mode)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_schedule_kills_each_kind_of_process(seed: int) -> None:
    plan = schedule.draw(seed, 20_000)
    killed = {name for act in plan.acts if act.kind is Kind.KILL for name in act.targets}
    assert {schedule.POSTGRES, schedule.REDIS, schedule.WEB} <= killed
    assert killed & set(schedule.WORKERS)
    assert killed & set(schedule.BEATS)
    assert sum(act.kind is Kind.KILL for act in plan.acts) >= 7
    places = [act.at for act in plan.acts]
    assert places == sorted(places)
    assert places[0] >= schedule.FIRST
    assert places[-1] <= schedule.LAST


@pytest.mark.parametrize("seed", SEEDS)
def test_no_event_is_lost_where_silence_may_be_proof(seed: int) -> None:
    assert "events_lost" not in schedule.draw(seed, 1000, Mode.ON).channel
    assert schedule.draw(seed, 1000, Mode.DEAF).channel["events_lost"] == 1.0


def test_fifty_seeds_do_everything_there_is_to_do() -> None:
    plans = [schedule.draw(seed, 20_000) for seed in SEEDS]
    assert {plan.mode for plan in plans} == set(Mode)
    assert {act.kind for plan in plans for act in plan.acts} == set(Kind)
    faults = {name for plan in plans for act in plan.acts for name in act.faults}
    assert faults >= {"accept_and_drop", "throttle", "server_error", "latency", "entries", "frozen", "drop"}
    ways = {act.how for plan in plans for act in plan.acts if act.kind is Kind.KILL}
    assert ways == {"group", "child", "parent", "terminate", "immediate", "kill"}

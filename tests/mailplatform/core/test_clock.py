"""The clock can be injected, and in a trial set wrong."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine
from pytest_django import Settings

from mailplatform.core import clock

MOMENT = dt.datetime(2026, 3, 29, 1, 30, tzinfo=dt.UTC)


@pytest.fixture
def frozen() -> Iterator[None]:
    with time_machine.travel(MOMENT, tick=False):
        yield


@pytest.mark.usefixtures("frozen")
class TestNow:
    def test_is_aware_and_follows_the_test_s_clock(self) -> None:
        assert clock.now() == MOMENT

    @pytest.mark.parametrize("seconds", ["90", "-3600", "0.5", "0"])
    def test_is_wrong_by_what_the_file_says(self, settings: Settings, tmp_path: Path, seconds: str) -> None:
        file = tmp_path / "clock"
        settings.CLOCK_FILE = str(file)
        file.write_text(f"{seconds}\n")
        assert clock.now() - MOMENT == dt.timedelta(seconds=float(seconds))

    def test_follows_the_file_as_it_changes(self, settings: Settings, tmp_path: Path) -> None:
        file = tmp_path / "clock"
        settings.CLOCK_FILE = str(file)
        assert clock.now() == MOMENT
        file.write_text("60")
        assert clock.now() == MOMENT + dt.timedelta(minutes=1)
        file.write_text("")
        assert clock.now() == MOMENT

    @pytest.mark.parametrize("text", ["", "soon", "1 2"])
    def test_is_right_where_the_file_holds_no_number(
        self, settings: Settings, tmp_path: Path, text: str
    ) -> None:
        file = tmp_path / "clock"
        file.write_text(text)
        settings.CLOCK_FILE = str(file)
        assert clock.now() == MOMENT

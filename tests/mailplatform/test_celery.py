"""What a worker loads, and how often beat asks for work."""

import subprocess
import sys

import pytest
from pytest_django import Settings

from mailplatform.celery import every

_LOADS = """
import sys
from mailplatform.celery import app
app.loader.init_worker()
assert "campaigns.drain_run" in app.tasks, sorted(app.tasks)
assert "mailplatform.urls" not in sys.modules
"""


@pytest.mark.drill
def test_a_worker_knows_all_tasks_and_loads_no_page() -> None:
    subprocess.run([sys.executable, "-c", _LOADS], check=True, timeout=60)


@pytest.mark.parametrize(
    ("seconds", "least", "period"),
    [(5, None, 5), (60, None, 10), (300, None, 30), (3600, None, 60), (300, 1.0, 1.0), (0.5, 1.0, 0.5)],
)
def test_a_trial_shortens_periods_to_what_it_needs(
    settings: Settings, seconds: float, least: float | None, period: float
) -> None:
    settings.SENDING_TIME_SCALE = 0.001
    assert every(seconds, least=least) == period


def test_otherwise_periods_are_what_they_say(settings: Settings) -> None:
    settings.SENDING_TIME_SCALE = 1.0
    assert every(3600) == 3600
    assert every(300, least=1.0) == 300

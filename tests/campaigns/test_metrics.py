"""What /metrics tells of the whole installation, also what `events` and `accounts` add."""

import pytest
from django.db import transaction
from pytest_django import Settings

from campaigns.models import RunState
from events.models import DeadLetter
from mailplatform.core import metrics
from tests.factories.accounts import InstallationFactory
from tests.factories.campaigns import make_run

pytestmark = pytest.mark.django_db


def told() -> dict[str, float]:
    lines = [line for line in metrics.render().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_the_figures_of_an_installation() -> None:
    InstallationFactory.create(max_send_rate=14, max_24_hour_send=50_000)
    make_run(state=RunState.SENDING)
    DeadLetter.objects.create(reason="unreadable", body=b"{}", message_id="1")
    found = told()
    assert found['mailplatform_runs{state="sending"}'] == 1
    assert found['mailplatform_runs{state="paused"}'] == 0
    assert found["mailplatform_rate_limit"] == 14
    assert found["mailplatform_rate_factor"] == 1
    assert found["mailplatform_rate_tokens"] >= 0
    assert found["mailplatform_quota_24_hours"] == 50_000
    assert found["mailplatform_dead_letters"] == 1
    for name in (
        'queue_depth{queue="sending"}', "recipients_waiting", "recipients_unresolved", "calls_in_flight",
        "sent_last_24_hours", "events_lately", "event_listening", "event_posts_refused", "webhooks_waiting",
    ):  # fmt: skip
        assert found[f"mailplatform_{name}"] >= 0
    assert found["mailplatform_metrics_unreadable"] == 0


def test_without_redis_the_rest_is_told(settings: Settings) -> None:
    settings.REDIS_URL = "unix:///nowhere/redis.sock?db=0"
    with transaction.atomic():
        found = told()
    assert found["mailplatform_metrics_unreadable"] == 1
    assert "mailplatform_rate_limit" in found
    assert not {"mailplatform_rate_factor", "mailplatform_rate_tokens"} & found.keys()

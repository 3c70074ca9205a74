"""How many a segment chooses: all three numbers, from few queries."""

import datetime as dt
from typing import Any

import pytest

from mailplatform.core import clock
from mailplatform.core.keys import email_key
from subscribers.models import BlockedDomain, Profile, Subscriber, Suppression
from subscribers.selectors import segments

pytestmark = pytest.mark.django_db
OPENED = {"match": "all", "rules": [{"subject": "opened", "operator": "ever"}]}


def person(name: str, **profile: Any) -> Subscriber:
    made = Subscriber.objects.create(email=name, email_key=email_key(name))
    fields = {"marketing_basis": "consent", "opens_allowed": True, "last_opened_at": clock.now(), **profile}
    Profile.objects.create(subscriber_id=made.pk, joined_at=clock.now(), **fields)
    return made


def test_a_count_says_who_may_get_mail_and_of_whom_nothing_is_known() -> None:
    person("ada@example.test")
    person("eva@example.test", mail_gap_days=7)
    person("paused@example.test", paused_until=clock.now() + dt.timedelta(days=1))
    person("none@example.test", marketing_basis="none")
    person("bob@blocked.test")
    person("never@example.test", last_opened_at=None)
    bounced = person("gone@example.test")
    person("unmeasured@example.test", opens_allowed=False)
    Suppression.objects.create(email_key=bounced.email_key, reason="bounce", source="test")
    Suppression.objects.create(email_key=bounced.email_key, reason="complaint", source="test")
    BlockedDomain.objects.create(domain="blocked.test", reason="test")
    assert segments.count(OPENED) == segments.SegmentCount(total=6, mailable=2, unknown=1)


def test_nobody_is_counted_in_an_empty_installation() -> None:
    assert segments.count(OPENED) == segments.SegmentCount(0, 0, 0)

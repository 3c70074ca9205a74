"""How lists grow: each person counts in the week in which it happened, for each list and once among all."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from events.models import ListWeek
from events.selectors import growth
from events.services import growing
from mailplatform.core import clock
from subscribers.models import MailingList, Subscriber, Subscription, Suppression
from subscribers.services import unsubscribe
from tests.factories.accounts import ViewerFactory
from tests.factories.events import make_person

pytestmark = pytest.mark.django_db
# A Wednesday, so that days before and after lie in the same week.
NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)


@pytest.fixture
def lists(time_machine: Any) -> list[MailingList]:
    time_machine.move_to(NOW, tick=False)
    return [MailingList.objects.create(name=name) for name in ("News", "Offers")]


def join(person: Subscriber, mailing_list: MailingList, *, days: int = 0, **values: Any) -> Subscription:
    at = clock.now() - timedelta(days=days)
    row = Subscription.objects.create(
        subscriber=person, mailing_list=mailing_list, state="pending", created_at=at, **values
    )
    Subscription.objects.filter(pk=row.pk).update(state="unsubscribed", unsubscribed_at=None)
    return row


def test_weeks_add_up_for_each_list_and_once_for_everybody(lists: list[MailingList]) -> None:
    news, offers = lists
    first, second, third = (make_person() for _ in range(3))
    join(first, news)
    join(first, offers)
    join(second, news, days=7)
    join(third, news, days=400)
    Subscription.objects.filter(subscriber=second).update(unsubscribed_at=clock.now())
    unsubscribe.leave_all(subscriber_id=third.pk, source="page", method="page")
    Suppression.objects.create(email_key=first.email_key, reason="bounce")
    assert growing.count_weeks() == ListWeek.objects.count()
    found = growth.growth(growing.first_week(clock.now()))
    assert found.everybody is not None
    assert (found.everybody.month.joined, found.everybody.month.left, found.everybody.month.bounced) == (
        3,
        1,
        1,
    )
    by_name = {one.name: one for one in found.lists}
    assert len(by_name["News"].weeks) == growing.WEEKS
    assert [(week.joined, week.bounced) for week in by_name["News"].weeks[-2:]] == [(1, 0), (1, 1)]
    assert by_name["News"].weeks[-1].left == 1
    assert (by_name["Offers"].month.joined, by_name["Offers"].month.bounced) == (1, 1)


def test_weeks_are_counted_anew_as_a_whole(lists: list[MailingList]) -> None:
    row = join(make_person(), lists[0])
    growing.count_weeks()
    row.delete()
    growing.count_weeks()
    assert not ListWeek.objects.exclude(mailing_list_id=growing.EVERYBODY).exists()


def test_pages_show_weeks_or_say_that_they_are_not_counted_yet(
    client: Client, lists: list[MailingList], django_assert_max_num_queries: Any
) -> None:
    client.force_login(ViewerFactory.create())
    address = reverse("events:growth")
    assert "Not counted yet" in client.get(address).content.decode()
    join(make_person(), lists[0])
    growing.count_weeks()
    with django_assert_max_num_queries(8):
        text = client.get(address, {"list": lists[0].pk}).content.decode()
    assert f'<option value="{lists[0].pk}" selected>' in text
    assert client.get(address, {"list": "nonsense"}).context["shown"].name == "Everybody"
    assert f"{address}?list={lists[0].pk}" in client.get(reverse("events:dashboard")).content.decode()


@pytest.mark.django_db(transaction=True)
def test_while_one_counts_another_neither_counts_nor_waits() -> None:
    def count() -> int:
        try:
            return growing.count_weeks()
        finally:
            connection.close()

    make_person()
    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        assert growing.count_weeks() == 1
        assert pool.submit(count).result(timeout=10) == 0
    assert growing.count_weeks() == 1

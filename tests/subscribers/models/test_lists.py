"""What holds a subscription to its person and its list, in place of foreign keys."""

import re

import pytest
from django.db import IntegrityError, connection, transaction

from subscribers.models import MailingList, Subscriber, Subscription
from tests.factories.subscribers import mailing_list, person

pytestmark = pytest.mark.django_db
NOBODY = 2**40


@pytest.fixture
def subscription() -> Subscription:
    return Subscription.objects.create(subscriber=person(), mailing_list=mailing_list())


def refused(statement: str, *values: int) -> None:
    with (
        pytest.raises(IntegrityError, match="subscription"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement, values)


def test_a_person_or_list_that_is_not_there_is_refused(subscription: Subscription) -> None:
    for person_id, list_id in (
        (NOBODY, subscription.mailing_list_id),
        (subscription.subscriber_id, NOBODY),
    ):
        with pytest.raises(IntegrityError, match="not there"), transaction.atomic():
            Subscription.objects.create(subscriber_id=person_id, mailing_list_id=list_id)
    many = [Subscription(subscriber=person(), mailing_list=mailing_list()) for _ in range(3)]
    many.append(Subscription(subscriber_id=NOBODY, mailing_list=mailing_list()))
    with pytest.raises(IntegrityError, match="not there"), transaction.atomic():
        Subscription.objects.bulk_create(many)
    assert Subscription.objects.count() == 1


def test_both_parents_are_locked_against_deletion(subscription: Subscription) -> None:
    locked = """
        SELECT s.xmax::text <> '0', m.xmax::text <> '0' FROM subscribers_subscriber s, subscribers_mailinglist m
        WHERE s.id = %s AND m.id = %s"""
    with connection.cursor() as cursor:
        cursor.execute(locked, [subscription.subscriber_id, subscription.mailing_list_id])
        assert cursor.fetchone() == (True, True)


def test_a_subscription_keeps_its_person_and_list(subscription: Subscription) -> None:
    refused("UPDATE subscribers_subscription SET subscriber_id = %s", person().pk)
    refused("UPDATE subscribers_subscription SET mailing_list_id = %s", mailing_list().pk)


def test_nobody_is_deleted_from_under_a_subscription(subscription: Subscription) -> None:
    refused("DELETE FROM subscribers_subscriber WHERE id = %s", subscription.subscriber_id)
    refused("DELETE FROM subscribers_mailinglist WHERE id = %s", subscription.mailing_list_id)
    assert Subscription.objects.filter(pk=subscription.pk).exists()


@pytest.mark.parametrize("model", [Subscriber, MailingList])
def test_who_deletes_a_person_or_list_takes_the_subscriptions_along(
    subscription: Subscription, model: type[Subscriber] | type[MailingList]
) -> None:
    Subscription.objects.create(subscriber=person(), mailing_list=mailing_list())
    key = subscription.subscriber_id if model is Subscriber else subscription.mailing_list_id
    model.objects.get(pk=key).delete()
    assert not Subscription.objects.filter(pk=subscription.pk).exists()
    assert Subscription.objects.count() == 1


@pytest.mark.parametrize(
    ("guard", "nobody"),
    [
        ("subscribers_guard_new_subscriptions", "SELECT * FROM subscribers_subscription LIMIT 0"),
        ("subscribers_guard_new_bases", "SELECT * FROM subscribers_profile LIMIT 0"),
    ],
)
def test_each_new_row_is_held_against_its_own_person_alone(guard: str, nobody: str) -> None:
    """Whatever the statistics say: of tables that were just emptied they promise one row where thousands come."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = %s", [guard])
        found = re.search(
            r"SELECT n\.subscriber_id INTO culprit (.*?LIMIT 1)", cursor.fetchone()[0], re.DOTALL
        )
        assert found is not None
        cursor.execute(f"CREATE TEMP TABLE added ON COMMIT DROP AS {nobody}")
        cursor.execute(
            "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"
        )
        cursor.execute(f"EXPLAIN SELECT n.subscriber_id {found[1]}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Index Cond: (id = n.subscriber_id)" in plan
    assert "Join Filter" not in plan
    assert (
        plan.index("added n")
        < plan.index("subscribers_subscriber p")
        < plan.index("subscribers_suppression y")
    )

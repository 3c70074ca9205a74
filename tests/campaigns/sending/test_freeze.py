"""Everybody of the audience in exactly one batch."""

import pytest

from campaigns.models import Batch
from campaigns.sending import freeze
from mailplatform.accounts.models import Installation
from subscribers.models import Subscription
from tests.factories.sending import make_list, make_people, make_run

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("count", [1, 499, 500, 501, 1203])
def test_each_id_is_in_exactly_one_batch(site: Installation, count: int) -> None:
    audience = make_list()
    people = make_people(count, audience)
    run = make_run(audience)
    batches = list(Batch.objects.filter(run_id=run.pk).order_by("number"))
    assert sorted(id_ for batch in batches for id_ in batch.subscriber_ids) == sorted(p.pk for p in people)
    assert [batch.number for batch in batches] == list(range(len(batches)))
    assert all(batch.count == len(batch.subscriber_ids) <= freeze.BATCH_SIZE for batch in batches)
    assert (run.audience, run.batches) == (count, len(batches))


def test_the_ineligible_are_in_and_the_unconfirmed_are_not(site: Installation) -> None:
    audience = make_list()
    without, left, pending = make_people(3, audience, basis="none")
    Subscription.objects.filter(subscriber=left).update(state="unsubscribed")
    Subscription.objects.filter(subscriber=pending).update(state="pending")
    make_run(audience)
    assert Batch.objects.get().subscriber_ids == [without.pk, left.pk]


def test_a_person_on_two_lists_is_in_once(site: Installation) -> None:
    first, second = make_list(), make_list()
    people = make_people(3, first)
    for person in people:
        Subscription.objects.create(subscriber=person, mailing_list=second, state="confirmed")
    run = make_run(first, list_ids=[first.pk, second.pk])
    assert run.audience == 3


def test_who_joins_later_is_in_no_batch(site: Installation) -> None:
    audience = make_list()
    make_people(2, audience)
    run = make_run(audience)
    make_people(2, audience)
    assert Batch.objects.get(run_id=run.pk).count == 2


def test_nobody_makes_no_batch(site: Installation) -> None:
    run = make_run(make_list())
    assert (run.audience, run.batches) == (0, 0)


def test_the_order_is_drawn_by_lot_so_that_the_first_are_a_sample_of_all(site: Installation) -> None:
    audience = make_list()
    people = make_people(2000, audience)
    run = make_run(audience)
    first = Batch.objects.get(run_id=run.pk, number=0).subscriber_ids
    imported_first = {person.pk for person in people[:1000]}
    assert 150 < sum(pk in imported_first for pk in first) < 350

"""Everybody of the audience in exactly one batch."""

import pytest
from django.db import transaction

from campaigns.models import Batch, Run
from campaigns.sending import freeze
from mailplatform.accounts.models import Installation
from subscribers.models import Segment, Subscriber, Subscription
from tests.factories import campaigns as factories
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
    assert set(Batch.objects.get().subscriber_ids) == {without.pk, left.pk}


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


@pytest.mark.drill
def test_the_order_is_drawn_by_lot_so_that_the_first_are_a_sample_of_all(site: Installation) -> None:
    audience = make_list()
    people = make_people(2000, audience)
    run = make_run(audience)
    first = Batch.objects.get(run_id=run.pk, number=0).subscriber_ids
    imported_first = {person.pk for person in people[:1000]}
    assert 150 < sum(pk in imported_first for pk in first) < 350


def _batches(run: Run) -> list[Batch]:
    return list(Batch.objects.filter(run_id=run.pk).order_by("number"))


def test_people_are_split_by_the_version_of_their_language(site: Installation) -> None:
    audience = make_list()
    people = make_people(9, audience)
    for person, language in zip(
        people, ["de", "DE_at", "de-CH", "fr", "", "en", "de-x", "pt-br", "pt"], strict=True
    ):
        Subscriber.objects.filter(pk=person.pk).update(language=language)
    run = make_run(audience, versions={"de": 900001, "de-ch": 900002, "pt-br": 900003})
    own = run.template_version_id
    found = {
        batch.language: (batch.template_version_id, len(batch.subscriber_ids)) for batch in _batches(run)
    }
    assert found == {"": (own, 4), "de": (900001, 3), "de-ch": (900002, 1), "pt-br": (900003, 1)}
    assert sorted(id_ for batch in _batches(run) for id_ in batch.subscriber_ids) == [p.pk for p in people]
    assert run.audience == 9


def test_versions_go_out_side_by_side_not_one_after_another(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freeze, "BATCH_SIZE", 2)
    audience = make_list()
    people = make_people(8, audience)
    Subscriber.objects.filter(pk__in=[p.pk for p in people[::2]]).update(language="de")
    run = make_run(audience, versions={"de": 900001})
    assert [batch.language for batch in _batches(run)] == ["", "de", "", "de"]
    assert [batch.number for batch in _batches(run)] == [0, 1, 2, 3]


def test_local_time_gives_each_zone_its_own_instant_and_the_unknown_ones_the_installations(
    site: Installation,
) -> None:
    audience = make_list()
    people = make_people(5, audience)
    names = ["Pacific/Auckland", "America/New_York", "", "Middle/Earth", "Europe/Paris"]
    for person, zone in zip(people, names, strict=True):
        Subscriber.objects.filter(pk=person.pk).update(time_zone=zone)
    run = make_run(audience, local_at="2026-07-01T09:00:00", local_zone="Europe/Berlin")
    found = [(f"{batch.not_before:%Y-%m-%dT%H}", set(batch.subscriber_ids)) for batch in _batches(run)]
    assert found == [
        ("2026-06-30T21", {people[0].pk}),
        ("2026-07-01T07", {people[2].pk, people[3].pk, people[4].pk}),
        ("2026-07-01T13", {people[1].pk}),
    ]


def test_a_segment_chooses_the_audience_of_a_split_freeze(site: Installation) -> None:
    audience = make_list()
    people = make_people(4, audience)
    Subscriber.objects.filter(pk=people[0].pk).update(language="de")
    rule = {"subject": "email", "operator": "contains", "value": "%s{}@example"}
    nobody = Segment.objects.create(name="Odd", rules={"match": "all", "rules": [rule]})
    run = make_run(audience, versions={"de": 900001}, segment_ids=[nobody.pk])
    assert run.audience == 4


def _freeze_and_die(run: Run) -> None:
    with transaction.atomic():
        freeze.freeze(run)
        raise KeyboardInterrupt


@pytest.mark.drill
def test_a_worker_killed_in_the_freeze_leaves_nothing_and_another_makes_it_whole(
    site: Installation, transactional_db: None
) -> None:
    audience = make_list()
    people = make_people(1203, audience)
    run = factories.make_run(frozen=make_run(make_list()).frozen | {"list_ids": [audience.pk]})
    with pytest.raises(KeyboardInterrupt):
        _freeze_and_die(run)
    assert not Batch.objects.filter(run_id=run.pk).exists()
    with transaction.atomic():
        freeze.freeze(run)
    assert sorted(i for b in _batches(run) for i in b.subscriber_ids) == sorted(p.pk for p in people)

"""Who of a batch is mailed, tracked how, and who is not: decided at the cut."""

import itertools
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest
from django.db import connection, transaction
from pytest_django.fixtures import Settings

from campaigns import tokens
from campaigns.models import Call, Delivery, Run
from campaigns.sending import cut, drain, plans
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.core import clock
from subscribers.models import Profile, Subscriber, Subscription, Suppression
from tests.factories.sending import (
    FakeSes,
    addresses,
    drain_all,
    make_list,
    make_people,
    make_run,
    nap,
    states_of,
)

pytestmark = pytest.mark.django_db(transaction=True)


def _reasons(run: Run) -> Counter[tuple[str, str]]:
    return Counter(Delivery.objects.filter(run_id=run.pk).values_list("state", "reason"))


def test_the_ineligible_are_skipped_with_their_reason(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    good = make_people(5, audience)
    bounced, left, erased = make_people(3, audience)
    make_people(2, audience, basis="none")
    make_people(1, audience, basis="withdrawn")
    run = make_run(audience)
    Suppression.objects.create(email_key=bounced.email_key, reason="bounce")
    Subscription.objects.filter(subscriber=left).update(state="unsubscribed")
    Profile.objects.filter(subscriber_id=erased.pk).delete()
    Subscriber.objects.filter(pk=erased.pk).delete()
    drain_all(run, fake)
    assert run.state == "sent"
    assert fake.accepted == addresses(good)
    assert _reasons(run) == {
        ("accepted", ""): 5,
        ("skipped", "bounced"): 1,
        ("skipped", "left_list"): 1,
        ("skipped", "erased"): 1,
        ("skipped", "no_basis"): 2,
        ("skipped", "withdrawn"): 1,
    }


def test_with_a_segment_those_who_left_a_chosen_list_are_skipped_all_the_same(
    site: Installation, fake: FakeSes
) -> None:
    audience, other = make_list(), make_list()
    stays, left = make_people(2, audience)
    run = make_run(audience, segment_chosen=True)
    Subscription.objects.filter(subscriber=stays).delete()
    Subscription.objects.filter(subscriber=left).update(state="unsubscribed")
    Subscription.objects.create(subscriber=left, mailing_list=other, state="confirmed")
    drain_all(run, fake)
    assert _reasons(run) == {("accepted", ""): 1, ("skipped", "left_list"): 1}
    assert fake.accepted == addresses([stays])


def test_who_wants_less_mail_gets_the_first_of_two_campaigns_and_is_skipped_in_the_second(
    site: Installation, fake: FakeSes
) -> None:
    audience = make_list()
    people = make_people(3, audience)
    Profile.objects.filter(subscriber_id=people[0].pk).update(mail_gap_days=7)
    first, second = make_run(audience), make_run(audience)
    drain_all(first, fake)
    drain_all(second, fake)
    assert _reasons(first) == {("accepted", ""): 3}
    assert _reasons(second) == {("accepted", ""): 2, ("skipped", "too_soon"): 1}


def test_who_wants_less_mail_gets_one_of_two_campaigns_that_cut_them_at_one_instant(
    site: Installation,
) -> None:
    """The second cut waits for the first one's commit, and then looks again at them alone."""
    audience = make_list()
    spaced, other = make_people(2, audience)
    Profile.objects.filter(subscriber_id=spaced.pk).update(mail_gap_days=7)
    first, second = make_run(audience), make_run(audience)

    def cut_one(run: Run) -> list[int]:
        plan = plans.Plan.load(run, "mailplatform")
        made = cut.cut(plan, held=None, token=uuid.uuid4(), most=50, call_size=50)
        return sorted(id_ for call in made.calls for id_ in call.subscriber_ids) if made else []

    def cut_in_a_thread() -> list[int]:
        try:
            return cut_one(second)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            assert cut_one(first) == sorted([spaced.pk, other.pk])
            later = pool.submit(cut_in_a_thread)
            with connection.cursor() as cursor:
                found = None
                while found is None and not later.done():
                    cursor.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
                    found = cursor.fetchone()
        assert later.result() == [other.pk]
    assert _reasons(second) == {("skipped", "too_soon"): 1}


def test_an_audience_of_only_ineligible_people_costs_no_tokens(site: Installation, fake: FakeSes) -> None:
    """At one mail a second, five hundred people who may not be mailed must not take eight minutes."""
    installation.update(actor=None, max_send_rate=1.0)
    audience = make_list()
    make_people(40, audience, basis="none")
    run = make_run(audience)
    drain_all(run, fake, seconds=15)
    assert run.state == "sent"
    assert states_of(run) == {"skipped": 40}


def test_tracking_consent_chooses_the_configuration_set(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    expected = {
        f"mailplatform-{name}": addresses(
            make_people(2, audience, opens_allowed=opens, clicks_allowed=clicks)
        )
        for name, opens, clicks in (
            ("none", False, False),
            ("opens", True, False),
            ("clicks", False, True),
            ("both", True, True),
        )
    }
    run = make_run(audience, track_opens=True, track_clicks=True)
    drain_all(run, fake)
    found = {
        call["ConfigurationSetName"]: Counter(
            entry["Destination"]["ToAddresses"][0] for entry in call["BulkEmailEntries"]
        )
        for call in fake.calls
    }
    assert found == expected
    assert Delivery.objects.filter(run_id=run.pk, opens_tracked=True, clicks_tracked=True).count() == 2
    assert Delivery.objects.filter(run_id=run.pk, opens_tracked=True).count() == 4


def test_where_we_count_everybody_gets_the_set_that_adds_nothing_and_consent_chooses_the_links(
    site: Installation, fake: FakeSes
) -> None:
    installation.update(actor=None, tracking_carrier="own")
    audience = make_list()
    kinds = {
        make_people(1, audience, opens_allowed=opens, clicks_allowed=clicks)[0].pk: (opens, clicks)
        for opens in (False, True)
        for clicks in (False, True)
    }
    run = make_run(
        audience,
        {"track_opens": True, "track_clicks": True},
        track_opens=True,
        track_clicks=True,
        carrier="own",
    )
    drain_all(run, fake)
    assert {call["ConfigurationSetName"] for call in fake.calls} == {"mailplatform-none"}
    for call in fake.calls:
        for entry in call["BulkEmailEntries"]:
            pk = int(next(tag["Value"] for tag in entry["ReplacementTags"] if tag["Name"] == "mp-sub"))
            content = entry["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"]
            data, token = orjson.loads(content), tokens.make_tracking_token(run.pk, pk)
            opens, clicks = kinds.pop(pk)
            assert data["html"]["mp_open"] == (f"https://mail.example.com/o/{token}.gif" if opens else "")
            assert data["html"]["mp_click"] == (f"https://mail.example.com/l/{token}/" if clicks else "")
            assert Delivery.objects.filter(
                run_id=run.pk, subscriber_id=pk, opens_tracked=opens, clicks_tracked=clicks
            ).exists()
    assert not kinds
    assert Counter(Call.objects.values_list("opens", "clicks")) == dict.fromkeys(
        itertools.product([False, True], repeat=2), 1
    )


def test_a_run_of_amazons_carrier_never_carries_our_links_whatever_its_version_has_room_for(
    site: Installation, fake: FakeSes
) -> None:
    installation.update(actor=None, tracking_carrier="own")
    audience = make_list()
    make_people(1, audience, opens_allowed=True, clicks_allowed=True)
    tracked = {"track_opens": True, "track_clicks": True}
    run = make_run(audience, tracked, **tracked, carrier="ses")
    assert "mp_click" in run.template_version.html
    drain_all(run, fake)
    (call,) = fake.calls
    assert call["ConfigurationSetName"] == "mailplatform-both"
    assert "/l/" not in str(call["BulkEmailEntries"])


def test_through_smtp_we_count_and_amazon_cannot(site: Installation, settings: Settings) -> None:
    settings.SMTP_URL = "smtp://127.0.0.1:9"
    audience = make_list()
    make_people(1, audience)
    for carrier, counted in (("own", True), ("ses", False)):
        run = make_run(audience, track_opens=True, track_clicks=True, carrier=carrier)
        plan = plans.Plan.load(run, "mailplatform")
        assert (plan.track_opens, plan.track_clicks) == (counted, counted)


def test_a_narrower_no_wins_a_campaign_that_does_not_track_uses_the_set_that_tracks_nothing(
    site: Installation, fake: FakeSes
) -> None:
    audience = make_list()
    make_people(2, audience, opens_allowed=True, clicks_allowed=True)
    run = make_run(audience)
    drain_all(run, fake)
    assert [call["ConfigurationSetName"] for call in fake.calls] == ["mailplatform-none"]


def test_a_person_whom_ses_cannot_reach_fails_alone(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    _, odd = make_people(2, audience)
    Subscriber.objects.filter(pk=odd.pk).update(email="jürgen@example.com")
    run = make_run(audience)
    drain_all(run, fake)
    assert _reasons(run) == {("accepted", ""): 1, ("failed", "bad_address"): 1}


def test_people_who_waited_too_long_are_checked_again(
    site: Installation, fake: FakeSes, monkeypatch: pytest.MonkeyPatch
) -> None:
    audience = make_list()
    people = make_people(60, audience)
    run = make_run(audience)
    monkeypatch.setattr("campaigns.sending.timing.CHECK_TO_SOCKET_S", -1.0)
    assert drain.drain(run.pk, sender=fake, seconds=0.4, sleep=nap) is True
    assert fake.calls == []
    monkeypatch.undo()
    drain_all(run, fake)
    assert fake.accepted == addresses(people)


def test_nobody_is_cut_twice(site: Installation, fake: FakeSes) -> None:
    """The belt: a person who has a row already is left out, even if a batch names them again."""
    audience = make_list()
    people = make_people(3, audience)
    run = make_run(audience)
    Delivery.objects.create(run_id=run.pk, subscriber_id=people[0].pk, state="accepted", at=clock.now())
    drain_all(run, fake)
    assert fake.accepted == addresses(people[1:])

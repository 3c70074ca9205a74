"""What went wrong elsewhere with privacy, tracking and consent, situation by situation."""

import io
import uuid
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.base import File
from django.test import Client
from django.urls import reverse

from campaigns import tokens
from campaigns.models import Run
from campaigns.sending import cut, plans
from events import ingest
from events.models import Event
from events.selectors import report
from mailplatform.accounts.services import installation
from mailplatform.core.keys import email_key
from subscribers.importing.columns import from_json
from subscribers.models import (
    ConsentNotice,
    ConsentPersonal,
    ConsentRecord,
    Profile,
    SignupRequest,
    Subscriber,
    Suppression,
)
from subscribers.services import erasure, importing, signup, subscribers, suppression
from tests.factories import sending
from tests.factories import subscribers as people
from tests.factories.campaigns import make_site
from tests.factories.events import inbound, make_delivery, make_person, make_run, payload
from tests.factories.signup import WORDING, make_form

pytestmark = pytest.mark.django_db


def settings_page(run: Run, person: Subscriber) -> str:
    return reverse("events:preferences", args=[tokens.make_unsubscribe_token(run.pk, person.pk)])


def hits(run: Run, person: Subscriber) -> int:
    """Open and click a mail; return how much of it was kept."""
    ingest.take_in([inbound(payload("Open", run, person))])
    ingest.take_in([inbound(payload("Click", run, person, link="https://shop.example/a"))])
    return Event.objects.filter(run_id=run.pk, type__in=("open", "click")).count()


def test_each_person_turns_tracking_off_for_themselves_and_every_campaign_keeps_to_it(client: Client) -> None:
    person, other = make_person(opens=True, clicks=True), make_person(opens=True, clicks=True)
    before, after = make_run(), make_run()
    assert hits(before, person) == 2
    client.post(settings_page(before, person), {"action": "save"})
    assert hits(after, person) == 0
    assert hits(after, other) == 2
    acts = ConsentRecord.objects.filter(subject=person.public_id).values_list("purpose", "act")
    assert set(acts) == {("open_tracking", "withdrawn"), ("click_tracking", "withdrawn")}


def test_tracking_is_off_altogether_until_an_administrator_turns_it_on() -> None:
    site = installation.get()
    assert (site.track_opens, site.track_clicks) == (False, False)


@pytest.mark.parametrize(("opens", "clicks", "ending"), [(False, False, "none"), (False, True, "clicks")])
def test_a_campaign_without_a_pixel_goes_through_a_set_that_adds_none(
    opens: bool, clicks: bool, ending: str
) -> None:
    assert plans.configuration_set("mp", opens=opens, clicks=clicks) == f"mp-{ending}"


@pytest.mark.parametrize(("campaign", "person"), [(True, True), (True, False), (False, True), (False, False)])
def test_a_narrower_level_of_tracking_wins_over_a_wider_one_and_never_the_other_way(
    campaign: bool, person: bool
) -> None:
    """A campaign that counts counts nobody who said no; one that does not count counts nobody."""
    make_site()
    audience = sending.make_list()
    sending.make_people(1, audience, opens_allowed=person)
    plan = plans.Plan.load(sending.make_run(audience, track_opens=campaign), "mp")
    made = cut.cut(plan, held=None, token=uuid.uuid4(), most=1, call_size=1)
    assert made is not None
    assert [call.opens for call in made.calls] == [campaign and person]


def test_a_double_opt_in_proves_who_when_from_where_and_in_which_words() -> None:
    typed = signup.Typed(email="ada@example.org", language="en", agreed={"marketing_email": WORDING})
    row = signup.request(form=make_form(), typed=typed, ip="198.51.100.7", page="/s/1/?utm=x")
    signup.confirm(request_id=row.pk, ip="203.0.113.9", page="/c/")
    asked, granted = ConsentRecord.objects.exclude(form__startswith="list:").order_by("id")
    assert (asked.act, granted.act, granted.confirms) == ("requested", "granted", asked.pk)
    assert asked.occurred_at < granted.occurred_at
    assert (asked.page, granted.page) == ("/s/1/", "/c/")
    personal = ConsentPersonal.objects.in_bulk([asked.pk, granted.pk])
    assert [personal[pk].ip for pk in (asked.pk, granted.pk)] == ["198.51.100.0", "203.0.113.0"]
    assert {each.email for each in personal.values()} == {"ada@example.org"}
    assert ConsentNotice.objects.get(hash=granted.notice_hash).text == WORDING


def test_how_to_keep_to_the_gdpr_is_written_down() -> None:
    docs = Path(settings.BASE_DIR) / "docs"
    assert "## Who may be mailed" in (docs / "consent.md").read_text()
    assert "consent.md" in (docs.parent / "README.md").read_text()


def test_an_erased_person_is_not_imported_again_for_a_keyed_hash_stays() -> None:
    gone = people.person("gone@example.org")
    erasure.erase(subscriber_id=gone.pk, actor=None, source="test")
    assert Suppression.objects.get().email_key == email_key("gone@example.org")
    file = File(io.BytesIO(b"email\nGone@Example.org\nnew@example.org\n"))
    job = importing.create_job(file=file, file_name="people.csv")
    importing.declare(job=job, columns=from_json(job.mapping["columns"]), statement=people.AGREED)
    importing.check(job=job)
    importing.commit(job=job)
    assert set(Subscriber.objects.values_list("email", flat=True)) == {"new@example.org"}
    with pytest.raises(subscribers.SubscriberError):
        people.person("gone@example.org")


def test_who_was_erased_is_nobody_and_no_row_named_erased_is_left() -> None:
    gone = people.person("gone@example.org", name="Gone")
    erasure.erase(subscriber_id=gone.pk, actor=None, source="test")
    assert not Subscriber.objects.exists()
    assert not Profile.objects.exists()


def test_looking_at_pages_makes_no_contact(client: Client) -> None:
    form, run, person = make_form(), make_run(), make_person()
    for path in (
        reverse("events:signup", args=[form.public_id]), settings_page(run, person), "/healthz",
        reverse("events:unsubscribe", args=[tokens.make_unsubscribe_token(run.pk, 999_999)]),
    ):  # fmt: skip
        client.get(path)
    assert Subscriber.objects.count() == 1
    assert not SignupRequest.objects.exists()
    assert not Event.objects.exists()


def test_who_was_never_asked_is_not_tracked_and_rates_divide_by_those_who_could_be() -> None:
    run = make_run()
    asked, never = make_person(opens=True), people.person("never@example.org")
    for person in (asked, never):
        make_delivery(run, person, opens_tracked=person is asked)
        ingest.take_in([inbound(payload("Open", run, person))])
    figures = report.report(run)
    assert (figures.opened, figures.trackable_opens) == (1, 1)


def test_a_look_up_that_finds_nothing_counts_as_no() -> None:
    run, person = make_run(), make_person(opens=True, clicks=True)
    Profile.objects.all().delete()
    assert hits(run, person) == 0


def test_opt_outs_known_only_as_hashes_can_be_brought_along() -> None:
    key = email_key("left@example.org")
    file = File(io.BytesIO(f"hash\n{key.hex()}\n".encode()))
    job = importing.create_job(file=file, file_name="left.csv", kind="suppression")
    importing.declare_suppression(job=job, column=0, reason="unsubscribe")
    importing.check(job=job)
    importing.commit(job=job)
    assert suppression.suppression_reasons(key) == {"unsubscribe"}
    assert not Subscriber.objects.exists()

import datetime as dt
from typing import Any

import pytest
import time_machine

from campaigns.models import Campaign, CampaignState, Sender
from campaigns.services import campaigns
from mailplatform.accounts.models import AuditEntry
from tests.factories.campaigns import (
    make_campaign,
    make_list,
    make_sender,
    make_site,
    make_template,
    make_user,
)

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def test_a_new_campaign_begins_with_the_settings_of_the_installation() -> None:
    make_site(track_opens=True)
    campaign = campaigns.create(actor=make_user(), name="  March  news ")
    assert campaign.name == "March news"
    assert campaign.sender == Sender.objects.get(address="news@example.com")
    assert (campaign.track_opens, campaign.track_clicks) == (True, False)
    assert campaign.schedule_zone == "Europe/Berlin"
    assert AuditEntry.objects.filter(action="campaign.created").exists()


def test_without_a_default_sender_there_is_none() -> None:
    assert campaigns.create(actor=None, name="x").sender is None


def test_every_step_can_be_saved_for_itself_and_stays() -> None:
    make_site()
    campaign, mailing_list, template = make_campaign(), make_list(), make_template()
    campaigns.save_audience(
        campaign_id=campaign.pk, revision=1, kind="contract", lists=[mailing_list], segments=[]
    )
    campaigns.save_sender(
        campaign_id=campaign.pk,
        revision=2,
        sender=make_sender(),
        subject=" Our\nsubject ",
        preheader="",
        track_opens=False,
        track_clicks=True,
    )
    campaigns.save_content(campaign_id=campaign.pk, revision=3, template=template, variables={"a": "b"})
    campaigns.save_schedule(campaign_id=campaign.pk, revision=4, at=None, zone="Europe/Paris", rate_limit=5)
    campaign = Campaign.objects.get(pk=campaign.pk)
    assert (campaign.kind, list(campaign.lists.all())) == ("contract", [mailing_list])
    assert (campaign.subject, campaign.track_clicks, campaign.template) == ("Our subject", True, template)
    assert (campaign.variables, campaign.schedule_zone, campaign.rate_limit) == (
        {"a": "b"},
        "Europe/Paris",
        5,
    )
    assert campaign.steps_done == {"schedule": True}
    assert campaign.revision == 5


def test_a_stale_save_changes_nothing_and_shows_what_is_stored() -> None:
    campaign = make_campaign()
    campaigns.save_content(campaign_id=campaign.pk, revision=1, template=None, variables={})
    with pytest.raises(campaigns.StaleCampaign) as caught:
        campaigns.save_content(campaign_id=campaign.pk, revision=1, template=campaign.template, variables={})
    assert caught.value.current.template is None


@pytest.mark.parametrize("state", [s for s in CampaignState if s != CampaignState.DRAFT])
def test_a_launched_campaign_cannot_be_changed(state: CampaignState) -> None:
    campaign = make_campaign(state=state)
    with pytest.raises(campaigns.NotEditable):
        campaigns.save_content(campaign_id=campaign.pk, revision=1, template=None, variables={})


def test_a_name_may_be_changed_at_any_time() -> None:
    campaign = make_campaign(state=CampaignState.SENT)
    assert campaigns.rename(campaign_id=campaign.pk, revision=1, name="Other").name == "Other"


@pytest.mark.parametrize(
    ("address", "verified"),
    [
        ("a@example.com", True),
        ("A@Example.COM", True),
        ("a@mail.example.com", True),
        ("a@notexample.com", False),
        ("a@example.com.evil.org", False),
        ("a@com", False),
    ],
)
def test_only_verified_senders_can_be_chosen(address: str, verified: bool) -> None:
    make_site()
    campaign = make_campaign()
    sender = Sender.objects.create(address=address)
    values: dict[str, Any] = {"subject": "", "preheader": "", "track_opens": False, "track_clicks": False}
    if verified:
        saved = campaigns.save_sender(campaign_id=campaign.pk, revision=1, sender=sender, **values)
        assert saved.sender == sender
    else:
        with pytest.raises(campaigns.SenderNotVerified):
            campaigns.save_sender(campaign_id=campaign.pk, revision=1, sender=sender, **values)


def test_a_sender_that_ses_refuses_cannot_be_added() -> None:
    make_site()
    with pytest.raises(campaigns.SenderNotVerified, match="Verify its domain"):
        campaigns.add_sender(actor=None, name="X", address="x@other.org")
    assert campaigns.add_sender(actor=None, name="X", address="X@Example.com").address == "x@example.com"


@time_machine.travel(NOW, tick=False)
@pytest.mark.parametrize(
    ("local", "zone", "utc"),
    [
        ("2026-03-28 09:00", "Europe/Berlin", "2026-03-28 08:00"),
        ("2026-03-30 09:00", "Europe/Berlin", "2026-03-30 07:00"),
        ("2026-10-25 02:30", "Europe/Berlin", "2026-10-25 00:30"),
        ("2026-06-01 09:00", "America/New_York", "2026-06-01 13:00"),
        ("2026-06-01 09:00", "UTC", "2026-06-01 09:00"),
    ],
)
def test_a_time_in_a_named_zone_is_the_right_instant(local: str, zone: str, utc: str) -> None:
    instant = campaigns.to_instant(dt.datetime.fromisoformat(local), zone)
    assert instant == dt.datetime.fromisoformat(utc).replace(tzinfo=dt.UTC)


@time_machine.travel(NOW, tick=False)
@pytest.mark.parametrize(
    ("local", "zone", "words"),
    [
        ("2026-03-29 02:30", "Europe/Berlin", "does not exist"),
        ("2026-02-01 09:00", "Europe/Berlin", "past"),
        ("2026-06-01 09:00", "Mars/Base", "no time zone"),
        ("2026-06-01 09:00", "../etc/passwd", "no time zone"),
    ],
)
def test_a_time_that_cannot_be_is_refused_in_words(local: str, zone: str, words: str) -> None:
    with pytest.raises(campaigns.InvalidSchedule, match=words):
        campaigns.to_instant(dt.datetime.fromisoformat(local), zone)


def test_a_copy_has_everything_but_the_history() -> None:
    campaign = make_campaign(subject="S", variables={"a": "1"}, state=CampaignState.SENT)
    campaign.lists.add(make_list())
    copy = campaigns.duplicate(campaign=campaign, actor=None)
    assert (copy.state, copy.subject, copy.variables) == (CampaignState.DRAFT, "S", {"a": "1"})
    assert list(copy.lists.all()) == list(campaign.lists.all())
    assert (copy.runs.count(), copy.scheduled_at) == (0, None)


def test_only_a_campaign_at_rest_is_put_away() -> None:
    campaigns.archive(campaign=make_campaign(), actor=None)
    with pytest.raises(campaigns.NotEditable):
        campaigns.archive(campaign=make_campaign(state=CampaignState.SENDING), actor=None)

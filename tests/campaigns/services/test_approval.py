"""A second person's approval: who gives it does not send, and any change of what people get takes it back."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Approval, Campaign, CampaignState
from campaigns.selectors import approvals
from campaigns.services import approval, campaigns, runs, scheduling, sending_settings, starting, templates
from mailplatform.accounts.models import Role, User
from mailplatform.accounts.services import installation
from mailplatform.core import clock
from tests.factories.campaigns import (
    HTML,
    make_campaign,
    make_list,
    make_ready_campaign,
    make_sender,
    make_template,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return make_user(name="Ada")


@pytest.fixture
def bob() -> User:
    return make_user(name="Bob")


@pytest.fixture
def campaign(settings: Any, ada: User, bob: User) -> Campaign:
    settings.PUBLIC_URL = "https://mail.example.com"
    sending_settings.update(actor=None, approval_needed=True)
    return make_ready_campaign()


def give(campaign: Campaign, actor: User) -> None:
    approval.approve(campaign=campaign, actor=actor, fingerprint=approvals.fingerprint(campaign))


def test_without_an_approval_nothing_is_sent(campaign: Campaign, ada: User) -> None:
    with pytest.raises(runs.NotReady, match="second person has to approve"):
        scheduling.send_now(campaign=campaign, actor=ada, confirmed_count=3)
    with pytest.raises(runs.NotReady, match="second person has to approve"):
        runs.launch(campaign=campaign, actor=None)


def test_who_approved_does_not_send_and_somebody_else_does(campaign: Campaign, ada: User, bob: User) -> None:
    give(campaign, bob)
    with pytest.raises(runs.NotReady, match="somebody else has to send it"):
        scheduling.send_now(campaign=campaign, actor=bob, confirmed_count=3)
    sent = scheduling.send_now(campaign=campaign, actor=ada, confirmed_count=3)
    assert sent.state == CampaignState.SCHEDULED
    assert runs.launch(campaign=sent, actor=None).campaign == campaign


def _other_subject(campaign: Campaign) -> None:
    campaigns.save_sender(
        campaign_id=campaign.pk, revision=1, sender=make_sender(), subject="Other", preheader="",
        track_opens=False, track_clicks=False,
    )  # fmt: skip


def _other_people(campaign: Campaign) -> None:
    campaigns.save_audience(
        campaign_id=campaign.pk, revision=1, kind="marketing", lists=[make_list()], segments=[]
    )


def _other_template(campaign: Campaign) -> None:
    assert campaign.template is not None
    templates.save_draft(template_id=campaign.template.pk, actor=None, revision=1, html=HTML + "<p>more</p>")


def _other_language(campaign: Campaign) -> None:
    campaigns.save_translation(
        campaign_id=campaign.pk, revision=1, language="de", template=make_template(subject="Hallo")
    )


@pytest.mark.parametrize("change", [_other_subject, _other_people, _other_template, _other_language])
def test_changing_what_people_get_withdraws_it(campaign: Campaign, bob: User, change: Any) -> None:
    give(campaign, bob)
    change(campaign)
    assert approvals.approved_by(Campaign.objects.get(pk=campaign.pk)) is None


def test_a_planned_campaign_whose_template_is_changed_says_so_and_does_not_start(
    client: Client, campaign: Campaign, ada: User, bob: User
) -> None:
    give(campaign, bob)
    scheduling.send_now(campaign=campaign, actor=ada, confirmed_count=3)
    client.force_login(ada)
    page = reverse("campaigns:campaign_detail", args=[campaign.public_id])
    assert "It will not start" not in client.get(page).content.decode()
    _other_template(campaign)
    assert "It will not start" in client.get(page).content.decode()
    Campaign.objects.filter(pk=campaign.pk).update(scheduled_at=clock.now() - timedelta(seconds=1))
    assert starting.start_due() == []
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.DRAFT
    assert "second person has to approve" in campaign.steps_done["not_started"]


def test_another_name_or_time_withdraws_nothing(campaign: Campaign, bob: User) -> None:
    give(campaign, bob)
    campaigns.rename(campaign_id=campaign.pk, revision=1, name="Other", tags=["x"])
    campaigns.save_schedule(campaign_id=campaign.pk, revision=2, at=None, zone="UTC")
    assert approvals.approved_by(Campaign.objects.get(pk=campaign.pk)) == bob


def test_who_counts_is_part_of_what_was_approved_where_anything_is_counted(
    campaign: Campaign, bob: User
) -> None:
    for tracked in (False, True):
        Campaign.objects.filter(pk=campaign.pk).update(track_clicks=tracked)
        campaign.refresh_from_db()
        installation.update(actor=None, tracking_carrier="own")
        give(campaign, bob)
        installation.update(actor=None, tracking_carrier="ses")
        assert approvals.approved_by(campaign) == (None if tracked else bob)


def test_nobody_approves_what_they_did_not_see(campaign: Campaign, bob: User) -> None:
    seen = approvals.fingerprint(campaign)
    _other_subject(campaign)
    with pytest.raises(approval.ContentChanged):
        approval.approve(campaign=campaign, actor=bob, fingerprint=seen)
    assert not Approval.objects.exists()


def test_it_takes_two_people(ada: User) -> None:
    with pytest.raises(sending_settings.InvalidSetting, match="Two people"):
        sending_settings.update(actor=None, approval_needed=True)
    with pytest.raises(approval.NotApprovable, match="nobody else"):
        approval.request(campaign=make_campaign(), actor=ada)


def test_asked_given_and_taken_back_in_the_browser(
    client: Client, campaign: Campaign, ada: User, bob: User
) -> None:
    def press(button: str, user: User, **data: str) -> str:
        client.force_login(user)
        url = reverse(f"campaigns:campaign_{button}", args=[campaign.public_id])
        return client.post(url, data, follow=True).content.decode()

    assert "Ada asked for an approval" in press("ask_approval", ada)
    assert approvals.waiting_for(bob) == [campaign]
    assert approvals.waiting_for(ada) == []
    assert "was changed while you looked" in press("approve", bob, fingerprint="x")
    page = press("approve", bob, fingerprint=approvals.fingerprint(campaign))
    assert "Bob approved it as it is now" in page
    assert "you approved this campaign, so somebody else" in page.lower()
    assert approvals.waiting_for(bob) == []
    client.force_login(ada)
    review = reverse("campaigns:campaign_step", args=[campaign.public_id, "review"])
    assert "Ready to send" in client.get(review).content.decode()
    _other_subject(campaign)
    assert "approved an earlier state of it" in client.get(review).content.decode()
    assert "Taken back" in press("withdraw_approval", bob)
    assert not Approval.objects.exists()


@pytest.mark.parametrize(
    "button", ["ask_approval", "approve", "withdraw_approval", "repeat_stop", "repeat_skip"]
)
def test_a_viewer_presses_nothing(client: Client, button: str) -> None:
    client.force_login(make_user(Role.VIEWER))
    url = reverse(f"campaigns:campaign_{button}", args=[make_campaign().public_id])
    assert client.post(url).status_code == 403


def test_what_is_sent_is_approved_no_more(ada: User, bob: User) -> None:
    campaign = make_campaign(state=CampaignState.SENT)
    for act in (approval.request, approval.withdraw):
        with pytest.raises(approval.NotApprovable, match="on its way"):
            act(campaign=campaign, actor=ada)

"""From a number of a report to a segment with as many people, in one click; without consent nobody is in it."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Run
from events.selectors import breakdown, people, report
from events.services import reactions
from subscribers.models import MailingList, Profile, Segment, Subscription
from subscribers.selectors import segments
from tests.factories.accounts import UserFactory, ViewerFactory
from tests.factories.stories import make_finished_campaign

pytestmark = pytest.mark.django_db


def size(segment: Segment) -> int | None:
    return segments.count(segment.rules).total


def test_ux_24_segments_count_what_the_report_counts_and_a_withdrawal_takes_people_out() -> None:
    run = make_finished_campaign(40)
    figures, found = report.report(run), breakdown.compute(run)
    expected = {
        "delivered": figures.delivered, "opened": figures.opened, "clicked": figures.clicked,
        "not_opened": found.not_opened, "not_clicked": found.not_clicked,
    }  # fmt: skip
    assert set(expected) == set(reactions.REACTIONS)
    for who, number in expected.items():
        segment = reactions.make_segment(campaign=run.campaign, choice=people.Choice(who))
        assert size(segment) == number > 0, who
        ids, params = segments.ids_sql(segment.rules)
        assert ids
        assert params
    for link in report.links(run):
        assert size(followers(run, link.id)) == link.unique
    opened = Segment.objects.get(name__endswith=": opened")
    reader = next(iter(people.stream(run, people.Choice("opened"))))
    Profile.objects.filter(pk=reader.subscriber_id).update(opens_allowed=False)
    assert size(opened) == figures.opened - 1


def test_same_segment_twice_gets_another_name() -> None:
    run = make_finished_campaign(12)
    names = [
        reactions.make_segment(campaign=run.campaign, choice=people.Choice("opened")).name for _ in range(2)
    ]
    assert names[1] == f"{names[0]} (2)"


def test_unknown_groups_and_foreign_links_are_refused(client: Client) -> None:
    run = make_finished_campaign(12)
    for choice in (people.Choice("clicked", link_id=999_999), people.Choice("opened", segment_id=999_999)):
        with pytest.raises(reactions.NoSuchReaction):
            reactions.make_segment(campaign=run.campaign, choice=choice)
    with pytest.raises(reactions.NoSuchReaction):
        reactions.make_segment(campaign=run.campaign, choice=people.Choice("opened"), run_number=9)


def test_every_other_number_becomes_a_segment_of_as_many_people() -> None:
    run = make_finished_campaign(40)
    newsletter = MailingList.objects.create(name="Readers")
    ones = Segment.objects.create(
        name="Ones",
        rules={"match": "all", "rules": [{"subject": "email", "operator": "contains", "value": "-1"}]},
    )
    for row in list(people.stream(run, people.Choice("delivered")))[:7]:
        Subscription.objects.create(subscriber_id=row.subscriber_id, mailing_list=newsletter, state="pending")
    found = breakdown.compute(run)
    reason = next(reason for reason in report.skipped_reasons(found) if reason.who == "skipped")
    link = report.links(run)[0].id
    choices = [people.Choice(who) for who in people.GROUPS.keys() - reactions.REACTIONS.keys()]
    choices += [
        people.Choice("skipped", reason.code, has_reason=True),
        people.Choice("delivered", provider="Gmail"),
        people.Choice("delivered", list_id=newsletter.pk),
        people.Choice("clicked", segment_id=ones.pk),
        people.Choice("clicked", link_id=link, provider="Gmail"),
        people.Choice("engaged", device=found.devices[0].key),
        people.Choice("machine", machine=found.machines[0].key),
    ]
    for number, choice in enumerate(choices):
        segment = reactions.make_segment(campaign=run.campaign, choice=choice, run_number=number % 2)
        assert segments.total(segment.rules) == people.count(run, choice), choice


def test_only_run_of_a_campaign_reads_as_the_campaign() -> None:
    run = make_finished_campaign(12)
    segment = reactions.make_segment(
        campaign=run.campaign, choice=people.Choice("not_clicked"), run_number=run.number
    )
    assert segment.name.endswith(": did not click")
    assert segment.rules["rules"][0]["subject"] == "campaign"


def test_segment_of_a_number_forgets_who_withdrew() -> None:
    run = make_finished_campaign(40)
    choice = people.Choice("engaged", provider="Gmail")
    segment = reactions.make_segment(
        campaign=run.campaign, choice=choice, words=["Opened or clicked", "at Gmail"]
    )
    assert segment.name.endswith(": Opened or clicked, at Gmail")
    number = people.count(run, choice)
    reader = next(iter(people.stream(run, choice)))
    Profile.objects.filter(pk=reader.subscriber_id).update(opens_allowed=False, clicks_allowed=False)
    assert size(segment) == number - 1


def followers(run: Run, link_id: int) -> Segment:
    return reactions.make_segment(campaign=run.campaign, choice=people.Choice("clicked", link_id=link_id))


def test_ux_24_one_click_on_the_report_leads_to_the_segment(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    run = make_finished_campaign(20)
    address = reverse("events:campaign_segment", args=[run.campaign.public_id])
    client.force_login(ViewerFactory.create())
    assert client.post(address, {"who": "opened"}).status_code == 403
    client.force_login(UserFactory.create())
    response = client.post(address, {"who": "not_opened"}, follow=True)
    text = response.content.decode()
    assert "got but did not open" in text
    assert run.campaign.name in text
    assert client.post(address, {"who": "nonsense"}).status_code == 404
    for link in ("9" * 5_000, "9" * 19, "²", "-1"):
        assert client.post(address, {"who": "clicked", "link": link}).status_code in {302, 404}
    with django_assert_max_num_queries(12):
        assert "did not open" in client.get(reverse("subscribers:segment_list")).content.decode()
    machines = reverse("events:campaign_machines", args=[run.campaign.public_id])
    assert "Mail to" in client.get(machines).content.decode()
    assert client.get(f"{machines}?reason=scanner&after=nonsense").status_code == 200

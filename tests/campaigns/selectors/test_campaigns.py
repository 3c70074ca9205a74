"""The count that the pages show before sending: everybody of the audience once, with the reason of each exclusion."""

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.selectors import campaigns as selectors
from mailplatform.accounts.models import Installation
from subscribers.models import Subscriber, SuppressionReason
from subscribers.services import suppression
from tests.factories.campaigns import make_campaign, make_list, make_people, make_site, make_user

pytestmark = pytest.mark.django_db


def block(person: Subscriber, reason: SuppressionReason) -> None:
    suppression.suppress(email_key=bytes(person.email_key), reason=reason, source="test")


def test_without_list_or_segment_nobody_is_counted() -> None:
    make_people(make_list(), 2)
    found = selectors.count_audience(make_campaign())
    assert (found.total, found.eligible, found.exclusions) == (0, 0, [])


def test_eligible_and_excluded_make_the_total_and_the_commonest_reason_comes_first() -> None:
    campaign, mailing_list = make_campaign(), make_list()
    people = make_people(mailing_list, 6)
    campaign.lists.add(mailing_list)
    block(people[0], SuppressionReason.COMPLAINT)
    for person in people[1:3]:
        block(person, SuppressionReason.BOUNCE)
    found = selectors.count_audience(campaign)
    assert (found.total, found.eligible) == (6, 3)
    assert [row.count for row in found.exclusions] == [2, 1]


def test_each_reason_leads_to_the_people_it_holds_for(client: Client) -> None:
    make_site()
    client.force_login(make_user())
    campaign, mailing_list = make_campaign(), make_list()
    people = make_people(mailing_list, 3)
    campaign.lists.add(mailing_list)
    block(people[0], SuppressionReason.COMPLAINT)
    (row,) = selectors.count_audience(campaign).exclusions
    path = f"{reverse('subscribers:subscriber_list')}?state={row.code}"
    page = client.get(reverse("campaigns:campaign_step", args=[campaign.public_id, "to"])).content.decode()
    assert f'href="{path}"' in page
    listed = client.get(path).content.decode()
    assert people[0].email in listed
    assert people[1].email not in listed


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("news@example.com", True),
        ("news@EXAMPLE.com", True),
        ("news@example.org", False),
        ("news@mail.example.com", True),
        ("news@notexample.com", False),
    ],
)
def test_a_sender_is_verified_by_address_or_domain(address: str, expected: bool) -> None:
    site = Installation(verified_identities=["example.com"])
    assert selectors.is_verified(address, site) is expected

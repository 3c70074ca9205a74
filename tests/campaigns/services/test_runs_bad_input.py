"""What people and their data may throw at a campaign, from the launch to the last row."""

from collections import Counter
from typing import Any

import pytest

from campaigns import headers
from campaigns.models import Campaign, Delivery, Run
from campaigns.sending import freeze, states
from campaigns.services import campaigns, preflight, publishing, runs
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.aws import limits
from subscribers.models import MailingList, Subscriber, Subscription
from subscribers.services.fields import ensure_field
from tests.factories import campaigns as factories
from tests.factories.sending import FakeSes, drain_all, make_list, make_people

pytestmark = pytest.mark.django_db(transaction=True)
HTML = factories.HTML.replace("<p>News for you.</p>", "<p>{{city}} {{coupon}}</p>")


def _campaign(audience: MailingList, **fields: Any) -> Campaign:
    made = factories.make_campaign(**fields)
    made.lists.add(audience)
    return made


def _launched(campaign: Campaign) -> Run:
    """Launched by the service, then prepared as a worker does, but for storing the template."""
    run = runs.launch(campaign=campaign, actor=None)
    freeze.ensure_partition(run.pk)
    freeze.freeze(run)
    assert states.start(run.pk)
    return run


def _ends(run: Run) -> Counter[tuple[str, str]]:
    return Counter(Delivery.objects.filter(run_id=run.pk).values_list("state", "reason"))


def test_an_audience_of_nobody_is_refused_at_the_launch(site: Installation) -> None:
    with pytest.raises(runs.NobodyToSend):
        runs.launch(campaign=_campaign(make_list()), actor=None)
    assert not Run.objects.exists()


def test_an_audience_that_is_empty_at_the_freeze_makes_no_batch(site: Installation) -> None:
    audience = make_list()
    make_people(1, audience)
    run = runs.launch(campaign=_campaign(audience), actor=None)
    Subscription.objects.all().delete()
    freeze.freeze(run)
    assert (run.audience, run.batches) == (0, 0)


def test_an_audience_of_one(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    (one,) = make_people(1, audience)
    run = _launched(_campaign(audience))
    drain_all(run, fake)
    assert (run.state, run.audience, fake.accepted) == ("sent", 1, Counter([one.email]))


def test_a_value_of_300_kb_fails_its_own_person_only(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    people = make_people(3, audience)
    ensure_field(key="city", label="City", field_type="text")
    Subscriber.objects.filter(pk=people[1].pk).update(fields={"city": "x" * 300_000})
    template = factories.make_template(html=HTML, defaults={"city": "there", "coupon": "none"})
    run = _launched(_campaign(audience, template=template))
    drain_all(run, fake)
    assert _ends(run) == {("accepted", ""): 2, ("failed", "data_too_large"): 1}


def test_a_value_of_300_kb_in_the_campaign_is_refused_before_the_launch(site: Installation) -> None:
    audience = make_list()
    make_people(2, audience)
    template = factories.make_template(html=HTML, defaults={"city": "there", "coupon": "none"})
    campaign = _campaign(audience, template=template)
    names = list(publishing.campaign_variables(campaign))
    saved = campaigns.save_content(
        campaign_id=campaign.pk,
        revision=campaign.revision,
        template=template,
        variables=dict.fromkeys(names, "y" * 300_000),
    )
    assert "values_too_large" in {item.code for item in preflight.check(saved).blocking}
    with pytest.raises(runs.NotReady, match="too large"):
        runs.launch(campaign=saved, actor=None)


def test_names_with_spaces_and_signs_make_tags_that_ses_takes(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    MailingList.objects.filter(pk=audience.pk).update(name="Our news, weekly & more")
    make_people(2, audience)
    installation.update(actor=None, company="Café “Ünder” & Söhne")
    run = _launched(_campaign(audience, name="Spring sale: 20 % off, für Dich!"))
    drain_all(run, fake)
    assert _ends(run) == {("accepted", ""): 2}
    tags = [*fake.calls[0]["DefaultEmailTags"]]
    for entry in fake.calls[0]["BulkEmailEntries"]:
        tags += entry["ReplacementTags"]
        headers.check_headers(entry["ReplacementHeaders"])
    for tag in tags:
        limits.check_tag(tag["Name"], tag["Value"])


def test_a_tag_with_a_space_is_refused_with_words() -> None:
    with pytest.raises(headers.InvalidHeader, match="must be 1 to 256 letters"):
        headers.make_tag("mp campaign", "spring")


def test_16_headers_are_refused_before_anything_leaves(site: Installation) -> None:
    many = [headers.make_header(f"X-Number-{n}", str(n)) for n in range(16)]
    with pytest.raises(headers.InvalidHeader, match="16 headers; Amazon SES takes 15"):
        headers.check_headers(many)
    headers.check_headers(many[:15])


def test_a_person_deleted_behind_our_back_still_gets_a_row(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    people = make_people(3, audience)
    run = _launched(_campaign(audience))
    Subscriber.objects.filter(pk=people[0].pk).delete()
    drain_all(run, fake)
    assert _ends(run) == {("accepted", ""): 2, ("skipped", "erased"): 1}

"""What one query tells of a campaign is what each question by itself tells, and as it is at that moment."""

import datetime as dt

import pytest

from campaigns.models import Approval, AttachedContent, Campaign, Restore, Run, Series
from campaigns.selectors import reading as readings
from campaigns.selectors.reading import Reading
from campaigns.services import attachments, preflight
from mailplatform.accounts.services import installation
from mailplatform.core import clock
from subscribers.services import segments
from tests.factories.campaigns import make_campaign, make_ready_campaign, make_run
from tests.factories.media import PDF, make_media

pytestmark = pytest.mark.django_db
ANSWERS = (
    "spec", "audience", "fields", "spoken", "attached", "settings", "series", "approval", "restore", "sent_the_same",
    "without_content",
)  # fmt: skip


def answers(reading: Reading) -> dict[str, object]:
    return {name: getattr(reading, name) for name in ANSWERS} | {"segments": dict(reading.spec.segments)}


def both_ways(campaign: Campaign) -> dict[str, object]:
    found = answers(readings.access(campaign.public_id, installation.get()))
    assert found == answers(Reading(Campaign.objects.get(pk=campaign.pk)))
    return found


def full_campaign() -> Campaign:
    campaign = make_ready_campaign(subject="Sale")
    rules = {"match": "all", "rules": [{"subject": "opened", "operator": "ever"}]}
    campaign.segments.add(segments.create(name="Readers", rules=rules, actor=None))
    campaign.excluded_segments.add(segments.create(name="Others", rules=rules, actor=None))
    Approval.objects.create(campaign=campaign)
    Series.objects.create(campaign=campaign, frequency="daily", at=dt.time(9), zone="Europe/Berlin")
    file = make_media("terms.pdf", PDF)
    return attachments.attach(campaign_id=campaign.pk, revision=campaign.revision, file=file)


def test_of_a_campaign_that_uses_everything() -> None:
    campaign = full_campaign()
    AttachedContent.objects.all().delete()
    Restore.objects.create(taken_at=clock.now())
    make_run(make_campaign(name="Before", template=campaign.template, subject="Sale"))
    found = both_ways(campaign)
    assert found["sent_the_same"] == "Before"
    assert found["without_content"] == "terms.pdf"
    assert None not in found.values()


def test_of_a_campaign_that_uses_nothing() -> None:
    found = both_ways(Campaign.objects.create(name="Empty"))
    assert not any(found[name] for name in ("attached", "series", "approval", "restore", "sent_the_same"))


@pytest.mark.parametrize(
    ("subject", "hours", "says"), [("Sale", 1, True), ("Sale", 25, False), ("Other words", 1, False)]
)
def test_the_same_mail_within_a_day_is_worth_a_word(subject: str, hours: int, says: bool) -> None:
    campaign = make_ready_campaign(subject="Sale")
    make_run(campaign)  # its own does not count
    run = make_run(make_campaign(name="Before", template=campaign.template, subject=subject))
    Run.objects.filter(pk=run.pk).update(launched_at=clock.now() - dt.timedelta(hours=hours))
    found = [item.message for item in preflight.check(campaign).items if item.code == "repeated"]
    assert found == ["“Before” sent the same subject and template less than 24 hours ago."] * says

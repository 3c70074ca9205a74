from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site_settings

from campaigns import entries
from campaigns.entry_writer import EntryWriter
from campaigns.models import AttachedContent, Attachment, Campaign, MediaFile, SendingSettings, Translation
from campaigns.selectors import approvals, costs
from campaigns.selectors import attachments as selectors
from campaigns.selectors.reading import Reading
from campaigns.sending.cut import PreparedCall
from campaigns.services import attachments, campaigns, content_checks, media, preflight, runs
from mailplatform.core import clock
from tests.factories.campaigns import HTML, make_campaign, make_run, make_site, make_template
from tests.factories.media import PDF, make_media, picture

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def storage(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def campaign() -> Campaign:
    make_site()
    return make_campaign()


def attach(campaign: Campaign, *names: str, size: int = 0) -> Campaign:
    for name in names:
        file = make_media(name, PDF + name.encode() + b" " * size)
        campaign = attachments.attach(campaign_id=campaign.pk, revision=campaign.revision, file=file)
    return campaign


def codes(campaign: Campaign) -> set[str]:
    return {item.code for item in preflight.check(campaign).items}


def test_a_file_is_attached_once_and_copied_beside_the_ledger(campaign: Campaign) -> None:
    before = approvals.content_fingerprint(campaign)
    campaign = attach(campaign, "Menü für März.pdf")
    campaign = attach(campaign, "Menü für März.pdf")
    assert (Attachment.objects.count(), AttachedContent.objects.count(), campaign.revision) == (1, 1, 3)
    assert approvals.content_fingerprint(campaign) != before
    found = selectors.frozen(campaign)
    assert [each["name"] for each in found] == ["Menu fur Marz.pdf"]
    assert runs.frozen_content(campaign)["attachments"] == found
    campaign = attachments.detach(
        campaign_id=campaign.pk, revision=campaign.revision, attachment_id=Attachment.objects.get().pk
    )
    assert approvals.content_fingerprint(campaign) == before
    assert "attachments" not in runs.frozen_content(campaign)


def test_too_many_or_too_large_attachments_are_refused_and_nothing_changes(campaign: Campaign) -> None:
    campaign = attach(campaign, *(f"{number}.pdf" for number in range(attachments.MOST)))
    with pytest.raises(attachments.TooMuchAttached, match="5 attachments are the most"):
        attach(campaign, "more.pdf")
    assert Attachment.objects.count() == attachments.MOST
    other = attach(make_campaign(), "large.pdf", size=3 * 1024**2)
    with pytest.raises(attachments.TooMuchAttached, match="5 MB are the most"):
        attach(other, "larger.pdf", size=3 * 1024**2)


def test_a_stale_page_attaches_nothing(campaign: Campaign) -> None:
    file = make_media("a.pdf", PDF)
    with pytest.raises(campaigns.StaleCampaign):
        attachments.attach(campaign_id=campaign.pk, revision=99, file=file)
    assert Attachment.objects.count() == 0


def test_a_file_that_was_deleted_meanwhile_is_not_attached(campaign: Campaign) -> None:
    file = make_media("a.pdf", PDF)
    MediaFile.objects.filter(pk=file.pk).delete()  # the storage still has it
    with pytest.raises(media.FileGone, match="deleted meanwhile"):
        attachments.attach(campaign_id=campaign.pk, revision=campaign.revision, file=file)
    assert not AttachedContent.objects.exists()


def test_where_the_storage_is_away_it_says_so(campaign: Campaign, settings: Any, storage: Path) -> None:
    file = make_media("a.pdf", PDF)
    (storage / "taken").write_text("a file where the folder should be")
    settings.MEDIA_ROOT = storage / "taken"
    with pytest.raises(media.StorageAway):
        attachments.attach(campaign_id=campaign.pk, revision=campaign.revision, file=file)


def test_a_copy_of_a_campaign_carries_the_same_files(campaign: Campaign) -> None:
    copy = campaigns.duplicate(campaign=attach(campaign, "a.pdf"), actor=None)
    assert selectors.frozen(copy) == selectors.frozen(campaign)


def test_pre_flight_warns_of_attachments_and_stops_where_one_is_lost(campaign: Campaign) -> None:
    assert not {"attachments", "attachment_missing"} & codes(campaign)
    campaign = attach(campaign, "a.pdf")
    assert "attachments" in codes(campaign)
    AttachedContent.objects.all().delete()
    assert "attachment_missing" in codes(campaign)


def showing(name: str) -> str:
    return f'{HTML}<img src="https://mail.example.com/m/{name}/a.png" alt="">'


def test_pre_flight_stops_where_a_picture_is_not_in_the_library_any_more() -> None:
    make_site()
    there, gone = make_media(content=picture()).public_id.hex, "0" * 32
    assert "missing_media" not in codes(make_campaign(template=make_template(html=showing(there))))
    assert "missing_media" in codes(make_campaign(template=make_template(html=showing(gone))))
    assert "missing_media" in codes(make_campaign(variables={"picture": f"/m/{gone}/a.png"}))
    spoken = make_campaign()
    Translation.objects.create(campaign=spoken, language="de", template=make_template(html=showing(gone)))
    assert "missing_media" in codes(spoken)


def test_pre_flight_stops_at_the_picture_that_the_visual_editor_puts_in_at_first() -> None:
    make_site()
    blocks = (Path(site_settings.BASE_DIR) / "mailplatform/assets/js/visual-blocks.js").read_text()
    assert content_checks.PLACEHOLDER in blocks
    template = make_template(html=f'{HTML}<img src="{content_checks.PLACEHOLDER}" alt="">')
    assert "placeholder" in codes(make_campaign(template=template))


def test_attachments_cost_their_size(campaign: Campaign) -> None:
    SendingSettings.objects.create(id=1, price_per_gigabyte=Decimal(1))
    light = costs.estimate(Reading(campaign), 1_000)
    heavy = costs.estimate(Reading(attach(campaign, "a.pdf", size=1024**2)), 1_000)
    assert light is not None
    assert heavy is not None
    assert Decimal("1.2") < heavy.data - light.data < Decimal("1.5")


def test_a_call_carries_them_once_as_ses_takes_them(campaign: Campaign) -> None:
    campaign = attach(campaign, "a.pdf", "b.pdf")
    run = make_run(campaign=campaign)
    run.frozen |= {"attachments": selectors.frozen(campaign)}
    context = entries.RunContext.load(run)
    body = EntryWriter(context).request("mp-none", ["{}", "{}"])
    call = PreparedCall(1, 1, 1, [1, 2], opens=False, clicks=False, body=body, lease_until=clock.now())
    template = call.request["DefaultContent"]["Template"]
    # As boto3 takes it: bytes, which it encodes itself.
    assert [each["RawContent"] for each in template["Attachments"]] == [PDF + b"a.pdf", PDF + b"b.pdf"]
    assert {each["ContentTransferEncoding"] for each in template["Attachments"]} == {"BASE64"}
    assert body.count(b"RawContent") == 2
    assert entries.RunContext.load(run, with_attachments=False).attachments == ()
    AttachedContent.objects.all().delete()
    with pytest.raises(selectors.AttachmentMissing):
        entries.RunContext.load(run)

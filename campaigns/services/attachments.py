"""Hang files of the media library on the mails of a campaign."""

from typing import Final

from django.db import transaction

from ..models import AttachedContent, Attachment, Campaign, MediaFile
from ..selectors import attachments as selectors
from . import campaigns, media

# SES takes 40 MB after encoding and slows down above 10; mailbox providers refuse long before.
# https://docs.aws.amazon.com/ses/latest/dg/quotas.html
MAX_TOTAL: Final = 5 * 1024 * 1024
MOST: Final = 5


class TooMuchAttached(ValueError):
    """There are too many attachments, or they are too large together; the message says so."""


def attach(*, campaign_id: int, revision: int, file: MediaFile) -> Campaign:
    """Attach a file of the library; a second time changes nothing.

    What it holds is copied beside the ledger now, so that sending does not need the storage. Raises `StaleCampaign`,
    `NotEditable`, `TooMuchAttached`, `media.StorageAway`, `media.FileGone`.
    """
    content = media.read(file)
    with transaction.atomic():
        campaign = campaigns.locked(campaign_id, revision)
        # Whoever deletes the file waits, and then finds it in use.
        if MediaFile.objects.select_for_update().filter(pk=file.pk).first() is None:
            raise media.FileGone(f"“{file.name}” was deleted meanwhile.")
        AttachedContent.objects.get_or_create(content_hash=file.content_hash, defaults={"content": content})
        Attachment.objects.get_or_create(campaign=campaign, media=file)
        _check(campaign)
        return campaigns.saved(campaign)


@transaction.atomic
def detach(*, campaign_id: int, revision: int, attachment_id: int) -> Campaign:
    """Take an attachment off again. Raises `StaleCampaign`, `NotEditable`."""
    campaign = campaigns.locked(campaign_id, revision)
    Attachment.objects.filter(campaign=campaign, pk=attachment_id).delete()
    return campaigns.saved(campaign)


def _check(campaign: Campaign) -> None:
    found = selectors.of_campaign(campaign)
    total = sum(each.media.size for each in found)
    if len(found) > MOST:
        raise TooMuchAttached(f"{MOST} attachments are the most.")
    if total > MAX_TOTAL:
        raise TooMuchAttached(
            f"Together the attachments have {total / 1024**2:.1f} MB; {MAX_TOTAL // 1024**2} MB are the most. "
            "Link to the file instead."
        )

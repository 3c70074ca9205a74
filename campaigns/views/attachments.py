"""Hang files on the mails of a campaign, and take them off."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from mailplatform.accounts.access import current_user, require_role
from mailplatform.core.numbers import whole

from ..media import kinds
from ..models import MediaFile
from ..selectors import campaigns as selectors
from ..selectors import media as media_selectors
from ..services import attachments, campaigns, media

_REFUSED = (
    kinds.UnusableFile,
    media.StorageAway,
    media.FileGone,
    attachments.TooMuchAttached,
    campaigns.StaleCampaign,
    campaigns.NotEditable,
)


@require_role("marketer")
@require_POST
def campaign_attach(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Attach a file of the library, or a new one, which goes to the library first."""
    campaign = selectors.access_campaign(public_id)
    try:
        file = _chosen(request)
        if file is None:
            messages.error(request, "Choose a file to attach.")
        else:
            attachments.attach(campaign_id=campaign.pk, revision=campaign.revision, file=file)
            messages.success(request, f"“{file.name}” goes with every mail of this campaign.")
    except _REFUSED as error:
        messages.error(request, str(error))
    return _back(public_id)


@require_role("marketer")
@require_POST
def campaign_detach(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Take an attachment off; the file stays in the library."""
    campaign = selectors.access_campaign(public_id)
    try:
        attachments.detach(
            campaign_id=campaign.pk,
            revision=campaign.revision,
            attachment_id=whole(request.POST.get("attachment")),
        )
    except (campaigns.StaleCampaign, campaigns.NotEditable) as error:
        messages.error(request, str(error))
    return _back(public_id)


def _chosen(request: HttpRequest) -> MediaFile | None:
    if file := request.FILES.get("file"):
        most = kinds.MAX_DOCUMENT_BYTES
        return media.add_upload(actor=current_user(request), file=file, most=most).media
    if not (number := request.POST.get("media", "")):
        return None
    try:
        return media_selectors.access_media(UUID(number))
    except ValueError as error:
        raise Http404 from error


def _back(public_id: UUID) -> HttpResponse:
    return redirect(f"{reverse('campaigns:campaign_step', args=[public_id, 'content'])}#attachments")

"""What people of other languages get: one template for each."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from mailplatform.accounts.access import require_role

from ..forms.campaigns import LanguageForm
from ..selectors import campaigns as selectors
from ..services import campaigns


@require_role("marketer")
@require_POST
def language_save(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Add a language, or give it another template."""
    campaign = selectors.access_campaign(public_id)
    form = LanguageForm(request.POST)
    if not form.is_valid():
        for errors in form.errors.values():
            messages.error(request, " ".join(str(error) for error in errors))
        return redirect("campaigns:campaign_step", public_id, "content")
    try:
        campaigns.save_translation(campaign_id=campaign.pk, revision=campaign.revision, **form.cleaned_data)
    except (campaigns.StaleCampaign, campaigns.NotEditable) as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request, f"People of the language “{form.cleaned_data['language']}” get their own template."
        )
    return redirect("campaigns:campaign_step", public_id, "content")


@require_role("marketer")
@require_POST
def language_remove(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Give people of a language the campaign's own template again."""
    campaign = selectors.access_campaign(public_id)
    try:
        campaigns.remove_translation(
            campaign_id=campaign.pk, revision=campaign.revision, language=request.POST.get("language", "")
        )
    except (campaigns.StaleCampaign, campaigns.NotEditable) as error:
        messages.error(request, str(error))
    return redirect("campaigns:campaign_step", public_id, "content")

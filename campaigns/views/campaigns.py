"""The list of campaigns, a new one, another sender."""

from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_http_methods

from mailplatform.accounts.access import current_user, require_role
from mailplatform.core.numbers import whole

from ..forms.campaigns import FilingForm, NewCampaignForm, NewSenderForm
from ..models import CampaignState
from ..selectors import campaigns as selectors
from ..services import campaigns

PAGE = 50


@require_role("viewer")
@require_GET
def campaign_list(request: HttpRequest) -> HttpResponse:
    """All campaigns, newest first."""
    given = {name: request.GET.get(name, "").strip() for name in ("search", "state", "tag", "archived")}
    is_archived = given["archived"] == "1"
    number = whole(request.GET.get("from"), digits=9)
    matching = selectors.list_campaigns(
        search=given["search"], state=given["state"], tag=given["tag"], archived=is_archived
    )
    found = list(matching[number : number + PAGE + 1])
    query = f"?{urlencode(given)}&from="
    context = {
        **given,
        "archived": is_archived,
        "is_narrowed": any(given.values()),
        "campaigns": found[:PAGE],
        "states": CampaignState.choices,
        "tags": selectors.tags_in_use(),
        "may_edit": current_user(request).has_role("marketer"),
        "previous_url": f"{query}{max(0, number - PAGE)}" if number else "",
        "next_url": f"{query}{number + PAGE}" if len(found) > PAGE else "",
    }
    return render(request, "campaigns/campaign_list.html", context)


@require_role("marketer")
@require_http_methods(["GET", "POST"])
def campaign_new(request: HttpRequest) -> HttpResponse:
    """Ask for a name, then begin with the first step."""
    form = NewCampaignForm(request.POST or None)
    if form.is_valid():
        campaign = campaigns.create(actor=current_user(request), name=form.cleaned_data["name"])
        return redirect("campaigns:campaign_step", campaign.public_id, "to")
    status = 422 if form.is_bound else 200
    return render(request, "campaigns/campaign_new.html", {"form": form}, status=status)


@require_role("marketer")
@require_http_methods(["GET", "POST"])
def campaign_filing(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Change name, tags and whether the public archive shows it; in every state."""
    campaign = selectors.access_campaign(public_id)
    form = FilingForm(request.POST or None, initial=FilingForm.initial_of(campaign))
    status = 422 if form.is_bound else 200
    if form.is_valid():
        try:
            campaigns.rename(campaign_id=campaign.pk, **form.cleaned_data)
        except campaigns.StaleCampaign as error:
            status = 409
            form.data = {**request.POST.dict(), "revision": str(error.current.revision)}
            form.add_error(None, f"{error} What you typed is kept: look at it and save once more.")
        else:
            messages.success(request, "Saved.")
            return redirect("campaigns:campaign_detail", public_id)
    context = {"form": form, "campaign": campaign, "tags": selectors.tags_in_use()}
    return render(request, "campaigns/campaign_filing.html", context, status=status)


@require_role("marketer")
@require_http_methods(["GET", "POST"])
def sender_add(request: HttpRequest) -> HttpResponse:
    """Add a sender whose address is verified, then go back to where one came from."""
    form = NewSenderForm(request.POST or None)
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    back = wanted if url_has_allowed_host_and_scheme(wanted, {request.get_host()}) else ""
    if form.is_valid():
        try:
            sender = campaigns.add_sender(actor=current_user(request), **form.cleaned_data)
        except campaigns.SenderNotVerified as error:
            form.add_error("address", str(error))
        else:
            messages.success(request, f"{sender} can be chosen now.")
            return redirect(back or reverse("campaigns:campaign_list"))
    status = 422 if form.is_bound else 200
    return render(request, "campaigns/sender_add.html", {"form": form, "back": back}, status=status)

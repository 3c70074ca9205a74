"""The list of campaigns, a new one, another sender."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_http_methods

from mailplatform.accounts.access import current_user, require_role

from ..forms.campaigns import NewCampaignForm, NewSenderForm
from ..models import CampaignState
from ..selectors import campaigns as selectors
from ..services import campaigns

PAGE = 50


@require_role("viewer")
@require_GET
def campaign_list(request: HttpRequest) -> HttpResponse:
    """All campaigns, newest first."""
    search, state = request.GET.get("search", "").strip(), request.GET.get("state", "")
    number = max(0, int(request.GET["from"]) if request.GET.get("from", "").isdigit() else 0)
    found = list(selectors.list_campaigns(search=search, state=state)[number : number + PAGE + 1])
    query = f"?search={search}&state={state}&from="
    context = {
        "campaigns": found[:PAGE],
        "search": search,
        "state": state,
        "states": CampaignState.choices,
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

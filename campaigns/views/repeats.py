"""The page of a campaign that repeats: its rule, the next times, and what came of the last ones."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from mailplatform.accounts.access import current_user, require_role

from ..forms.repeating import RepeatForm
from ..models import Campaign
from ..selectors import campaigns as selectors
from ..selectors import recurring as reads
from ..services import recurring

SHOWN = 50


@require_role("viewer")
@require_http_methods(["GET", "POST"])
def campaign_repeat(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Show and change how a campaign repeats."""
    campaign = selectors.access_campaign(public_id)
    user = current_user(request)
    if request.method == "POST" and not user.has_role("marketer"):
        return render(request, "403.html", status=403)
    form = RepeatForm(
        request.POST or None, initial=RepeatForm.initial_of(campaign, reads.series_of(campaign))
    )
    if form.is_valid():
        try:
            series = recurring.repeat(
                campaign=campaign,
                rule=form.rule(),
                send_unchanged=form.cleaned_data["send_unchanged"],
                actor=user,
            )
        except recurring.InvalidRepeat as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"It repeats {reads.words(series)}.")
            return redirect("campaigns:campaign_repeat", public_id)
    return _page(request, campaign, form)


@require_role("marketer")
@require_POST
def campaign_repeat_stop(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Let no more copies go out."""
    recurring.stop(campaign=selectors.access_campaign(public_id), actor=current_user(request))
    messages.success(request, "Stopped. What was sent, or is on its way, stays.")
    return redirect("campaigns:campaign_repeat", public_id)


@require_role("marketer")
@require_POST
def campaign_repeat_skip(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Leave the next one out."""
    try:
        recurring.skip_next(campaign=selectors.access_campaign(public_id), actor=current_user(request))
    except recurring.InvalidRepeat as error:
        messages.error(request, str(error))
    else:
        messages.success(request, "The next one is left out.")
    return redirect("campaigns:campaign_repeat", public_id)


def _page(request: HttpRequest, campaign: Campaign, form: RepeatForm) -> HttpResponse:
    series = reads.series_of(campaign)
    context = {
        "campaign": campaign,
        "form": form,
        "series": series,
        "words": reads.words(series) if series else "",
        "next_times": reads.next_times(series) if series else [],
        "occurrences": reads.occurrences(series)[:SHOWN] if series else [],
        "is_draft": selectors.is_editable(campaign),
        "may_edit": current_user(request).has_role("marketer"),
    }
    return render(request, "campaigns/campaign_repeat.html", context, status=422 if form.errors else 200)

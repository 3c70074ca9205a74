"""Who gets reports by mail, and when: of one campaign, or of all."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from campaigns.models import Campaign
from campaigns.selectors import campaigns
from events.forms import ReportPlanForm
from events.models import ReportMail
from events.services import report_mails
from mailplatform.accounts.access import current_user, require_role


@require_role("marketer")
@require_http_methods(["GET", "POST"])
def campaign_report_mails(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Plan the reports of one campaign."""
    return _plan(request, campaigns.access_campaign(public_id))


@require_role("marketer")
@require_http_methods(["GET", "POST"])
def report_mails_of_all(request: HttpRequest) -> HttpResponse:
    """Plan the reports of every campaign that has no plan of its own."""
    return _plan(request, None)


def _plan(request: HttpRequest, campaign: Campaign | None) -> HttpResponse:
    own = report_mails.plan_of(campaign)
    general = report_mails.plan_of(None) if campaign else None
    form = ReportPlanForm(request.POST or None, initial=ReportPlanForm.initial_of(own or general))
    if form.is_valid():
        report_mails.save_plan(
            campaign=campaign,
            hours=form.cleaned_data["hours"],
            people=list(form.cleaned_data["people"]),
            actor=current_user(request),
        )
        messages.success(request, "Saved.")
        if campaign is None:
            return redirect("events:report_mails")
        return redirect("events:campaign_report_mails", campaign.public_id)
    sent = ReportMail.objects.filter(run__campaign=campaign).select_related("run")[:10] if campaign else []
    context = {
        "campaign": campaign,
        "form": form,
        "is_general": campaign is not None and own is None and general is not None,
        "sent": [(mail, report_mails.MOMENTS.get(mail.hours, "")) for mail in sent],
    }
    status = 422 if form.is_bound else 200
    return render(request, "events/report_mails.html", context, status=status)

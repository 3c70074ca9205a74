"""Another try for those who failed: one POST, one launch."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from mailplatform.accounts.access import current_user, require_role
from mailplatform.core.numbers import whole

from ..selectors import campaigns as selectors
from ..services import resending


@require_role("marketer")
@require_POST
def campaign_retry_failed(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Launch a run for those who failed in run number `run`; `count` is the number that the person saw."""
    campaign = selectors.access_campaign(public_id)
    run = get_object_or_404(campaign.runs, number=whole(request.POST.get("run"), digits=9))
    try:
        made = resending.retry_failed(
            run_id=run.pk, actor=current_user(request), confirmed_count=whole(request.POST.get("count"))
        )
    except resending.AlreadyRetried as error:
        messages.info(request, str(error))
    except (
        resending.SendingLocked,
        resending.StillSending,
        resending.NobodyFailed,
        resending.NumberChanged,
    ) as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"Run {made.number} is being prepared for those who failed.")
    return redirect("campaigns:campaign_detail", public_id)

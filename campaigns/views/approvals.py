"""The buttons with which a second person approves a campaign."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from mailplatform.accounts.access import current_user, require_role
from mailplatform.accounts.models import User

from ..models import Campaign
from ..selectors import approvals as selectors
from ..selectors import campaigns as campaign_selectors
from ..selectors.reading import Reading
from ..services import approval


def shown(reading: Reading, user: User) -> dict[str, Any] | None:
    """What Review says about the approval; None where none is needed and nobody asked for one."""
    row, needed = reading.approval, reading.settings.approval_needed
    if row is None and not needed:
        return None
    mark = selectors.fingerprint(reading.campaign, reading)
    is_given = row is not None and row.fingerprint == mark
    return {
        "row": row,
        "needed": needed,
        "fingerprint": mark,
        "is_given": is_given,
        "is_outdated": row is not None and bool(row.fingerprint) and not is_given,
        "is_own": row is not None and is_given and row.approved_by_id == user.pk,
    }


def _press(
    request: HttpRequest, public_id: UUID, act: Callable[[Campaign, User], object], done: str
) -> HttpResponse:
    campaign = campaign_selectors.access_campaign(public_id)
    try:
        act(campaign, current_user(request))
    except (approval.NotApprovable, approval.ContentChanged) as error:
        messages.error(request, str(error))
    else:
        messages.success(request, done)
    return redirect("campaigns:campaign_detail", public_id)


@require_role("marketer")
@require_POST
def campaign_ask_approval(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Ask colleagues to look at it."""
    done = "Asked. Your colleagues get a mail, and see it on their dashboard."
    return _press(
        request, public_id, lambda campaign, user: approval.request(campaign=campaign, actor=user), done
    )


@require_role("marketer")
@require_POST
def campaign_approve(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Approve what the page showed."""
    mark = request.POST.get("fingerprint", "")
    return _press(
        request,
        public_id,
        lambda campaign, user: approval.approve(campaign=campaign, actor=user, fingerprint=mark),
        "Approved as it is now. Somebody else can send it.",
    )


@require_role("marketer")
@require_POST
def campaign_withdraw_approval(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Take the approval, or the request, back."""
    return _press(
        request,
        public_id,
        lambda campaign, user: approval.withdraw(campaign=campaign, actor=user),
        "Taken back.",
    )

"""Comparing with the suppression list of the SES account, when somebody asks for it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST
from kombu.exceptions import OperationalError

from mailplatform.accounts.access import current_user, require_role

from .. import periodic


@require_role("admin")
@require_POST
def suppression_sync(request: HttpRequest) -> HttpResponse:
    """Queue a comparison: with a long list it takes minutes, because Amazon answers about once a second."""
    try:
        periodic.sync_suppressions.delay(user_id=current_user(request).pk)
    except OperationalError:
        messages.error(request, "The queue cannot be reached. Nothing was started; try again in a moment.")
    else:
        messages.success(
            request, "Being compared with Amazon's list. The audit log says what came out, in a few minutes."
        )
    return redirect("subscribers:suppression_list")

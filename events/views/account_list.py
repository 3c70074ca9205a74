"""The suppression list of the SES account: one address looked for, and taken off with a reason."""

from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from events.forms import TakeOffForm
from mailplatform.accounts.access import current_user, require_recent_sign_in, require_role
from mailplatform.accounts.models import Role
from mailplatform.accounts.vault import SecretUnreadable
from mailplatform.aws.session import AwsConfigurationError
from mailplatform.aws.suppression import SuppressionListUnreachable
from subscribers.services import account_list, suppression

from .deliverability import tabs

AWAY: Final = (SuppressionListUnreachable, AwsConfigurationError, SecretUnreadable)


@require_role("marketer")
@require_http_methods(["GET", "POST"])
def search(request: HttpRequest) -> HttpResponseBase:
    """Look for an address on Amazon's list; an administrator takes it off."""
    if request.method == "POST":
        return _take_off(request)
    return _page(request, request.GET.get("q", "").strip()[:320])


@require_role("admin")
def _take_off(request: HttpRequest) -> HttpResponseBase:
    require_recent_sign_in(request)
    form = TakeOffForm(request.POST)
    email = request.POST.get("email", "").strip()[:320]
    if not form.is_valid():
        return _page(request, email, form=form)
    try:
        account_list.take_off(email=email, actor=current_user(request), because=form.cleaned_data["because"])
    except suppression.OnlyThePerson:
        form.add_error(
            None, "They complained: only the person themselves can come back, by signing up again."
        )
    except suppression.SuppressionError as error:
        form.add_error(None, str(error))
    except AWAY as error:
        form.add_error(None, f"Amazon SES did not answer: {error} Try again in a moment.")
    else:
        messages.success(
            request, "Taken off at Amazon and here. Mail may go there again where there is a basis for it."
        )
        return redirect("events:deliverability_list")
    return _page(request, email, form=form)


def _page(request: HttpRequest, email: str, *, form: TakeOffForm | None = None) -> HttpResponse:
    context: dict[str, Any] = {
        "tabs": tabs("events:deliverability_list"),
        "q": email,
        "form": form or TakeOffForm(initial={"email": email}),
        "may_edit": current_user(request).has_role(Role.ADMIN),
    }
    if email:
        context |= _found(email)
    return render(request, "events/deliverability/account_list.html", context, status=422 if form else 200)


def _found(email: str) -> dict[str, Any]:
    try:
        entry = account_list.find(email=email)
    except suppression.SuppressionError as error:
        return {"wrong": str(error)}
    except AWAY as error:
        return {"away": str(error)}
    return {"searched": True, "entry": entry}

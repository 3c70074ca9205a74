"""The Amazon account: what sending needs there, what differs, and a button that makes it so."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods
from kombu.exceptions import OperationalError

from events import periodic
from events.services import account_work, provisioning
from mailplatform.accounts.access import current_user, require_recent_sign_in, require_role
from mailplatform.accounts.services import installation
from mailplatform.accounts.views.tabs import settings_tabs


@require_role("admin")
@require_http_methods(["GET", "POST"])
def amazon(request: HttpRequest) -> HttpResponse:
    """Show the last look and the steps; `act=plan` compares, `act=apply` makes the difference true."""
    if request.method == "POST":
        require_recent_sign_in(request)
        act = request.POST.get("act", "")
        try:
            account_work.begin(act)
            periodic.work_on_account.delay(act=act, user_id=current_user(request).pk)
        except ValueError:
            return HttpResponse("Choose compare or apply.", status=400, content_type="text/plain")
        except account_work.AlreadyWorking:
            messages.info(request, "A worker is at it already.")
        except OperationalError:
            account_work.forget()
            messages.error(
                request, "The queue cannot be reached. Nothing was started; try again in a moment."
            )
        return redirect("events:amazon")
    row = installation.get()
    want = provisioning.wanted()
    context = {
        "tabs": settings_tabs("events:amazon"),
        "row": row,
        "want": want,
        "work": account_work.state(),
        "schedules": account_work.schedules(),
        "has_keys": bool(row.account_id) or installation.is_sandbox(row),
        "region": installation.region(row),
        "in_sandbox": installation.is_sandbox(row),
    }
    fragment = request.headers.get("HX-Target") == "account-work"
    return render(request, "events/amazon_work.html" if fragment else "events/amazon.html", context)

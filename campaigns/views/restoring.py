"""That the database was restored, what that left open, and the button that lets mail leave again."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from mailplatform.accounts.access import current_user, require_recent_sign_in, require_role

from ..selectors import restores
from ..services import restoring


@require_role("admin")
@require_http_methods(["GET", "POST"])
def restored(request: HttpRequest) -> HttpResponse:
    """Show the newest restore; a POST unlocks sending."""
    if request.method == "POST":
        require_recent_sign_in(request)
        try:
            restoring.unlock(actor=current_user(request))
        except restoring.NotLocked as error:
            messages.info(request, str(error))
        else:
            messages.success(request, "Unlocked. Each campaign stays paused until somebody resumes it.")
        return redirect("campaigns:restored")
    context = {"restore": restores.latest(), "waiting": restores.waiting_runs()}
    return render(request, "campaigns/restored.html", context)

"""One's own name and zone, and where one is signed in."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from .. import selectors
from ..access import current_user, require_role
from ..forms import ProfileForm
from ..services import sessions as session_service
from ..services import users


@require_role("viewer", viewers_post=True)
@require_http_methods(["GET", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """One's own name, zone, password, second factor and sessions."""
    me = current_user(request)
    form = ProfileForm(request.POST or None, initial={"name": me.name, "time_zone": me.time_zone})
    if request.method == "POST" and form.is_valid():
        users.update_profile(user=me, **form.cleaned_data)
        messages.success(request, "Your profile was saved.")
        return redirect("accounts:profile")
    context = {
        "form": form,
        "sessions": selectors.sessions_of(me),
        "here": request.session.session_key,
        "second_factor": selectors.has_second_factor(me),
    }
    return render(request, "account/profile.html", context, status=422 if form.errors else 200)


@require_role("viewer", viewers_post=True)
@require_POST
def session_end(request: HttpRequest, pk: int) -> HttpResponse:
    """End one of one's own sessions."""
    if session_service.end(user=current_user(request), number=pk):
        messages.success(request, "Signed out there.")
    else:
        messages.info(request, "That session was over already.")
    return redirect("accounts:profile")


@require_role("viewer", viewers_post=True)
@require_POST
def sessions_end(request: HttpRequest) -> HttpResponse:
    """End all of one's sessions but this one."""
    count = session_service.end_others(user=current_user(request), keep=request.session.session_key)
    messages.success(request, f"Signed out in {count} other place{'' if count == 1 else 's'}.")
    return redirect("accounts:profile")

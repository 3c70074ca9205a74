"""The first visit."""

from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from ..forms import SetupForm
from ..services import first_run

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@login_not_required
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def setup(request: HttpRequest) -> HttpResponse:
    """Make the administrator of an empty installation and sign them in."""
    if not first_run.is_open():
        return redirect("account_login")
    if request.method == "GET":
        first_run.announce(request.build_absolute_uri("/"))
    form = SetupForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            user = first_run.create_administrator(
                given=data["token"], email=data["email"], name=data["name"], password=data["password"]
            )
        except first_run.SetupClosed:
            return redirect("account_login")
        except first_run.WrongToken:
            form.add_error("token", "This is not the token in the log. Copy it again, without spaces.")
        else:
            login(request, user, backend=BACKEND)
            return redirect("accounts:settings")
    return render(request, "account/setup.html", {"form": form}, status=422 if form.errors else 200)

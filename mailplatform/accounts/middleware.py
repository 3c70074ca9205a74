"""Sign-in everywhere, the second factor where everybody must have one, and the zone in which times are shown."""

import zoneinfo
from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, resolve_url
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from . import access, selectors
from .models import User
from .services import first_run, installation, sessions

# What somebody may open who must set up a second factor first, besides the pages of it.
OPEN_WITHOUT = {"account_logout", "account_reauthenticate"}


class SignInMiddleware(LoginRequiredMiddleware):
    """Every page needs a user, except views marked `login_not_required`.

    While nobody can sign in yet, whoever comes is led to the page that makes the administrator.
    """

    def process_view(
        self, request: HttpRequest, view_func: Callable[..., object], *_view_arguments: object
    ) -> HttpResponseBase | None:
        """Let the view run, or answer in its place."""
        if isinstance(request.user, User):
            sessions.note(request, request.user)
            return self._without_second_factor(request, request.user, view_func)
        asks_to_sign_in = request.path == resolve_url(settings.LOGIN_URL)
        if asks_to_sign_in or getattr(view_func, "login_required", True):
            if first_run.is_open() and request.path != resolve_url("accounts:setup"):
                return redirect("accounts:setup")
            if not asks_to_sign_in:
                return access.to_sign_in(request)
        return None

    def _without_second_factor(
        self, request: HttpRequest, user: User, view_func: Callable[..., object]
    ) -> HttpResponseBase | None:
        """Lead whoever lacks the second factor that everybody must have to where they get one."""
        site = request.installation  # type: ignore[attr-defined] # ZoneMiddleware has set it by now
        if not getattr(view_func, "login_required", True) or not site.require_second_factor:
            return None
        name = request.resolver_match.view_name if request.resolver_match else ""
        if name in OPEN_WITHOUT or name.startswith("mfa_") or selectors.has_second_factor(user):
            return None
        if request.headers.get("HX-Request") == "true":
            return HttpResponse(status=204, headers={"HX-Refresh": "true"})
        messages.warning(request, "Everybody here needs a second factor. Set one up to go on.")
        return redirect("mfa_index")


class ZoneMiddleware:
    """Shows times in the zone of the user, else of the installation, else in UTC."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Serve the request in its zone."""
        request.installation = SimpleLazyObject(installation.get)  # type: ignore[attr-defined]
        if isinstance(request.user, User):
            name = request.user.time_zone or request.installation.time_zone  # type: ignore[attr-defined]
            with timezone.override(zoneinfo.ZoneInfo(name)):
                return self.get_response(request)
        return self.get_response(request)

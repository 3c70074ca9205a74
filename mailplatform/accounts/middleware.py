"""Sign-in everywhere, the second factor where everybody must have one, and the zone in which times are shown."""

import time
import zoneinfo
from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, resolve_url
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from mailplatform.core import flood

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
        if not getattr(view_func, "login_required", True):
            return None
        if not access.current_site(request).require_second_factor:
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
        request.installation = SimpleLazyObject(installation.get)  # type: ignore[attr-defined] # read by current_site
        if isinstance(request.user, User):
            name = request.user.time_zone or access.current_site(request).time_zone
            with timezone.override(zoneinfo.ZoneInfo(name)):
                return self.get_response(request)
        return self.get_response(request)


class FloodMiddleware:
    """Holds back who asks a public page for too much: guesses of links, tokens and passwords, and mere numbers.

    Counted in the memory of each web process, by IPv4 address or IPv6 /64, and kept nowhere. A valid link in a mail
    acts however many others of the same network were refused: an unsubscribe must not be lost, and mailbox providers
    send thousands from one address. Only reading is limited by number, and what mails and pages load by themselves not
    at all: a whole company, or the proxy of a mailbox provider, opens the same newsletter within a minute.
    """

    LOADED = frozenset({"campaigns:media_file", "campaigns:media_file_double", "campaigns:brand_css"})
    MUST_ACT = frozenset({"events:unsubscribe", "events:unsubscribe_bare", "events:preferences"})
    BAD = frozenset({400, 401, 403, 404, 410, 422})
    READING = frozenset({"GET", "HEAD"})
    READS = 600  # a minute

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.guesses = flood.Flood(time.monotonic)
        self.reads = flood.Flood(time.monotonic, limit=self.READS)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Serve the request; note a refusal by a public page."""
        response = self.get_response(request)
        if response.status_code in self.BAD and getattr(request, "is_public_page", False):
            self.guesses.refused(_network(request))
        return response

    def process_view(
        self, request: HttpRequest, view_func: Callable[..., object], *_view_arguments: object
    ) -> HttpResponseBase | None:
        """Let the view run, or answer 429."""
        name = request.resolver_match.view_name if request.resolver_match else ""
        if getattr(view_func, "login_required", True) or name in self.LOADED:
            return None
        request.is_public_page = True  # type: ignore[attr-defined] # read again above
        network = _network(request)
        if request.method in self.READING:
            if self.reads.is_held_back(network) or self.guesses.is_held_back(network):
                return _too_many()
            self.reads.refused(network)
            return None
        return _too_many() if name not in self.MUST_ACT and self.guesses.is_held_back(network) else None


def _network(request: HttpRequest) -> str:
    return flood.network_of(str(request.META.get("REMOTE_ADDR", "")))


def _too_many() -> HttpResponse:
    text = "Too many requests came from your network. Please try again in a minute.\n"
    headers = {"Retry-After": "60", "Cache-Control": "no-store"}
    return HttpResponse(text, status=429, content_type="text/plain; charset=utf-8", headers=headers)

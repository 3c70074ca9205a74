"""Who may open which page."""

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from allauth.account.internal.flows import reauthentication
from allauth.core.exceptions import ReauthenticationRequired
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from .models import Installation, Role, User

P = ParamSpec("P")
R = TypeVar("R", bound=HttpRequest)
READING = frozenset({"GET", "HEAD", "OPTIONS"})


def require_role(
    role: str, *, viewers_post: bool = False
) -> Callable[[Callable[Concatenate[R, P], HttpResponseBase]], Callable[Concatenate[R, P], HttpResponseBase]]:
    """Let a view be used by people who have at least `role`.

    Strangers are sent to the sign-in page; people with a lower role get the 403 page. A viewer reads: what changes
    something (POST and the like) is refused to them also on pages that they may open, unless the view says
    `viewers_post`: about themselves, or a question that needs a body.
    """
    needed = Role(role)

    def decorate(
        view: Callable[Concatenate[R, P], HttpResponseBase],
    ) -> Callable[Concatenate[R, P], HttpResponseBase]:
        @functools.wraps(view)
        def guarded(request: R, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            user = request.user
            if not isinstance(user, User):
                return to_sign_in(request)
            if not user.has_role(needed):
                message = f"This page is for people with the role “{needed.label}”."
                raise PermissionDenied(message)
            if not (viewers_post or request.method in READING or user.has_role(Role.MARKETER)):
                raise PermissionDenied("The role “Viewer” reads everything and changes nothing.")
            return view(request, *args, **kwargs)

        guarded.required_role = needed  # type: ignore[attr-defined] # a function may carry it: tests read who may open what
        return guarded

    return decorate


def require_recent_sign_in(request: HttpRequest) -> None:
    """Let an act that hands out power go on only when its user has lately shown who they are.

    Else raises what makes django-allauth ask for password, code or passkey, and do the same request afterwards.
    """
    if not has_signed_in_lately(request):
        raise ReauthenticationRequired


def has_signed_in_lately(request: HttpRequest) -> bool:
    """Return whether password, code or passkey were given within ACCOUNT_REAUTHENTICATION_TIMEOUT seconds."""
    return not reauthentication.is_reauthentication_required(request, app="mailplatform.accounts")


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """Send a stranger to the sign-in page, and back afterwards.

    A fragment request is told to reload the whole page, so that the form never lands inside another page.
    """
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    return redirect_to_login(request.get_full_path())


def current_site(request: HttpRequest) -> Installation:
    """Return the settings as this request found them: read once for everything that a page shows."""
    site: Installation = request.installation  # type: ignore[attr-defined] # set by ZoneMiddleware
    return site


def current_user(request: HttpRequest) -> User:
    """Return the user of a request behind `require_role`."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user

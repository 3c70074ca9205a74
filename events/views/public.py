"""Hosted pages for the readers of our mail: no sign-in, no cookie, no JavaScript; GET never acts.

The POST needs no CSRF token: it is made by mail programs (RFC 8058) and by the page's own form, and the signed token
in the address is all the authority there is. No session exists that a stranger's page could abuse.
"""

from collections.abc import Callable
from functools import wraps

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from campaigns.services import previews
from campaigns.tokens import InvalidToken, UnsubscribeClaim, read_unsubscribe_token
from events.selectors import hosted
from events.services import leaving, preferences

View = Callable[[HttpRequest, UnsubscribeClaim], HttpResponse]
# The mail's own markup, and nothing of ours: no script, no form, no frame, and no origin.
MAIL_POLICY = (
    "default-src 'none'; img-src https: http: data:; style-src 'unsafe-inline'; font-src https: data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "sandbox allow-popups allow-top-navigation-by-user-activation"
)


def hosted_page(*methods: str) -> Callable[[View], Callable[..., HttpResponse]]:
    """Read the token of the address and hand the view what it says; anything else than a token of ours is a 404."""

    def decorate(view: View) -> Callable[..., HttpResponse]:
        @wraps(view)
        def page(request: HttpRequest, token: str) -> HttpResponse:
            try:
                claim = read_unsubscribe_token(token)
            except InvalidToken:
                return _render(request, "unknown_link", status=404)
            response = view(request, claim)
            response["Referrer-Policy"] = "no-referrer"
            response["X-Robots-Tag"] = "noindex, nofollow"
            return response

        return csrf_exempt(login_not_required(never_cache(require_http_methods(list(methods))(page))))

    return decorate


@hosted_page("GET", "HEAD", "POST")
def unsubscribe(request: HttpRequest, claim: UnsubscribeClaim) -> HttpResponse:
    """Ask on GET, act on POST. The one-click body of RFC 8058 gets a plain answer and no redirect."""
    if request.method != "POST":
        return _ask(request, claim)
    if request.POST.get("List-Unsubscribe") == "One-Click":
        # The address is the mailbox provider's, not the person's: it is not recorded.
        leaving.leave(claim=claim, method="one_click")
        return HttpResponse("Unsubscribed.\n", content_type="text/plain; charset=utf-8")
    action, ip = request.POST.get("action", ""), _address(request)
    if action == "leave":
        leaving.leave(claim=claim, method="page", ip=ip)
        return _left(request, claim)
    if action == "all":
        leaving.leave_all(claim=claim, ip=ip)
        return _left(request, claim, is_all=True)
    if action == "undo":
        return _undo(request, claim, ip)
    return _render(request, "unsubscribe", claim, status=400, is_unclear=True)


def _undo(request: HttpRequest, claim: UnsubscribeClaim, ip: str) -> HttpResponse:
    can_undo = leaving.can_undo(claim)
    if not leaving.come_back(claim=claim, ip=ip) and (_has_left(claim) or leaving.is_blocked(claim)):
        return _left(request, claim, is_kept=can_undo, is_late=not can_undo)
    return _render(request, "back_again", claim)


def _left(request: HttpRequest, claim: UnsubscribeClaim, **more: bool) -> HttpResponse:
    """Show that the person gets no more mail, and whether that can still be undone."""
    can_undo, is_blocked = leaving.can_undo(claim), leaving.is_blocked(claim)
    return _render(request, "unsubscribed", claim, can_undo=can_undo, is_blocked=is_blocked, **more)


def _ask(request: HttpRequest, claim: UnsubscribeClaim) -> HttpResponse:
    return _left(request, claim) if _has_left(claim) else _render(request, "unsubscribe", claim)


def _has_left(claim: UnsubscribeClaim) -> bool:
    return leaving.left_at(claim) is not None and not claim.is_test


@hosted_page("GET", "HEAD", "POST")
def preference_page(request: HttpRequest, claim: UnsubscribeClaim) -> HttpResponse:
    """Show and change lists and tracking consents."""
    saved = False
    if request.method == "POST":
        preferences.save(
            claim=claim,
            list_ids={
                int(value)
                for value in request.POST.getlist("list")
                if value.isascii() and value.isdecimal() and len(value) < 19
            },
            opens="opens" in request.POST,
            clicks="clicks" in request.POST,
            ip=_address(request),
        )
        saved = True
    chosen = hosted.preferences_of(claim)
    return _render(
        request, "preferences", claim, chosen=chosen, wordings=preferences.WORDINGS, is_saved=saved
    )


@hosted_page("GET", "HEAD")
def view_in_browser(request: HttpRequest, claim: UnsubscribeClaim) -> HttpResponse:
    """Show the mail as it was sent to this person, shut off from our own pages by its own policy."""
    if claim.is_test:
        return _render(request, "unsubscribe", claim)
    try:
        copy = previews.browser_copy(run_id=claim.run_id, subscriber_id=claim.subscriber_id)
    except previews.NoCopy:
        return _render(request, "no_copy", claim, status=404)
    response = HttpResponse(copy.html)
    response["Content-Security-Policy"] = MAIL_POLICY
    return response


def _render(
    request: HttpRequest,
    page: str,
    claim: UnsubscribeClaim | None = None,
    *,
    status: int = 200,
    **more: object,
) -> HttpResponse:
    context: dict[str, object] = {**hosted.imprint(), **more, "claim": claim}
    if request.resolver_match is not None:
        context["token"] = request.resolver_match.kwargs.get("token", "")
    if claim is not None:
        context["reader"] = hosted.reader_of(claim)
    response = render(request, f"public/{page}.html", context, status=status)
    response["Referrer-Policy"] = "no-referrer"
    return response


def _address(request: HttpRequest) -> str:
    """The reader's IP; the consent record keeps only its network."""
    return str(request.META.get("REMOTE_ADDR", ""))


@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD"])
def trap(_request: HttpRequest) -> HttpResponse:
    """What a link leads to that no reader can see: nothing. Only a program comes here."""
    response = HttpResponse("There is nothing here.\n", content_type="text/plain; charset=utf-8")
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response

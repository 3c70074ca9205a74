"""Hosted pages for the readers of our mail: leave, come back, choose, see the mail in a browser. GET never acts.

The POST needs no CSRF token: it is made by mail programs (RFC 8058) and by the page's own form, and the signed token
in the address is all the authority there is. No session exists that a stranger's page could abuse. Who only has a
mail that was forwarded can do no more here than its reader would forgive: for data and erasure see `my_data`.
"""

from collections.abc import Callable
from functools import wraps

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from campaigns import hosted_tokens
from campaigns.services import previews
from campaigns.tokens import InvalidToken, UnsubscribeClaim, read_unsubscribe_token
from events.selectors import hosted
from events.services import asking, leaving, preferences
from mailplatform.accounts.access import current_site
from mailplatform.core.numbers import whole
from subscribers import words
from subscribers.models import OwedKind
from subscribers.services import pausing

from .hosted_pages import address_of, language_for, open_page, show

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

        return open_page(*methods)(page)

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
    action, ip = request.POST.get("action", ""), address_of(request)
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
    """Show and change lists, tracking consents, pause, frequency and language; ask for one's data or erasure."""
    if request.method != "POST":
        return _preferences(request, claim)
    action = request.POST.get("action", "")
    if action in {"save", "undo"}:
        return _save(request, claim, action)
    acts = {
        "pause": _pause, "resume": _resume, "often": _often, "language": _language, "data": _step_up, "erase": _step_up,
    }  # fmt: skip
    # A POST without one of our buttons is a program's: it must not mean "no list at all".
    act = acts.get(action)
    return act(request, claim) if act else _preferences(request, claim, status=400, is_unclear=True)


def _save(request: HttpRequest, claim: UnsubscribeClaim, action: str) -> HttpResponse:
    before = hosted.preferences_of(claim)
    list_ids = set(map(whole, request.POST.getlist("list")))
    changed = preferences.save(
        claim=claim, list_ids=list_ids, opens="opens" in request.POST, clicks="clicks" in request.POST,
        language=_language_of(request, claim), ip=address_of(request),
    )  # fmt: skip
    is_undone = action == "undo"
    shown = before if changed and not is_undone else None
    return _preferences(request, claim, is_saved=not is_undone, is_undone=is_undone, before=shown)


def _pause(request: HttpRequest, claim: UnsubscribeClaim) -> HttpResponse:
    return _set_days(request, claim, preferences.pause, "days")


def _often(request: HttpRequest, claim: UnsubscribeClaim) -> HttpResponse:
    return _set_days(request, claim, preferences.choose_frequency, "gap_days")


def _set_days(
    request: HttpRequest, claim: UnsubscribeClaim, change: Callable[..., object], name: str
) -> HttpResponse:
    """Set a number of days by one of the page's buttons; any other number changes nothing."""
    days = request.POST.get("days", "")
    number = int(days) if days.isascii() and days.isdecimal() and len(days) < 5 else -1
    try:
        change(claim=claim, language=_language_of(request, claim), ip=address_of(request), **{name: number})
    except pausing.PauseError:
        return _preferences(request, claim, status=400, is_unclear=True)
    return _preferences(request, claim, is_saved=True)


def _resume(request: HttpRequest, claim: UnsubscribeClaim) -> HttpResponse:
    preferences.resume(claim=claim, language=_language_of(request, claim), ip=address_of(request))
    return _preferences(request, claim, is_saved=True)


def _language(request: HttpRequest, claim: UnsubscribeClaim) -> HttpResponse:
    if preferences.set_language(claim=claim, language=request.POST.get("language", "")):
        return _preferences(request, claim, is_saved=True)
    return _preferences(request, claim, status=400, is_unclear=True)


def _step_up(request: HttpRequest, claim: UnsubscribeClaim) -> HttpResponse:
    """Send the link to the person's own mailbox: whoever holds a forwarded mail does not have that."""
    kind = OwedKind.ERASE if request.POST.get("action") == "erase" else OwedKind.DATA
    if not claim.is_test:
        asking.step_up(
            kind=kind, subscriber_id=hosted.person_of(claim), language=_language_of(request, claim)
        )
    return _preferences(request, claim, is_asked=True)


def _preferences(
    request: HttpRequest, claim: UnsubscribeClaim, *, status: int = 200, **more: object
) -> HttpResponse:
    chosen, reader = hosted.preferences_of(claim), hosted.reader_of(claim)
    context = {
        **more,
        "chosen": chosen,
        "pause_end": hosted.local_day(chosen.paused_until, current_site(request)),
        "languages": words.LANGUAGES.items(),
        "pauses": pausing.DAYS,
        "gaps": _gaps(language_for(request, reader.language)),
        "minutes": hosted_tokens.STEP_UP_MINUTES,
    }
    return _shown(request, "preferences", claim, reader, context, status=status)


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


def _gaps(lang: str) -> list[tuple[int, str]]:
    """How often mail may come, in the reader's words."""
    return [(days, words.say(lang, f"often_{days}")) for days in pausing.GAPS]


def _language_of(request: HttpRequest, claim: UnsubscribeClaim) -> str:
    return language_for(request, hosted.reader_of(claim).language)


def _render(
    request: HttpRequest,
    page: str,
    claim: UnsubscribeClaim | None = None,
    *,
    status: int = 200,
    **more: object,
) -> HttpResponse:
    reader = hosted.reader_of(claim) if claim is not None else hosted.Reader(exists=False)
    return _shown(request, page, claim, reader, {**more}, status=status)


def _shown(
    request: HttpRequest,
    page: str,
    claim: UnsubscribeClaim | None,
    reader: hosted.Reader,
    context: dict[str, object],
    *,
    status: int,
) -> HttpResponse:
    context["claim"] = claim
    if request.resolver_match is not None:
        context["token"] = request.resolver_match.kwargs.get("token", "")
    lang = language_for(request, reader.language)
    context |= {"reader": reader, "what": ", ".join(reader.lists) or words.say(lang, "this_mailing")}
    return show(request, f"public/{page}", lang=lang, status=status, **context)


@open_page("GET", "HEAD")
def broken_link(request: HttpRequest) -> HttpResponse:
    """Say that a link of a mail leads nowhere."""
    return _render(request, "broken_link", status=404)


@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD"])
def trap(_request: HttpRequest) -> HttpResponse:
    """What a link leads to that no reader can see: nothing. Only a program comes here."""
    response = HttpResponse("There is nothing here.\n", content_type="text/plain; charset=utf-8")
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response

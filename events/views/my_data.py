"""One's own data, and one's erasure: behind a link that went to the person's mailbox and works for half an hour."""

import contextlib
import json

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from campaigns import hosted_tokens
from campaigns.tokens import InvalidToken
from events.selectors import hosted, my_data
from subscribers.models import Subscriber
from subscribers.selectors import holdings
from subscribers.services import erasure, rights

from .hosted_pages import language_for, open_page, show


def _opened(
    request: HttpRequest, purpose: hosted_tokens.Purpose, token: str
) -> tuple[Subscriber, hosted_tokens.HostedClaim] | HttpResponse:
    """The person of a link, or the page that says why there is none."""
    try:
        claim = hosted_tokens.read(purpose, token)
    except InvalidToken:
        return show(request, "public/unknown_link", lang=language_for(request), status=404)
    person = Subscriber.objects.filter(pk=claim.reference).first()
    if claim.is_over or person is None:
        page = "public/link_over" if claim.is_over else "public/erased"
        return show(request, page, lang=language_for(request), status=410)
    return person, claim


@open_page("GET", "HEAD")
def show_data(request: HttpRequest, token: str) -> HttpResponse:
    """What we hold, sent, and were told; as a page, as JSON or as CSV."""
    opened = _opened(request, hosted_tokens.DATA, token)
    if isinstance(opened, HttpResponse):
        return opened
    person, claim = opened
    form = request.GET.get("format", "")
    if form in {"json", "csv"}:
        return _file(person, form)
    lang = language_for(request, person.language)
    until = timezone.localtime(claim.until, timezone=hosted.site_zone())
    return show(
        request, "public/my_data", lang=lang, person=person, until=f"{until:%H:%M}", held=my_data.of(person),
        newest=my_data.SHOWN,
    )  # fmt: skip


def _file(person: Subscriber, form: str) -> HttpResponse:
    held = holdings.of(person)
    if form == "json":
        text, kind = json.dumps(held, ensure_ascii=False, indent=1), "application/json"
    else:
        text, kind = holdings.as_csv(held), "text/csv; charset=utf-8"
    response = HttpResponse(text, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="my-data.{form}"'
    response["Referrer-Policy"] = "no-referrer"
    return response


@open_page("GET", "HEAD", "POST")
def erase(request: HttpRequest, token: str) -> HttpResponse:
    """Ask once more on GET, erase on POST."""
    opened = _opened(request, hosted_tokens.ERASE, token)
    if isinstance(opened, HttpResponse):
        return opened
    person, _ = opened
    lang = language_for(request, person.language)
    if request.method == "POST" and request.POST.get("action") == "erase":
        # A second click at the same moment finds nobody any more.
        with contextlib.suppress(erasure.NobodyToErase):
            rights.erase_person(subscriber_id=person.pk)
        return show(request, "public/erased", lang=lang)
    return show(request, "public/erase", lang=lang, address=hosted.masked(person.email))

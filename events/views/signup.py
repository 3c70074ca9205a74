"""Signing up: the form, the click that confirms it, and the way to a new link. A GET never acts.

Who is known and who is not get the same answers: nobody learns here whether an address is on a list.
"""

from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseRedirectBase

from campaigns import hosted_tokens
from campaigns.tokens import InvalidToken
from events import throttle
from events.selectors import hosted, signup_pages
from events.services import asking
from subscribers import words
from subscribers.models import Purpose, SignupForm, SignupRequest, SignupText
from subscribers.services import signup

from .hosted_pages import address_of, language_for, open_page, show

# A field that no reader sees; whoever fills it in is a program and gets the answer that everybody gets.
HONEYPOT = "website"
# Consent is taken only from a page that showed these very words: one that showed others has ticked nothing.
BOXES: Final[dict[str, str]] = {Purpose.MARKETING: "agree", Purpose.OPENS: "opens", Purpose.CLICKS: "clicks"}


class SeeOther(HttpResponseRedirectBase):
    """After a POST: fetch the other page with GET (RFC 9110, 15.4.4)."""

    status_code = 303


@open_page("GET", "HEAD", "POST")
def sign_up(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The form of a list, and what comes of it."""
    form = signup_pages.form_of(public_id)
    wish = request.POST.get("lang", "") or request.GET.get("lang", "")
    if form is None:
        return show(request, "events/signup/closed", lang=language_for(request, wish), status=410)
    texts = {text.language: text for text in form.texts.all()}
    lang = language_for(request, wish, among=list(texts))
    if request.method != "POST":
        return _form(request, form, texts[lang], lang)
    if request.POST.get(HONEYPOT):
        return _taken(request, form, lang)
    if throttle.network_is_busy(address_of(request)):
        return show(request, "events/signup/too_many", lang=lang, status=429)
    return _take(request, form, texts[lang], lang)


def _take(request: HttpRequest, form: SignupForm, text: SignupText, lang: str) -> HttpResponse:
    boxes, agreed = _boxes(form, text, lang), dict[str, str]()
    if request.POST.get("shown", "") == signup_pages.shown(form, text):
        agreed = {purpose: wording for purpose, wording in boxes.items() if BOXES[purpose] in request.POST}
    typed = signup.Typed(
        email=request.POST.get("email", "")[:1000],
        language=lang,
        name=request.POST.get("name", "")[:1000],
        values={key: request.POST.get(f"field_{key}", "")[:1000] for key in form.field_keys},
        agreed=agreed,
        declined={purpose: wording for purpose, wording in boxes.items() if purpose not in agreed},
    )
    if throttle.address_is_busy(typed.email):
        return _taken(request, form, lang)
    try:
        asking.sign_up(form=form, typed=typed, ip=address_of(request), page=request.path)
    except signup.SignupError as error:
        return _form(request, form, text, lang, wrong=error)
    return _taken(request, form, lang)


def _boxes(form: SignupForm, text: SignupText, lang: str) -> dict[str, str]:
    """The words of each box, exactly as the page shows them."""
    boxes = {Purpose.MARKETING.value: text.wording}
    if form.ask_tracking:
        boxes[Purpose.OPENS.value] = words.say(lang, "opens_wording")
        boxes[Purpose.CLICKS.value] = words.say(lang, "clicks_wording")
    return boxes


def _form(
    request: HttpRequest,
    form: SignupForm,
    text: SignupText,
    lang: str,
    *,
    wrong: signup.SignupError | None = None,
) -> HttpResponse:
    """The form, with everything that was typed still in it."""
    fields = signup_pages.fields_of(form, request.POST)
    problem, shown = "", signup_pages.shown(form, text)
    if wrong is not None:
        labels = {f"field_{each.key}": each.label for each in fields}
        problem = words.say(lang, wrong.code, value=labels.get(wrong.field, ""))
    return show(
        request, "events/signup/form", lang=lang, status=422 if wrong else 200, form=form, text=text,
        fields=fields, typed=request.POST, problem=problem, shown=shown,
        is_ticked=request.POST.get("shown") == shown, wrong_field=wrong.field if wrong else "",
        languages=signup_pages.other_languages(form, lang), honeypot=HONEYPOT,
    )  # fmt: skip


def _taken(request: HttpRequest, form: SignupForm, lang: str) -> HttpResponse:
    """The same page for a new address, a known one, one that had its share of mails, and a program."""
    return show(
        request, "events/signup/taken", lang=lang, needs_click=signup_pages.needs_click(form),
        is_slow=signup_pages.is_slow(),
    )  # fmt: skip


@open_page("GET", "HEAD", "POST")
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Ask for a click on GET, confirm on POST."""
    try:
        claim = hosted_tokens.read(hosted_tokens.CONFIRM, token)
        row = signup.find(claim.reference)
    except InvalidToken:
        return show(request, "public/unknown_link", lang=language_for(request), status=404)
    except signup.RequestGone:
        return show(request, "events/signup/forgotten", lang=language_for(request), status=410)
    lang = language_for(request, row.language)
    more: dict[str, Any] = {
        "row": row, "address": hosted.masked(row.email), "what": row.form.mailing_list.name
    }  # fmt: skip
    if row.confirmed_at is not None:
        return show(request, "events/signup/already", lang=lang, **more)
    return _waiting(request, row, lang, more, is_over=claim.is_over)


def _waiting(
    request: HttpRequest, row: SignupRequest, lang: str, more: dict[str, Any], *, is_over: bool
) -> HttpResponse:
    action = request.POST.get("action", "") if request.method == "POST" else ""
    if action == "again":
        asking.send_link_again(request_id=row.pk)
        return show(request, "events/signup/again", lang=lang, **more)
    if is_over:
        return show(request, "events/signup/expired", lang=lang, status=410, days=signup.LINK_DAYS, **more)
    if action == "confirm":
        return _confirm(request, row.pk, lang, more)
    return show(request, "events/signup/confirm", lang=lang, wordings=signup_pages.wordings_of(row), **more)


def _confirm(request: HttpRequest, request_id: int, lang: str, more: dict[str, Any]) -> HttpResponse:
    try:
        # The token stands in the address and is a secret of the person's: the ledger names the page alone.
        result = signup.confirm(request_id=request_id, ip=address_of(request), page="/c/")
    except signup.RequestGone:
        return show(request, "events/signup/forgotten", lang=lang, status=410)
    row = signup.find(request_id)
    if result is signup.Result.ALREADY:
        return show(request, "events/signup/already", lang=lang, **more)
    if row.form.redirect_url:
        return SeeOther(row.form.redirect_url)
    return show(request, "events/signup/thanks", lang=lang, thanks=signup_pages.thanks_of(row, lang), **more)

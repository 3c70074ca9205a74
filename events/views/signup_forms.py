"""Sign-up forms: make one, word it in several languages, choose its welcome, take its address or snippet."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from campaigns.models import Welcome
from campaigns.services import welcoming
from events.forms import NewSignupForm, SignupSettingsForm, SignupWelcomeForm, SignupWordsForm
from events.selectors import signup_pages
from mailplatform.accounts.access import current_site, current_user, require_role
from mailplatform.accounts.models import Role
from mailplatform.accounts.services import installation
from subscribers import words
from subscribers.models import MailingList, SignupForm, SignupText
from subscribers.services import signup_forms as service

from .signup import HONEYPOT


@require_role("viewer")
@require_GET
def form_list(request: HttpRequest) -> HttpResponse:
    """All forms in use, with what came in by them."""
    context = {
        "forms": signup_pages.all_forms(),
        "can_edit": current_user(request).has_role(Role.MARKETER),
    }
    return render(request, "events/signup_forms/list.html", context)


@require_role("marketer")
@require_http_methods(["GET", "POST"])
def form_add(request: HttpRequest) -> HttpResponse:
    """Make a form; it begins with words in its first language."""
    site = current_site(request)
    initial = {"language": words.choose(site.language), "mailing_list": request.GET.get("list", "")}
    form = NewSignupForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        language = data["language"]
        try:
            made = service.create(
                mailing_list=data["mailing_list"], settings=_settings(data), language=language,
                wording=_first_words(data["mailing_list"], language, site.company), actor=current_user(request),
            )  # fmt: skip
        except service.SignupFormError as error:
            form.add_error(error.field or None, str(error))
        else:
            messages.success(request, "The form is open. Check its words, then put it on your website.")
            return redirect("events:form_detail", made.public_id)
    context = {"form": form, "has_lists": MailingList.objects.filter(archived_at=None).exists()}
    return render(request, "events/signup_forms/add.html", context, status=422 if form.errors else 200)


@require_role("viewer")
@require_http_methods(["GET", "POST"])
def form_detail(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """One form: its address, snippet, settings, words and welcome."""
    signup_form = _form(public_id)
    initial = {name: getattr(signup_form, name) for name in SignupSettingsForm.base_fields}
    form = SignupSettingsForm(request.POST or None, initial=initial)
    if request.method == "POST" and _can_edit(request) and form.is_valid():
        try:
            service.update(
                form=signup_form, settings=_settings(form.cleaned_data), actor=current_user(request)
            )
        except service.SignupFormError as error:
            form.add_error(error.field or None, str(error))
        else:
            messages.success(request, "Saved.")
            return redirect("events:form_detail", signup_form.public_id)
    return _detail(request, signup_form, form=form)


@require_role("marketer")
@require_POST
def form_words(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Save, or remove, the words of one language."""
    signup_form = _form(public_id)
    language = request.POST.get("language", "")
    actor = current_user(request)
    worded = SignupWordsForm(request.POST)
    try:
        if "remove" in request.POST:
            service.unsay(form=signup_form, language=language, actor=actor)
            messages.success(request, "The language was removed.")
            return redirect("events:form_detail", signup_form.public_id)
        if worded.is_valid():
            wording = service.Wording(**worded.cleaned_data)
            service.say(form=signup_form, language=language, wording=wording, actor=actor)
            messages.success(request, "Saved. Who signs up from now on agrees to these words.")
            return redirect(f"{reverse('events:form_detail', args=[public_id])}?language={language}")
    except service.SignupFormError as error:
        worded.add_error(error.field if error.field in worded.fields else None, str(error))
    return _detail(request, signup_form, worded=worded, language=language)


@require_role("marketer")
@require_POST
def form_welcome(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Choose the template that greets who confirmed."""
    signup_form = _form(public_id)
    chosen = SignupWelcomeForm(request.POST)
    if not chosen.is_valid():
        return _detail(request, signup_form, welcome=chosen)
    welcoming.choose(form=signup_form, template=chosen.cleaned_data["template"], actor=current_user(request))
    messages.success(request, "Saved. It holds for whoever confirms from now on.")
    return redirect("events:form_detail", signup_form.public_id)


@require_role("marketer")
@require_POST
def form_archive(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Take a form out of use."""
    signup_form = _form(public_id)
    service.archive(form=signup_form, actor=current_user(request))
    messages.success(request, f"“{signup_form.name}” is closed. Links in mails already sent go on working.")
    return redirect("events:form_list")


def _detail(
    request: HttpRequest,
    signup_form: SignupForm,
    *,
    form: SignupSettingsForm | None = None,
    worded: SignupWordsForm | None = None,
    welcome: SignupWelcomeForm | None = None,
    language: str = "",
) -> HttpResponse:
    site, texts = current_site(request), {text.language: text for text in signup_form.texts.all()}
    language = language or request.GET.get("language", "")
    language = language if language in words.LANGUAGES else words.choose(site.language, among=texts)
    settings = {name: getattr(signup_form, name) for name in SignupSettingsForm.base_fields}
    greeting = Welcome.objects.select_related("campaign").filter(form=signup_form).first()
    text = texts.get(language) or _first_words(signup_form.mailing_list, language, site.company)
    address = installation.public_url(site) + reverse("events:signup", args=[signup_form.public_id])
    context = {
        "signup_form": signup_form, "can_edit": _can_edit(request), "language": language,
        "language_name": words.LANGUAGES[language], "is_spoken": language in texts, "texts": texts,
        "languages": [(code, name, code in texts) for code, name in words.LANGUAGES.items()],
        "form": form or SignupSettingsForm(initial=settings),
        "worded": worded or SignupWordsForm(initial=_words_of(text)),
        "welcome": welcome or SignupWelcomeForm(initial={"template": greeting and greeting.template_id}),
        "greeting": greeting, "address": address, "snippet": _snippet(signup_form, language, address),
        "figures": signup_pages.figures(signup_form), "needs_click": signup_pages.needs_click(signup_form),
    }  # fmt: skip
    invalid = any(each is not None and each.errors for each in (form, worded, welcome))
    return render(request, "events/signup_forms/detail.html", context, status=422 if invalid else 200)


def _words_of(text: SignupText | service.Wording) -> dict[str, str]:
    return {name: getattr(text, name) for name in ("title", "text", "wording", "thanks")}


def _first_words(mailing_list: MailingList, language: str, company: str) -> service.Wording:
    """What a form says before anybody changes it."""
    key = "form_wording" if company else "form_wording_plain"
    values = {"list": mailing_list.name, "company": company}
    return service.Wording(
        title=words.say(language, "form_title", **values)[:120], wording=words.say(language, key, **values)
    )


def _snippet(signup_form: SignupForm, language: str, address: str) -> str:
    """Plain HTML for one's own website: no script, no style, nothing loaded from us."""
    texts = {text.language: text for text in signup_form.texts.all()}
    text = texts.get(language) or next(iter(texts.values()))
    context = {
        "form": signup_form, "text": text, "lang": text.language, "honeypot": HONEYPOT,
        "shown": signup_pages.shown(signup_form, text),
        "address": address, "fields": signup_pages.fields_of(signup_form, {}),
    }  # fmt: skip
    made = render_to_string("events/signup_forms/snippet.html", context)
    return "\n".join(line for line in made.splitlines() if line.strip())


def _settings(data: dict[str, Any]) -> service.Settings:
    names = ("name", "ask_name", "ask_tracking", "field_keys", "redirect_url")
    return service.Settings(**{name: data[name] for name in names if name in data})


def _can_edit(request: HttpRequest) -> bool:
    return current_user(request).has_role(Role.MARKETER)


def _form(public_id: UUID) -> SignupForm:
    found = signup_pages.form_of(public_id)
    if found is None:
        raise Http404("There is no such form, or it is out of use.")
    return found

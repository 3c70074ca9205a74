"""Sign-up forms: made, changed, worded in several languages, taken out of use."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit
from mailplatform.core import clock

from ..models import CustomField, MailingList, SignupForm, SignupText
from ..words import LANGUAGES

_SPACES = re.compile(r"[ \t]+")


class SignupFormError(ValueError):
    """The form cannot be stored so; `field` names the input, the message says why."""

    def __init__(self, message: str, field: str = "") -> None:
        """Keep the message and the input it belongs to."""
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Settings:
    """What a form asks for and where it leads afterwards."""

    name: str
    ask_name: bool = False
    ask_tracking: bool = False
    field_keys: Sequence[str] = ()
    redirect_url: str = ""


@dataclass(frozen=True, slots=True)
class Wording:
    """What a form says in one language."""

    title: str
    wording: str
    text: str = ""
    thanks: str = ""


@transaction.atomic
def create(
    *, mailing_list: MailingList, settings: Settings, language: str, wording: Wording, actor: User | None
) -> SignupForm:
    """Make a form for a list, worded in one language. Raises SignupFormError."""
    made = SignupForm(mailing_list=mailing_list)
    _fill(made, settings)
    _save(made)
    _word(made, language, wording)
    audit.record(actor=actor, action="signup_form.created", obj=made, detail={"name": made.name})
    return made


@transaction.atomic
def update(*, form: SignupForm, settings: Settings, actor: User | None) -> SignupForm:
    """Change what a form asks for. Raises SignupFormError."""
    _fill(form, settings)
    _save(form)
    audit.record(actor=actor, action="signup_form.changed", obj=form, detail={"name": form.name})
    return form


@transaction.atomic
def say(*, form: SignupForm, language: str, wording: Wording, actor: User | None) -> SignupText:
    """Word a form in one language; a second time replaces the first. Who agreed before agreed to the old words.

    Raises SignupFormError.
    """
    made = _word(form, language, wording)
    audit.record(actor=actor, action="signup_form.worded", obj=form, detail={"language": language})
    return made


@transaction.atomic
def unsay(*, form: SignupForm, language: str, actor: User | None) -> None:
    """Take one language away. Raises SignupFormError for the last one."""
    if not form.texts.exclude(language=language).exists():
        raise SignupFormError("A form needs at least one language.")
    form.texts.filter(language=language).delete()
    audit.record(actor=actor, action="signup_form.unworded", obj=form, detail={"language": language})


@transaction.atomic
def archive(*, form: SignupForm, actor: User | None) -> None:
    """Take a form out of use: its page says so. Links in mails already sent go on working."""
    SignupForm.objects.filter(pk=form.pk, archived_at=None).update(archived_at=clock.now())
    audit.record(actor=actor, action="signup_form.archived", obj=form, detail={"name": form.name})


def _fill(form: SignupForm, settings: Settings) -> None:
    form.name = " ".join(settings.name.split())[:120]
    if not form.name:
        raise SignupFormError("Give the form a name.", "name")
    known = set(CustomField.objects.filter(key__in=list(settings.field_keys)).values_list("key", flat=True))
    if missing := [key for key in settings.field_keys if key not in known]:
        raise SignupFormError(f"There is no field “{missing[0]}”.", "field_keys")
    form.ask_name, form.ask_tracking = settings.ask_name, settings.ask_tracking
    form.field_keys = list(dict.fromkeys(settings.field_keys))
    form.redirect_url = _checked_url(settings.redirect_url)


def _checked_url(url: str) -> str:
    url = url.strip()
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if url and (parts.scheme != "https" or not parts.hostname or len(url) > 500):
        raise SignupFormError("Write a whole address that begins with https://.", "redirect_url")
    return url


def _save(form: SignupForm) -> None:
    try:
        with transaction.atomic():
            form.save()
    except IntegrityError:
        raise SignupFormError(f"There already is a form “{form.name}”.", "name") from None


def _word(form: SignupForm, language: str, wording: Wording) -> SignupText:
    if language not in LANGUAGES:
        raise SignupFormError("Choose one of the languages that the pages speak.", "language")
    title, agreed = " ".join(wording.title.split())[:120], _plain(wording.wording)
    if not title:
        raise SignupFormError("Give the page a title.", "title")
    if len(agreed) < len("Yes, mail me."):
        raise SignupFormError(
            "Say what people agree to: who writes to them, about what, how often.", "wording"
        )
    values = {
        "title": title,
        "wording": agreed[:1000],
        "text": _plain(wording.text)[:1000],
        "thanks": _plain(wording.thanks)[:500],
    }
    return SignupText.objects.update_or_create(form=form, language=language, defaults=values)[0]


def _plain(text: str) -> str:
    """Lines without stray blanks or NUL, which Postgres does not store."""
    lines = text.replace("\0", "").replace("\r\n", "\n").split("\n")
    return "\n".join(_SPACES.sub(" ", line).strip() for line in lines).strip()

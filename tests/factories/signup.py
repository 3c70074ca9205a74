"""Sign-up forms for tests, made through the same services as in the product."""

from datetime import timedelta
from itertools import count
from typing import Any

from django.test import Client
from django.urls import reverse

from campaigns import hosted_tokens
from events.selectors import signup_pages
from mailplatform.core import clock, keys
from subscribers import words
from subscribers.models import (
    MailingList,
    OptIn,
    OwedMail,
    Profile,
    SignupForm,
    SignupRequest,
    Subscriber,
)
from subscribers.selectors import eligibility
from subscribers.services import lists, signup_forms, suppression

_numbers = count(1)
ADA = "ada.lovelace@example.org"
WORDING = "Yes, Harbour Books may send me its newsletter once a month. I can leave at any time."


def make_form(
    *,
    mailing_list: MailingList | None = None,
    opt_in: str = OptIn.DOUBLE,
    languages: str = "en",
    **settings: Any,
) -> SignupForm:
    """Make a form for a public list; `languages` are codes with blanks between."""
    number = next(_numbers)
    mailing_list = mailing_list or lists.create(name=f"Newsletter {number}", is_public=True, opt_in=opt_in)
    first, *more = languages.split()
    wordings = {
        code: signup_forms.Wording(title=f"Newsletter ({code})", wording=WORDING) for code in words.LANGUAGES
    }
    form = signup_forms.create(
        mailing_list=mailing_list, settings=signup_forms.Settings(f"Form {number}", **settings), language=first,
        wording=wordings[first], actor=None,
    )  # fmt: skip
    for code in more:
        signup_forms.say(form=form, language=code, wording=wordings[code], actor=None)
    return form


def confirm_path(request: SignupRequest | OwedMail, *, days: float = 7) -> str:
    """Return the path of the link in a confirmation mail."""
    reference = request.reference if isinstance(request, OwedMail) else request.pk
    return hosted_path("confirm", reference, seconds=days * 86_400)


def hosted_path(purpose: hosted_tokens.Purpose, reference: int, *, seconds: float = 1_800) -> str:
    """Return the path of a link that expires."""
    token = hosted_tokens.make(purpose, reference=reference, until=clock.now() + timedelta(seconds=seconds))
    return f"{hosted_tokens.PATHS[purpose]}{token}/"


def address(form: SignupForm) -> str:
    """Return the path of the hosted form."""
    return reverse("events:signup", args=[form.public_id])


def shown(form: SignupForm) -> str:
    """Return what the page says of the words that it shows."""
    return signup_pages.shown(form, form.texts.get(language="en"))


def sign_up(client: Client, form: SignupForm, email: str = ADA, **more: str) -> Any:
    """Fill in the form as a person does who ticks the box; returns the answer."""
    data = {"email": email, "agree": "yes", "website": "", "shown": shown(form), **more}
    return client.post(address(form), data)


def pending() -> SignupRequest:
    """Return the one request that waits for its click."""
    return SignupRequest.objects.get(confirmed_at=None)


def confirm(client: Client) -> Any:
    """Click in the page of the one confirmation mail."""
    return client.post(confirm_path(pending()), {"action": "confirm"})


def mailable(email: str = ADA) -> str:
    """Return '' where marketing mail may go to this address, or else the reason against it."""
    person = Subscriber.objects.filter(email=email).first()
    reasons = frozenset(suppression.suppression_reasons(keys.email_key(email)))
    profile = Profile.objects.filter(pk=person.pk).first() if person else None
    facts = eligibility.Facts(
        exists=person is not None, suppressions=reasons,
        marketing_basis=profile.marketing_basis if profile else None,
    )  # fmt: skip
    return eligibility.reason_for("marketing", facts)

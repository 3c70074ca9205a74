"""Sign-up forms for tests, made through the same services as in the product."""

from datetime import timedelta
from itertools import count
from typing import Any

from campaigns import hosted_tokens
from mailplatform.core import clock
from subscribers import words
from subscribers.models import MailingList, OptIn, OwedMail, SignupForm, SignupRequest
from subscribers.services import lists, signup_forms

_numbers = count(1)
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

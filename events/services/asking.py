"""Mails that a reader asks for on a hosted page: noted in Postgres, and a worker told at once."""

from django.db import transaction

from campaigns import periodic
from subscribers.models import OwedKind, SignupForm, SignupRequest, Subscriber
from subscribers.services import owed_mails, signup


def sign_up(*, form: SignupForm, typed: signup.Typed, ip: str, page: str) -> SignupRequest:
    """Take a sign-up and have its mail sent. Raises signup.SignupError."""
    with transaction.atomic():
        row = signup.request(form=form, typed=typed, ip=ip, page=page)
        transaction.on_commit(_nudge)
    return row


def send_link_again(*, request_id: int) -> bool:
    """Send a sign-up's link once more. False where the address had its share. Raises signup.RequestGone."""
    with transaction.atomic():
        owes = signup.ask_again(request_id=request_id)
        transaction.on_commit(_nudge)
    return owes


def step_up(*, kind: OwedKind, subscriber_id: int, language: str) -> bool:
    """Send the person the link to their data or erasure. False where they are gone or had their share."""
    key = Subscriber.objects.filter(pk=subscriber_id).values_list("email_key", flat=True).first()
    if key is None:
        return False
    with transaction.atomic():
        owes = owed_mails.owe(kind=kind, email_key=bytes(key), reference=subscriber_id, language=language)
        transaction.on_commit(_nudge)
    return owes


def _nudge() -> None:
    """Beat looks every few seconds; this only saves the wait."""
    periodic.send_owed_mails.delay()

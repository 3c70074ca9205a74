"""A confirmation mail that comes back: the address is dead, whether or not anybody of it is known."""

import datetime as dt
from typing import Any

import pytest

from events import ingest
from mailplatform.core import clock, keys
from subscribers.models import OwedMail, SignupRequest, Subscriber
from subscribers.services import signup, suppression
from tests.factories.events import inbound, stamp
from tests.factories.signup import WORDING, make_form

pytestmark = pytest.mark.django_db
ADA = "ada@example.org"


def bounce(kind: str) -> None:
    """Take in the bounce of a mail that no run sent."""
    now = clock.now()
    mail = {"timestamp": stamp(now), "messageId": f"hosted-{kind}", "destination": [ADA], "tags": {}}
    body = {
        "timestamp": stamp(now), "bounceType": kind, "bounceSubType": "General", "feedbackId": f"f-{kind}",
        "bouncedRecipients": [{"emailAddress": "Ada@Example.org", "diagnosticCode": "550 5.1.1"}],
    }  # fmt: skip
    ingest.take_in([inbound({"eventType": "Bounce", "mail": mail, "bounce": body})])


def ask() -> SignupRequest:
    typed = signup.Typed(email=ADA, language="en", agreed={"marketing_email": WORDING})
    return signup.request(form=make_form(), typed=typed)


@pytest.mark.parametrize(("kind", "reasons"), [("Permanent", {"bounce"}), ("Transient", set())])
def test_a_confirmation_mail_that_bounces_for_good_suppresses_the_address(
    kind: str, reasons: set[str]
) -> None:
    ask()
    bounce(kind)
    assert suppression.suppression_reasons(keys.email_key(ADA)) == reasons
    assert not Subscriber.objects.exists()


def test_a_dead_address_gets_one_confirmation_mail_a_month(time_machine: Any) -> None:
    start = clock.now()
    ask()
    bounce("Permanent")
    for days, mails in ((1, 1), (29, 1), (31, 2), (32, 2)):
        time_machine.move_to(start + dt.timedelta(days=days), tick=False)
        ask()
        assert OwedMail.objects.count() == mails


def test_whoever_confirms_from_a_mailbox_that_works_again_gets_mail_again() -> None:
    row = ask()
    bounce("Permanent")
    signup.confirm(request_id=row.pk)
    assert suppression.suppression_reasons(keys.email_key(ADA)) == set()

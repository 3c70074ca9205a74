"""The mails that readers ask for: sent once through the one sender, tried again while Amazon provably took none."""

import datetime as dt
from typing import Any

import pytest

from campaigns.models import Call
from campaigns.services import hosted_mails
from mailplatform.accounts.models import Installation
from mailplatform.core import clock
from mailplatform.sandbox.testing import RunningSandbox
from subscribers import words
from subscribers.models import OwedKind, OwedMail, SignupRequest
from subscribers.services import owed_mails, signup
from tests.factories.signup import WORDING, make_form

pytestmark = pytest.mark.django_db(transaction=True)
ADA = "ada@example.org"


def ask(language: str = "en") -> OwedMail:
    typed = signup.Typed(email=ADA, language=language, agreed={"marketing_email": WORDING})
    signup.request(form=make_form(languages="en de", ask_tracking=True), typed=typed)
    return OwedMail.objects.get()


def test_the_mail_reaches_the_address_once_and_holds_the_link(sandbox: RunningSandbox) -> None:
    mail = ask("de")
    assert hosted_mails.send_due() == 1
    assert hosted_mails.send_due() == 0
    (arrived,) = sandbox.messages()
    assert ADA in str(arrived)
    mail.refresh_from_db()
    assert (mail.state, Call.objects.get().kind) == ("sent", "hosted")


def test_a_mail_that_leads_to_the_question_whether_to_track_is_itself_never_tracked(
    sandbox: RunningSandbox,
) -> None:
    Installation.objects.update(track_opens=True, track_clicks=True)
    ask()
    hosted_mails.send_due()
    (arrived,) = sandbox.messages()
    assert arrived["configuration_set"].endswith("-none")
    assert Call.objects.get().configuration_set == arrived["configuration_set"]


def test_the_mail_speaks_the_forms_language_and_escapes_what_others_typed() -> None:
    mail = ask("de")
    form = SignupRequest.objects.get().form
    form.mailing_list.name = "<b>News</b>"
    form.mailing_list.save()
    written = hosted_mails.write(mail)
    assert written.subject == words.say("de", "mail_confirm_subject", list="<b>News</b>")
    assert "<b>News" not in written.html
    assert "/c/" in written.text


def test_a_busy_amazon_is_tried_again_and_the_page_says_that_mail_is_slow(
    sandbox: RunningSandbox, time_machine: Any
) -> None:
    mail = ask()
    sandbox.api.put("misbehave", throttle={"share": 1, "times": 3})
    assert hosted_mails.send_due() == 0
    mail.refresh_from_db()
    assert mail.state == "due"
    time_machine.move_to(clock.now() + owed_mails.SLOW_AFTER + dt.timedelta(seconds=5), tick=True)
    assert owed_mails.is_slow()
    assert hosted_mails.send_due() == 1
    assert len(sandbox.messages()) == 1


def test_a_lost_answer_is_not_repeated(sandbox: RunningSandbox) -> None:
    mail = ask()
    sandbox.api.put("misbehave", accept_and_drop={"share": 1})
    hosted_mails.send_due()
    hosted_mails.send_due()
    mail.refresh_from_db()
    assert mail.state == "lost"
    assert len(sandbox.messages()) == 1


def test_whom_nobody_waits_for_gets_nothing() -> None:
    mail = ask()
    SignupRequest.objects.all().delete()
    assert hosted_mails.send_due() == 0
    mail.refresh_from_db()
    assert mail.state == "failed"


def test_a_worker_that_did_not_come_back_leaves_the_mail_lost(time_machine: Any) -> None:
    ask()
    (taken,) = owed_mails.claim()
    assert owed_mails.claim() == []
    time_machine.move_to(clock.now() + owed_mails.LEASE + dt.timedelta(seconds=1), tick=False)
    assert owed_mails.claim() == []
    taken.refresh_from_db()
    assert taken.state == "lost"


def test_after_a_day_it_is_given_up(time_machine: Any) -> None:
    ask()
    time_machine.move_to(clock.now() + owed_mails.GIVE_UP_AFTER + dt.timedelta(minutes=1), tick=False)
    (taken,) = owed_mails.claim()
    owed_mails.not_sent(mail=taken, error="busy")
    taken.refresh_from_db()
    assert (taken.state, taken.kind) == ("failed", OwedKind.CONFIRM)

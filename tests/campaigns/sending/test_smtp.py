"""Mail through an SMTP server: what each reply proves, and a whole campaign."""

import email
import email.policy
import math
import smtplib
import ssl
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from django.core.mail import send_mail
from django.test import override_settings
from structlog.testing import capture_logs

from campaigns import entries, tokens
from campaigns.mail_backend import SesBackend
from campaigns.models import Delivery, Run
from campaigns.selectors import campaigns as selectors
from campaigns.sending import (
    call,
    clients,
    cut,
    drain,
    lane,
    quota,
    single,
    smtp,
    smtp_lines,
    smtp_talk,
    storing,
    timing,
)
from campaigns.services import previews
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.aws import errors, ses
from mailplatform.aws.errors import Verdict
from mailplatform.core import clock
from mailplatform.core.smtp_server import SmtpServer
from subscribers import periodic
from subscribers.models import MailingList, Subscriber
from tests.factories import tls
from tests.factories.sending import make_list, make_people, make_run, nap
from tests.factories.smtp import FakeSmtp, fake_smtp

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server() -> Iterator[FakeSmtp]:
    with fake_smtp() as fake, override_settings(SMTP_URL=fake.url, SMTP_RATE=500.0):
        yield fake
        transport = clients.sender()._transport
        assert isinstance(transport, smtp.SmtpTransport)
        transport.close()


@pytest.fixture
def audience(site: Installation) -> MailingList:
    return make_list()


@pytest.fixture
def people(audience: MailingList) -> list[Subscriber]:
    return make_people(6, audience)


@pytest.fixture
def run(audience: MailingList, people: list[Subscriber]) -> Run:
    return make_run(audience)


def _send(run: Run, *, seconds: float = 20) -> Counter[tuple[str, str]]:
    quota.refresh()
    for _ in range(3):
        if not drain.drain(run.pk, seconds=seconds, sleep=nap):
            break
    run.refresh_from_db()
    return Counter(Delivery.objects.filter(run_id=run.pk).values_list("state", "reason"))


def _mail(fake: FakeSmtp, to: str) -> EmailMessage:
    (letter,) = [each for each in fake.letters if each.to == to]
    found = email.message_from_bytes(letter.raw, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def test_a_campaign_goes_out_once_to_everybody(run: Run, people: list[Subscriber], server: FakeSmtp) -> None:
    assert _send(run) == {("accepted", ""): 6}
    assert run.state == "sent"
    assert server.recipients == sorted(person.email for person in people)
    assert len(set(Delivery.objects.values_list("message_id", flat=True))) == 6
    assert not Delivery.objects.filter(opens_tracked=True).exists()


def test_the_mail_is_what_amazon_would_send(run: Run, people: list[Subscriber], server: FakeSmtp) -> None:
    _send(run)
    mail = _mail(server, people[0].email)
    names = [name.lower() for name in mail]
    assert names.index("list-unsubscribe") + 1 == names.index("list-unsubscribe-post")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["List-Id"]
    assert mail["Message-ID"].startswith(f"<{Delivery.objects.get(subscriber_id=people[0].pk).message_id}@")
    assert mail["Feedback-ID"].startswith(run.campaign.public_id.hex)
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert "{{" not in mail.as_string()
    html = mail.get_body(("html",))
    assert html is not None
    assert "&lt;b&gt;" in html.get_content()  # the name is Ada <b>


def test_a_mail_counts_for_whom_this_site_may_count_and_is_plain_for_others(
    audience: MailingList, server: FakeSmtp
) -> None:
    (counted,) = make_people(1, audience, opens_allowed=True, clicks_allowed=True)
    (other,) = make_people(1, audience)
    tracked = {"track_opens": True, "track_clicks": True}
    run = make_run(audience, tracked, **tracked, carrier="own")
    assert _send(run) == {("accepted", ""): 2}
    token = tokens.make_tracking_token(run.pk, counted.pk)
    for person, is_counted in ((counted, True), (other, False)):
        part = _mail(server, person.email).get_body(("html",))
        assert part is not None
        html = part.get_content()
        assert (f'href="https://mail.example.com/l/{token}/' in html) is is_counted
        assert (f'src="https://mail.example.com/o/{token}.gif"' in html) is is_counted
        assert ('href="https://example.com/shop"' in html) is not is_counted
        assert "mp_" not in html
    assert Delivery.objects.get(opens_tracked=True, clicks_tracked=True).subscriber_id == counted.pk


@pytest.mark.parametrize(
    "case",
    [
        ("RCPT", "550 5.1.1 no such user", ("failed", "message_rejected")),
        (".", "554 5.7.1 this is spam", ("failed", "message_rejected")),
        (".", "drop", ("unresolved", "lost_answer")),
        (".", "350 go on?", ("unresolved", "lost_answer")),
        (".", "what", ("unresolved", "lost_answer")),
    ],
)
def test_a_reply_for_one_person_ends_them_alone(
    run: Run, people: list[Subscriber], server: FakeSmtp, case: tuple[str, str, tuple[str, str]]
) -> None:
    command, reply, end = case
    server.says[command, people[2].email] = reply
    assert _send(run) == {("accepted", ""): 5, end: 1}
    assert Delivery.objects.get(subscriber_id=people[2].pk).state == end[0]


@pytest.mark.parametrize("command", ["RCPT", "DATA", "."])
@pytest.mark.parametrize("reply", ["450 4.2.0 greylisted", "421 4.3.2 closing"])
def test_not_now_is_tried_again_and_nobody_gets_two(
    run: Run, people: list[Subscriber], server: FakeSmtp, command: str, reply: str
) -> None:
    server.once[command, people[2].email] = reply
    assert _send(run) == {("accepted", ""): 6}
    assert server.recipients == sorted(person.email for person in people)
    # Neither that try nor those after it, of whom nobody was handed over, count against the day.
    assert smtp.account().sent_last_24_hours == 6.0


@pytest.mark.parametrize("command", ["RCPT", "DATA"])
def test_a_line_lost_before_the_mail_proves_that_nobody_has_it(
    run: Run, people: list[Subscriber], server: FakeSmtp, command: str
) -> None:
    server.once[command, people[2].email] = "drop"
    assert _send(run) == {("accepted", ""): 6}
    assert server.recipients == sorted(person.email for person in people)


def test_a_sender_that_is_refused_stops_the_campaign(run: Run, server: FakeSmtp) -> None:
    sender = run.frozen["sender"]["address"]
    server.says["MAIL", sender] = "553 5.7.1 not your domain"
    assert not _send(run)
    assert run.state == "paused"
    assert "not your domain" in run.pause_reason


@pytest.mark.parametrize(("command", "reply"), [(".", "252 taken, I think"), ("RCPT", "252 cannot verify")])
def test_any_reply_that_begins_with_two_is_a_yes(
    run: Run, people: list[Subscriber], server: FakeSmtp, command: str, reply: str
) -> None:
    server.once[command, people[2].email] = reply
    assert _send(run) == {("accepted", ""): 6}
    assert server.recipients == sorted(person.email for person in people)


def test_not_now_to_the_sender_counts_against_nobody(run: Run, server: FakeSmtp) -> None:
    server.once["MAIL", run.frozen["sender"]["address"]] = "452 4.3.1 disk full"
    assert _send(run) == {("accepted", ""): 6}
    assert set(Delivery.objects.values_list("attempt", flat=True)) == {1}


def test_mails_that_nobody_answers_stop_the_campaign() -> None:
    """Otherwise a server that takes mail and says nothing would leave a whole list unresolved."""
    prepared = cut.PreparedCall(1, 1, 1, [1, 2], False, False, b"", clock.now())
    results = [ses.EntryResult("", "no answer to the mail", ""), ses.EntryResult("ACCOUNT_THROTTLED", "", "")]
    health = lane.Health()
    for _ in range(health.LOST_STREAK):
        assert not health.obstacle
        health.note(call.Answer(prepared, results=results))
    assert "without an answer" in health.obstacle


def test_nobody_is_handed_over_whose_check_is_old(site: Installation, server: FakeSmtp) -> None:
    """Opening the connection may have taken longer than a check holds."""
    transport = clients.sender()._transport
    assert isinstance(transport, smtp.SmtpTransport)
    over = time.monotonic() + 30

    def hand_over(until: float) -> dict[str, str]:
        return transport._hand_over("a@example.com", "b@example.com", b"x", "1", until=until, over=over)

    late = hand_over(time.monotonic() - 1)
    assert errors.entry_verdict(late["Status"]) is Verdict.THROTTLED
    assert not server.letters
    hand_over(math.inf)
    assert (len(server.letters), server.connections) == (1, 1)


def test_a_connection_that_waited_for_long_is_not_asked(site: Installation, server: FakeSmtp) -> None:
    transport = clients.sender()._transport
    assert isinstance(transport, smtp.SmtpTransport)
    assert transport.probe() == transport.probe() == "fake.example"
    since, line = transport._lines._idle.get_nowait()
    transport._lines._idle.put((since - smtp_lines.IDLE_S, line))
    transport.probe()
    assert server.connections == 2


@pytest.mark.parametrize(
    ("raw", "wired"),
    [
        (b"a\r\n.b\r\n", b"a\r\n..b\r\n.\r\n"),
        (b".a", b"..a\r\n.\r\n"),
        (b"a\n.\nMAIL FROM:<x@y>\r.\r", b"a\r\n..\r\nMAIL FROM:<x@y>\r\n..\r\n.\r\n"),
    ],
)
def test_no_mail_ends_before_its_end(raw: bytes, wired: bytes) -> None:
    assert smtp_talk._dotted(raw) == wired


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (smtplib.SMTPAuthenticationError(535, b"wrong"), True),
        (smtplib.SMTPAuthenticationError(454, b"later"), False),
        (smtplib.SMTPConnectError(421, b"too many"), False),
        (smtplib.SMTPServerDisconnected("gone"), False),
        (smtplib.SMTPNotSupportedError("no STARTTLS"), True),
        (ssl.SSLCertVerificationError("unknown authority"), True),
        (ssl.SSLEOFError("gone"), False),
        (TimeoutError("slow"), False),
    ],
)
def test_what_needs_a_person(error: OSError, expected: bool) -> None:
    assert smtp_lines._needs_a_person(error) is expected


def test_no_server_there_loses_nobody(run: Run, server: FakeSmtp) -> None:
    with override_settings(SMTP_URL="smtp://127.0.0.1:1"):
        assert not _send(run, seconds=1)
    assert _send(run) == {("accepted", ""): 6}


def test_a_slow_server_gets_smaller_portions_and_no_stale_mail(run: Run, server: FakeSmtp) -> None:
    server.slow["."] = 0.6
    found = _send(run, seconds=30)
    assert found == {("accepted", ""): 6}
    assert len(server.letters) == 6


def test_connections_are_used_again(run: Run, server: FakeSmtp) -> None:
    _send(run)
    assert server.connections < 6


def test_none_is_left_open_when_a_drain_ends(run: Run, server: FakeSmtp) -> None:
    _send(run)
    transport = clients.sender()._transport
    assert isinstance(transport, smtp.SmtpTransport)
    assert transport._lines._idle.empty()
    assert server.goodbyes == server.connections


SINGLE: dict[str, Any] = {
    "FromEmailAddress": "shop@example.com",
    "Destination": {"ToAddresses": ["one@example.com"]},
    "Content": {"Simple": {"Subject": {"Data": "Hi"}, "Body": {"Text": {"Data": "Hello"}}}},
}


def _hasty(server: FakeSmtp, read_timeout: float) -> ses.BulkSender:
    to = SmtpServer("127.0.0.1", server.port)
    return ses.BulkSender(smtp.SmtpTransport(to, connect_timeout=0.2, read_timeout=read_timeout))


@pytest.mark.parametrize(
    ("command", "verdict"),
    [("", Verdict.RETRY), ("MAIL", Verdict.RETRY), ("RCPT", Verdict.RETRY), (".", Verdict.LOST)],
)
def test_a_reply_in_drops_that_never_ends_keeps_nobody(
    server: FakeSmtp, command: str, verdict: Verdict
) -> None:
    """Each drop comes in time; without a bound for all of them no test would end here."""
    if command:
        who = SINGLE["Destination"]["ToAddresses"][0]
        server.says[command, "shop@example.com" if command == "MAIL" else who] = "drip"
    else:
        server.greeting = "drip"
    with pytest.raises(errors.SesError) as raised:
        _hasty(server, 1.0).send_email(SINGLE)
    assert raised.value.verdict is verdict


def test_no_mail_begins_whose_answer_nobody_would_wait_for(server: FakeSmtp) -> None:
    server.slow["RCPT"] = 1.3
    with pytest.raises(errors.SesError, match="took too long") as raised:
        _hasty(server, 2.0).send_email(SINGLE)
    assert raised.value.verdict is Verdict.THROTTLED
    assert not server.letters


def test_all_mails_of_a_call_are_over_before_its_lease(server: FakeSmtp) -> None:
    transport = clients.sender()._transport
    assert isinstance(transport, smtp.SmtpTransport)
    checked_at = time.monotonic() - 1
    over = transport._over(checked_at + timing.CHECK_TO_SOCKET_S)
    assert over - checked_at < timing.CALL_LEASE.total_seconds()


def test_mails_about_accounts_leave_there_too(site: Installation, server: FakeSmtp) -> None:
    words = "You were invited.\n.\n..end"
    send_mail("Hello", words, "shop@example.com", ["new@example.com"], connection=SesBackend())
    assert _mail(server, "new@example.com").get_content().splitlines() == words.split("\n")


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [("550 no", Verdict.REFUSED), ("451 later", Verdict.RETRY), ("drop", Verdict.LOST)],
)
def test_a_single_mail_says_what_became_of_it(
    site: Installation, server: FakeSmtp, reply: str, verdict: Verdict
) -> None:
    server.says[".", "one@example.com"] = reply
    with pytest.raises(errors.SesError) as raised:
        clients.sender().send_email(SINGLE)
    assert raised.value.verdict is verdict
    server.says.clear()
    assert single.send(request=SINGLE)


def test_nothing_is_asked_of_amazon(run: Run, people: list[Subscriber], server: FakeSmtp) -> None:
    """No template is stored there, no sender verified, no suppression compared: no test may reach it."""
    assert not storing.store(run.template_version)
    assert selectors.is_verified("anybody@elsewhere.example", installation.get())
    with capture_logs() as said:
        periodic.sync_suppressions()
    assert not said
    with pytest.raises(previews.NotRendered, match="SMTP"):
        previews.version_by_ses(run.template_version, entries.Person(1, uuid.uuid4(), "a@b.example"))
    assert _send(run) == {("accepted", ""): 6}


def test_the_account_is_what_the_operator_says(run: Run, server: FakeSmtp) -> None:
    _send(run)
    with override_settings(SMTP_RATE=3.0, SMTP_PER_DAY=100):
        assert smtp.account() == ses.AccountState(3.0, 100.0, 6.0, True, True, "")
    assert smtp.account().max_24_hour_send == -1


def test_tls_at_once_wants_a_certificate_that_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = tls.written(tmp_path, clock.now() + tls.DAY, "localhost")
    with fake_smtp(certificate) as fake:
        to = SmtpServer("localhost", fake.port, tls_at_once=True)
        transport = smtp.SmtpTransport(to, connect_timeout=2, read_timeout=2)
        with pytest.raises(errors.RefusedCallError, match="CERTIFICATE_VERIFY_FAILED"):
            transport.probe()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert ses.BulkSender(transport).send_email(SINGLE)
        transport.close()
    assert len(fake.letters) == 1


def test_a_password_is_never_sent_without_tls(server: FakeSmtp) -> None:
    """On this machine TLS may be missing, but then there is no AUTH either; elsewhere STARTTLS is demanded."""
    to = SmtpServer("127.0.0.1", server.port, "me", "secret")
    with pytest.raises(errors.RefusedCallError) as raised:
        smtp.SmtpTransport(to, connect_timeout=1, read_timeout=1).probe()
    assert raised.value.verdict is Verdict.STOP

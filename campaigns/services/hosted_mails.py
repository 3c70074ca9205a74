"""The mails that readers ask for on hosted pages: confirm a sign-up, see one's data, be erased.

They leave through the one sender, before all campaigns (`sending.single`), untracked. The book of what is owed is
`subscribers.services.owed_mails`; a mail that Amazon SES provably did not take is tried again for a day.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

import structlog
from django.utils.html import format_html

from mailplatform.accounts.services import installation
from mailplatform.aws import errors, limits, session
from mailplatform.aws.errors import Verdict
from mailplatform.core import clock
from subscribers import words
from subscribers.models import OwedKind, OwedMail, SignupRequest, Subscriber
from subscribers.services import owed_mails, signup

from .. import entries, hosted_tokens
from ..models import CallKind, Sender
from ..selectors import restores
from ..sending import plans, single
from . import campaigns

log = structlog.get_logger(__name__)

PURPOSES: Final[dict[str, hosted_tokens.Purpose]] = {
    OwedKind.CONFIRM: hosted_tokens.CONFIRM,
    OwedKind.DATA: hosted_tokens.DATA,
    OwedKind.ERASE: hosted_tokens.ERASE,
}
_HTML: Final = (
    '<!DOCTYPE html><html lang="{}"><body style="margin:0;padding:24px;font:17px/1.5 sans-serif;color:#1d2033">'
    '<p>{}</p><p style="margin:28px 0"><a href="{}" style="display:inline-block;padding:14px 24px;'
    'background:#4646d1;color:#ffffff;border-radius:10px;font-weight:bold;text-decoration:none">{}</a></p>'
    '<p style="color:#565a72;font-size:15px">{}</p><p style="color:#565a72;font-size:14px">{}</p></body></html>'
)


class NobodyThere(LookupError):
    """The request was confirmed or forgotten, or the person erased, before the mail went out."""


class NoSenderYet(Exception):
    """The installation has no sender address."""


@dataclass(frozen=True, slots=True)
class Written:
    """One mail, ready."""

    address: str
    subject: str
    html: str
    text: str


def send_due(*, most: int = 20) -> int:
    """Send what is owed now; return how many mails were accepted. Two workers never send the same one.

    While a restored database is locked they wait.
    """
    if restores.is_locked():
        return 0
    return sum(_send(mail) for mail in owed_mails.claim(most=most))


def write(mail: OwedMail) -> Written:
    """Write the mail, with a fresh link. Raises NobodyThere."""
    address, list_name = _to_whom(mail)
    minutes, days = hosted_tokens.STEP_UP_MINUTES, signup.LINK_DAYS
    is_sign_up = mail.kind == OwedKind.CONFIRM
    lasts = dt.timedelta(days=days) if is_sign_up else dt.timedelta(minutes=minutes)
    purpose = PURPOSES[mail.kind]
    site = installation.get()
    token = hosted_tokens.make(purpose, reference=mail.reference, until=clock.now() + lasts)
    link = f"{installation.public_url(site)}{hosted_tokens.PATHS[purpose]}{token}/"
    values = {"list": list_name, "days": days, "minutes": minutes}

    def say(key: str) -> str:
        return words.say(mail.language, key, **values)

    stem = f"mail_{mail.kind}"
    body, button = say(f"{stem}_text"), say(f"{stem}_button")
    ignore = say("mail_confirm_ignore" if is_sign_up else "mail_step_ignore")
    imprint = ", ".join(filter(None, [site.company, *map(str.strip, site.postal_address.splitlines())]))
    html = format_html(_HTML, mail.language, body, link, button, ignore, imprint)
    text = f"{body}\n\n{link}\n\n{ignore}\n\n{imprint}\n"
    return Written(address, " ".join(say(f"{stem}_subject").split()), html, text)


def _to_whom(mail: OwedMail) -> tuple[str, str]:
    """Return the address and the list's name."""
    if mail.kind == OwedKind.CONFIRM:
        found = SignupRequest.objects.select_related("form__mailing_list").filter(
            pk=mail.reference, confirmed_at=None
        )
        request = found.first()
        if request is None:
            raise NobodyThere
        return request.email, request.form.mailing_list.name
    person = Subscriber.objects.filter(pk=mail.reference).first()
    # Whose address changed since, or who was merged, asks again: the link must reach the mailbox that was asked for.
    if person is None or bytes(person.email_key) != bytes(mail.email_key):
        raise NobodyThere
    return person.email, ""


def _send(mail: OwedMail) -> bool:
    try:
        single.send(request=_request(write(mail)), kind=CallKind.HOSTED)
    except NobodyThere:
        owed_mails.not_sent(mail=mail, error="Nobody waits for it any more.", is_final=True)
    except limits.LimitError:
        owed_mails.not_sent(mail=mail, error="Amazon SES cannot write to this address.", is_final=True)
    except (errors.AccountUnreadableError, session.AwsConfigurationError, NoSenderYet) as error:
        owed_mails.not_sent(mail=mail, error=_plain(error))
    except errors.SesError as error:
        _refused(mail, error)
    else:
        owed_mails.sent(mail_id=mail.pk)
        return True
    return False


def _refused(mail: OwedMail, error: errors.SesError) -> None:
    # Neither the log nor the book names the person; Amazon's words may.
    log.warning("hosted_mail.not_sent", mail=mail.pk, kind=mail.kind, verdict=error.verdict.name)
    if error.verdict is Verdict.LOST:
        owed_mails.lost(mail_id=mail.pk, error="No answer from Amazon SES.")
    else:
        owed_mails.not_sent(mail=mail, error=f"Amazon SES: {error.verdict.name.lower()}")


def _plain(error: Exception) -> str:
    return str(error) or type(error).__name__


def _request(written: Written) -> dict[str, Any]:
    """The mail as SES takes it."""
    sender = _sender()
    prefix = installation.get().configuration_set_prefix

    def part(text: str) -> dict[str, str]:
        return {"Data": text, "Charset": "UTF-8"}

    request: dict[str, Any] = {
        "FromEmailAddress": entries.from_header(sender.name, sender.address),
        "Destination": {"ToAddresses": [limits.check_address(written.address)]},
        "Content": {
            "Simple": {
                "Subject": part(written.subject),
                "Body": {"Html": part(written.html), "Text": part(written.text)},
                # RFC 3834: no out-of-office answers to a machine.
                "Headers": [{"Name": "Auto-Submitted", "Value": "auto-replied"}],
            }
        },
        "ConfigurationSetName": plans.configuration_set(prefix, opens=False, clicks=False),
    }
    if sender.reply_to:
        request["ReplyToAddresses"] = [sender.reply_to]
    return request


def _sender() -> Sender:
    sender = campaigns.default_sender()
    if sender is None:
        message = "There is no sender address in the settings."
        raise NoSenderYet(message)
    return sender

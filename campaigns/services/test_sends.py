"""Test mails: to at most ten addresses, marked [TEST], with inert links, never counted and never tracked."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.utils.html import escape

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit, installation
from mailplatform.aws import errors, limits, session
from mailplatform.core import keys
from subscribers.models import SuppressionReason
from subscribers.services import suppression

from .. import entries, headers, tokens
from ..models import CallKind, Campaign, Sender, Template
from ..rendering import Finding, Rendered
from ..selectors import attachments
from ..selectors import campaigns as selectors
from ..sending import single
from . import campaigns, previews

MAX_ADDRESSES: Final = 10
PREFIX: Final = "[TEST] "


class TooManyAddresses(ValueError):
    """A test goes to ten addresses at most."""


class InvalidAddress(ValueError):
    """One of the addresses cannot be mailed; the message names it."""


class BlockedAddress(InvalidAddress):
    """One of the addresses must not be mailed: it bounced, or the person complained, left or was erased."""


class TemplateNotReady(Exception):
    """The template cannot be rendered; `findings` says why."""

    def __init__(
        self, findings: list[Finding], message: str = "The template has errors. Mend them first."
    ) -> None:
        self.findings = findings
        super().__init__(message)


class NoSender(Exception):
    """There is no verified sender to send the test from."""


class TestNotSent(Exception):
    """Amazon SES did not take the test; the message says why."""


ERRORS: Final = (
    TooManyAddresses,
    InvalidAddress,
    TemplateNotReady,
    NoSender,
    TestNotSent,
    attachments.AttachmentMissing,
)


def send_campaign_test(
    *, campaign: Campaign, addresses: Sequence[str], person: entries.Person, actor: User | None
) -> list[str]:
    """Send the campaign as `person` would get it. Returns SES's message ids.

    Raises `TooManyAddresses`, `InvalidAddress`, `TemplateNotReady`, `NoSender`, `TestNotSent`, `AttachmentMissing`.
    """
    shown = previews.campaign_preview(campaign, person)
    if shown is None:
        raise TemplateNotReady([], "Choose a template first.")
    attached = attachments.as_call(attachments.frozen(campaign))
    return _send(shown, addresses, _usable(campaign.sender), actor, campaign, attached=attached)


def send_template_test(
    *, template: Template, addresses: Sequence[str], person: entries.Person, actor: User | None
) -> list[str]:
    """Send a template's draft as `person` would get it, from the default sender. Raises as `send_campaign_test`."""
    return _send(previews.preview(template, person), addresses, _usable(None), actor, template)


def send_greeting(*, address: str, actor: User | None) -> str:
    """The settings page's "send me a test": shows that the account, the sender and the Region work."""
    site = installation.get()
    links, own = _inert_links()
    words = f"This mail came through Amazon SES in {installation.region(site)}. Sending works."
    imprint = ", ".join(filter(None, [site.company, *map(str.strip, site.postal_address.splitlines())]))
    link = links["unsubscribe_url"]
    rendered = Rendered(
        subject=f"{PREFIX}mailplatform can send",
        html=f'<p>{words}</p><p>{escape(imprint)}<br><a href="{link}">Unsubscribe</a></p>',
        text=f"{words}\n\n{imprint}\nUnsubscribe: {link}\n",
    )
    sender = _usable(None)
    audit.record(actor=actor, action="test.sent", obj=site, detail={"count": 1})
    return _send_one(_clean([address])[0], rendered, sender, own)


def parse_addresses(text: str) -> list[str]:
    """Addresses from a text box: separated by commas, semicolons, spaces or lines; each once."""
    parts = text.replace(",", " ").replace(";", " ").split()
    return list(dict.fromkeys(part.strip().lower() for part in parts))


def _usable(sender: Sender | None) -> Sender:
    sender = sender or campaigns.default_sender()
    if sender is None or not selectors.is_verified(sender.address, installation.get()):
        raise NoSender("Choose a sender whose address is verified in Amazon SES.")
    return sender


def _send(
    shown: previews.Preview,
    addresses: Sequence[str],
    sender: Sender,
    actor: User | None,
    about: Any,
    *,
    attached: Sequence[Mapping[str, str]] = (),
) -> list[str]:
    if shown.rendered is None:
        raise TemplateNotReady(shown.findings)
    recipients = _clean(addresses)
    _refuse_blocked(recipients)
    _, own = _inert_links()
    rendered = Rendered(PREFIX + shown.rendered.subject, shown.rendered.html, shown.rendered.text)
    # An address is personal: the log holds how many, not which.
    audit.record(actor=actor, action="test.sent", obj=about, detail={"count": len(recipients)})
    return [_send_one(address, rendered, sender, own, attached=attached) for address in recipients]


def _inert_links() -> tuple[dict[str, str], list[headers.Header]]:
    """The links of a test mail and its headers: they look like those of a campaign and act on nobody."""
    url = installation.public_url()
    links = entries.links_for(url, tokens.make_test_token())
    link = links["unsubscribe_url"]
    list_id = headers.list_id_header("test", entries.list_host(url), installation.get().company)
    return links, [*headers.unsubscribe_headers(link, allow_http=entries.is_loopback(link)), list_id]


def _clean(addresses: Sequence[str]) -> list[str]:
    if not addresses:
        raise InvalidAddress("Write at least one address.")
    if len(addresses) > MAX_ADDRESSES:
        raise TooManyAddresses(f"A test goes to {MAX_ADDRESSES} addresses at most.")
    try:
        return [limits.check_address(address) for address in addresses]
    except limits.LimitError as error:
        raise InvalidAddress(str(error)) from error


def _refuse_blocked(addresses: Sequence[str]) -> None:
    """A test shows advertising to whoever it goes to. Who works here and left a mailing still gets tests."""
    by_key = {keys.email_key(address): address for address in addresses}
    blocked = suppression.suppressed_keys(by_key)
    staff = set(
        User.objects.filter(email__in=list(by_key.values()), is_active=True).values_list("email", flat=True)
    )
    for key, reason in blocked.items():
        if not (reason == SuppressionReason.UNSUBSCRIBE and by_key[key] in staff):
            label = SuppressionReason(reason).label.lower()
            raise BlockedAddress(f"{by_key[key]} must not be mailed ({label}). No test was sent.")


def _send_one(
    address: str,
    rendered: Rendered,
    sender: Sender,
    own: list[headers.Header],
    *,
    attached: Sequence[Mapping[str, str]] = (),
) -> str:
    prefix = installation.get().configuration_set_prefix
    request: dict[str, Any] = {
        "FromEmailAddress": entries.from_header(sender.name, sender.address),
        "Destination": {"ToAddresses": [address]},
        "Content": {
            "Simple": {
                "Subject": {"Data": rendered.subject, "Charset": "UTF-8"},
                "Body": {
                    "Html": {"Data": rendered.html, "Charset": "UTF-8"},
                    "Text": {"Data": rendered.text, "Charset": "UTF-8"},
                },
                "Headers": [dict(header) for header in own],
            }
        },
        # Without tracking and without the tags that events are counted by.
        "ConfigurationSetName": f"{prefix}-none",
    }
    if attached:
        # Bytes: whichever transport carries them encodes them.
        request["Content"]["Simple"]["Attachments"] = [
            {**each, "RawContent": base64.b64decode(each["RawContent"])} for each in attached
        ]
    if sender.reply_to:
        request["ReplyToAddresses"] = [sender.reply_to]
    try:
        return single.send(request=request, kind=CallKind.TEST)
    except (errors.SesError, errors.AccountUnreadableError, session.AwsConfigurationError) as error:
        raise TestNotSent(f"Amazon SES did not take the test mail: {error}") from error

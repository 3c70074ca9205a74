"""Django's own mails (sign-in, invitations) leave through the one sender, too."""

from collections.abc import Sequence
from email.utils import parseaddr
from typing import Any

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.aws import errors, limits, session

from .models import CallKind
from .sending import plans, single

log = structlog.get_logger(__name__)


class SesBackend(BaseEmailBackend):
    """Sends a message to each recipient in a call of its own: nobody sees the others' addresses."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Return how many messages went out whole. Raises SesError unless `fail_silently`."""
        return sum(self._send(message) for message in email_messages)

    def _send(self, message: EmailMessage) -> bool:
        site = installation.get()
        if message.from_email == settings.DEFAULT_FROM_EMAIL and site.sender_address:
            message.from_email = limits.format_address(site.sender_name, site.sender_address)
        try:
            for recipient in message.recipients():
                single.send(request=_request(message, recipient, site), kind=CallKind.ACCOUNT)
        except (errors.SesError, errors.AccountUnreadableError, session.AwsConfigurationError) as error:
            # The address stays out of the log.
            log.warning("mail.not_sent", error=str(error))
            if not self.fail_silently:
                raise
            return False
        return bool(message.recipients())


def _request(message: EmailMessage, recipient: str, site: Installation) -> dict[str, Any]:
    name, address = parseaddr(message.from_email)
    # SES takes a raw message with the line ends of the wire; Django's stubs do not know the argument.
    mime: Any = message.message()
    return {
        "FromEmailAddress": limits.format_address(name, address),
        "Destination": {"ToAddresses": [limits.check_address(parseaddr(recipient)[1])]},
        "Content": {"Raw": {"Data": mime.as_bytes(linesep="\r\n")}},
        "ConfigurationSetName": plans.configuration_set(
            site.configuration_set_prefix, opens=False, clicks=False
        ),
    }

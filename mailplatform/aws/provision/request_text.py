"""The text that asks Amazon to let an account out of its sandbox. Pure.

https://docs.aws.amazon.com/ses/latest/dg/request-production-access.html
"""

import textwrap
from typing import Final

from .wanted import Wanted

# What PutAccountDetails takes as UseCaseDescription.
MAX_CHARS: Final = 5000
PARAGRAPHS: Final = """\
Mail type: MARKETING. Website: {site}. Contact language: EN.

{company} will send newsletters and offers from {senders} with self-hosted software.

How people get on the list: by a form with double opt-in, by an import with evidence of consent, or as customers \
within Article 13(2) of the ePrivacy Directive. Every person has a record of consent with wording, time and \
source; nobody without one can be mailed, and addresses are never bought.

How people leave: every mail has one-click unsubscribe (RFC 8058), a visible link and our postal address. It takes \
effect at once, also for mail that is already queued.

How bounces and complaints are handled: the configuration sets publish events to SNS; our endpoint verifies and stores \
each one. A hard bounce or complaint stops all further mail to that address, several soft bounces do so as well, and \
the account's suppression list is on for both. A campaign stops by itself when its bounces or complaints rise, and \
alarms watch 5 % bounces and 0.1 % complaints of the account.

Authentication: Easy DKIM with 2048 bits, a custom MAIL FROM domain for SPF, and a DMARC record.

Sending rate: we begin with a warm-up plan and keep to the account's rate and daily quota. Please fill in here how \
many people you write to and how often."""


def text(wanted: Wanted, company: str) -> str:
    """Return what to paste into the form: how people got on the list, how they leave, what bounces do."""
    senders = ", ".join(wanted.identities) or "(no sending identity yet)"
    site = wanted.endpoint.partition("/sns/")[0]
    paragraphs = PARAGRAPHS.format(site=site, company=company or "We", senders=senders).split("\n\n")
    return "\n\n".join(textwrap.fill(paragraph, 100) for paragraph in paragraphs)

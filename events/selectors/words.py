"""What mailbox providers and Amazon SES said, in plain words. Pure."""

import re
from typing import Final

# https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
BOUNCE_WORDS: Final = {
    "General": "The mailbox provider refused it without saying why",
    "NoEmail": "The address does not exist",
    "Suppressed": "Amazon had seen this address bounce before",
    "OnAccountSuppressionList": "On the suppression list of our own Amazon account",
    "OnTenantSuppressionList": "On the suppression list of our own Amazon tenant",
    "EmailValidationSuppressed": "Amazon found that the address is not valid",
    "MailboxFull": "The mailbox is full",
    "MessageTooLarge": "The mail was too large",
    "CustomTimeoutExceeded": "The mailbox provider did not answer in time",
    "ContentRejected": "The provider refused the content",
    "AttachmentRejected": "The provider refused an attachment",
    "Undetermined": "The provider's answer was unclear",
    "Bad content": "Amazon found a virus",
    # Delays.
    "InternalFailure": "Amazon had trouble of its own",
    "SpamDetected": "The provider took many mails of ours for spam",
    "RecipientServerError": "The provider's server had trouble",
    "IPFailure": "The provider refused Amazon's address",
    "TransientCommunicationFailure": "The connection to the provider broke",
    "BYOIPHostNameLookupUnavailable": "The name of our own IP address could not be looked up",
    "SendingDeferral": "Amazon holds the mail back for a while",
    # Complaints.
    "abuse": "Marked as spam",
    "auth-failure": "The provider could not authenticate the mail",
    "fraud": "Reported as fraud",
    "not-spam": "Reported as not being spam",
    "virus": "Reported as carrying a virus",
    "other": "Complained for a reason of another kind",
}
# What the numbers of a report mean; shown beside them wherever they stand.
DEFINITIONS: Final = {
    "audience": "Everybody whom the campaign chose, mailable or not.",
    "accepted": "Amazon SES took the mail over. The rates start from here.",
    "delivered": "The mailbox provider took it: accepted, less what bounced or was rejected. Divided by accepted.",
    "clicked": "People who followed a link, each once, divided by those who agreed that clicks are counted. "
    "Scanners are left out.",
    "opened": "People who opened it, each once, divided by those who agreed that opens are counted. Pictures that "
    "nobody loads stay unseen and proxies are left out, so it is an estimate.",
    "all_bounced": "The mailbox provider refused it, for good or for now. Divided by accepted; Amazon reviews an "
    "account at 5 %.",
    "unsubscribed": "People who left by a link of this mail. Divided by delivered.",
    "complained": "People who marked it as spam where the provider tells us. Divided by delivered; Amazon reviews an "
    "account at 0.1 %.",
}
DEVICES: Final = {
    "desktop": "Computers",
    "mobile": "Phones",
    "tablet": "Tablets",
    "other": "Other",
    "": "Unknown",
}
_MISSING: Final = re.compile(r"[Aa]ttribute '?([^' ]+)'? is not present in the rendering data")


def bounce_words(code: str) -> str:
    """Return a bounce subtype, delay, complaint or rendering error in plain words; what is new is shown as it came."""
    missing = _MISSING.search(code)
    if missing:
        return f"The template's variable “{missing[1]}” had no value"
    return BOUNCE_WORDS.get(code, code or "No reason was given")


def missing_variable(code: str) -> str:
    """Return the name of the variable that a rendering failure names, or ''."""
    found = _MISSING.search(code)
    return found[1] if found else ""

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

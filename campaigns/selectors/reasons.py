"""Why somebody did not get a mail, or nobody knows: every reason code of a delivery in plain words."""

from typing import Final

from subscribers.selectors import eligibility

# What the sending decides by itself, beside the rule of eligibility.
OWN: Final = {
    "cancelled": "The campaign was cancelled before their turn",
    "left_list": "Left the list after the launch",
    "accepted_before": "An event told meanwhile that they have the mail of the earlier try",
    "bad_address": "Amazon SES cannot deliver to an address of this form",
    "data_too_large": "Their data is too large for one mail",
    "lost_answer": "Amazon SES's answer was lost; its events will tell",
    "worker_lost": "The process that sent it ended before the answer came; events will tell",
    "restored": "The database was restored from a backup; they may have got it after that was taken",
    "resend": "Waits to be sent again, because nobody knows about the first mail",
    "not_resent": "Was to be sent again and was not: refused, or may not be mailed any more; nobody knows about the "
    "first mail",
    "decided": "A person decided to count it as sent",
    "not_confirmed": "A person decided to count it as failed; nobody knows whether they have it",
}
# SES's own status or exception, written small.
SES: Final = {
    "message_rejected": "Amazon SES refused the content (it found a virus)",
    "invalid_parameter": "Amazon SES refused the address or another part of this mail",
    "failed": "Amazon SES failed several times without saying why",
    "transient_failure": "Amazon SES was not able to take it, several times",
    "bad_request": "Amazon SES refused this mail as malformed",
    "validation": "Amazon SES refused this mail as malformed",
    "validation_error": "Amazon SES refused this mail as malformed",
    "serialization": "Amazon SES could not read this mail",
    "malformed_http_request": "Amazon SES could not read this mail",
    "request_entity_too_large": "The mail was too large for Amazon SES",
    "conflict": "Amazon SES was changing its settings, several times",
    "request_expired": "The signature was too old when it arrived, several times",
    "invalid_signature": "The signature was too old when it arrived, several times",
    "signature_does_not_match": "The signature was too old when it arrived, several times",
    "not_reached": "Amazon SES could not be reached",
    "not_sent": "It was not sent in time",
}


def label(reason: str) -> str:
    """Return the code in plain words; one that is not known is shown as it is, readable."""
    found = OWN.get(reason) or SES.get(reason) or eligibility.REASONS.get(reason)
    return found or (f"Amazon SES: {reason.replace('_', ' ')}" if reason else "")

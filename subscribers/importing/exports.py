"""Files of other products, known by their columns, and what their words about a person mean.

Mailchimp's four consent columns are evidence: when and from where somebody signed up, and confirmed.
listmonk: `email,name,attributes`, with `status` in its own export. Keila: `Email, First name, Last name, Data,
Status, External ID`. Brevo: upper-case attributes with `FIRSTNAME`, `LASTNAME` and its consent or contact columns.
"""

from collections.abc import Iterable
from typing import Final

# Words of listmonk, Keila, Mailchimp, Klaviyo and Notifuse.
STAYS: Final = frozenset({"enabled", "active", "subscribed", "confirmed", "opted in", "opted_in", "mailable"})
GONE: Final = {
    **dict.fromkeys(("unsubscribed", "opted out", "opted_out", "disabled", "archived"), "unsubscribed"),
    **dict.fromkeys(("blocklisted", "blacklisted", "suppressed"), "is blocked"),
    **dict.fromkeys(("cleaned", "bounced", "unreachable", "hardbounced"), "could not be reached"),
    **dict.fromkeys(("complained", "spam"), "complained"),
    **dict.fromkeys(
        ("pending", "unconfirmed", "non-subscribed", "nonsubscribed", "transactional", "never_subscribed"),
        "never confirmed",
    ),
}
# Columns that say yes to "has left": the value is a word for yes, or the time.
LEFT_COLUMNS: Final = frozenset(
    {
        "unsubscribed",
        "blocklisted",
        "blacklisted",
        "email_blacklisted",
        "email_blocklisted",
        "unsub_time",
        "clean_time",
    }
)
_NO_ADDRESS_LEFT: Final = frozenset({"unsub_time", "clean_time"})


def product_of(keys: Iterable[str]) -> str:
    """Return the product whose export has these columns (as keys), or an empty string."""
    names = set(keys)
    if (
        {"optin_time", "confirm_time"} <= names
        or {"member_rating", "leid"} <= names
        or names & _NO_ADDRESS_LEFT
    ):
        return "Mailchimp"
    if {"email", "name", "attributes"} <= names:
        return "listmonk"
    if "email" in names and {"external_id", "data"} <= names:
        return "Keila"
    if {"firstname", "lastname"} <= names and names & {
        "double_opt_in",
        "opt_in",
        "contact_id",
        "sms",
        "ext_id",
    }:
        return "Brevo"
    return ""


def is_about_leavers(keys: Iterable[str]) -> bool:
    """Return whether the file lists people who left, as Mailchimp's files of unsubscribed and cleaned people do."""
    return bool(set(keys) & _NO_ADDRESS_LEFT)


def departure(column_key: str, word: str) -> str | None:
    """Return why the file's own word says that somebody must not be mailed; empty if it does not, None if unknown."""
    text = word.strip().lower()
    if column_key in LEFT_COLUMNS:
        return "" if text in {"", "0", "no", "n", "false", "f", "-"} else "unsubscribed"
    if text in STAYS:
        return ""
    return GONE.get(text)

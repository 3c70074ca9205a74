import pytest

from subscribers.importing.columns import field_key, match_columns
from subscribers.importing.exports import departure, is_about_leavers, product_of

MAILCHIMP = (
    "Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,"
    "LAST_CHANGED,TAGS"
)


def targets(header: str, rows: list[list[str]] | None = None) -> dict[str, str]:
    return {column.name: column.target for column in match_columns(header.split(","), rows or [], {})}


def test_mailchimps_columns_are_evidence() -> None:
    found = targets(MAILCHIMP)
    assert (found["CONFIRM_TIME"], found["CONFIRM_IP"]) == ("consent_at", "consent_ip")
    assert (found["OPTIN_TIME"], found["OPTIN_IP"]) == ("requested_at", "requested_ip")
    assert (found["First Name"], found["TAGS"]) == ("first_name", "tags")


def test_a_sign_up_alone_is_the_consent() -> None:
    assert targets("email,OPTIN_TIME,OPTIN_IP") == {
        "email": "email",
        "OPTIN_TIME": "consent_at",
        "OPTIN_IP": "consent_ip",
    }


def test_a_status_is_known_by_its_words() -> None:
    assert targets("email,status", [["a@b.co", "enabled"], ["c@d.co", "blocklisted"]])["status"] == "status"
    assert (
        targets("email,status", [["a@b.co", "gold"], ["c@d.co", "silver"]])["status"] == "field:status_field"
    )


@pytest.mark.parametrize(
    ("header", "product"),
    [(MAILCHIMP, "Mailchimp"), ("Email Address,UNSUB_TIME", "Mailchimp"), ("email,name,attributes", "listmonk"),
     ("Email,First name,Last name,Data,Status,External ID", "Keila"),
     ("EMAIL,FIRSTNAME,LASTNAME,SMS,DOUBLE_OPT-IN", "Brevo"), ("email,city", "")],
)  # fmt: skip
def test_products_are_known_by_their_columns(header: str, product: str) -> None:
    keys = [field_key(name) for name in header.split(",")]
    assert product_of(keys) == product
    assert is_about_leavers(keys) == ("UNSUB" in header)


@pytest.mark.parametrize(
    ("key", "word", "why"),
    [("status", "Enabled", ""), ("status", "unsubscribed", "unsubscribed"), ("status", "gold", None),
     ("blocklisted", "yes", "unsubscribed"), ("blocklisted", "0", ""), ("unsub_time", "2024-01-01", "unsubscribed"),
     ("status", "pending", "never confirmed")],
)  # fmt: skip
def test_words_of_departure(key: str, word: str, why: str | None) -> None:
    assert departure(key, word) == why

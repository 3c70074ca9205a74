"""What the tables of this app, and of the libraries that it brings, hold about people."""

from collections.abc import Mapping
from typing import Final

from .papers import inventory
from .papers.inventory import Description, about, nobody

USERS: Final = "users of these pages"
ACCOUNT: Final = "as long as the account"

OURS: Final[Mapping[str, Description]] = {
    "User": about(
        USERS, ACCOUNT, "is_superuser is_active",
        email="e-mail address, with which they sign in", name="name", password="hash of the password",  # noqa: S106 - says what the column holds
        role="what they may do", time_zone="time zone", last_login="time of the last sign-in",
        date_joined="time at which the account was made", invited_at="time of the last invitation",
    ),
    "UserSession": about(
        USERS, "as long as the session", "session",
        user="who is signed in", device="browser and system, in words", created_at="time of the sign-in",
        last_seen_at="when it was last used, to five minutes",
    ),
    "ApiToken": about(
        USERS, "until the account is deleted", "scopes",
        owner="whose token it is", name="name that they gave it", key_hash="SHA-256 of the secret",
        hint="first characters of the token", last_used_at="time of the last call", revoked_at="time of revocation",
    ),
    "ApiReply": about(
        "people in the answers of the API", "one day", "status",
        token="whose token asked", key="key of the request", fingerprint="SHA-256 of the request",  # noqa: S106 - says what the column holds
        body="the answer, which may show a person's data",
    ),
    "AuditEntry": about(
        USERS, "see the retention schedule, audit log", "",
        at="time of the act", actor="who acted", actor_label="their address at that time", action="what was done",
        object_type="on what", object_id="on which one", detail="figures and old and new settings; no readers' addresses",
    ),
    "Installation": about(
        "the controller", "always",
        "public_id epoch public_url time_zone language region secret_key_encrypted track_opens track_clicks "
        "tracking_carrier ses_tracking_acknowledged_at require_second_factor account_id configuration_set_prefix topic_arns "
        "dead_letter_queue_url max_send_rate "
        "max_24_hour_send sent_last_24_hours production_access sending_enabled enforcement_status quota_read_at",
        company="name, of a person where the controller is one", postal_address="postal address",
        access_key_id="key id of an Amazon user", sender_name="name of the default sender",
        sender_address="address of the default sender", reply_to="address for replies",
        verified_identities="domains and addresses that may send",
        provisioning="what was chosen for the Amazon account: domains, and the address that gets alarms",
        account_choices="the same, where it was chosen and not applied yet",
    ),
    "PaperAnswer": about(
        "the controller and its staff", "until it is changed", "key",
        text="what was told for the papers, which may name people", updated_by="who told it",
    ),
    "PaperVersion": about(
        "the controller and its staff", "always: it is evidence", "key number kind fingerprint settings",
        text="the paper as it was, which may name people", made_by="who approved or exported it",
    ),
}  # fmt: skip
LIBRARIES: Final[Mapping[str, Mapping[str, Description]]] = {
    "account": {
        "EmailAddress": about(USERS, ACCOUNT, "verified primary", user="whose address", email="e-mail address"),
        "EmailConfirmation": about(
            USERS, "not used: addresses are not confirmed by mail", "created sent key", email_address="which address"
        ),
    },
    "mfa": {
        "Authenticator": about(
            USERS, "until they remove it", "type",
            user="whose second factor", data="its secret or public key", last_used_at="time of the last use",
        ),
    },
    "sessions": {
        "Session": about(
            USERS, "two weeks after the last sign-in", "expire_date",
            session_key="the cookie's value", session_data="who is signed in",
        ),
    },
    "auth": {"Permission": nobody("name content_type codename"), "Group": nobody("name")},
    "contenttypes": {"ContentType": nobody("app_label model")},
    "sites": {"Site": nobody("domain name")},
}  # fmt: skip


def register() -> None:
    """Describe the models of this app and of the libraries."""
    inventory.register("accounts", OURS)
    for label, described in LIBRARIES.items():
        inventory.register(label, described)

"""What the tables of this app hold about people; a test names every column that is missing here."""

from collections.abc import Mapping
from typing import Final

from mailplatform.accounts.papers import inventory
from mailplatform.accounts.papers.inventory import Description, about, nobody

READERS: Final = "readers"

MODELS: Final[Mapping[str, Description]] = {
    "Outcome": about(
        READERS, "as long as the campaign; after erasure the number means nobody", "settled",
        run_id="which mailing", subscriber_id="who", state="the worst that happened", state_at="when",
        reason="why", message_id="number of the mail at Amazon", provider="mailbox provider",
        delivered_at="when it arrived", bounced_at="when it came back", complained_at="when they complained",
        opened_at="when it was opened, with consent", machine_opened_at="when a machine opened it, with consent",
        clicked_at="when a link was followed, with consent", machine_clicked_at="when a machine followed it, with consent",
        unsubscribed_at="when they left",
    ),
    "Event": about(
        READERS, "see the retention schedule, single events", "identity received_at",
        occurred_at="when", type="what happened", run_id="with which mailing", subscriber_id="who",
        message_id="number of the mail at Amazon", link_id="which link, with consent", is_machine="whether it was a machine",
        machine_reason="why we think so", detail="reason and class of program; no IP address, no user agent, no e-mail address",
    ),
    "DeadLetter": about(
        READERS, "until it was replayed or the person is erased", "received_at reason message_id replayed_at replay_error",
        body="the message as it came, which may name an address",
    ),
    "WebhookDelivery": about(
        READERS, "30 days",
        "endpoint message_id type state attempts next_at tried_at status milliseconds error",
        event_at="when it happened", event_identity="which event; the body is built from it at each try",
    ),
    "WebhookEndpoint": about(
        "users of these pages", "until it is deleted",
        "public_id url description types secret previous_secret previous_expires_at is_active active_since failing_since "
        "disabled_because told_at",
        created_by="who made it",
    ),
    "Trigger": nobody("rule scheduled_at received_at campaign copy event refused"),
    "Link": nobody("run_id url_hash url"),
    "Counter": nobody("run_id hour type link_id is_machine events people"),
    "InboundMessage": nobody("timestamp message_id kind received_at"),
    "Heartbeat": nobody("slot accepted refused"),
    "Retention": nobody("months"),
    "Policy": nobody(
        "bounce_rate bounces complaint_rate complaints accepted rendering_rate rendering_failures soft_bounces_count "
        "soft_bounces soft_bounce_days sunset_is_on sunset_months sunset_mails sunset_stops sunset_answer_days "
        "sunset_segment"
    ),
    "Sunset": about(
        READERS, "until they react, withdraw the consent to be counted, or get mail again", "",
        subscriber_id="who", stage="whether they were asked, or are kept back",
        mails="how many mails they did not react to, with consent", judged_at="when we judged so",
        asked_at="when they were asked whether they want to stay", stopped_at="since when they get no marketing mail",
    ),
    "DomainLook": nobody("domain at is_verified checks dmarc error"),
    "SafetyStop": nobody("run_id at cause provider reason accepted hits baseline resumed_at told_at"),
    "Cursor": nobody("name at"),
    "ReportPlan": nobody("campaign hours"),
    "ReportPlan_people": about(
        "users of these pages", "as long as the plan", "reportplan", user="who gets reports by mail",
    ),
    "ReportMail": nobody("run hours people at"),
    "ReportGroup": nobody(
        "public_id campaign run_number name who reason link provider mailing_list_id device machine"
    ),
    "ListWeek": nobody("mailing_list_id week joined left bounced counted_at"),
    "Digest": nobody("run_id at figures is_stale"),
}  # fmt: skip


def register() -> None:
    """Describe the models of this app."""
    inventory.register("events", MODELS)

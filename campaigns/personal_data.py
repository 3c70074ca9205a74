"""What the tables of this app hold about people; a test names every column that is missing here."""

from collections.abc import Mapping
from typing import Final

from mailplatform.accounts.papers import inventory
from mailplatform.accounts.papers.inventory import Description, about, nobody

READERS: Final = "readers"
BY_NUMBER: Final = "as long as the campaign; after erasure the number means nobody"
USERS: Final = "users of these pages"

MODELS: Final[Mapping[str, Description]] = {
    "Delivery": about(
        READERS, BY_NUMBER, "call_id batch_id attempt variant",
        run_id="which mailing", subscriber_id="who", state="what became of it", reason="why, where it did not go out",
        message_id="number of the mail at Amazon", opens_tracked="whether opens were measured",
        clicks_tracked="whether clicks were measured", at="when",
    ),
    "Batch": about(
        READERS, BY_NUMBER,
        "run_id number attempt state count cursor template_version_id sender_id not_before local_at lease_token lease_until "
        "resend language",
        subscriber_ids="who belongs to it",
    ),
    "Call": about(
        READERS, "30 days",
        "run_id batch_id kind state configuration_set opens clicks lease_token lease_until started_at finished_at error "
        "taken",
        subscriber_ids="who was in it",
    ),
    "Decision": about(
        "readers, and the user who decided", BY_NUMBER, "run_id figures at",
        subscriber_ids="whom it was about", action="what was decided", decided_by="who decided",
    ),
    "Campaign": about(
        USERS, "until it is deleted",
        "public_id name kind state template subject preheader sender track_opens track_clicks scheduled_at schedule_zone "
        "local_time local_start_at missed_at rate_limit steps_done revision archived_at tags utm in_archive",
        variables="values that its author put in, which may name somebody", owner="who made it",
    ),
    "Run": about(
        "users, and the sender", "as long as the campaign",
        "public_id campaign number purpose source_run state template_version audience batches not_before pause_reason "
        "launched_at due_at started_at attended_at finished_at",
        frozen="sender and subject as they were sent", paused_by="who paused it", launched_by="who launched it",
    ),
    "Sender": about("senders", "until it is deleted", "", name="name", address="e-mail address", reply_to="address for replies"),
    "Template": about(
        USERS, "until it is deleted",
        "public_id name slug subject preheader html text text_is_generated source_format defaults revision archived_at "
        "variant_of language",
        updated_by="who changed it last",
    ),
    "TemplateDraft": about(
        USERS, "three months, fewer and fewer of them", "template revision source saved_at", saved_by="who wrote it"
    ),
    "TemplateVersion": about(
        USERS, "as long as the template",
        "template number subject html text source defaults variables links content_hash ses_name stored_at kept_at",
        created_by="who published it",
    ),
    "Translation": nobody("campaign language template subject preheader"),
    "ScheduleTick": nobody("at"),
    "Restore": about(
        USERS, "as long as the installation", "taken_at restored_at runs people lost_records unlocked_at",
        unlocked_by="who let sending go on",
    ),
    "Drain": nobody("run_id token process lease_until started_at"),
    "SendingSettings": nobody(
        "warm_up_started_on warm_up_plan resend_by_itself late_start_minutes grace_seconds approval_needed currency "
        "price_of_options price_per_gigabyte price_per_thousand price_per_thousand_events"
    ),
    "Approval": about(
        USERS, "as long as the campaign", "campaign fingerprint told_at",
        requested_by="who asked", requested_at="when they asked", approved_by="who approved", approved_at="when they approved",
    ),
    "CampaignNotice": nobody("campaign once told"),
    "Series": about(
        USERS, "as long as the campaign",
        "campaign active at frequency last_fingerprint month_day next_at send_unchanged weekdays zone",
        started_by="who started it",
    ),
    "Occurrence": nobody("campaign due_at series skipped"),
    "MediaFile": about(
        USERS, "until it is deleted, which needs that no mail shows it",
        "public_id family alt content_type source_hash content_hash size width height double_hash double_type double_width",
        name="the file's name; what it shows may be somebody", uploaded_by="who added it",
    ),
    "AttachedContent": about(USERS, "as long as the file of the library", "content_hash", content="a document, which may name somebody"),
    "Attachment": nobody("campaign media"),
    "Brand": nobody("logo logo_width main_colour page_colour heading_colour text_colour font social"),
    "Welcome": nobody("form template campaign problem"),
}  # fmt: skip


def register() -> None:
    """Describe the models of this app."""
    inventory.register("campaigns", MODELS)

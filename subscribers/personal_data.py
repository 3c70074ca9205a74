"""What the tables of this app hold about people; a test names every column that is missing here."""

from collections.abc import Mapping
from typing import Final

from mailplatform.accounts.papers import inventory
from mailplatform.accounts.papers.inventory import Description, about, nobody

READERS: Final = "readers"
UNTIL_ERASED: Final = "until the person is erased"
FOR_PROOF: Final = "always: it proves why mail was sent"

MODELS: Final[Mapping[str, Description]] = {
    "Subscriber": about(
        READERS, UNTIL_ERASED, "",
        public_id="the person's reference", email="e-mail address", email_key="keyed hash of the address", name="name",
        language="language", time_zone="time zone", fields="values of the custom fields", source="where the person came from",
    ),
    "Subscriber_tags": about(READERS, UNTIL_ERASED, "", subscriber="who", tag="which tag"),
    "Subscription": about(
        READERS, UNTIL_ERASED, "",
        subscriber="who", mailing_list="which list", state="on it, waiting or left", confirmation_id="record of the confirmation",
        source="how they came onto it", confirmed_at="time of confirmation", unsubscribed_at="time of leaving",
    ),
    "Profile": about(
        READERS, UNTIL_ERASED, "",
        subscriber_id="who", joined_at="time of joining", marketing_basis="legal basis of marketing mail",
        contract_basis="whether there is a contract", service_basis="whether service notices may go out",
        opens_allowed="consent to recording of opens", clicks_allowed="consent to recording of clicks",
        paused_until="pause that they chose", mail_gap_days="how often they want mail", list_ids="lists", tag_ids="tags",
        last_sent_at="time of the last mail", last_opened_at="time of the last open, with consent",
        last_clicked_at="time of the last click, with consent", opens="number of opens, with consent",
        clicks="number of clicks, with consent", orders="number of orders", last_ordered_at="time of the last order",
        spent="amounts spent", product_ids="products bought",
        text_1="value of a custom field", text_2="value of a custom field", text_3="value of a custom field",
        text_4="value of a custom field", number_1="value of a custom field", number_2="value of a custom field",
        date_1="value of a custom field", date_2="value of a custom field",
    ),
    "ConsentRecord": about(
        READERS, FOR_PROOF, "schema_version notice_hash notice_version commitment",
        subject="the person's reference, which means nothing after erasure", purpose="what they were asked for",
        act="what they said", lawful_basis="legal basis", method="how it reached us", language="language of the wording",
        form="which form", page="which page, without its query", source="where it came from", actor="who entered it",
        confirms="which record it answers", occurred_at="when it happened", recorded_at="when it was written down",
    ),
    "ConsentPersonal": about(
        READERS, UNTIL_ERASED, "record_id salt",
        subscriber_id="who", email="e-mail address", email_key="keyed hash of the address",
        ip="network of the IP address (/24 or /48)", evidence="evidence of the basis",
    ),
    "ConsentNotice": nobody("hash purpose language version text"),
    "ConsentBlock": nobody(
        "number first_id last_id count root leaves previous_hash block_hash key_id signature sealed_at"
    ),
    "SigningKey": nobody("key_id public_key previous_key_id endorsement"),
    "Suppression": about(
        READERS, "always: it keeps people from being mailed again", "",
        email_key="keyed hash of the address", reason="why they get no mail", source="where that came from",
        detail="kind of bounce or complaint", lifted_at="when it was lifted", lifted_because="why it was lifted",
    ),
    "PersonMerge": about(
        READERS, "always, as numbers and a keyed hash", "",
        old_id="number of the former record", old_subject="its reference", old_email_key="keyed hash of its address",
        survivor_id="who they are now", merged_at="when", merged_by="which user did it",
    ),
    "SignupRequest": about(
        "people who typed an address into a form", "14 days; what was typed goes at the confirmation", "form",
        email="e-mail address", email_key="keyed hash of the address", name="name", fields="values of the custom fields",
        language="language", agreed="which wordings were ticked", declined="which boxes were left empty",
        ip="network of the IP address (/24 or /48)", page="page of the form, without its query",
        requested_at="time of the form", forget_at="when it is deleted", confirmed_at="time of the confirmation",
        subscriber_id="who it became", welcome_due_at="when they are greeted",
    ),
    "OwedMail": about(
        READERS, "30 days", "kind state due_at tries error",
        email_key="keyed hash of the address", reference="what the mail is about", language="language",
        asked_at="when they asked", sent_at="when it went out",
    ),
    "Order": about(
        READERS, UNTIL_ERASED, "source job",
        number="number of the order", subscriber="who bought", ordered_at="when", currency="currency", total="amount",
    ),
    "OrderLine": about(
        READERS, UNTIL_ERASED, "place", order="which order", product="what was bought", quantity="how many", amount="amount"
    ),
    "Product": nobody("name"),
    "OrderCurrency": nobody("code"),
    "ImportJob": about(
        "readers, and the user who imported", "the job always; the file until the import is over",
        "public_id kind state file_sha256 file_format mapping options mailing_list rows_total rows_done rows_new "
        "rows_changed rows_unchanged rows_refused error started_at finished_at made undo",
        file="the file with the people in it", file_name="its name, which may name somebody",
        preview="first rows, until the import is over", created_by="who imported",
    ),
    "RefusedRow": about(READERS, "30 days", "job line reason", row="the row as it came"),
    "ImportTrace": about(
        READERS, "24 hours", "job chunk",
        subscriber_id="who", former="values before the import", given="values of the file", tag_ids="tags given",
        joined="list joined", outcome="what became of it",
    ),
    "RightsCase": about(
        "people who made a request", "see the retention schedule, privacy requests", "public_id",
        kind="which right", state="how far it is", email="e-mail address, emptied at erasure", email_key="keyed hash of the address",
        received_on="when they asked", due_on="until when", extended_at="when it was extended", extension_reason="why",
        outcome="what came of it", closed_at="when it was decided", created_by="which user noted it",
    ),
    "RightsStep": about(
        "people who made a request, and users", "with its case", "",
        case="which request", at="when", actor_label="who acted", action="what was done", text="in words", detail="figures and hashes",
    ),
    "BulkJob": about(
        "the user who began it", "always", "public_id action state target below found changed left_out error finished_at",
        selection="whom it meant: a search may hold an address", created_by="who began it",
    ),
    "Segment": about(
        "readers whom its rules name", "until it is deleted", "public_id name description archived_at",
        rules="rules, which may hold a person's data",
    ),
    "BlockedDomain": nobody("domain reason lifted_at lifted_because"),
    "CustomField": nobody("key label type choices default slot"),
    "Tag": nobody("name"),
    "MailingList": nobody("public_id name description is_public opt_in archived_at"),
    "RetentionRule": nobody("key months"),
    "RetentionRun": nobody("key before started_at finished_at touched error"),
    "StorageCopy": nobody("kind tried_at done_at name rows error"),
    "SignupForm": nobody("public_id mailing_list name ask_name ask_tracking field_keys redirect_url archived_at"),
    "SignupText": nobody("form language title text wording thanks"),
}  # fmt: skip


def register() -> None:
    """Describe the models of this app."""
    inventory.register("subscribers", MODELS)

"""Each fault that the doctor knows, found on a site that was well before."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.core.management import call_command
from django.test import override_settings

from mailplatform.accounts.services import installation
from mailplatform.management import doctor
from mailplatform.management.doctor import Finding, Level
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories.account_faults import (
    a_sender_without_its_records,
    account_measures,
    account_set,
    amazons_date_off,
    destination_asks,
    done,
    never_confirmed,
    never_heard_of,
    nothing_in_dns,
    quota_nearly_used,
    row_changed,
)
from tests.factories.site_faults import (
    a_disk_that_is_full,
    a_ledger_key,
    a_lost_ledger_key,
    a_wrong_clock,
    an_expired_certificate,
    beat_stopped,
    half_a_worker,
    migrations_pending,
    redis_stopped,
    the_owners_role,
    uploads_at_a_file,
)

# It provisions a whole account first.
pytestmark = [pytest.mark.drill, pytest.mark.django_db(transaction=True)]

DAILY_RULE = "mailplatform-daily"


def findings() -> dict[str, Finding]:
    return {finding.subject: finding for finding in doctor.examine()}


class Fault(NamedTuple):
    """Something that is broken, what the doctor has to call it, and words of the cure."""

    inject: AbstractContextManager[Any]
    subject: str
    cure: str
    level: Level = Level.ERROR


def rounds(sandbox: RunningSandbox, folder: Path) -> Iterator[list[Fault]]:
    """Faults that can be there together, so that the doctor looks a few times and not thirty."""
    ses, sns, sqs = (sandbox.client(name) for name in ("sesv2", "sns", "sqs"))
    row = installation.get()
    prefix, topic = row.configuration_set_prefix, row.topic_arns[0]
    provision = "run `manage.py provision"
    yield [
        Fault(
            destination_asks(sandbox, f"{prefix}-none", topic, "OPEN"),
            f"Configuration set {prefix}-none",
            "measures OPEN without consent, for its event destination theirs: take these events from it",
        ),
        Fault(redis_stopped(folder), "Redis", "start it, or mend REDIS_URL"),
        Fault(the_owners_role(), "Database role", "Set DATABASE_URL and DATABASE_OWNER_URL to two roles"),
        Fault(beat_stopped(), "Scheduler", "start `celery -A mailplatform beat`"),
        Fault(account_set(sandbox, sending_enabled=False), "SES account", "look at Account dashboard"),
        Fault(a_sender_without_its_records(sandbox), "Sender new.example.eu", "add these DNS records: "),
        Fault(never_confirmed(sandbox), "SNS subscription", f"waits for its confirmation: {provision}"),
        Fault(nullcontext(), "Public address", "is the web process running"),
        Fault(a_ledger_key(folder, 0o644), "Ledger key", "chmod 600"),
        Fault(a_disk_that_is_full(), "Disk", "make room"),
        Fault(uploads_at_a_file(folder), "Storage", "make it writable"),
    ]
    yield [
        Fault(
            account_measures(sandbox, prefix, "none"),
            f"Configuration set {prefix}-none",
            f"engagement metrics of the account: {provision}",
        ),
        Fault(
            destination_asks(sandbox, f"{prefix}-opens", topic, "CLICK"),
            f"Configuration set {prefix}-opens",
            "measures CLICK without consent, for its event destination theirs: take these events from it",
        ),
        Fault(nullcontext(), "Workers", "start `celery -A mailplatform worker"),
        Fault(an_expired_certificate(folder), "Certificate", "renew it"),
        Fault(quota_nearly_used(sandbox), "SES account", "ask Amazon for a higher quota", Level.WARNING),
        Fault(nothing_in_dns(sandbox), "DNS of example.eu", "_dmarc.example.eu TXT v=DMARC1", Level.WARNING),
        Fault(a_wrong_clock(folder), "Clock", "set it by NTP"),
        Fault(a_lost_ledger_key(folder), "Ledger key", "put it back from your backup"),
    ]
    yield [
        Fault(half_a_worker(), "Workers", "none works on urgent, ingest: start"),
        Fault(amazons_date_off(), "Clock of Amazon", "set it by NTP"),
        Fault(
            done(sqs.send_message, QueueUrl=row.dead_letter_queue_url, MessageBody="late"),
            "Dead-letter queue",
            "manage.py redrive",
            Level.WARNING,
        ),
    ]
    yield [
        Fault(
            account_set(sandbox, production_access=False), "SES account", "--production-access", Level.WARNING
        ),
        Fault(row_changed(account_id="999999999999"), "Amazon account", "enter that one's keys"),
        Fault(
            done(ses.delete_configuration_set, ConfigurationSetName=f"{prefix}-none"),
            f"Configuration set {prefix}-none",
            provision,
        ),
        Fault(
            done(
                ses.put_configuration_set_sending_options,
                ConfigurationSetName=f"{prefix}-both",
                SendingEnabled=False,
            ),
            f"Configuration set {prefix}-both",
            "enable its sending",
        ),
        Fault(
            done(
                ses.put_configuration_set_delivery_options,
                ConfigurationSetName=f"{prefix}-opens",
                TlsPolicy="OPTIONAL",
            ),
            f"Configuration set {prefix}-opens",
            provision,
            Level.WARNING,
        ),
        Fault(
            done(
                ses.put_configuration_set_vdm_options,
                ConfigurationSetName=f"{prefix}-clicks",
                VdmOptions={"DashboardOptions": {"EngagementMetrics": "ENABLED"}},
            ),
            f"Configuration set {prefix}-clicks",
            f"engagement metrics: {provision}",
        ),
        Fault(
            done(
                sns.set_topic_attributes,
                TopicArn=topic,
                AttributeName="SignatureVersion",
                AttributeValue="1",
            ),
            "SNS topic",
            provision,
        ),
        Fault(
            row_changed(sender_address="news@unknown.example"),
            "Sender unknown.example",
            "--identity unknown.example",
        ),
    ]
    for fault in (
        Fault(migrations_pending(), "Tables", "run `manage.py setup_database`"),
        Fault(override_settings(AWS_SECRET_ACCESS_KEY="wrong" * 8), "SES account", "are the keys right"),
        Fault(override_settings(AWS_REGION="us-east-1"), "Amazon keys and Region", "choose one of eu-"),
        Fault(row_changed(account_id=""), "Provisioning", provision),
    ):
        yield [fault]


def schedule_rounds(sandbox: RunningSandbox) -> Iterator[list[Fault]]:
    """What can break of a schedule at Amazon, while all that is looked at besides is well."""
    sns, events = sandbox.client("sns"), sandbox.client("events")
    rule, topic = f"EventBridge rule {DAILY_RULE}", installation.get().topic_arns[1]
    provision = "run `manage.py provision"
    (ours,) = (
        item["SubscriptionArn"] for item in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    )
    yield [
        Fault(done(events.disable_rule, Name=DAILY_RULE), rule, f"see why, then {provision}"),
        Fault(done(sns.unsubscribe, SubscriptionArn=ours), "SNS subscription of schedules", provision),
        Fault(never_heard_of("daily"), "Schedule daily", "or look at the dead letters", Level.WARNING),
    ]
    events.enable_rule(Name=DAILY_RULE)
    yield [
        Fault(
            done(events.remove_targets, Rule=DAILY_RULE, Ids=["mailplatform"]),
            rule,
            f"nothing starts: {provision}",
        ),
    ]
    yield [
        Fault(done(events.delete_rule, Name=DAILY_RULE), rule, f"is gone: {provision}"),
        Fault(done(sns.delete_topic, TopicArn=topic), "SNS topic of schedules", provision),
    ]


def test_each_fault_is_found_and_its_cure_named(provisioned: RunningSandbox, tmp_path: Path) -> None:
    assert tried(rounds(provisioned, tmp_path)) >= 25


def test_each_fault_of_a_schedule_is_found(provisioned: RunningSandbox, settings: Any) -> None:
    settings.AWS_ENDPOINT_URLS = settings.AWS_ENDPOINT_URLS | {"events": provisioned.url}
    schedule = "daily=rate(1 day)=event:price-list"
    call_command("provision", "--schedule", schedule, stdout=StringIO())
    assert tried(schedule_rounds(provisioned)) == 6
    # One apply mends all of it.
    call_command("provision", "--schedule", schedule, stdout=StringIO())
    found = findings()
    for subject in (
        f"EventBridge rule {DAILY_RULE}",
        "SNS topic of schedules",
        "SNS subscription of schedules",
    ):
        assert found[subject].level is Level.OK


def tried(all_rounds: Iterator[list[Fault]]) -> int:
    """Inject each round's faults, look, and return how many were found; all of them have to be."""
    healthy, tried, missed = findings(), 0, list[tuple[str, Finding | None]]()
    for faults in all_rounds:
        with ExitStack() as injected:
            for fault in faults:
                injected.enter_context(fault.inject)
            found = findings()
        for fault in faults:
            judged = found.get(fault.subject)
            is_named = judged is not None and judged.level is fault.level and fault.cure in judged.detail
            was_fine = fault.subject not in healthy or healthy[fault.subject].level is Level.OK
            if not is_named or not (was_fine or fault.subject == "Workers"):
                missed.append((fault.subject, judged))
            tried += 1
    assert missed == []
    return tried

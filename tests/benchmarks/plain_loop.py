"""The same campaign as a Django developer would write it: the ORM, boto3, Django's signing, a row per recipient.

The rows are there before the start (pending), as most senders do it; fifty at a time are read with their people,
checked, sent with one SendBulkEmail call, and saved one by one with what SES said.
"""

import datetime as dt
import json
from typing import Any, ClassVar

import boto3
from botocore.config import Config
from django.core import signing
from django.db import connections, models
from django.utils.html import escape

from mailplatform.core import clock
from subscribers.models import Profile, Subscriber, Suppression

BASE = "https://mail.example.com"
_CREATE = """
CREATE TABLE IF NOT EXISTS bench_plain (
    id bigserial PRIMARY KEY, run_id bigint NOT NULL, subscriber_id bigint NOT NULL, state varchar(10) NOT NULL,
    message_id varchar(100) NOT NULL, at timestamptz);
CREATE INDEX IF NOT EXISTS bench_plain_run ON bench_plain (run_id, id);
GRANT ALL ON bench_plain TO PUBLIC; GRANT ALL ON SEQUENCE bench_plain_id_seq TO PUBLIC;
"""


class Recipient(models.Model):
    """One person of one run."""

    objects: ClassVar[models.Manager["Recipient"]] = models.Manager()
    subscriber_id: int
    run_id = models.BigIntegerField()
    subscriber = models.ForeignKey(
        Subscriber, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    state = models.CharField(max_length=10, default="pending")
    message_id = models.CharField(max_length=100, default="")
    at = models.DateTimeField(null=True)

    class Meta:
        app_label = "benchmarks"
        managed = False
        db_table = "bench_plain"

    def __str__(self) -> str:
        return f"{self.run_id}/{self.subscriber_id}"


def prepare(run_id: int, count: int) -> int:
    """Make the table and the rows of a run; returns how many."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(_CREATE)
    ids = Subscriber.objects.order_by("pk").values_list("pk", flat=True)[:count]
    made = Recipient.objects.bulk_create(
        (Recipient(run_id=run_id, subscriber_id=pk) for pk in ids), batch_size=1000
    )
    return len(made)


def send(run_id: int, url: str) -> int:
    """Mail everybody who is pending; returns how many."""
    client: Any = boto3.client(
        "sesv2", region_name="eu-central-1", endpoint_url=url, aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret", config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip
    sent = last = 0
    while True:
        # From the last one on: looking for the pending from the start again would cost more with every fifty.
        waiting = Recipient.objects.filter(run_id=run_id, state="pending", pk__gt=last).select_related(
            "subscriber"
        )
        rows = list(waiting.order_by("pk")[:50])
        if not rows:
            return sent
        sent, last = sent + _send_some(client, run_id, rows), rows[-1].pk


def _send_some(client: Any, run_id: int, rows: list[Recipient]) -> int:
    people = [row.subscriber for row in rows]
    profiles = Profile.objects.in_bulk([p.pk for p in people])
    suppressed = set(
        Suppression.objects.filter(
            email_key__in=[p.email_key for p in people], lifted_at__isnull=True
        ).values_list("email_key", flat=True)
    )
    mailed = []
    for row in rows:
        profile = profiles.get(row.subscriber_id)
        if (
            bytes(row.subscriber.email_key) in suppressed
            or profile is None
            or profile.marketing_basis != "consent"
        ):
            row.state = "skipped"
            row.save(update_fields=["state"])
        else:
            mailed.append(row)
    answer = client.send_bulk_email(
        FromEmailAddress="Example News <news@example.com>",
        DefaultContent={"Template": {"TemplateName": "news", "TemplateData": "{}"}},
        ConfigurationSetName="mailplatform-none",
        BulkEmailEntries=[_entry(run_id, row.subscriber) for row in mailed],
    )
    now: dt.datetime = clock.now()
    for row, result in zip(mailed, answer["BulkEmailEntryResults"], strict=True):
        row.state = "accepted" if result["Status"] == "SUCCESS" else "failed"
        row.message_id, row.at = result.get("MessageId", ""), now
        row.save(update_fields=["state", "message_id", "at"])
    return len(mailed)


def _entry(run_id: int, person: Subscriber) -> dict[str, Any]:
    token = signing.dumps({"run": run_id, "subscriber": person.pk})
    values = {
        "name": person.name, "city": person.fields.get("city", ""), "unsubscribe_url": f"{BASE}/u/{token}/",
        "preferences_url": f"{BASE}/p/{token}/", "view_url": f"{BASE}/v/{token}/",
    }  # fmt: skip
    values |= {f"html_{name}": escape(value) for name, value in values.items()}
    return {
        "Destination": {"ToAddresses": [person.email]},
        "ReplacementTags": [
            {"Name": "run", "Value": str(run_id)},
            {"Name": "person", "Value": str(person.pk)},
        ],
        "ReplacementEmailContent": {"ReplacementTemplate": {"ReplacementTemplateData": json.dumps(values)}},
        "ReplacementHeaders": [
            {"Name": "List-Unsubscribe", "Value": f"<{values['unsubscribe_url']}>"},
            {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
        ],
    }

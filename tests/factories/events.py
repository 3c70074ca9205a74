"""People, runs and messages for the tests of events."""

import itertools
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from campaigns.models import Campaign, Delivery, Run, RunState, Template, TemplateVersion
from events import envelope
from events.ingest import Inbound
from mailplatform.accounts.services import installation
from mailplatform.core import clock, keys
from subscribers.models import Profile, Subscriber

_numbers = itertools.count(1)
TOPIC = "arn:aws:sns:eu-central-1:123456789012:mailplatform-events"
PERSON_AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/129.0.0.0 Safari/537.36"
)


FROZEN: dict[str, Any] = {
    "kind": "marketing",
    "list_ids": [],
    "segment_ids": [],
    "segment_chosen": False,
    "sender": {"name": "Shop", "address": "news@shop.example", "reply_to": ""},
    "variables": {},
    "company": "Shop GmbH",
    "postal_address": "Weg 1, Berlin",
    "public_url": "https://mail.shop.example",
    "track_opens": True,
    "track_clicks": True,
}


def make_person(email: str = "", *, opens: bool = False, clicks: bool = False) -> Subscriber:
    """Make a subscriber with a profile."""
    email = email or f"person{next(_numbers)}@example.org"
    person = Subscriber.objects.create(email=email, email_key=keys.email_key(email), name="Ada")
    Profile.objects.create(
        subscriber_id=person.pk,
        joined_at=clock.now(),
        opens_allowed=opens,
        clicks_allowed=clicks,
        marketing_basis="consent",
    )
    return person


def make_run(*, state: str = RunState.SENDING, audience: int = 0, **frozen: Any) -> Run:
    """Make a run with its campaign and template version."""
    number = f"{next(_numbers)}-{uuid.uuid4().hex[:8]}"
    template = Template.objects.create(name=f"template {number}", slug=f"template-{number}")
    version = TemplateVersion.objects.create(
        template=template,
        number=1,
        subject="Hello",
        html="<p>",
        text="x",
        created_at=clock.now(),
        ses_name=f"t{number}",
    )
    campaign = Campaign.objects.create(name=f"Campaign {number}", template=template, state="sending")
    return Run.objects.create(
        campaign=campaign,
        template_version=version,
        state=state,
        audience=audience,
        launched_at=clock.now(),
        frozen={**FROZEN, **frozen},
    )


def make_delivery(
    run: Run, person: Subscriber, *, state: str = "accepted", message_id: str = "", **more: Any
) -> Delivery:
    """Make the delivery row of one person in one run."""
    message_id = message_id or f"m-{run.pk}-{person.pk}"
    return Delivery.objects.create(
        run_id=run.pk, subscriber_id=person.pk, state=state, message_id=message_id, at=clock.now(), **more
    )


def tags(run: Run | None, person: Subscriber | None, *, epoch: str = "") -> dict[str, list[str]]:
    """Return the tags that our mails bear."""
    found = {"mp-epoch": [epoch or installation.get().tag]}
    if run is not None:
        found["mp-run"] = [str(run.pk)]
    if person is not None:
        found["mp-sub"] = [str(person.pk)]
    return found


def payload(
    kind: str,
    run: Run,
    person: Subscriber,
    *,
    at: datetime | None = None,
    mail: dict[str, Any] | None = None,
    **body: Any,
) -> dict[str, Any]:
    """Return an event of SES about one person of a run."""
    at = at or clock.now()
    key = {"Rendering Failure": "failure", "DeliveryDelay": "deliveryDelay"}.get(kind, kind.lower())
    if kind == "Bounce":
        body = {
            "bounceType": "Permanent",
            "bounceSubType": "General",
            "feedbackId": f"f-{run.pk}-{person.pk}",
        } | body
        body.setdefault(
            "bouncedRecipients", [{"emailAddress": person.email, "diagnosticCode": f"550 no {person.email}"}]
        )
    if kind == "Complaint":
        body = {"complaintFeedbackType": "abuse", "feedbackId": f"c-{run.pk}-{person.pk}"} | body
        body.setdefault("complainedRecipients", [{"emailAddress": person.email}])
    if kind in {"Open", "Click"}:
        body = {"userAgent": PERSON_AGENT, "ipAddress": "192.0.2.1"} | body
    head = {
        "timestamp": stamp(at - timedelta(seconds=2)),
        "messageId": f"m-{run.pk}-{person.pk}",
        "destination": [person.email],
        "tags": tags(run, person),
    }
    return {"eventType": kind, "mail": head | (mail or {}), key: {"timestamp": stamp(at), **body}}


def inbound(data: dict[str, Any] | str, *, at: datetime | None = None, message_id: str = "") -> Inbound:
    """Wrap an event as the verified message that brought it."""
    text = data if isinstance(data, str) else orjson.dumps(data).decode()
    at = at or clock.now()
    fields = {
        "Type": "Notification",
        "MessageId": message_id or str(uuid.uuid4()),
        "TopicArn": TOPIC,
        "Message": text,
        "Timestamp": stamp(at),
        "SignatureVersion": "2",
        "Signature": "eA==",
        "SigningCertURL": "x",
    }
    return Inbound(
        envelope.message_of(fields, envelope.parse_time(fields["Timestamp"])), orjson.dumps(fields)
    )


def stamp(at: datetime) -> str:
    """Return a time as SES writes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"

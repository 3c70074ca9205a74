"""Runs with people in them, an SES that answers as told, and a sandbox set up for sending."""

import datetime as dt
import itertools
import math
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.db import connections

from campaigns.models import Batch, Call, Delivery, Run, RunState
from campaigns.sending import drain, freeze
from campaigns.services import publishing
from mailplatform.aws import errors, ses
from mailplatform.core import clock, keys
from mailplatform.sandbox.constants import ACCESS_KEY, SECRET_KEY
from mailplatform.sandbox.testing import RunningSandbox
from subscribers.models import MailingList, Profile, Subscriber, Subscription
from tests.factories import campaigns as factories

_numbers = itertools.count(1)
Script = Callable[[dict[str, Any]], list[ses.EntryResult]]


@dataclass
class FakeSes:
    """Accepts everything, unless its script says otherwise; keeps who was accepted how often."""

    accepted: Counter[str] = field(default_factory=Counter)
    calls: list[dict[str, Any]] = field(default_factory=list)
    script: list[Script] = field(default_factory=list)

    def send_bulk(self, request: dict[str, Any], *, until: float = math.inf) -> list[ses.EntryResult]:
        assert time.monotonic() < until
        self.calls.append(request)
        if self.script:
            return self.script.pop(0)(request)
        return self.accept(request)

    def accept(self, request: dict[str, Any]) -> list[ses.EntryResult]:
        """Take everybody of the call."""
        addresses = [entry["Destination"]["ToAddresses"][0] for entry in request["BulkEmailEntries"]]
        self.accepted.update(addresses)
        return [ses.EntryResult("SUCCESS", "", uuid.uuid4().hex) for _ in addresses]

    def fail(self, error: errors.SesError) -> Script:
        """A call that raises and accepts nobody."""

        def script(_: dict[str, Any]) -> list[ses.EntryResult]:
            raise error

        return script

    def drop(self) -> Script:
        """A call that accepts everybody and whose answer is lost."""

        def script(request: dict[str, Any]) -> list[ses.EntryResult]:
            self.accept(request)
            raise errors.LostAnswerError("the connection was dropped")

        return script

    def statuses(self, *statuses: str) -> Script:
        """A call whose entries get these statuses in turn; SUCCESS accepts."""

        def script(request: dict[str, Any]) -> list[ses.EntryResult]:
            found = []
            for entry, status in zip(request["BulkEmailEntries"], itertools.cycle(statuses), strict=False):
                if status == "SUCCESS":
                    self.accepted[entry["Destination"]["ToAddresses"][0]] += 1
                found.append(ses.EntryResult(status, "words", "m" if status == "SUCCESS" else ""))
            return found

        return script


def make_people(
    count: int, mailing_list: MailingList | None = None, *, basis: str = "consent", **profile: Any
) -> list[Subscriber]:
    """People who may be mailed, on the list."""
    emails = [f"person{next(_numbers)}@example.com" for _ in range(count)]
    people = Subscriber.objects.bulk_create(
        Subscriber(email=email, email_key=keys.email_key(email), name="Ada <b>") for email in emails
    )
    Profile.objects.bulk_create(
        Profile(subscriber_id=p.pk, joined_at=clock.now(), marketing_basis=basis, **profile) for p in people
    )
    if mailing_list is not None:
        Subscription.objects.bulk_create(
            Subscription(subscriber=p, mailing_list=mailing_list, state="confirmed") for p in people
        )
    return people


def make_list() -> MailingList:
    return MailingList.objects.create(name=f"List {next(_numbers)}")


def make_run(mailing_list: MailingList, campaign_fields: dict[str, Any] | None = None, **frozen: Any) -> Run:
    """A run to the list, frozen and sending. Amazon's carrier counts, unless `carrier` says otherwise."""
    campaign = factories.make_campaign(state="sending", **campaign_fields or {})
    campaign.lists.add(mailing_list)
    run = factories.make_run(
        campaign,
        frozen={
            "list_ids": [mailing_list.pk],
            "segment_ids": [],
            "excluded_list_ids": [],
            "excluded_segment_ids": [],
            "segment_chosen": False,
            "track_opens": False,
            "track_clicks": False,
            "rate_limit": None,
            **frozen,
        },
    )
    freeze.ensure_partition(run.pk)
    freeze.freeze(run)
    assert run.state == RunState.SENDING
    return run


def states_of(run: Run) -> Counter[str]:
    """How many people ended how."""
    return Counter(Delivery.objects.filter(run_id=run.pk).values_list("state", flat=True))


def addresses(people: Sequence[Subscriber]) -> Counter[str]:
    """Each of them once."""
    return Counter(person.email for person in people)


def provision(sandbox: RunningSandbox, settings: Any) -> None:
    """Point the settings at the sandbox and make what a run needs there."""
    settings.AWS_ENDPOINT_URLS = {"sesv2": sandbox.url, "sns": sandbox.url}
    settings.AWS_ACCESS_KEY_ID = ACCESS_KEY
    settings.AWS_SECRET_ACCESS_KEY = SECRET_KEY
    settings.AWS_REGION = sandbox.region
    client = sandbox.client("sesv2")
    client.create_email_identity(EmailIdentity="example.com")
    for name in ("none", "opens", "clicks", "both"):
        client.create_configuration_set(ConfigurationSetName=f"mailplatform-{name}")


def give_tenant(sandbox: RunningSandbox, name: str) -> None:
    """Make a tenant as provisioning does: it may use what is there but for templates."""
    client, state = sandbox.client("sesv2"), sandbox.sandbox.state
    client.create_tenant(TenantName=name)
    members = [state.arn("identity", each) for each, _ in state.identities.items()]
    members += [state.arn("configuration-set", each) for each, _ in state.sets.items()]
    for arn in members:
        client.create_tenant_resource_association(TenantName=name, ResourceArn=arn)


def store_template(run: Run) -> None:
    """Store the run's version in the SES that the settings name."""
    publishing.ensure_stored(version=run.template_version)


def mailbox(sandbox: RunningSandbox, run: Run) -> Counter[str]:
    """How many mails of the run each address really got."""
    groups = sandbox.api.get("summary", tag="mp-run")["groups"]
    return Counter(groups.get(str(run.pk), {}).get("addresses", {}))


def drain_all(run: Run, fake: FakeSes, *, rounds: int = 1, seconds: float = 20) -> bool:
    """Drain with naps instead of sleeps: a nap lets retry batches become due."""
    more = True
    for _ in range(rounds):
        if more:
            more = drain.drain(run.pk, sender=fake, seconds=seconds, sleep=nap)
    run.refresh_from_db()
    return more


def expire() -> None:
    """Let every lease of a worker that is still out have ended a second ago."""
    past = clock.now() - dt.timedelta(seconds=1)
    Call.objects.filter(state="in_flight").update(lease_until=past)
    Batch.objects.filter(state="claimed").update(lease_until=past)


def nap(_: float) -> None:
    """Instead of waiting, let every retry batch be due."""
    Batch.objects.filter(state="waiting").update(not_before=None)


@contextmanager
def account_answers(settings: Any, meanwhile: Callable[[], object]) -> Iterator[None]:
    """Answer GetAccount, which tells of a quota with room; `meanwhile` happens while it is asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                meanwhile()
            finally:
                connections.close_all()
            body = b'{"SendQuota": {"Max24HourSend": 1000, "MaxSendRate": 10, "SentLast24Hours": 0}}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        settings.AWS_ENDPOINT_URLS = {"sesv2": f"http://127.0.0.1:{server.server_port}"}
        try:
            yield
        finally:
            server.shutdown()
            thread.join()

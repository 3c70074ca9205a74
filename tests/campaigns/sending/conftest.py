"""A run with people in it, and an SES that answers as told."""

import itertools
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import redis
from django.conf import settings

from campaigns.models import Run, RunState
from campaigns.sending import freeze, limiter
from mailplatform.accounts.models import Installation
from mailplatform.aws import errors, ses
from mailplatform.core import clock, keys
from subscribers.models import MailingList, Profile, Subscriber, Subscription
from tests.factories import campaigns as factories

_numbers = itertools.count(1)
Script = Callable[[dict[str, Any]], list[ses.EntryResult]]


@pytest.fixture
def redis_client() -> Iterator["redis.Redis[bytes]"]:
    client: redis.Redis[bytes] = redis.Redis.from_url(settings.REDIS_URL)
    yield client
    client.close()


@pytest.fixture
def site(db: None, redis_client: "redis.Redis[bytes]") -> Iterator[Installation]:
    """An account of this test's own with a rate that never waits."""
    row = factories.make_site(
        account_id=f"{next(_numbers):012d}",
        region="eu-central-1",
        max_send_rate=2000.0,
        access_key_id="AKIDEXAMPLE",
        secret_access_key="secret",
    )
    yield row
    redis_client.delete(limiter.account_key(row.account_id, "eu-central-1"))


@dataclass
class FakeSes:
    """Accepts everything, unless its script says otherwise; keeps who was accepted how often."""

    accepted: Counter[str] = field(default_factory=Counter)
    calls: list[dict[str, Any]] = field(default_factory=list)
    script: list[Script] = field(default_factory=list)

    def send_bulk(self, request: dict[str, Any]) -> list[ses.EntryResult]:
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


@pytest.fixture
def fake() -> FakeSes:
    return FakeSes()


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


def make_run(mailing_list: MailingList, **frozen: Any) -> Run:
    """A run to the list, frozen and sending."""
    campaign = factories.make_campaign(state="sending")
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
    from campaigns.models import Delivery

    return Counter(Delivery.objects.filter(run_id=run.pk).values_list("state", flat=True))


def addresses(people: Sequence[Subscriber]) -> Counter[str]:
    """Each of them once."""
    return Counter(person.email for person in people)

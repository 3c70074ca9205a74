"""Mail that left through SES comes back as signed events: handshake, signature, storage and suppression for real."""

import dataclasses
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from campaigns.models import Run
from events import endpoint
from events.models import Counter, DeadLetter, Heartbeat, Outcome
from events.services import provisioning
from mailplatform.accounts.models import AuditEntry
from mailplatform.sandbox.testing import RunningSandbox
from subscribers.models import Subscriber, Suppression
from tests.factories.events import make_person, make_run, tags
from tests.factories.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)
SENDER = "news@shop.example"


async def no_site(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def sandbox(settings: Any, shared_sandbox: RunningSandbox) -> Iterator[RunningSandbox]:
    shared_sandbox.reset()
    settings.AWS_ENDPOINT_URLS = dict.fromkeys(("sesv2", "sns", "sqs", "sts"), shared_sandbox.url)
    settings.SANDBOX_URL = shared_sandbox.url
    settings.AWS_ACCESS_KEY_ID, settings.AWS_SECRET_ACCESS_KEY = "sandbox", "sandbox-secret"
    yield shared_sandbox
    # Nothing of this test is delivered any more.
    shared_sandbox.reset()


@pytest.fixture
def endpoint_url(sandbox: RunningSandbox) -> Iterator[str]:
    """Our endpoint under uvicorn, wired by the production code."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        config = uvicorn.Config(endpoint.mount(no_site), log_level="warning", access_log=False, ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}{endpoint.PATH}"
        server.should_exit = True
        thread.join(20)


@pytest.fixture
def provisioned(sandbox: RunningSandbox, endpoint_url: str) -> RunningSandbox:
    want = dataclasses.replace(provisioning.wanted({"identities": (SENDER,)}), endpoint=endpoint_url)
    provisioning.apply(want, lambda *_: None, patience=15)
    return sandbox


def send(sandbox: RunningSandbox, run: Run, person: Subscriber, tracking: str = "none") -> None:
    sandbox.client("sesv2").send_email(
        FromEmailAddress=SENDER,
        Destination={"ToAddresses": [person.email]},
        ConfigurationSetName=f"mailplatform-{tracking}",
        EmailTags=[{"Name": name, "Value": values[0]} for name, values in tags(run, person).items()],
        Content={"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "Hello"}}}},
    )


def test_handshake_and_events_of_the_simulator(provisioned: RunningSandbox) -> None:
    assert AuditEntry.objects.filter(action="sns.subscribed").exists()
    run = make_run()
    people = {
        name: make_person(f"{name}@simulator.amazonses.com") for name in ("success", "bounce", "complaint")
    }
    people["friend"] = make_person("friend@example.org")
    for person in people.values():
        send(provisioned, run, person)
    wait_for(lambda: Outcome.objects.filter(run_id=run.pk, state__in=(30, 70, 80)).count() == 4)
    provisioned.wait_quiet()
    states = {row.subscriber_id: row.state for row in Outcome.objects.filter(run_id=run.pk)}
    expected = {"success": 30, "bounce": 70, "complaint": 80, "friend": 30}
    assert {name: states[person.pk] for name, person in people.items()} == expected
    assert sorted(Suppression.objects.values_list("reason", flat=True)) == ["bounce", "complaint"]
    assert not DeadLetter.objects.exists()
    # The heartbeat is written beside the events, every few seconds.
    wait_for(lambda: sum(Heartbeat.objects.values_list("accepted", flat=True)) >= 9)


def test_doubled_and_reordered_events_count_once(provisioned: RunningSandbox) -> None:
    provisioned.api.put("misbehave", events_doubled={"share": 1}, events_reordered={"share": 1})
    run = make_run()
    people = [make_person() for _ in range(20)]
    for person in people:
        send(provisioned, run, person)
    wait_for(lambda: Outcome.objects.filter(run_id=run.pk, state=30).count() == 20)
    provisioned.wait_quiet()
    rows = Counter.objects.filter(run_id=run.pk)
    assert sum(row.events for row in rows if row.type == "delivery") == 20
    assert sum(row.people for row in rows if row.type == "delivery") == 20

"""What can break at Amazon, or in what the site wrote down of it: broken inside the `with`, and mended after it."""

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from events.models import DomainLook
from events.services import deliverability
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.core import clock
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories.dns import resolving


@contextmanager
def row_changed(**changes: Any) -> Iterator[None]:
    before = Installation.objects.filter(pk=1).values(*changes).get()
    Installation.objects.filter(pk=1).update(**changes)
    yield
    Installation.objects.filter(pk=1).update(**before)


@contextmanager
def account_set(sandbox: RunningSandbox, **changes: Any) -> Iterator[None]:
    before = sandbox.api.get("account")
    sandbox.api.put("account", **changes)
    yield
    sandbox.api.put("account", **{name: before[name] for name in changes})


@contextmanager
def account_measures(sandbox: RunningSandbox, prefix: str, tracking: str) -> Iterator[None]:
    """Virtual Deliverability Manager is on, and one of the sets says nothing of it, as a set made by hand."""
    ses, name = sandbox.client("sesv2"), f"{prefix}-{tracking}"
    before = ses.get_configuration_set(ConfigurationSetName=name)["VdmOptions"]
    ses.put_configuration_set_vdm_options(ConfigurationSetName=name, VdmOptions={})
    with account_set(sandbox, vdm_enabled=True):
        yield
    ses.put_configuration_set_vdm_options(ConfigurationSetName=name, VdmOptions=before)


@contextmanager
def destination_asks(sandbox: RunningSandbox, set_name: str, topic: str, kind: str) -> Iterator[None]:
    """Somebody added an event destination of his own to a set."""
    ses, name = sandbox.client("sesv2"), {"ConfigurationSetName": set_name, "EventDestinationName": "theirs"}
    target = {"Enabled": True, "MatchingEventTypes": [kind], "SnsDestination": {"TopicArn": topic}}
    ses.create_configuration_set_event_destination(**name, EventDestination=target)
    yield
    ses.delete_configuration_set_event_destination(**name)


@contextmanager
def quota_nearly_used(sandbox: RunningSandbox) -> Iterator[None]:
    sandbox.client("sesv2").send_email(
        FromEmailAddress="news@example.eu",
        Destination={"ToAddresses": ["ada@example.org"]},
        Content={"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}},
    )
    with account_set(sandbox, max_24_hour_send=1.0):
        yield


@contextmanager
def a_sender_without_its_records(sandbox: RunningSandbox) -> Iterator[None]:
    with account_set(sandbox, auto_verify=False):
        sandbox.client("sesv2").create_email_identity(EmailIdentity="new.example.eu")
        with row_changed(sender_address="news@new.example.eu"):
            yield


@contextmanager
def nothing_in_dns(sandbox: RunningSandbox) -> Iterator[None]:
    """The daily look asks a resolver that knows no record; it asks only beside a real account."""
    with pytest.MonkeyPatch.context() as patch, override_settings(AWS_ENDPOINT_URLS={"sesv2": sandbox.url}):
        resolving(patch, {})
        deliverability.look()
    yield
    DomainLook.objects.all().delete()


@contextmanager
def never_confirmed(sandbox: RunningSandbox) -> Iterator[None]:
    """A site that moved to an address at which nobody answers, and was subscribed there."""
    topic = installation.get().topic_arns[0]
    sandbox.client("sns").subscribe(
        TopicArn=topic, Protocol="http", Endpoint="http://127.0.0.1:9/sns/events/"
    )
    with override_settings(PUBLIC_URL="http://127.0.0.1:9"):
        yield


@contextmanager
def never_heard_of(schedule: str) -> Iterator[None]:
    """A schedule that was made long ago and of which no message ever came."""
    before = installation.get().provisioning
    since = {schedule: (clock.now() - dt.timedelta(days=100)).isoformat()}
    with row_changed(provisioning=before | {"since": since}):
        yield


@contextmanager
def amazons_date_off() -> Iterator[None]:
    """Something answers for SES whose Date header is ten minutes behind."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(403)
            self.send_header("Date", format_datetime(clock.now() - dt.timedelta(minutes=10), usegmt=True))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    urls = settings.AWS_ENDPOINT_URLS | {"sesv2": f"http://127.0.0.1:{server.server_port}"}
    with override_settings(AWS_ENDPOINT_URLS=urls):
        yield
    server.shutdown()
    server.server_close()
    thread.join(10)


@contextmanager
def done(act: Callable[..., Any], /, **parameters: Any) -> Iterator[None]:
    """What is not taken back: nothing after it minds."""
    act(**parameters)
    yield

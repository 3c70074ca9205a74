import datetime as dt
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from celery.contrib.testing.worker import start_worker
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder
from django.test import override_settings

from campaigns.models import ScheduleTick
from events.models import DomainLook
from events.services import deliverability
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.celery import app
from mailplatform.core import clock
from mailplatform.embedded import binaries
from mailplatform.management import doctor
from mailplatform.management.doctor import Finding, Level, live
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories.dns import resolving
from tests.factories.subscribers import person
from tests.factories.tls import DAY, speaking_tls, written

# Each provisions a whole account first.
pytestmark = [pytest.mark.drill, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def provisioned(sandbox: RunningSandbox, site: object) -> RunningSandbox:
    call_command("provision", "--identity", "example.eu", stdout=StringIO())
    installation.update(actor=None, sender_address="news@example.eu", sender_name="News")
    sandbox.api.post("identities/example.eu/verify")
    ScheduleTick.objects.create(at=clock.now())
    return sandbox


def findings() -> dict[str, Finding]:
    return {finding.subject: finding for finding in doctor.examine()}


def test_a_healthy_site_misses_only_its_worker_and_says_so_in_lines_and_in_json(
    provisioned: RunningSandbox,
) -> None:
    output = StringIO()
    with pytest.raises(CommandError, match="must be mended"):
        call_command("doctor", stdout=output)
    lines = output.getvalue().splitlines()
    wrong = [line for line in lines if line.startswith("ERROR")]
    assert [line[9:].partition(":")[0] for line in wrong] == ["Workers"], wrong
    named = {line[9:].partition(":")[0] for line in lines}
    assert {
        "Postgres",
        "Database role",
        "Tables",
        "Redis",
        "Public address",
        "SES account",
        "SNS topic",
    } <= named
    assert {"Clock", "Clock of Amazon", "Scheduler", "Storage", "Disk", "Sender example.eu"} <= named
    assert sum(subject.startswith("Configuration set ") for subject in named) == 4
    output = StringIO()
    with pytest.raises(CommandError):
        call_command("doctor", "--json", stdout=output)
    rows = [json.loads(line) for line in output.getvalue().splitlines()]
    assert {row["subject"] for row in rows} == named
    assert all(row.keys() == {"level", "subject", "detail"} for row in rows)


@contextmanager
def row_changed(**changes: Any) -> Iterator[None]:
    before = Installation.objects.filter(pk=1).values(*changes).get()
    Installation.objects.filter(pk=1).update(**changes)
    yield
    Installation.objects.filter(pk=1).update(**before)


@contextmanager
def redis_stopped(folder: Path) -> Iterator[None]:
    path = folder / "redis.sock"
    command = [binaries.find_redis(), "--port", "0", "--unixsocket", path, "--save", "", "--dir", folder]
    server = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
    while not path.exists():
        time.sleep(0.01)
    server.terminate()
    server.wait(10)
    with override_settings(REDIS_URL=f"unix://{path}?db=0"):
        yield


@contextmanager
def the_owners_role() -> Iterator[None]:
    app, owner = connections["default"], connections["owner"]
    before = {name: app.settings_dict[name] for name in ("USER", "PASSWORD")}
    app.close()
    app.settings_dict.update({name: owner.settings_dict[name] for name in before})
    yield
    app.close()
    app.settings_dict.update(before)


@contextmanager
def beat_stopped() -> Iterator[None]:
    ScheduleTick.objects.update(at=clock.now() - dt.timedelta(minutes=10))
    yield
    ScheduleTick.objects.update(at=clock.now())


@contextmanager
def account_set(sandbox: RunningSandbox, **changes: Any) -> Iterator[None]:
    before = sandbox.api.get("account")
    sandbox.api.put("account", **changes)
    yield
    sandbox.api.put("account", **{name: before[name] for name in changes})


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
def an_expired_certificate(folder: Path) -> Iterator[None]:
    with (
        speaking_tls(written(folder, clock.now() - DAY, "localhost")) as port,
        override_settings(PUBLIC_URL=f"https://localhost:{port}"),
    ):
        yield


@contextmanager
def a_wrong_clock(folder: Path) -> Iterator[None]:
    file = folder / "clock"
    file.write_text("300")
    with override_settings(CLOCK_FILE=str(file)):
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
def a_disk_that_is_full() -> Iterator[None]:
    """As the system tells it: one block of a hundred is free."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            os, "statvfs", lambda _: SimpleNamespace(f_frsize=4096, f_blocks=100, f_bfree=1, f_bavail=1)
        )
        yield


@contextmanager
def a_ledger_key(folder: Path, mode: int) -> Iterator[None]:
    path = folder / "ledger.pem"
    path.touch()
    path.chmod(mode)
    with override_settings(LEDGER_KEY_FILE=str(path)):
        yield


@contextmanager
def a_lost_ledger_key(folder: Path) -> Iterator[None]:
    """After the first consent was recorded with it."""
    with override_settings(LEDGER_KEY_FILE=str(folder / "lost.pem")):
        person()
        (folder / "lost.pem").unlink()
        yield


@contextmanager
def uploads_at_a_file(folder: Path) -> Iterator[None]:
    (folder / "taken").touch()
    with override_settings(MEDIA_ROOT=str(folder / "taken")):
        yield


@contextmanager
def migrations_pending() -> Iterator[None]:
    newest = MigrationRecorder.Migration.objects.filter(app="accounts").latest("name")
    newest.delete()
    yield
    newest.save(force_insert=True)


@contextmanager
def half_a_worker() -> Iterator[None]:
    with start_worker(app, queues=["sending", "default"], perform_ping_check=False, shutdown_timeout=20):
        yield


@contextmanager
def done(act: Callable[..., Any], /, **parameters: Any) -> Iterator[None]:
    """What is not taken back: nothing after it minds."""
    act(**parameters)
    yield


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


def test_each_fault_is_found_and_its_cure_named(provisioned: RunningSandbox, tmp_path: Path) -> None:
    healthy, tried, missed = findings(), 0, list[tuple[str, Finding | None]]()
    for faults in rounds(provisioned, tmp_path):
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
    assert tried >= 25


def test_mails_to_the_simulators_come_back_as_events(provisioned: RunningSandbox, settings: Any) -> None:
    found = list(live.examine(wait=20))
    assert {finding.subject for finding in found} == {"Live success", "Live bounce", "Live complaint"}
    assert [finding for finding in found if finding.level is not Level.OK] == []
    settings.AWS_SECRET_ACCESS_KEY = "wrong" * 8
    assert {finding.level for finding in live.examine(wait=0)} == {Level.ERROR}


def run(**environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", "doctor"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_postgres_it_says_so_and_stops() -> None:
    done = run(DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 1
    assert "mend DATABASE_URL" in done.stdout


def test_no_process_starts_with_a_region_outside_the_eea() -> None:
    done = run(AWS_REGION="us-east-1")
    assert done.returncode == 1
    assert "European Economic Area" in done.stderr

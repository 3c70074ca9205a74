"""The loop over HTTP against the sandbox, whose mailbox is the witness."""

from collections import Counter
from email import message_from_bytes
from typing import Any

import pytest
from django.db import connection, transaction

from campaigns.models import AttachedContent, Call, Delivery, Run, TemplateVersion
from campaigns.sending import drain, quota, recover, settle
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.aws import ses
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories.sending import (
    addresses,
    mailbox,
    make_list,
    make_people,
    make_run,
    states_of,
    store_template,
)

# Over real HTTP, with real waits.
pytestmark = [pytest.mark.drill, pytest.mark.django_db(transaction=True)]


def _run(count: int, **frozen: Any) -> tuple[Run, Counter[str]]:
    audience = make_list()
    people = make_people(count, audience)
    run = make_run(audience, **frozen)
    store_template(run)
    return run, addresses(people)


def test_the_mailbox_agrees_with_the_rows(sandbox: RunningSandbox) -> None:
    run, expected = _run(730)
    drain.drain(run.pk, seconds=30)
    run.refresh_from_db()
    assert run.state == "sent"
    assert states_of(run) == {"accepted": 730}
    assert mailbox(sandbox, run) == expected


@pytest.mark.parametrize("with_boto3", [False, True])
def test_attachments_go_with_every_mail_byte_for_byte(sandbox: RunningSandbox, with_boto3: bool) -> None:
    content = bytes(range(256)) * 40
    AttachedContent.objects.create(content_hash="a" * 64, content=content)
    noted = {"name": "terms.pdf", "type": "application/pdf", "hash": "a" * 64, "size": len(content)}
    run, expected = _run(3, attachments=[noted])
    sender = ses.BulkSender.to_ses(installation.aws_connection(), use_boto3=with_boto3)
    drain.drain(run.pk, sender=sender, seconds=30)
    assert mailbox(sandbox, run) == expected
    for mail in sandbox.messages():
        parts = message_from_bytes(sandbox.raw(mail["id"])).walk()
        assert [part.get_payload(decode=True) for part in parts if part.get_filename() == "terms.pdf"] == [
            content
        ]


def test_each_mail_is_as_the_law_and_the_mailbox_providers_want_it(sandbox: RunningSandbox) -> None:
    run, _ = _run(1)
    drain.drain(run.pk, seconds=30)
    (mail,) = sandbox.messages()
    raw = sandbox.raw(mail["id"]).decode()
    assert raw.index("List-Unsubscribe:") < raw.index("List-Unsubscribe-Post: List-Unsubscribe=One-Click")
    assert "Ada &lt;b&gt;" in raw
    assert "multipart/alternative" in raw
    assert "1 High Street" in raw


@pytest.mark.parametrize("fault", ["accept_and_drop", "wrong_length", "server_error"])
def test_a_lost_answer_becomes_unresolved_and_is_never_repeated(sandbox: RunningSandbox, fault: str) -> None:
    run, expected = _run(120)
    sandbox.api.put("misbehave", **{fault: {"times": 1, "share": 1}})
    drain.drain(run.pk, seconds=30)
    run.refresh_from_db()
    assert run.state == "sent"
    assert states_of(run)["unresolved"] in {20, 50}
    assert states_of(run).total() == 120
    found = mailbox(sandbox, run)
    assert not found - expected
    assert set(found.values()) == {1}


def test_an_event_settles_what_was_lost(sandbox: RunningSandbox) -> None:
    run, expected = _run(40)
    sandbox.api.put("misbehave", accept_and_drop={"times": 1, "share": 1})
    drain.drain(run.pk, seconds=30)
    assert states_of(run) == {"unresolved": 40}
    people = list(Delivery.objects.filter(run_id=run.pk).values_list("subscriber_id", flat=True))
    rows = [(run.pk, person, "accepted", f"m-{person}", "") for person in people]
    with transaction.atomic(), connection.cursor() as cursor:
        assert settle.settle(cursor, rows) == 40
        assert settle.settle(cursor, rows) == 0
    assert states_of(run) == {"accepted": 40}
    assert mailbox(sandbox, run) == expected


def test_throttling_delays_and_loses_nobody(sandbox: RunningSandbox) -> None:
    run, expected = _run(400)
    sandbox.api.put("misbehave", throttle={"times": 3, "share": 1})
    drain.drain(run.pk, seconds=60)
    run.refresh_from_db()
    assert run.state == "sent"
    assert states_of(run) == {"accepted": 400}
    assert mailbox(sandbox, run) == expected


def test_the_account_is_read_before_sending(sandbox: RunningSandbox, site: Installation) -> None:
    row = quota.refresh()
    assert (row.max_send_rate, row.max_24_hour_send) == (2000.0, 1e6)
    assert row.production_access is True


def test_a_template_that_is_not_found_though_it_is_there_pauses_the_run(sandbox: RunningSandbox) -> None:
    run, people = _run(2)
    TemplateVersion.objects.update(stored_at=None)
    faults = [{"to": email, "status": "TEMPLATE_NOT_FOUND", "times": 1, "share": 1} for email in people]
    sandbox.api.put("misbehave", entries=faults)
    drain.drain(run.pk, seconds=10)
    run.refresh_from_db()
    assert (run.state, run.paused_by) == ("paused", "account")
    assert states_of(run) == {}
    assert recover.recover().calls == 0
    assert set(Call.objects.values_list("state", flat=True)) == {"recorded"}

"""Removing what provisioning made, from the page: looked at first, confirmed by typing, done by a worker."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from events import periodic
from events.services import account_progress, provisioning
from mailplatform.accounts.models import AuditEntry
from mailplatform.accounts.services import installation
from mailplatform.sandbox import constants
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories.accounts import AdminFactory, UserFactory, sign_in
from tests.factories.aws import SERVICES
from tests.factories.campaigns import make_campaign

pytestmark = pytest.mark.django_db
HERE = "events:amazon"


@pytest.fixture
def prefix(settings: Any, client: Client, shared_sandbox: RunningSandbox) -> Iterator[str]:
    """The prefix of an account to which everything but subscription and monitoring was applied."""
    account_progress.forget()
    settings.AWS_ENDPOINT_URLS = dict.fromkeys(SERVICES, shared_sandbox.url)
    settings.AWS_ACCESS_KEY_ID, settings.AWS_SECRET_ACCESS_KEY = constants.ACCESS_KEY, constants.SECRET_KEY
    settings.AWS_REGION, settings.PUBLIC_URL = "eu-central-1", "https://news.example.eu"
    sign_in(client, AdminFactory.create())
    name = f"t{uuid.uuid4().hex[:8]}"
    installation.update(actor=None, configuration_set_prefix=name)
    chosen = {"identities": (f"{name}.example.eu",), "without": frozenset({"subscription", "monitoring"})}
    provisioning.apply(provisioning.wanted(chosen), lambda *_: None)
    yield name
    account_progress.forget()


def work(act: str, **more: str) -> None:
    account_progress.begin(act, **more)
    periodic.work_on_account(act=act)


def page(client: Client) -> str:
    return client.get(reverse(HERE)).content.decode()


def remove(client: Client, typed: str) -> Any:
    return client.post(reverse(HERE), {"act": "destroy", "typed": typed})


def left(sandbox: RunningSandbox, prefix: str) -> list[str]:
    names = sandbox.client("sesv2").list_configuration_sets(PageSize=1000)["ConfigurationSets"]
    return [name for name in names if name.startswith(prefix)]


def test_first_it_says_what_goes_and_what_stays_and_changes_nothing(
    prefix: str, client: Client, shared_sandbox: RunningSandbox
) -> None:
    url = shared_sandbox.client("sqs").get_queue_url(QueueName=f"{prefix}-ses-events-dead")["QueueUrl"]
    shared_sandbox.client("sqs").send_message(QueueUrl=url, MessageBody="late")
    ses, domain = shared_sandbox.client("sesv2"), f"{prefix}.example.eu"
    ses.delete_email_identity(EmailIdentity=domain)
    ses.create_email_identity(EmailIdentity=domain)
    assert "remove-form" not in page(client)
    work("survey")
    found = account_progress.state()
    assert found
    said = {row.resource: (row.word, row.note) for row in found.rows}
    assert said["SES account suppression"] == ("stays", "is a setting of the whole account")
    assert said[f"sending identity {prefix}.example.eu"] == ("stays", "was not made by provisioning")
    assert said[f"SQS queue {prefix}-ses-events-dead"][0] == "stays"
    assert "holds about 1 events" in said[f"SQS queue {prefix}-ses-events-dead"][1]
    assert said[f"configuration set {prefix}-none"] == ("goes", "")
    bucket = said[f"S3 bucket {prefix}-files-{constants.ACCOUNT_ID}"]
    assert bucket == ("goes", "unless it holds files, or old versions of them: then it stays")
    text = page(client)
    assert "Stays (3)" in text
    assert f"Type “{prefix}” to confirm" in text
    assert len(left(shared_sandbox, prefix)) == 4


def test_what_the_look_says_is_what_happens(
    prefix: str, client: Client, shared_sandbox: RunningSandbox
) -> None:
    work("survey")
    looked = account_progress.state()
    work("destroy", typed=prefix)
    done = account_progress.state()
    assert looked
    assert done
    assert [(row.what, row.resource) for row in done.rows] == [
        (row.what, row.resource) for row in looked.rows
    ]
    assert left(shared_sandbox, prefix) == []
    assert "Nothing can be sent until you apply again" in page(client)
    assert "remove-form" not in page(client)
    assert (installation.get().account_id, installation.get().provisioning) == ("", {})
    work("survey")
    assert "Nothing that provisioning made is left." in page(client)


def test_the_page_hands_it_to_a_worker_with_the_name_of_who_asked(
    prefix: str, client: Client, monkeypatch: Any
) -> None:
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(periodic.work_on_account, "delay", lambda **given: asked.append(given))
    work("survey")
    assert remove(client, f" {prefix} ").status_code == 302
    assert [item["act"] for item in asked] == ["destroy"]
    # A second click, while the first is under way.
    assert remove(client, prefix).status_code == 302
    assert len(asked) == 1
    periodic.work_on_account(**asked[0])
    entry = AuditEntry.objects.get(action="aws.removed")
    assert entry.actor_id == asked[0]["user_id"]
    assert f"configuration set {prefix}-none" in entry.detail["steps"]


@pytest.mark.parametrize("typed", ["", "yes", "{prefix}x", "{prefix} {prefix}"])
def test_anything_else_typed_removes_nothing(
    prefix: str, client: Client, shared_sandbox: RunningSandbox, typed: str
) -> None:
    work("survey")
    answer = remove(client, typed.format(prefix=prefix))
    assert answer.status_code == 422
    assert f"This is not “{prefix}”. Nothing was removed." in answer.content.decode()
    assert typed.format(prefix=prefix) in answer.content.decode()
    found = account_progress.state()
    assert found
    assert found.act == "survey"
    assert len(left(shared_sandbox, prefix)) == 4


def test_without_a_look_before_nothing_is_removed(prefix: str, client: Client) -> None:
    for before in ("", "plan"):
        if before:
            work(before)
        answer = remove(client, prefix)
        assert answer.status_code == 422
        assert "Look first at what would go." in answer.content.decode()


def test_only_an_administrator_may(prefix: str, client: Client, shared_sandbox: RunningSandbox) -> None:
    work("survey")
    sign_in(client, UserFactory.create())
    assert remove(client, prefix).status_code == 403
    client.logout()
    assert remove(client, prefix).status_code == 302
    found = account_progress.state()
    assert found
    assert found.act == "survey"


def test_what_was_chosen_and_never_applied_does_not_hide_what_is_there(
    prefix: str, client: Client, shared_sandbox: RunningSandbox
) -> None:
    other = {"identities": ["other.example.eu"], "without": ["buckets", "monitoring", "subscription"]}
    installation.update(actor=None, account_choices=other)
    work("survey")
    found = account_progress.state()
    assert found
    assert f"sending identity {prefix}.example.eu" in [row.resource for row in found.rows]
    assert any(row.resource.startswith("S3 bucket") for row in found.rows)


def test_a_refusal_half_way_is_shown_and_gone_on_with(prefix: str, client: Client, settings: Any) -> None:
    work("survey")
    right = settings.AWS_SECRET_ACCESS_KEY
    settings.AWS_SECRET_ACCESS_KEY = "wrong"
    work("destroy", typed=prefix)
    text = page(client)
    assert "It stopped here" in text
    assert "Amazon refused" in text
    assert installation.get().provisioning
    settings.AWS_SECRET_ACCESS_KEY = right
    work("survey")
    work("destroy", typed=prefix)
    assert installation.get().provisioning == {}


def test_campaigns_that_would_stop_are_named(prefix: str, client: Client) -> None:
    make_campaign(state="scheduled")
    work("survey")
    assert "Campaigns are not finished" in page(client)

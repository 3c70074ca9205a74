"""What is easily got wrong with SendBulkEmail, checked on the request and on the raw mail as it was received."""

import email
import email.policy
import json
from email.message import EmailMessage
from typing import Any

import boto3
import pytest
from botocore.validate import ParamValidator

from campaigns.models import Run
from campaigns.sending import drain
from mailplatform.sandbox.testing import RunningSandbox
from subscribers.models import MailingList, Subscriber
from tests.campaigns.conftest import fake
from tests.factories.sending import FakeSes, drain_all, make_list, make_people, make_run, store_template

__all__ = ["fake"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site")]


@pytest.fixture
def people() -> list[Subscriber]:
    return make_people(3, make_list())


@pytest.fixture
def run(people: list[Subscriber]) -> Run:
    return make_run(MailingList.objects.latest("pk"))


@pytest.fixture
def request_of_the_call(run: Run, fake: FakeSes) -> dict[str, Any]:
    drain_all(run, fake)
    (call,) = fake.calls
    return call


@pytest.fixture
def mails(sandbox: RunningSandbox, run: Run) -> dict[str, EmailMessage]:
    """The mails of the run as received, by address."""
    store_template(run)
    drain.drain(run.pk, seconds=20)
    found = {}
    for each in sandbox.messages():
        raw = sandbox.raw(each["id"])
        found[each["to"][0]] = email.message_from_bytes(raw, policy=email.policy.default)
    return found


def test_each_recipient_of_a_bulk_call_has_headers_of_their_own(
    mails: dict[str, EmailMessage], people: list[Subscriber]
) -> None:
    assert set(mails) == {person.email for person in people}
    links = {str(mail["List-Unsubscribe"]) for mail in mails.values()}
    assert len(links) == len(people)
    assert all(link.startswith("<https://mail.example.com/") for link in links)
    assert all(mail["List-Id"] for mail in mails.values())


def test_header_order_survives_the_bulk_call(mails: dict[str, EmailMessage]) -> None:
    for mail in mails.values():
        names = [name.lower() for name in mail]
        assert names.index("list-unsubscribe") < names.index("list-unsubscribe-post")
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert names.count("list-unsubscribe") == names.count("list-unsubscribe-post") == 1


def test_unsubscribing_needs_no_list_management_of_ses(request_of_the_call: dict[str, Any]) -> None:
    # SendBulkEmail has no ListManagementOptions: the way out must be our own.
    assert "ListManagementOptions" not in request_of_the_call
    for entry in request_of_the_call["BulkEmailEntries"]:
        names = [header["Name"] for header in entry["ReplacementHeaders"]]
        assert names.index("List-Unsubscribe") + 1 == names.index("List-Unsubscribe-Post")


def test_the_bulk_call_has_the_shape_that_the_service_model_demands(
    request_of_the_call: dict[str, Any],
) -> None:
    client = boto3.client(
        "sesv2", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    shape = client.meta.service_model.operation_model("SendBulkEmail").input_shape
    report = ParamValidator().validate(request_of_the_call, shape)
    assert not report.has_errors(), report.generate_report()


def test_every_recipient_has_all_variables_and_tags_of_their_own(
    request_of_the_call: dict[str, Any], people: list[Subscriber]
) -> None:
    """ReplacementTemplateData replaces the default whole, and the tags are how an event finds its person."""
    entries = request_of_the_call["BulkEmailEntries"]
    data = [
        json.loads(entry["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"])
        for entry in entries
    ]
    assert len({frozenset(each) for each in data}) == 1
    tags = [{tag["Name"]: tag["Value"] for tag in entry["ReplacementTags"]} for entry in entries]
    assert {each["mp-sub"] for each in tags} == {str(person.pk) for person in people}
    assert len({each["mp-run"] for each in tags}) == 1


def test_the_events_of_a_bulk_call_tell_the_recipients_apart(
    sandbox: RunningSandbox, mails: dict[str, EmailMessage], people: list[Subscriber]
) -> None:
    ids = {person.email: str(person.pk) for person in people}
    for each in sandbox.messages():
        assert each["tags"]["mp-sub"] == [ids[each["to"][0]]]
        assert each["state"] in {"accepted", "delivered"}

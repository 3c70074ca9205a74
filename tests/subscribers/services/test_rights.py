"""Privacy requests: deadlines, what each kind does, what is handed over, and what an erasure reaches."""

import csv
import datetime as dt
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailplatform.accounts.models import AuditEntry, User
from mailplatform.aws import suppression as ses_list
from mailplatform.core.keys import email_key
from mailplatform.sandbox import constants
from mailplatform.sandbox.testing import RunningSandbox, running_sandbox
from subscribers import months as months_of
from subscribers.models import (
    ConsentRecord,
    RefusedRow,
    RightsCase,
    RightsState,
    Subscriber,
    Suppression,
    SuppressionReason,
)
from subscribers.selectors import profiles
from subscribers.services import erasure, rights, subscribers, suppression, unsubscribe
from tests.factories.accounts import AdminFactory
from tests.factories.subscribers import mailing_list, person

pytestmark = pytest.mark.django_db
TODAY = dt.date(2026, 3, 31)


@pytest.fixture(autouse=True)
def _now(ledger_files: Any, time_machine: Any) -> None:
    time_machine.move_to(dt.datetime(2026, 3, 31, 12, tzinfo=dt.UTC), tick=True)


@pytest.fixture
def admin() -> User:
    return AdminFactory.create()


def case(kind: str, email: str, admin: User, received_on: dt.date = TODAY) -> RightsCase:
    return rights.open_case(kind=kind, email=email, received_on=received_on, actor=admin)


def test_the_deadline_is_a_month_and_may_be_extended_once(admin: User) -> None:
    opened = case("access", " Anna@Example.com ", admin)
    assert (opened.email, opened.due_on) == ("anna@example.com", dt.date(2026, 4, 30))
    extended = rights.extend(case=opened, reason="many requests at once", actor=admin)
    assert extended.due_on == dt.date(2026, 6, 30)
    with pytest.raises(rights.NotExtendable, match="once"):
        rights.extend(case=opened, reason="again", actor=admin)


def test_a_deadline_that_is_over_is_late_and_cannot_be_extended(admin: User) -> None:
    opened = case("access", "a@example.com", admin, dt.date(2026, 2, 20))
    assert opened.due_on == dt.date(2026, 3, 20)
    assert opened.is_late
    with pytest.raises(rights.NotExtendable, match="over"):
        rights.extend(case=opened, reason="too much work", actor=admin)


@given(st.dates(min_value=dt.date(2000, 1, 1), max_value=dt.date(2200, 1, 1)), st.integers(1, 14))
def test_a_month_later_is_the_same_day_or_the_months_last(day: dt.date, months: int) -> None:
    later = months_of.later(day, months)
    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months
    assert later.day == day.day or (later + dt.timedelta(days=1)).day == 1


@pytest.mark.parametrize(
    ("given_", "field"),
    [
        ({"kind": "wish"}, "kind"),
        ({"email": "no address"}, "email"),
        ({"received_on": TODAY + dt.timedelta(days=1)}, "received_on"),
    ],
)
def test_bad_input_is_refused_at_its_field(admin: User, given_: dict[str, Any], field: str) -> None:
    asked: dict[str, Any] = {"kind": "access", "email": "a@example.com", "received_on": TODAY}
    with pytest.raises(rights.RightsError) as caught:
        rights.open_case(**(asked | given_), actor=admin)
    assert caught.value.field == field
    assert not RightsCase.objects.exists()


def test_access_hands_over_all_and_notes_what(admin: User) -> None:
    someone = person("anna@example.com", name="=cmd()", list_ids=[mailing_list("News").pk])
    opened = case("access", someone.email, admin)
    document = rights.hand_over(case=opened, form="json", actor=admin)
    held = json.loads(document.text)
    assert held["person"]["email"] == "anna@example.com"
    assert held["lists"][0]["list"] == "News"
    assert held["consent"][0]["wording"] == "Yes, send me news."
    assert held["mails"] == [] == held["events"]
    step = opened.steps.get(action="handed_over")
    assert step.detail["bytes"] == len(document.text.encode())
    assert "anna@example.com" not in json.dumps(step.detail)
    table = list(csv.reader(io.StringIO(rights.hand_over(case=opened, form="csv", actor=admin).text)))
    assert ["person", "1", "name", "'=cmd()"] in table
    assert AuditEntry.objects.filter(action="rights.handed_over").count() == 2


def test_portability_is_what_the_person_gave(admin: User) -> None:
    someone = person("anna@example.com")
    held = json.loads(
        rights.hand_over(case=case("portability", someone.email, admin), form="json", actor=admin).text
    )
    assert set(held) == {"made_at", "person", "fields", "lists", "consent"}


def test_nothing_is_handed_over_about_nobody(admin: User) -> None:
    opened = case("access", "nobody@example.com", admin)
    with pytest.raises(rights.Unknown):
        rights.hand_over(case=opened, form="json", actor=admin)


def test_correcting_changes_the_person_and_closes(admin: User) -> None:
    someone = person("anna@example.com", name="Ana", tags=["vip"])
    closed = rights.rectify(
        case=case("rectification", someone.email, admin), name="Anna", language="de", actor=admin
    )
    someone.refresh_from_db()
    assert (someone.name, someone.language, [tag.name for tag in someone.tags.all()]) == (
        "Anna",
        "de",
        ["vip"],
    )
    assert (closed.state, closed.outcome) == (RightsState.DONE, "Corrected: name, language.")
    with pytest.raises(rights.CaseClosed):
        rights.rectify(case=closed, name="B", language="", actor=admin)


def test_a_restricted_person_gets_nothing_until_the_case_lifts_it(admin: User) -> None:
    someone = person("anna@example.com")
    assert profiles.of(someone).reason == ""
    closed = rights.restrict(case=case("restriction", someone.email, admin), actor=admin)
    assert profiles.of(someone).reason == "restricted"
    found = Suppression.objects.get(reason=SuppressionReason.RESTRICTED)
    with pytest.raises(suppression.OnlyThePerson):
        suppression.lift(suppression_id=found.pk, actor=admin, because="by mistake")
    unsubscribe.leave_all(subscriber_id=someone.pk, source="test", method="page")
    unsubscribe.undo(subscriber_id=someone.pk, list_ids=[], restore_marketing=True, source="test")
    assert profiles.of(someone).reason == "restricted"
    with pytest.raises(rights.RightsError, match="why"):
        rights.lift_restriction(case=closed, because=" ", actor=admin)
    rights.lift_restriction(case=closed, because="settled, told on the phone", actor=admin)
    assert profiles.of(someone).reason == ""


def test_an_objection_is_in_the_ledger_and_ends_marketing(admin: User) -> None:
    someone = person("anna@example.com")
    rights.object_(case=case("objection", someone.email, admin), actor=admin)
    assert profiles.of(someone).reason == "unsubscribed"
    assert ConsentRecord.objects.order_by("-id")[0].act == "objected"


def test_an_objection_of_nobody_holds_for_a_later_import(admin: User) -> None:
    rights.object_(case=case("objection", "later@example.com", admin), actor=admin)
    with pytest.raises(subscribers.SubscriberError, match="no mail any more"):
        person("later@example.com")


def test_an_erasure_reaches_everything_and_says_what_it_cannot(admin: User) -> None:
    from subscribers.models import ImportJob

    someone = person("anna@example.com", name="Anna")
    job = ImportJob.objects.create(file_name="a.csv", file_sha256=b"x" * 32)
    RefusedRow.objects.create(job=job, line=3, reason="?", row={"E-mail": "Anna@Example.com"})
    earlier = rights.close(
        case=case("access", someone.email, admin), refused=False, text="Sent by letter.", actor=admin
    )
    done = rights.erase(case=case("erasure", someone.email, admin), at_amazon=False, actor=admin)
    assert not Subscriber.objects.exists()
    assert not RefusedRow.objects.exists()
    for row in (done, earlier):
        row.refresh_from_db()
        assert row.email == ""
    assert suppression.suppression_reasons(email_key("anna@example.com")) == {"erased"}
    detail = done.steps.get(action="done").detail
    assert any("Backups" in text for text in detail["out_of_reach"])
    assert any("Amazon SES account" in text for text in detail["out_of_reach"])
    logged = " ".join(str(entry.detail) for entry in AuditEntry.objects.all())
    assert "anna" not in logged


def test_erasing_nobody_blocks_the_address(admin: User) -> None:
    done = rights.erase(case=case("erasure", "ghost@example.com", admin), at_amazon=False, actor=admin)
    assert "Nobody" in done.outcome
    with pytest.raises(subscribers.SubscriberError):
        person("ghost@example.com")


def test_a_case_is_decided_once_and_a_refusal_needs_its_reason(admin: User) -> None:
    opened = case("access", "a@example.com", admin)
    with pytest.raises(rights.RightsError, match="reason"):
        rights.close(case=opened, refused=True, text=" ", actor=admin)
    refused = rights.close(case=opened, refused=True, text="We cannot tell who asks.", actor=admin)
    assert refused.state == RightsState.REFUSED
    for act in (
        lambda: rights.note(case=opened, text="x", actor=admin),
        lambda: rights.erase(case=opened, at_amazon=False, actor=admin),
    ):
        with pytest.raises(rights.CaseClosed):
            act()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox() as running:
        yield running


def test_an_erasure_takes_the_address_off_amazons_list_in_any_spelling(
    admin: User, sandbox: RunningSandbox, settings: Any
) -> None:
    settings.AWS_ENDPOINT_URLS = {"sesv2": sandbox.url}
    settings.AWS_REGION = sandbox.region
    settings.AWS_ACCESS_KEY_ID, settings.AWS_SECRET_ACCESS_KEY = constants.ACCESS_KEY, constants.SECRET_KEY
    from mailplatform.accounts.services import installation

    connection = installation.aws_connection()
    ses_list.put(connection, email="Anna@Example.com", reason="BOUNCE")
    done = rights.erase(
        case=case("erasure", person("anna@example.com").email, admin), at_amazon=True, actor=admin
    )
    assert [entry.email for entry in ses_list.listed(connection)] == []
    assert "taken off" in done.steps.get(action="done").detail["reached"][0]


def test_where_amazon_does_not_answer_nothing_is_erased_yet(admin: User, settings: Any) -> None:
    settings.AWS_ENDPOINT_URLS = {"sesv2": "http://127.0.0.1:9"}
    settings.AWS_ACCESS_KEY_ID = settings.AWS_SECRET_ACCESS_KEY = "x"
    someone = person("anna@example.com")
    opened = case("erasure", someone.email, admin)
    with pytest.raises(ses_list.SuppressionListUnreachable):
        rights.erase(case=opened, at_amazon=True, actor=admin)
    assert Subscriber.objects.filter(pk=someone.pk).exists()
    assert opened.state == RightsState.OPEN


def test_who_erases_themselves_leaves_a_decided_case_that_names_nobody() -> None:
    someone = person("anna@example.com", name="Anna")
    done = rights.erase_person(subscriber_id=someone.pk)
    assert not Subscriber.objects.exists()
    assert (done.kind, done.state, done.email, done.outcome) == ("erasure", "done", "", "Erased.")
    opened, closed = done.steps.all()
    assert [opened.action, closed.action] == ["opened", "done"]
    assert {opened.actor_label, closed.actor_label} == {"the person"}
    assert any("The person" in text for text in closed.detail["reached"])
    assert any("Backups" in text for text in closed.detail["out_of_reach"])
    assert "anna" not in " ".join(str(entry.detail) for entry in AuditEntry.objects.all())
    with pytest.raises(erasure.NobodyToErase):
        rights.erase_person(subscriber_id=someone.pk)
    assert RightsCase.objects.count() == 1


def test_who_erases_themselves_decides_the_case_that_waits_for_it(admin: User) -> None:
    someone = person("anna@example.com")
    waiting = case("erasure", someone.email, admin)
    other = case("access", someone.email, admin)
    assert rights.erase_person(subscriber_id=someone.pk).pk == waiting.pk
    other.refresh_from_db()
    assert other.state == RightsState.OPEN


def test_an_amazon_that_does_not_answer_keeps_nobody_from_erasing_themselves(settings: Any) -> None:
    settings.AWS_ENDPOINT_URLS = {"sesv2": "http://127.0.0.1:9"}
    settings.AWS_ACCESS_KEY_ID = settings.AWS_SECRET_ACCESS_KEY = "x"
    someone = person("anna@example.com")
    suppression.suppress(email_key=bytes(someone.email_key), reason="complaint", source="test")
    done = rights.erase_person(subscriber_id=someone.pk)
    assert not Subscriber.objects.exists()
    assert any("did not answer" in text for text in done.steps.get(action="done").detail["out_of_reach"])

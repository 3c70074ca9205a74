"""What went wrong elsewhere with bounces, complaints and SNS, situation by situation.

Each test is named after what users of other systems reported.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from events import envelope, ingest, verify
from events.models import Counter, DeadLetter, Event, Outcome
from events.selectors import report, timeline, words
from events.services import bouncing
from mailplatform.core import clock, keys
from subscribers.models import Suppression
from subscribers.selectors import eligibility
from tests.factories.events import inbound, make_delivery, make_person, make_run, payload
from tests.fixtures.sns import chain as sns

pytestmark = pytest.mark.django_db
DOCS = Path(__file__).parents[2] / "docs"


def take(*data: Any) -> None:
    ingest.take_in([item if isinstance(item, ingest.Inbound) else inbound(item) for item in data])


def reasons(person: Any) -> list[str]:
    found = Suppression.objects.filter(email_key=person.email_key, lifted_at=None)
    return sorted(found.values_list("reason", flat=True))


def test_both_json_shapes_of_ses_are_understood() -> None:
    run, tagged, legacy = make_run(), make_person(), make_person()
    make_delivery(run, legacy)
    data = payload("Bounce", run, legacy)
    data["notificationType"] = data.pop("eventType")
    del data["mail"]["tags"]
    take(payload("Bounce", run, tagged), data)
    assert set(Outcome.objects.values_list("state", flat=True)) == {70}
    assert [reasons(person) for person in (tagged, legacy)] == [["bounce"], ["bounce"]]


def test_complaints_are_not_bounces() -> None:
    run, person = make_run(), make_person()
    take(payload("Complaint", run, person))
    assert reasons(person) == ["complaint"]
    figures = report.report(run)
    assert (figures.complained, figures.all_bounced) == (1, 0)


def test_endpoint_says_what_it_refuses_instead_of_403_for_everything() -> None:
    with pytest.raises(envelope.Refused) as found:
        envelope.read_fields(b"not json")
    assert (found.value.status, str(found.value)) == (400, "the body is not JSON")


def test_bounces_of_a_shape_that_is_new_are_still_recorded() -> None:
    run, person = make_run(), make_person()
    data = payload("Bounce", run, person, bounceSubType="SomethingOf2031", newField={"deep": [1]})
    data["eventVersion"] = "2.0"
    take(data, {**payload("Delivery", run, make_person()), "eventType": "TotallyNew"})
    assert reasons(person) == ["bounce"]
    assert set(Event.objects.values_list("type", flat=True)) == {"bounce", "unknown"}


def test_how_ses_and_sns_are_set_up_is_written_down_and_done_by_a_command() -> None:
    text = "".join(path.read_text() for path in DOCS.glob("*.md")) + (DOCS.parent / "README.md").read_text()
    assert "manage.py provision" in text
    assert "manage.py doctor" in text


def test_counters_move_with_the_first_event_of_every_kind() -> None:
    run, person = make_run(), make_person(opens=True, clicks=True)
    make_delivery(run, person, opens_tracked=True, clicks_tracked=True)
    take(*[payload(kind, run, person) for kind in ("Send", "Delivery", "Open")])
    take(payload("Click", run, person, link="https://x.example/"))
    figures = report.report(run)
    assert (figures.delivered, figures.opened, figures.clicked) == (1, 1, 1)


def test_each_event_finds_its_send_by_our_own_tags() -> None:
    run, person = make_run(), make_person()
    take(payload("Delivery", run, person, mail={"messageId": "an-id-we-never-saw"}))
    assert Outcome.objects.get().subscriber_id == person.pk


def test_the_reason_of_a_bounce_is_kept_and_said_in_words() -> None:
    run, person = make_run(), make_person()
    take(payload("Bounce", run, person, bounceSubType="Suppressed"))
    entry = next(
        entry
        for entry in timeline.timeline(person, before=clock.now() + timedelta(days=1))
        if entry.kind == "bounce"
    )
    assert entry.note == "Amazon had seen this address bounce before"


def test_hard_bounce_keeps_the_person_out_of_the_next_campaign() -> None:
    person = make_person()
    take(payload("Bounce", make_run(), person))
    facts = eligibility.Facts(suppressions=frozenset(reasons(person)), marketing_basis="consent")
    assert eligibility.reason_for("marketing", facts) == "bounced"


def test_soft_bounces_follow_a_policy_of_their_own() -> None:
    person = make_person()
    for _ in range(3):
        take(payload("Bounce", make_run(), person, bounceType="Transient", bounceSubType="MailboxFull"))
    bouncing.apply_policy()
    assert reasons(person) == []
    take(payload("Bounce", make_run(), person, bounceType="Transient", bounceSubType="MailboxFull"))
    bouncing.apply_policy()
    assert reasons(person) == ["unreachable"]


def test_duplicate_of_sns_is_stored_and_counted_once_not_eight_times() -> None:
    run, person = make_run(), make_person()
    data = payload("Bounce", run, person)
    message = inbound(data)
    for _ in range(8):
        take(message, inbound(data))
    assert Event.objects.count() == 1
    assert sum(Counter.objects.filter(type="bounce").values_list("events", flat=True)) == 1


def test_each_kind_of_event_stays_its_own_kind() -> None:
    run = make_run()
    kinds = ["Send", "Delivery", "Bounce", "Complaint", "Reject", "Rendering Failure", "DeliveryDelay"]
    take(*[payload(kind, run, make_person()) for kind in kinds])
    assert set(Event.objects.values_list("type", flat=True)) == {
        "send", "delivery", "bounce", "complaint", "reject", "rendering_failure", "delivery_delay",
    }  # fmt: skip


def test_valid_signature_of_a_strangers_topic_is_not_enough() -> None:
    chain = sns.make_chain()
    stranger = "arn:aws:sns:eu-central-1:999999999999:somebody-elses"

    def verifier(*topics: str) -> verify.Verifier:
        return verify.Verifier(
            topics=lambda: topics, fetch=chain.fetch, anchors=lambda: [chain.root], now=lambda: sns.STORED_AT
        )

    body = orjson.dumps(sns.notification(chain, "{}", topic=stranger))
    assert verifier(stranger).verify(body).topic_arn == stranger
    with pytest.raises(envelope.UnknownTopic):
        verifier(sns.TOPIC).verify(body)


def test_event_that_comes_before_the_delivery_row_counts_all_the_same() -> None:
    run, person = make_run(), make_person()
    take(payload("Bounce", run, person))
    make_delivery(run, person, message_id="stored-later")
    assert report.report(run).bounced == 1


@pytest.mark.parametrize("order", [("Complaint", "Delivery"), ("Delivery", "Complaint")])
def test_late_delivered_does_not_overwrite_complained(order: tuple[str, str]) -> None:
    run, person = make_run(), make_person()
    for kind in order:
        take(payload(kind, run, person))
    assert Outcome.objects.get().state == 80


def test_complaint_suppresses_and_not_spam_does_not() -> None:
    run, angry, friendly = make_run(), make_person(), make_person()
    take(
        payload("Complaint", run, angry),
        payload("Complaint", run, friendly, complaintFeedbackType="not-spam"),
    )
    assert reasons(angry) == ["complaint"]
    assert reasons(friendly) == []


def test_bounce_of_somebody_erased_writes_only_the_keyed_hash() -> None:
    run, person = make_run(), make_person()
    data, address = payload("Bounce", run, person), person.email
    person.delete()
    take(data)
    assert Suppression.objects.get().email_key == keys.email_key(address)
    assert address not in orjson.dumps(list(Event.objects.values_list("detail", flat=True))).decode()
    assert not DeadLetter.objects.exists()


def test_rendering_failure_names_the_variable() -> None:
    run, person = make_run(), make_person()
    take(
        payload(
            "Rendering Failure",
            run,
            person,
            errorMessage="Attribute 'voucher' is not present in the rendering data.",
        )
    )
    reason = Outcome.objects.get().reason
    assert words.missing_variable(reason) == "voucher"
    assert words.bounce_words(reason) == "The template's variable “voucher” had no value"

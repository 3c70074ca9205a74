"""Events settle what a lost answer left open."""

from datetime import timedelta
from typing import Any

import pytest

from campaigns.models import Call, Delivery
from events import ingest
from events.services import guarding
from mailplatform.core import clock
from tests.factories.events import inbound, make_delivery, make_person, make_run, payload

pytestmark = pytest.mark.django_db


def take(*data: dict[str, Any]) -> None:
    ingest.take_in([inbound(item) for item in data])


@pytest.mark.parametrize("kind", ["Send", "Delivery", "Bounce", "Reject", "Rendering Failure"])
@pytest.mark.parametrize("is_early", [False, True])
def test_any_event_with_our_tags_settles_an_unresolved_delivery(kind: str, is_early: bool) -> None:
    run, person, other = make_run(), make_person(), make_person()
    if is_early:
        take(payload(kind, run, person))
    for somebody in (person, other):
        make_delivery(run, somebody, state="unresolved", message_id="-")
    Call.objects.create(
        run_id=run.pk,
        state="lost",
        subscriber_ids=[person.pk, other.pk],
        configuration_set="none",
        lease_until=clock.now() - timedelta(hours=1),
    )
    if not is_early:
        take(payload(kind, run, person))
    assert guarding.settle_unresolved() == 1
    states = dict(Delivery.objects.filter(run_id=run.pk).values_list("subscriber_id", "state"))
    assert states == {person.pk: "accepted", other.pk: "unresolved"}
    assert guarding.settle_unresolved() == 0

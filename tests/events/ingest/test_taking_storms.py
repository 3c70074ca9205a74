"""In whatever order, however often and in whatever groups events come: the result is a slow, obvious oracle's."""

import random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from events import ingest
from events.services import recounting
from tests.factories import events_oracle
from tests.factories.events import inbound, make_person, make_run
from tests.factories.storms import PROXY, disorder, make_storm

pytestmark = pytest.mark.django_db


@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate],
)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 40))
def test_states_and_counters_equal_the_oracles(db: None, seed: int, size: int) -> None:
    rng = random.Random(seed)
    runs = [make_run(), make_run()]
    people = [make_person(opens=number % 3 != 0, clicks=number % 3 != 0) for number in range(6)]
    events = make_storm(rng, runs, people, 50)
    # A repeat is either SNS's own, under the same id, or SES's, in another message.
    brought = disorder(rng, events)
    messages = [inbound(event) for event in brought]
    messages += rng.sample(messages, len(messages) // 5)
    rng.shuffle(messages)
    for at in range(0, len(messages), size):
        ingest.take_in(messages[at : at + size])
    allowed = {person.pk for number, person in enumerate(people) if number % 3 != 0}
    expected = events_oracle.expect(brought, allowed, {PROXY})
    assert events_oracle.differences(expected, events_oracle.stored([run.pk for run in runs])) == []
    assert [recounting.compare(run.pk) for run in runs] == [[], []]

"""Without consent at the moment in which it arrives, an open or click leaves a number and nothing else."""

from datetime import timedelta
from typing import Any

from django.db import connection
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from events import ingest
from events.models import Counter, DeadLetter, Event, Link, Outcome
from events.services import classifying
from mailplatform.core import clock
from subscribers.models import Profile
from tests.factories.events import inbound, make_person, make_run, payload

SECRET_LINK = "https://shop.example/very-special-"
# What happens, in turn: consent is given or withdrawn, mail is opened, a link is followed, something else arrives.
STEPS = st.lists(
    st.sampled_from(["opens+", "opens-", "clicks+", "clicks-", "Open", "Click", "Delivery", "odd", "again"]),
    max_size=16,
)


class TestNoTrace(TestCase):
    """Hypothesis rolls every example back."""

    @settings(
        max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow],
        phases=(Phase.explicit, Phase.generate),
    )  # fmt: skip
    @given(steps=STEPS)
    def test_hits_without_consent_leave_a_number_and_nothing_else(self, steps: list[str]) -> None:
        run, person = make_run(), make_person()
        consent = {"opens": False, "clicks": False}
        kept: dict[str, int] = {"Open": 0, "Click": 0}
        refused = {"Open": 0, "Click": 0}
        start, last = clock.now() - timedelta(hours=1), None
        for number, step in enumerate(steps):
            if step[-1] in "+-":
                consent[step[:-1]] = step[-1] == "+"
                Profile.objects.filter(pk=person.pk).update(**{f"{step[:-1]}_allowed": step[-1] == "+"})
                continue
            if step == "again":
                if last is not None:  # the same message once more, as SNS does
                    ingest.take_in([last])
                continue
            kind = "Click" if step == "odd" else step
            # A hit that lies in the future cannot be taken in; it must not be kept as a dead letter either.
            at = clock.now() + timedelta(days=3) if step == "odd" else start + timedelta(seconds=30 * number)
            more: dict[str, Any] = {"link": f"{SECRET_LINK}{number}"} if kind == "Click" else {}
            last = inbound(payload(kind, run, person, at=at, **more))
            allowed = consent["opens" if kind == "Open" else "clicks"]
            ingest.take_in([last])
            if kind in kept and step != "odd":
                (kept if allowed else refused)[kind] += 1
            if step == "odd" and not allowed:
                assert not DeadLetter.objects.filter(message_id=last.message.message_id).exists()
        classifying.classify_machines()
        self._check(run.pk, person.pk, kept, refused)

    def _check(self, run_id: int, person_id: int, kept: dict[str, int], refused: dict[str, int]) -> None:
        for kind, word in (("Open", "open"), ("Click", "click")):
            assert Event.objects.filter(type=word).count() == kept[kind]
            untracked = Counter.objects.filter(type=f"{word}_untracked")
            assert sum(untracked.values_list("events", flat=True)) == refused[kind]
            assert set(untracked.values_list("people", "link_id")) <= {(0, 0)}
        assert Link.objects.count() == Event.objects.filter(type="click").values("link_id").distinct().count()
        profile = Profile.objects.get(pk=person_id)
        assert (profile.opens, profile.clicks) == (kept["Open"], kept["Click"])
        outcome = Outcome.objects.filter(run_id=run_id, subscriber_id=person_id).first()
        assert bool(outcome and outcome.opened_at) == bool(kept["Open"])
        assert bool(outcome and outcome.clicked_at) == bool(kept["Click"])
        # No table holds the address, IP or program of a hit.
        with connection.cursor() as cursor:
            cursor.execute("SELECT string_agg(e::text, '') FROM events_event e")
            text = cursor.fetchone()[0] or ""
        assert "192.0.2.1" not in text
        assert "Chrome" not in text

"""Whatever happens to people between the freeze and the cut: each of the audience ends in exactly one state.

And nobody else gets a row, nobody two mails, and everybody the version in the language that was frozen.
"""

import contextlib
import datetime as dt
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from campaigns.models import Batch, Delivery, Run
from campaigns.services import publishing
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.core import clock
from subscribers.models import MailingList, Subscriber, Subscription
from subscribers.selectors import profiles
from subscribers.services import erasure, people_merging, suppression, unsubscribe
from tests.factories import campaigns as factories
from tests.factories.sending import FakeSes, drain_all, make_list, make_run
from tests.factories.subscribers import person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _quota_just_read(site: Installation) -> None:
    """A reading of the account from the future keeps it from being read again."""
    installation.update(actor=None, quota_read_at=clock.now() + dt.timedelta(days=1))


PEOPLE = 5
ACTS = (
    "language",
    "rename",
    "leave",
    "leave_all",
    "bounce",
    "erase",
    "merge",
    "into_stranger",
    "join",
    "come_back",
)
acts = st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, PEOPLE - 1)), max_size=9)


def _act(name: str, person_id: int, other_id: int, audience: MailingList) -> None:  # noqa: C901 (one branch each)
    who = Subscriber.objects.filter(pk=person_id).first()
    if name == "join":
        person(list_ids=[audience.pk])
    elif who is None:
        return
    elif name == "language":
        Subscriber.objects.filter(pk=person_id).update(language="en" if who.language == "de" else "de")
    elif name == "rename":
        Subscriber.objects.filter(pk=person_id).update(name="Somebody else", fields={"city": "Rome"})
    elif name == "leave":
        unsubscribe.leave(
            subscriber_id=person_id,
            list_ids=[audience.pk],
            withdraw_marketing=False,
            source="t",
            method="page",
        )
    elif name == "leave_all":
        unsubscribe.leave_all(subscriber_id=person_id, source="t", method="one_click")
    elif name == "come_back":
        unsubscribe.undo(subscriber_id=person_id, list_ids=[audience.pk], restore_marketing=True, source="t")
    elif name == "bounce":
        suppression.suppress(email_key=bytes(who.email_key), reason="bounce", source="t")
    elif name == "erase":
        erasure.erase(subscriber_id=person_id, actor=None, source="t")
    elif name == "into_stranger":
        people_merging.merge(keep_id=person().pk, other_id=person_id, actor=None)
    else:
        with contextlib.suppress(people_merging.MergeError):
            people_merging.merge(keep_id=other_id, other_id=person_id, actor=None)


def _expected(person_id: int, history: list[str], audience: MailingList) -> tuple[str, str]:
    who = Subscriber.objects.filter(pk=person_id).first()
    if who is None:
        return ("skipped", "erased" if "erase" in history else "merged")
    reason = profiles.of(who).reason
    on_it = Subscription.objects.filter(subscriber=who, mailing_list=audience, state="confirmed").exists()
    if reason or not on_it:
        return ("skipped", reason or "left_list")
    return ("accepted", "")


def _launch(audience: MailingList) -> tuple[Run, dict[str, str]]:
    """A run in two languages, and the name of the stored template of each."""
    german = publishing.publish(template=factories.make_template(subject="Hallo {{name}}"), actor=None)
    run = make_run(audience, versions={"de": german.pk})
    return run, {"": run.template_version.ses_name, "de": german.ses_name}


# Not shrunk: an example takes a whole campaign.
_OPTIONS: dict[str, Any] = {
    "deadline": None,
    "phases": [Phase.explicit, Phase.reuse, Phase.generate],
    "suppress_health_check": [HealthCheck.function_scoped_fixture],
}


@settings(max_examples=2, **_OPTIONS)
@example([("leave_all", 0), ("erase", 1), ("merge", 2), ("language", 3), ("join", 4), ("into_stranger", 3)])
@given(acts)
def test_each_person_of_the_audience_ends_in_exactly_one_state(
    site: Installation, done: list[tuple[str, int]]
) -> None:
    _check(done)


@pytest.mark.drill
@settings(max_examples=60, **_OPTIONS)
@given(acts)
def test_many_people_of_audiences_end_in_exactly_one_state(
    site: Installation, done: list[tuple[str, int]]
) -> None:
    _check(done)


def _check(done: list[tuple[str, int]]) -> None:
    audience, fake = make_list(), FakeSes()
    people = [person(list_ids=[audience.pk], language=["en", "de"][n % 2]) for n in range(PEOPLE)]
    ids, emails = [each.pk for each in people], {each.pk: each.email for each in people}
    run, templates = _launch(audience)
    histories: dict[int, list[str]] = {id_: [] for id_ in ids}
    for name, number in done:
        was_there = Subscriber.objects.filter(pk=ids[number]).exists()
        _act(name, ids[number], ids[(number + 1) % PEOPLE], audience)
        if was_there and not Subscriber.objects.filter(pk=ids[number]).exists():
            histories[ids[number]].append(name)
    expected = {id_: _expected(id_, histories[id_], audience) for id_ in ids}
    drain_all(run, fake, rounds=2)
    rows = list(Delivery.objects.filter(run_id=run.pk))
    assert Counter(row.subscriber_id for row in rows) == Counter(ids)
    assert run.audience == len(rows) == PEOPLE
    assert {row.subscriber_id: (row.state, row.reason) for row in rows} == expected
    mailed = {emails[row.subscriber_id] for row in rows if row.state == "accepted"}
    assert fake.accepted == Counter(mailed)
    _check_versions(run, fake, templates, emails)


def _check_versions(run: Run, fake: FakeSes, templates: dict[str, str], emails: dict[int, str]) -> None:
    frozen = {
        emails[id_]: templates[batch.language]
        for batch in Batch.objects.filter(run_id=run.pk)
        for id_ in batch.subscriber_ids
    }
    for call in fake.calls:
        name = call["DefaultContent"]["Template"]["TemplateName"]
        for entry in call["BulkEmailEntries"]:
            assert frozen[entry["Destination"]["ToAddresses"][0]] == name


def test_who_changes_language_after_the_freeze_gets_the_mail_once_in_the_frozen_language(
    site: Installation, fake: FakeSes
) -> None:
    audience = make_list()
    one = person(list_ids=[audience.pk], language="de")
    run, templates = _launch(audience)
    Subscriber.objects.filter(pk=one.pk).update(language="en")
    drain_all(run, fake)
    assert fake.accepted == Counter([one.email])
    assert fake.calls[0]["DefaultContent"]["Template"]["TemplateName"] == templates["de"]


def test_a_person_merged_after_the_freeze_is_skipped_and_says_so(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    keep, other = person(list_ids=[audience.pk]), person(list_ids=[audience.pk])
    other_id = other.pk
    run = make_run(audience)
    people_merging.merge(keep_id=keep.pk, other_id=other.pk, actor=None)
    drain_all(run, fake)
    assert fake.accepted == Counter([keep.email])
    row = Delivery.objects.get(run_id=run.pk, subscriber_id=other_id)
    assert (row.state, row.reason) == ("skipped", "merged")

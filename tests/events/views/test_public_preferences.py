"""The preference centre: a pause, the language, one's data and erasure, in the reader's own language."""

import datetime as dt
import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from campaigns import tokens
from campaigns.models import Run
from campaigns.selectors import campaigns
from mailplatform.accounts.models import AuditEntry
from mailplatform.core import clock
from subscribers import words
from subscribers.models import (
    Act,
    ConsentNotice,
    ConsentPersonal,
    ConsentRecord,
    MailingList,
    OwedMail,
    Profile,
    Purpose,
    RightsCase,
    Subscriber,
    Subscription,
)
from subscribers.selectors import audience
from subscribers.services import lists, profiles
from tests.factories import subscribers as people
from tests.factories.events import make_delivery, make_run
from tests.factories.signup import hosted_path

pytestmark = pytest.mark.django_db


@pytest.fixture
def news() -> MailingList:
    return lists.create(name="News", is_public=True)


@pytest.fixture
def person(news: MailingList) -> Subscriber:
    return people.person("ada.lovelace@example.org", list_ids=[news.pk])


@pytest.fixture
def run(news: MailingList) -> Run:
    return make_run(list_ids=[news.pk])


@pytest.fixture
def page(run: Run, person: Subscriber) -> str:
    return reverse("events:preferences", args=[tokens.make_unsubscribe_token(run.pk, person.pk)])


def eligible(news: MailingList) -> int:
    return audience.count(audience.AudienceSpec(list_ids=(news.pk,)), "marketing").eligible


@pytest.mark.parametrize("days", [30, 90])
def test_ux_29_a_pause_is_one_record_with_its_words_time_and_network_and_the_next_campaign_honours_it(
    stranger: Client, page: str, news: MailingList, days: int, time_machine: Any
) -> None:
    before = ConsentRecord.objects.count()
    assert eligible(news) == 1
    answer = stranger.post(page, {"action": "pause", "days": days}, REMOTE_ADDR="192.0.2.77")
    assert "Saved" in answer.content.decode()
    record = ConsentRecord.objects.order_by("-id")[0]
    assert (ConsentRecord.objects.count(), record.act) == (before + 1, "paused")
    assert ConsentNotice.objects.get(hash=record.notice_hash).text == words.say("en", "pause_text", days=days)
    assert ConsentPersonal.objects.get(record_id=record.pk).ip == "192.0.2.0"
    assert abs(record.occurred_at - clock.now()) < dt.timedelta(minutes=1)
    assert eligible(news) == 0
    time_machine.move_to(clock.now() + dt.timedelta(days=days, seconds=1), tick=False)
    assert eligible(news) == 1


def test_ux_29_a_pause_can_be_ended(
    stranger: Client, page: str, person: Subscriber, news: MailingList
) -> None:
    stranger.post(page, {"action": "pause", "days": 30})
    assert "No mail" not in stranger.post(page, {"action": "resume"}).content.decode()
    assert ConsentRecord.objects.order_by("-id")[0].act == "resumed"
    assert eligible(news) == 1
    before = ConsentRecord.objects.count()
    stranger.post(page, {"action": "resume"})
    assert ConsentRecord.objects.count() == before


@pytest.mark.parametrize(
    "data",
    [
        {}, {"action": "pause"}, {"action": "pause", "days": "7"}, {"action": "pause", "days": "9" * 5_000},
        {"action": "often"}, {"action": "often", "days": "1"}, {"action": "often", "days": "-7"},
        {"action": "language", "language": "xx"}, {"action": "nonsense"}, {"list": "1"},
    ],
)  # fmt: skip
def test_a_post_without_one_of_our_buttons_changes_nothing(
    stranger: Client, page: str, person: Subscriber, data: dict[str, str]
) -> None:
    before = ConsentRecord.objects.count()
    assert stranger.post(page, data).status_code == 400
    assert ConsentRecord.objects.count() == before
    assert Subscription.objects.get().state == "confirmed"


@pytest.mark.parametrize("days", [7, 28])
def test_ux_29_less_often_is_one_record_with_its_words_and_the_next_campaign_honours_it(
    stranger: Client, page: str, person: Subscriber, days: int, time_machine: Any
) -> None:
    news = MailingList.objects.get()
    before, sent = ConsentRecord.objects.count(), clock.now()
    make_delivery(make_run(list_ids=[news.pk]), person)
    assert eligible(news) == 1
    answer = stranger.post(page, {"action": "often", "days": days}, REMOTE_ADDR="192.0.2.77").content.decode()
    assert f'<option value="{days}" selected>' in answer
    record = ConsentRecord.objects.order_by("-id")[0]
    assert (ConsentRecord.objects.count(), record.act, record.actor) == (before + 1, "frequency", "person")
    assert ConsentNotice.objects.get(hash=record.notice_hash).text == words.say("en", f"often_{days}_text")
    personal = ConsentPersonal.objects.get(record_id=record.pk)
    assert (personal.ip, personal.evidence) == ("192.0.2.0", {"gap_days": days})
    counted = audience.count(audience.AudienceSpec(list_ids=(news.pk,)), "marketing")
    assert (counted.eligible, counted.excluded) == (0, {"too_soon": 1})
    campaign = make_run().campaign
    campaign.lists.add(news)
    (left_out,) = campaigns.count_audience(campaign).exclusions
    assert (left_out.label, left_out.count) == ("Wants less mail, and got one a short time ago", 1)
    stranger.post(page, {"action": "often", "days": days})
    assert ConsentRecord.objects.count() == before + 1
    time_machine.move_to(sent + dt.timedelta(days=days), tick=False)
    assert eligible(news) == 1
    time_machine.move_to(sent + dt.timedelta(days=1), tick=False)
    stranger.post(page, {"action": "often", "days": 0})
    assert eligible(news) == 1


def test_whoever_said_no_to_being_measured_is_not_asked_again_for_six_months(
    stranger: Client, page: str, person: Subscriber, news: MailingList, time_machine: Any
) -> None:
    now = dt.datetime(2026, 3, 31, 12, tzinfo=dt.UTC)
    time_machine.move_to(now, tick=False)
    assert "<details>" not in stranger.get(page).content.decode()
    stranger.post(page, {"action": "save", "list": news.pk})
    refused = ConsentRecord.objects.filter(act="refused").order_by("id")
    assert [record.purpose for record in refused] == ["open_tracking", "click_tracking"]
    shown = [ConsentNotice.objects.get(hash=record.notice_hash).text for record in refused]
    assert shown == [words.say("en", "opens_wording"), words.say("en", "clicks_wording")]
    text = stranger.get(page).content.decode()
    assert "We do not ask again before 2026-09-30" in text
    assert text.index("<details>") < text.index('name="opens"') < text.index("</details>")
    stranger.post(page, {"action": "save", "list": news.pk})
    assert refused.count() == 2
    time_machine.move_to(dt.datetime(2026, 9, 30, 12, tzinfo=dt.UTC), tick=False)
    assert "<details>" not in stranger.get(page).content.decode()


def test_who_changes_their_mind_within_the_six_months_is_believed(
    stranger: Client, page: str, person: Subscriber, news: MailingList
) -> None:
    stranger.post(page, {"action": "save", "list": news.pk})
    stranger.post(page, {"action": "save", "list": news.pk, "clicks": "on"})
    profile = Profile.objects.get(pk=person.pk)
    assert (profile.opens_allowed, profile.clicks_allowed) == (False, True)
    text = stranger.get(page).content.decode()
    assert text.index('name="clicks"') < text.index("<details>") < text.index('name="opens"')
    stranger.post(page, {"action": "save", "list": news.pk})
    assert ConsentRecord.objects.order_by("-id")[0].act == "withdrawn"
    assert '<input type="checkbox" name="clicks" checked' not in stranger.get(page).content.decode()


def test_a_change_of_language_stands_in_the_audit_log(
    stranger: Client, page: str, person: Subscriber, run: Run
) -> None:
    stranger.post(page, {"action": "language", "language": "fr"})
    stranger.post(page, {"action": "language", "language": "fr"})
    entry = AuditEntry.objects.get(action="subscriber.language")
    assert entry.object_id == str(person.pk)
    assert entry.detail == {"from": "", "to": "fr", "by": "the person", "source": f"run:{run.pk}"}


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_my_data_speaks_the_persons_language(stranger: Client, person: Subscriber, language: str) -> None:
    Subscriber.objects.filter(pk=person.pk).update(language=language)
    text = stranger.get(hosted_path("data", person.pk)).content.decode()
    assert escape(words.say(language, "purpose_marketing_email")) in text
    assert escape(words.say(language, "act_granted")) in text


def test_every_act_and_purpose_has_words() -> None:
    keys = {f"act_{act}" for act in Act.values} | {f"purpose_{purpose}" for purpose in Purpose.values}
    assert keys <= words.CATALOGUES["en"].keys()


def test_ux_29_a_change_can_be_undone_at_once(stranger: Client, page: str, news: MailingList) -> None:
    answer = stranger.post(page, {"action": "save", "opens": "on"}).content.decode()
    assert Subscription.objects.get().state == "unsubscribed"
    assert 'value="undo"' in answer
    assert f'name="list" value="{news.pk}"' in answer
    answer = stranger.post(page, {"action": "undo", "list": news.pk}).content.decode()
    assert "as it was before" in answer
    assert Subscription.objects.get().state == "confirmed"
    assert not Profile.objects.get().opens_allowed


def test_ux_29_leaving_everything_stands_before_all_choices(stranger: Client, page: str) -> None:
    text = stranger.get(page).content.decode()
    assert 0 < text.index('value="all"') < text.index("<fieldset")
    assert len(text.encode()) < 20_000
    assert "<script" not in text


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_the_pages_speak_the_persons_language_and_record_its_words(
    stranger: Client, page: str, person: Subscriber, language: str
) -> None:
    stranger.post(page, {"action": "language", "language": language})
    answer = stranger.post(page, {"action": "save", "clicks": "on"}, headers={"accept-language": "en"})
    text = answer.content.decode()
    assert f'<html lang="{language}">' in text
    assert words.say(language, "saved") in text
    record = ConsentRecord.objects.get(purpose="click_tracking")
    notice = ConsentNotice.objects.get(hash=record.notice_hash)
    assert (notice.language, notice.text) == (language, words.say(language, "clicks_wording"))


def test_without_a_language_of_their_own_the_browsers_counts(stranger: Client, page: str) -> None:
    text = stranger.get(page, headers={"accept-language": "fr-CH,en;q=0.3"}).content.decode()
    assert '<html lang="fr">' in text


@pytest.mark.parametrize("kind", ["data", "erase"])
def test_a_forwarded_mail_shows_no_data_and_erases_nobody(
    stranger: Client, page: str, person: Subscriber, kind: str
) -> None:
    text = stranger.post(page, {"action": kind}).content.decode()
    assert person.email not in text
    mail = OwedMail.objects.get()
    assert (mail.kind, mail.reference) == (kind, person.pk)
    stranger.post(page, {"action": kind})
    assert OwedMail.objects.count() == 1
    token = page.split("/")[-2]
    for path in (f"/m/{token}/", f"/e/{token}/"):
        assert stranger.post(path, {"action": "erase"}).status_code in {404, 405}
    assert Subscriber.objects.filter(pk=person.pk).exists()


def test_ux_29_my_data_shows_and_gives_what_is_held(stranger: Client, person: Subscriber, run: Run) -> None:
    make_delivery(run, person)
    path = hosted_path("data", person.pk)
    text = stranger.get(path).content.decode()
    assert person.email in text
    assert "News" in text
    held = json.loads(stranger.get(path, {"format": "json"}).content)
    assert held["person"]["email"] == person.email
    assert held["consent"]
    answer = stranger.get(path, {"format": "csv"})
    assert "attachment" in answer["Content-Disposition"]
    assert person.email in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("change", ["expired", "foreign", "altered"])
def test_links_to_data_that_are_over_or_not_ours_open_nothing(
    stranger: Client, person: Subscriber, change: str
) -> None:
    path = {
        "expired": hosted_path("data", person.pk, seconds=-1),
        "foreign": "/m/" + hosted_path("erase", person.pk).split("/")[2] + "/",
        "altered": hosted_path("data", person.pk)[:-3] + "!!/",
    }[change]
    answer = stranger.get(path, {"format": "json"})
    assert answer.status_code in {404, 410}
    assert person.email not in answer.content.decode()


def test_ux_29_erasure_asks_once_more_and_a_look_erases_nobody(stranger: Client, person: Subscriber) -> None:
    path = hosted_path("erase", person.pk)
    assert "Erase me now" in stranger.get(path).content.decode()
    assert stranger.post(path).status_code == 200
    assert Subscriber.objects.filter(pk=person.pk).exists()
    assert "You are erased" in stranger.post(path, {"action": "erase"}).content.decode()
    assert not Subscriber.objects.exists()
    assert stranger.post(path, {"action": "erase"}).status_code == 410
    assert ConsentRecord.objects.order_by("-id")[0].act == "erased"
    assert RightsCase.objects.get().state == "done"


def test_a_pause_touches_no_other_person(stranger: Client, page: str, news: MailingList) -> None:
    other = people.person("bob@example.org", list_ids=[news.pk])
    stranger.post(page, {"action": "pause", "days": 30})
    profiles.refresh(subscriber_ids=[other.pk])
    assert eligible(news) == 1

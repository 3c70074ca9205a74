import datetime as dt
import itertools

import pytest
import time_machine
from django.test import Client
from pytest_django.asserts import assertContains, assertNotContains

from mailplatform.accounts.models import AuditEntry, User, UserSession
from tests.factories.accounts import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Version/18.1 Mobile Safari/604.1"
ADDRESSES = itertools.count(1)
LAPTOP = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def user() -> User:
    return UserFactory.create()


def window(user: User, agent: str) -> Client:
    # An address of its own: failed attempts are counted by it, also those of other tests.
    client = Client(headers={"user-agent": agent}, REMOTE_ADDR=f"198.51.100.{next(ADDRESSES)}")
    client.post("/account/login/", {"login": user.email, "password": PASSWORD})
    return client


def test_ones_own_profile(client: Client) -> None:
    user = UserFactory.create()
    client.force_login(user)
    client.post("/account/profile/", {"name": "Ada", "time_zone": "Europe/Rome"})
    user.refresh_from_db()
    assert (user.name, user.time_zone) == ("Ada", "Europe/Rome")
    assert client.post("/account/profile/", {"name": "", "time_zone": "Mars/Base"}).status_code == 422


def test_one_sees_where_one_is_signed_in_and_ends_one(user: User) -> None:
    here, there = window(user, LAPTOP), window(user, PHONE)
    page = here.get("/account/profile/")
    assertContains(page, "Firefox on Linux")
    assertContains(page, "Safari on iPhone")
    assertNotContains(page, here.session.session_key or "none")
    row = UserSession.objects.get(device="Safari on iPhone")
    assertContains(here.post(f"/account/sessions/{row.pk}/end/", follow=True), "Signed out there")
    assertNotContains(here.get("/account/profile/"), "iPhone")
    assert there.get("/account/profile/").status_code == 302
    assert AuditEntry.objects.get(action="session.ended").detail == {"device": "Safari on iPhone"}


def test_all_others_are_ended_at_once(user: User) -> None:
    here, there, elsewhere = (window(user, agent) for agent in (LAPTOP, PHONE, ""))
    assertContains(here.post("/account/sessions/end-others/", follow=True), "Signed out in 2 other places")
    assert [each.get("/account/profile/").status_code for each in (here, there, elsewhere)] == [200, 302, 302]


def test_nobody_ends_the_session_of_somebody_else(user: User) -> None:
    here, stranger = window(user, LAPTOP), window(UserFactory.create(), PHONE)
    row = UserSession.objects.get(user=user)
    assertContains(stranger.post(f"/account/sessions/{row.pk}/end/", follow=True), "over already")
    assert here.get("/account/profile/").status_code == 200


def test_a_new_password_ends_the_other_sessions(user: User) -> None:
    here, there = window(user, LAPTOP), window(user, PHONE)
    new = "another horse battery"
    here.post("/account/password/change/", {"oldpassword": PASSWORD, "password1": new, "password2": new})
    assert here.get("/account/profile/").status_code == 200
    assert there.get("/account/profile/").status_code == 302
    assert AuditEntry.objects.get(action="user.password_changed").detail == {"sessions_ended": 1}


def test_when_it_was_last_used_is_kept_to_five_minutes(user: User) -> None:
    here = window(user, LAPTOP)
    first = UserSession.objects.get().last_seen_at
    here.get("/account/profile/")
    assert UserSession.objects.get().last_seen_at == first
    with time_machine.travel(first + dt.timedelta(minutes=6)):
        here.get("/account/profile/")
    assert UserSession.objects.get().last_seen_at > first


def test_the_log_says_how_somebody_signed_in(user: User) -> None:
    window(user, PHONE)
    entry = AuditEntry.objects.get(action="user.signed_in")
    assert entry.detail == {"by": ["password"], "device": "Safari on iPhone"}

import datetime as dt

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from mailplatform.accounts import periodic
from mailplatform.accounts.models import UserSession
from mailplatform.accounts.services import sessions
from mailplatform.core import clock
from tests.factories.accounts import UserFactory

pytestmark = pytest.mark.django_db


def test_what_is_over_is_forgotten_with_what_was_noted(client: Client) -> None:
    old, new = UserFactory.create(), UserFactory.create()
    client.force_login(old)
    Session.objects.update(expire_date=clock.now() - dt.timedelta(days=1))
    Client().force_login(new)
    periodic.forget_sessions()
    assert [row.user for row in UserSession.objects.all()] == [new]
    assert Session.objects.count() == 1


def test_signing_out_forgets_it(client: Client) -> None:
    client.force_login(UserFactory.create())
    client.logout()
    assert not UserSession.objects.exists()


def test_ending_all_leaves_other_people_alone(client: Client) -> None:
    user, other = UserFactory.create(), UserFactory.create()
    client.force_login(user)
    Client().force_login(other)
    assert sessions.end_all(user) == 1
    assert UserSession.objects.get().user == other

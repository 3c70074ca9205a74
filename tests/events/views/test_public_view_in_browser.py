"""The mail as a page: shut off from ours, and gone with the person."""

import pytest
from django.test import Client
from django.urls import reverse

from campaigns import tokens
from tests.factories.events import make_person, make_run

pytestmark = pytest.mark.django_db


def test_mail_is_shown_under_a_policy_of_its_own(client: Client) -> None:
    run, person = make_run(), make_person()
    response = client.get(
        reverse("events:view_in_browser", args=[tokens.make_unsubscribe_token(run.pk, person.pk)])
    )
    assert response.status_code == 200
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "sandbox" in policy
    assert not response.cookies


def test_mail_of_somebody_who_was_erased_is_gone(client: Client) -> None:
    run = make_run()
    response = client.get(
        reverse("events:view_in_browser", args=[tokens.make_unsubscribe_token(run.pk, 999_999)])
    )
    assert response.status_code == 404
    assert "no longer here" in response.content.decode()


def test_post_is_refused(client: Client) -> None:
    run, person = make_run(), make_person()
    address = reverse("events:view_in_browser", args=[tokens.make_unsubscribe_token(run.pk, person.pk)])
    assert client.post(address).status_code == 405

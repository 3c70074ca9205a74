import pytest
from allauth.mfa.models import Authenticator
from django.http import HttpResponse
from django.test import Client, RequestFactory

from mailplatform.accounts.middleware import FloodMiddleware
from mailplatform.core.flood import BAD_POSTS
from tests.factories.accounts import InstallationFactory, UserFactory
from tests.mailplatform.accounts.test_urls import patterns

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "path", ["/", "/subscribers/", "/campaigns/", "/templates/", "/consent/", "/settings/"]
)
def test_strangers_must_sign_in(client: Client, path: str) -> None:
    UserFactory.create()
    response = client.get(path)
    assert (response.status_code, response["Location"]) == (302, f"/account/login/?next={path}")


def test_an_unknown_address_is_unknown_to_strangers_too(client: Client) -> None:
    UserFactory.create()
    assert client.get("/no/such/page/").status_code == 404


def test_the_page_of_a_reader_needs_no_sign_in_and_asks_nothing_about_users(client: Client) -> None:
    assert client.get("/u/not-a-token/").status_code == 404


@pytest.mark.parametrize(
    ("own", "installations", "expected"),
    [("Asia/Tokyo", "Europe/Berlin", "JST"), ("", "Europe/Berlin", "CE"), ("", "UTC", "UTC")],
)
def test_times_are_shown_in_the_zone_of_the_user(
    client: Client, own: str, installations: str, expected: str
) -> None:
    InstallationFactory.create(time_zone=installations)
    client.force_login(UserFactory.create(time_zone=own))
    page = client.get("/account/profile/").content.decode()
    assert f" {expected}" in page.split("Last signed in")[1]


def test_whoever_lacks_the_second_factor_sets_one_up_first(client: Client) -> None:
    InstallationFactory.create(require_second_factor=True)
    user = UserFactory.create()
    client.force_login(user)
    assert client.get("/")["Location"] == "/account/2fa/"
    assert client.get("/", headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    assert client.get("/account/2fa/").status_code == 200
    assert client.get("/account/logout/").status_code == 200
    assert client.get("/u/not-a-token/").status_code == 404
    Authenticator.objects.create(user=user, type="recovery_codes", data={})
    assert client.get("/account/profile/").status_code == 302
    Authenticator.objects.create(user=user, type="totp", data={})
    assert client.get("/account/profile/").status_code == 200


def statuses(client: Client, path: str, count: int) -> set[int]:
    return {client.get(path).status_code for _ in range(count)}


def test_guessing_links_and_tokens_is_held_back_but_never_an_unsubscribe(client: Client) -> None:
    assert statuses(client, "/v/not-a-token/", BAD_POSTS) == {404}
    answer = client.get("/v/not-a-token/")
    assert (answer.status_code, answer["Retry-After"]) == (429, "60")
    assert client.post("/api/v1/lists", {}, headers={"Authorization": "Bearer mp_guess"}).status_code == 429
    assert client.post("/u/not-a-token/", {"List-Unsubscribe": "One-Click"}).status_code == 404
    assert Client(REMOTE_ADDR="2001:db8::1").get("/v/not-a-token/").status_code == 404


def test_public_pages_are_not_read_without_end(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    UserFactory.create()
    monkeypatch.setattr(FloodMiddleware, "READS", 5)
    assert statuses(client, "/account/login/", 5) == {200}
    assert statuses(client, "/account/login/", 1) == {429}
    client.force_login(UserFactory.create())
    assert statuses(client, "/account/profile/", 7) == {200}


def test_pictures_of_mails_are_never_held_back(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FloodMiddleware, "READS", 5)
    assert statuses(client, "/m/0b2f4c2e7f6d4f0c9a3d1b5e8c7a6f90/logo.png", BAD_POSTS + 1) == {404}
    assert statuses(client, "/brand/0123456789ab.css", 6) == {404}
    # A picture that is gone is no guess: whoever opened old mails still reads every page.
    assert statuses(client, "/v/not-a-token/", 1) == {404}


def test_every_public_address_is_limited() -> None:
    public = {name: p for name, p in patterns() if getattr(p.callback, "login_required", True) is False}
    assert {"events:unsubscribe", "accounts:setup", "accounts:metrics", "account_login", "api:people"} <= set(
        public
    )
    for name, pattern in public.items():
        if name in FloodMiddleware.LOADED:
            continue
        middleware = FloodMiddleware(lambda _: HttpResponse(status=404))
        request = RequestFactory().get("/")
        for _ in range(BAD_POSTS):
            assert middleware.process_view(request, pattern.callback) is None
            middleware(request)
        answer = middleware.process_view(request, pattern.callback)
        assert isinstance(answer, HttpResponse), name
        assert answer.status_code == 429

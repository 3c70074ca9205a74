"""What holds for every address of the site; who may open it: test_access_who_may.py."""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests.factories.accounts import AdminFactory, InstallationFactory, UserFactory

POLICY = (
    "default-src 'self'",
    "script-src 'self'",
    "style-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
)


def patterns(resolver: URLResolver | None = None, namespace: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLResolver):
            yield from patterns(entry, f"{entry.namespace}:" if entry.namespace else namespace)
        else:
            yield f"{namespace}{entry.name}", entry


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/settings/",
        "/settings/users/",
        "/account/profile/",
        "/account/2fa/",
        "/no/such/page/",
        "/campaigns/",
    ],
)
def test_pages_carry_the_strict_policy(client: Client, path: str) -> None:
    InstallationFactory.create()
    client.force_login(AdminFactory.create())
    check_headers(client, path)


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/account/login/", "/account/password/reset/", "/u/nonsense/", "/healthz"])
def test_pages_of_strangers_carry_it_too(client: Client, path: str) -> None:
    UserFactory.create()
    check_headers(client, path)


def check_headers(client: Client, path: str) -> None:
    response = client.get(path)
    policy = response["Content-Security-Policy"]
    assert all(part in policy for part in POLICY)
    assert "unsafe" not in policy
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] in {"same-origin", "no-referrer"}
    assert response["X-Frame-Options"] in {"SAMEORIGIN", "DENY"}
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.django_db
def test_a_form_without_its_token_is_explained() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(AdminFactory.create())
    response = client.post("/settings/", {"section": "company"})
    assert response.status_code == 403
    assert b"Please send that again" in response.content


@pytest.mark.django_db
def test_our_own_mistake_is_a_page_in_words(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.raise_request_exception = False
    client.force_login(AdminFactory.create())
    monkeypatch.setattr("mailplatform.accounts.selectors.PAGE", "nonsense")
    response = client.get("/settings/audit-log/")
    assert response.status_code == 500
    assert b"Something went wrong on our side" in response.content
    assert "script-src 'self'" in response["Content-Security-Policy"]

"""What holds for every call of the API: a token, its scopes, its owner's role, a limit, and once means once."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver

from mailplatform.accounts import api
from mailplatform.accounts.models import ApiReply, ApiToken, AuditEntry, Role
from mailplatform.accounts.services import api_tokens
from subscribers.models import MailingList
from tests.factories.accounts import AdminFactory, MarketerFactory, UserFactory, sign_in

pytestmark = pytest.mark.django_db
ANY_ID = "00000000-0000-0000-0000-000000000000"


def bearer(*scopes: str, owner: Any = None) -> dict[str, str]:
    _, secret = api_tokens.make(name="test", scopes=scopes, owner=owner or AdminFactory.create())
    return {"authorization": f"Bearer {secret}"}


def calls() -> list[tuple[str, str]]:
    from mailplatform.urls import api as whole

    return [
        (method, path.replace("{public_id}", ANY_ID))
        for path, operations in whole.get_openapi_schema()["paths"].items()
        for method in operations
    ]


def test_every_call_wants_a_token(client: Client) -> None:
    assert len(calls()) > 15
    for headers in ({}, {"authorization": "Bearer mp_wrong"}, {"authorization": "Basic x"}):
        for method, path in calls():
            assert getattr(client, method)(path, headers=headers).status_code == 401


def test_a_session_is_no_token(client: Client) -> None:
    client.force_login(AdminFactory.create())
    assert client.get("/api/v1/people").status_code == 401


def test_every_call_wants_a_scope(client: Client) -> None:
    owner = AdminFactory.create()
    for method, path in calls():
        wrong = "campaigns:read" if "campaigns" not in path else "lists:read"
        answer = getattr(client, method)(
            path, data="{}", content_type="application/json", headers=bearer(wrong, owner=owner)
        ) if method != "get" else client.get(path, headers=bearer(wrong, owner=owner))  # fmt: skip
        # What is checked before the scope is only whether the body can be read.
        assert answer.status_code in {403, 422}, path
        assert answer.status_code == 403 or "detail" in answer.json()


def test_the_owners_role_counts_too(client: Client) -> None:
    owner = MarketerFactory.create()
    headers = bearer("lists:write", "people:erase", owner=owner)
    assert client.delete(f"/api/v1/people/{ANY_ID}", headers=headers).json()["code"] == "role"
    owner.role = Role.VIEWER
    owner.save()
    answer = client.post("/api/v1/lists", {"name": "A"}, content_type="application/json", headers=headers)
    assert answer.status_code == 403
    owner.is_active = False
    owner.save()
    assert client.get("/api/v1/lists", headers=headers).status_code == 401


def test_a_revoked_token_is_refused_and_the_secret_is_stored_nowhere(client: Client) -> None:
    admin = AdminFactory.create()
    token, secret = api_tokens.make(name="shop", scopes=["lists:read"], owner=admin)
    headers = {"authorization": f"Bearer {secret}"}
    assert client.get("/api/v1/lists", headers=headers).json() == []
    token.refresh_from_db()
    assert token.last_used_at is not None
    assert secret not in json.dumps([ApiToken.objects.values_list("key_hash", "hint")[0]])
    assert api_tokens.revoke(token_id=token.pk, actor=admin)
    assert not api_tokens.revoke(token_id=token.pk, actor=admin)
    assert client.get("/api/v1/lists", headers=headers).status_code == 401
    assert set(AuditEntry.objects.values_list("action", flat=True)) == {"api_token.made", "api_token.revoked"}


def test_the_same_key_does_it_once(client: Client) -> None:
    headers = {**bearer("lists:write"), "idempotency-key": "order-17"}
    ask: Any = {"data": {"name": "News"}, "content_type": "application/json", "headers": headers}
    first, second = client.post("/api/v1/lists", **ask), client.post("/api/v1/lists", **ask)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert MailingList.objects.count() == 1
    other = client.post("/api/v1/lists", **{**ask, "data": {"name": "Other"}})
    assert other.status_code == 422
    assert ApiReply.objects.count() == 1
    long = client.post("/api/v1/lists", **{**ask, "headers": {**headers, "idempotency-key": "x" * 101}})
    assert long.status_code == 400


def test_a_refusal_is_not_kept(client: Client) -> None:
    MailingList.objects.create(name="News")
    headers = {**bearer("lists:write"), "idempotency-key": "k"}
    ask: Any = {"data": {"name": "News"}, "content_type": "application/json", "headers": headers}
    assert client.post("/api/v1/lists", **ask).status_code == 409
    MailingList.objects.all().delete()
    assert client.post("/api/v1/lists", **ask).status_code == 201


def test_too_many_requests_are_told_when_to_come_back(client: Client, monkeypatch: Any) -> None:
    monkeypatch.setattr(api, "PER_MINUTE", 2)
    headers = bearer("lists:read")
    answers = [client.get("/api/v1/lists", headers=headers) for _ in range(6)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert 1 <= int(refused[0]["Retry-After"]) <= 60


def test_the_documentation_is_for_users_and_needs_no_script(client: Client) -> None:
    assert client.get("/api/v1/docs").status_code == 302
    client.force_login(UserFactory.create())
    page = client.get("/api/v1/docs")
    assert "POST /api/v1/people" in page.content.decode()
    assert "cdn" not in page.content.decode()
    assert (
        "script-src &#x27;self&#x27;" in page["Content-Security-Policy"]
        or "'self'" in page["Content-Security-Policy"]
    )
    assert client.get("/api/v1/openapi.json").json()["info"]["title"] == "mailplatform"


def test_the_api_is_part_of_the_site() -> None:
    assert "api" in get_resolver().namespace_dict


def test_the_page_makes_shows_once_and_revokes(client: Client) -> None:
    client.force_login(MarketerFactory.create())
    assert client.get("/settings/api/").status_code == 403
    sign_in(client, AdminFactory.create())
    assert "No token yet" in client.get("/settings/api/").content.decode()
    assert client.post("/settings/api/", {"name": "shop"}).status_code == 422
    made = client.post("/settings/api/", {"name": "shop", "scopes": ["lists:read"]})
    token = ApiToken.objects.get()
    assert "copy it now" in made.content.decode()
    assert made["Cache-Control"] == "no-store"
    assert "copy it now" not in client.get("/settings/api/").content.decode()
    revoked = client.post(f"/settings/api/{token.pk}/revoke/", follow=True).content.decode()
    assert "Revoked" in revoked
    assert "revoked already" in client.post(f"/settings/api/{token.pk}/revoke/", follow=True).content.decode()

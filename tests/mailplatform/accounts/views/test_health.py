from typing import Any

import pytest
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from pytest_django import Settings


@pytest.mark.django_db
def test_all_is_well(client: Client) -> None:
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.json() == {"postgres": "ok", "redis": "ok"}
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db
def test_a_missing_redis_is_named(client: Client, settings: Settings) -> None:
    backend = "django.core.cache.backends.redis.RedisCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": "unix:///nowhere/redis.sock?db=0"}}
    response = client.get("/healthz")
    assert response.status_code == 503
    assert response.json() == {"postgres": "ok", "redis": "unreachable"}


def test_a_process_that_serves_is_alive_whatever_else_is_away(client: Client, settings: Any) -> None:
    settings.CACHES = {"default": {"BACKEND": "no.such.Cache"}}
    assert client.get("/livez").json() == {"web": "ok"}


@pytest.mark.django_db
def test_it_is_ready_when_the_tables_are_those_of_this_version(client: Client) -> None:
    assert client.get("/readyz").json() == {"postgres": "ok", "redis": "ok", "tables": "ok"}
    MigrationRecorder.Migration.objects.filter(app="accounts").latest("name").delete()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["tables"]) == (503, "outdated")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("token", "given", "address", "headers", "status"),
    [
        ("", "", "127.0.0.1", {}, 200),
        ("", "", "::1", {}, 200),
        ("", "", "192.0.2.1", {}, 403),
        ("", "", "", {}, 403),
        ("", "", "127.0.0.1", {"X-Forwarded-For": "192.0.2.1"}, 403),
        ("secret", "", "127.0.0.1", {}, 403),
        ("secret", "Bearer wrong", "127.0.0.1", {}, 403),
        ("secret", "Bearer sécret", "127.0.0.1", {}, 403),
        ("secret", "Bearer secret", "192.0.2.1", {"X-Forwarded-For": "192.0.2.1"}, 200),
    ],
)
def test_figures_are_for_this_machine_or_for_whoever_has_the_token(
    settings: Any, *, token: str, given: str, address: str, headers: dict[str, str], status: int
) -> None:
    settings.METRICS_TOKEN = token
    sent = {**headers, **({"Authorization": given} if given else {})}
    answer = Client(REMOTE_ADDR=address, headers=sent).get("/metrics")
    assert answer.status_code == status
    assert (b"mailplatform_" in answer.content) == (status == 200)

import pytest
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

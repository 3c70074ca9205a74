"""For load balancers, container health checks and monitoring systems."""

import functools
import hmac
import ipaddress

import structlog
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from redis.exceptions import RedisError

from mailplatform.core import metrics as measured

log = structlog.get_logger(__name__)


@login_not_required
@never_cache
def live(_request: HttpRequest) -> JsonResponse:
    """Answer 200 while this process serves at all: restarting it would not bring Postgres back."""
    return JsonResponse({"web": "ok"})


@login_not_required
@never_cache
def health(_request: HttpRequest) -> JsonResponse:
    """Answer 200 when Postgres and Redis answer, else 503 with the name of the one that does not."""
    return _answer({"postgres": _postgres(), "redis": _redis()})


@login_not_required
@never_cache
def ready(_request: HttpRequest) -> JsonResponse:
    """The same, and whether the tables are those that this version needs: traffic may come."""
    postgres = _postgres()
    tables = _tables() if postgres == "ok" else "unknown"
    return _answer({"postgres": postgres, "redis": _redis(), "tables": tables})


@login_not_required
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Figures for Prometheus: with the token of METRICS_TOKEN, or without one from this machine alone."""
    if not _may_measure(request):
        return HttpResponse("not from here\n", status=403, content_type="text/plain")
    return HttpResponse(measured.render(), content_type=measured.CONTENT_TYPE)


def _may_measure(request: HttpRequest) -> bool:
    if token := settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())
    # What a proxy on this machine passes on is not from this machine.
    passed_on = {"X-Forwarded-For", "X-Forwarded-Proto", "Forwarded", "X-Real-Ip"} & set(request.headers)
    try:
        return not passed_on and ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _answer(parts: dict[str, str]) -> JsonResponse:
    return JsonResponse(parts, status=200 if all(state == "ok" for state in parts.values()) else 503)


def _postgres() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        log.exception("health_postgres")
        return "unreachable"
    return "ok"


def _tables() -> str:
    return "ok" if _newest() <= MigrationRecorder(connection).applied_migrations().keys() else "outdated"


@functools.cache
def _newest() -> frozenset[tuple[str, str]]:
    """The last migration of each app. Reading them all takes long, and this version has no others later."""
    return frozenset(MigrationLoader(None).graph.leaf_nodes())


def _redis() -> str:
    try:
        cache.get("health")
    except (RedisError, OSError):
        log.exception("health_redis")
        return "unreachable"
    return "ok"

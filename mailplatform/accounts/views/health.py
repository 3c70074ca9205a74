"""For load balancers and container health checks."""

import structlog
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)


@login_not_required
@never_cache
def health(_request: HttpRequest) -> JsonResponse:
    """Answer 200 when Postgres and Redis answer, else 503 with the name of the one that does not."""
    parts = {"postgres": _postgres(), "redis": _redis()}
    return JsonResponse(parts, status=200 if all(state == "ok" for state in parts.values()) else 503)


def _postgres() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        log.exception("health_postgres")
        return "unreachable"
    return "ok"


def _redis() -> str:
    try:
        cache.get("health")
    except (RedisError, OSError):
        log.exception("health_redis")
        return "unreachable"
    return "ok"

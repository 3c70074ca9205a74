"""What all parts of the API share: who calls, what they may, how often, and what a repeated request gets.

The parts are `api.py` of each app; `mailplatform.urls` puts them together.
"""

import functools
import hashlib
import time
from collections.abc import Callable
from typing import Any, Final

import redis
from django.conf import settings
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from ninja import NinjaAPI, Schema
from ninja.openapi.docs import DocsBase
from ninja.security import HttpBearer
from pydantic import BaseModel

from .models import ApiReply, ApiToken, User
from .services import api_tokens

PER_MINUTE: Final = 600
LONGEST_KEY: Final = 100
_METHODS: Final = ("get", "post", "patch", "delete")


class ApiError(Exception):
    """A refusal: status, a word for programs, a sentence for people."""

    def __init__(self, status: int, code: str, message: str, *, retry_after: int = 0) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.retry_after = status, code, message, retry_after


class Problem(Schema):
    """How every refusal looks."""

    code: str
    message: str


class Bearer(HttpBearer):
    """`Authorization: Bearer mp_…`; the token's owner must still be active. Counts the requests of a minute."""

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken | None:  # noqa: ARG002 - ninja's signature
        """Return the token, or None for 401."""
        found = api_tokens.find(token)
        if found is not None:
            _count(found)
        return found


class Docs(DocsBase):
    """The list of all calls on a page of our own: no script, nothing from elsewhere."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **_: Any) -> HttpResponse:
        """Render the page from the OpenAPI document."""
        document = api.get_openapi_schema()
        calls = [
            {"method": method.upper(), "path": path, **operation}
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
            if method in _METHODS
        ]
        context = {"calls": calls, "scopes": api_tokens.SCOPES, "per_minute": PER_MINUTE}
        return render(request, "account/api_docs.html", context)


def token_of(request: HttpRequest) -> ApiToken:
    """Return the token that a request came with."""
    token: ApiToken = request.auth  # type: ignore[attr-defined] # ninja puts there what `Bearer` found
    return token


def actor_of(request: HttpRequest) -> User:
    """Return the user for whom the program acts."""
    return token_of(request).owner


def scope(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a call be made with this scope, by tokens whose owner has the role that the pages ask for, too."""
    _, role = api_tokens.SCOPES[name]

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            token = token_of(request)
            if name not in token.scopes:
                raise ApiError(403, "scope", f"This token may not do that: it lacks the scope {name}.")
            if not token.owner.has_role(role):
                raise ApiError(403, "role", f"The token's owner needs the role {role.label} for that.")
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def once(view: Callable[..., Any]) -> Callable[..., Any]:
    """Answer a repeated request with the same `Idempotency-Key` as the first time, and do nothing.

    The answer is written in the transaction of the act; a refusal is not kept, so it can be tried again.
    """

    @functools.wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        key = request.headers.get("Idempotency-Key", "")
        if not key:
            with transaction.atomic():
                return _answer(*_parts(view(request, *args, **kwargs)))
        if len(key) > LONGEST_KEY or not key.isprintable():
            raise ApiError(
                400, "idempotency_key", f"An Idempotency-Key has at most {LONGEST_KEY} characters."
            )
        with transaction.atomic():
            return _first_or_again(request, key, lambda: view(request, *args, **kwargs))

    return answered


def _first_or_again(request: HttpRequest, key: str, act: Callable[[], Any]) -> HttpResponse:
    token = token_of(request)
    fingerprint = _fingerprint(request)
    with connection.cursor() as cursor:
        # Of two at once the second waits here for the first one's commit.
        cursor.execute(
            "INSERT INTO accounts_apireply (token_id, key, fingerprint, status, body, created_at)"
            " VALUES (%s, %s, %s, 0, '{}', clock_timestamp()) ON CONFLICT DO NOTHING",
            [token.pk, key, fingerprint],
        )
        is_first = cursor.rowcount == 1
    reply = ApiReply.objects.get(token=token, key=key)
    if not is_first:
        if reply.fingerprint != fingerprint:
            raise ApiError(422, "idempotency_key", "This Idempotency-Key was used for another request.")
        return _answer(reply.status, reply.body)
    reply.status, reply.body = _parts(act())
    reply.save(update_fields=["status", "body"])
    return _answer(reply.status, reply.body)


def _parts(result: Any) -> tuple[int, Any]:
    """Return status and JSON of what a call returned: an answer, or a status and an answer."""
    status, content = result if isinstance(result, tuple) else (200, result)
    return status, content.model_dump(mode="json") if isinstance(content, BaseModel) else content


def _answer(status: int, body: Any) -> HttpResponse:
    return JsonResponse(body, status=status, safe=False)


def _fingerprint(request: HttpRequest) -> str:
    text = f"{request.method}\n{request.get_full_path()}\n".encode()
    return hashlib.sha256(text + request.body).hexdigest()


def _count(token: ApiToken) -> None:
    """Refuse more than PER_MINUTE requests of one token in one minute. Without Redis nobody is refused."""
    minute, second = divmod(int(time.time()), 60)
    client: Any = redis.Redis.from_url(settings.REDIS_URL)
    try:
        key = f"mp:api:{token.pk}:{minute}"
        used = int(client.incr(key))
        client.expire(key, 120)
    except redis.RedisError:
        return
    finally:
        client.close()
    if used > PER_MINUTE:
        message = f"At most {PER_MINUTE} requests a minute. Try again in {60 - second} seconds."
        raise ApiError(429, "too_many", message, retry_after=60 - second)


def refuse(request: HttpRequest, error: ApiError | type[ApiError]) -> HttpResponse:
    """Turn a refusal into its answer; the handler of `ApiError`."""
    assert isinstance(error, ApiError)
    answer = JsonResponse({"code": error.code, "message": error.message}, status=error.status)
    if error.retry_after:
        answer["Retry-After"] = str(error.retry_after)
    return answer

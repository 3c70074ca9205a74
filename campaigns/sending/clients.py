"""This process's connections to SES (or the SMTP server in its place) and Redis, made on first use."""

import dataclasses
import threading
from functools import cache

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from mailplatform.accounts.services import installation
from mailplatform.aws import ses, session
from mailplatform.core.smtp_server import SmtpServer

from . import limiter, smtp, timing

MAX_CONNECTIONS = 64
_lock = threading.Lock()
_current: list[tuple[session.Connection, ses.BulkSender]] = []


@cache
def rate_limiter() -> limiter.Limiter:
    """The limiter of this process. redis-py notices a fork and reconnects by itself."""
    # A repeated script would take its tokens twice.
    once = Retry(NoBackoff(), 0)
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=5, retry=once)
    return limiter.Limiter(client)


def sender() -> ses.BulkSender:
    """What sends. With SES it is made again when keys or Region changed.

    Raises session.AwsConfigurationError when they are missing or wrong.
    """
    to = smtp.server()
    return _to_ses() if to is None else _to_smtp(to)


def hang_up() -> None:
    """Close connections to the SMTP server that wait for a next mail: it may allow but few at a time."""
    to = smtp.server()
    if to is not None:
        _transport(to).close()


@cache
def _to_smtp(to: SmtpServer) -> ses.BulkSender:
    return ses.BulkSender(_transport(to))


@cache
def _transport(to: SmtpServer) -> smtp.SmtpTransport:
    times = {"connect_timeout": timing.CONNECT_TIMEOUT_S, "read_timeout": timing.READ_TIMEOUT_S}
    return smtp.SmtpTransport(to, **times)


def _to_ses() -> ses.BulkSender:
    connection = dataclasses.replace(
        installation.aws_connection(),
        connect_timeout=timing.CONNECT_TIMEOUT_S,
        read_timeout=timing.READ_TIMEOUT_S,
    )
    with _lock:
        if not _current or _current[0][0] != connection:
            made = ses.BulkSender.to_ses(
                connection, use_boto3=settings.SES_SEND_WITH_BOTO3, connections=MAX_CONNECTIONS
            )
            _current[:] = [(connection, made)]
        return _current[0][1]

"""The one queue for all calls to SES that do not send: AWS allows about one per second and account.

Turns are handed out by Redis, so that web and workers together keep to the pace. Who has patience waits; a
preview has little and gives up, so that publishing comes first.
https://docs.aws.amazon.com/ses/latest/dg/quotas.html
"""

import time
from typing import Any, Final

import redis
from django.conf import settings

from .session import Connection

INTERVAL_MS: Final = 1000

# KEYS: the queue. ARGV: interval and patience, ms. Returns the wait in ms, or -1 if it exceeds the patience.
_TURN: Final = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local turn = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0'))
if turn - now > tonumber(ARGV[2]) then return -1 end
redis.call('SET', KEYS[1], string.format('%d', turn + tonumber(ARGV[1])), 'PX', 120000)
return turn - now
"""


class ControlQueueBusy(Exception):
    """Too many control calls are waiting; try again in a moment."""


def wait_turn(connection: Connection, *, patience: float) -> None:
    """Sleep until this call may be made, `patience` seconds at most. Raises `ControlQueueBusy`.

    A local stand-in has no such limit and is not waited for. Without Redis the call is made at once: AWS
    answers one that comes too early with a throttle, and botocore repeats it.
    """
    if connection.endpoint_urls.get("sesv2"):
        return
    client: Any = redis.Redis.from_url(settings.REDIS_URL)
    try:
        key = f"mp:control:{connection.region}:{connection.access_key_id}"
        wait = int(client.eval(_TURN, 1, key, INTERVAL_MS, int(patience * 1000)))
    except redis.RedisError:
        return
    finally:
        client.close()
    if wait < 0:
        raise ControlQueueBusy("Amazon SES is asked too often just now. Try again in a few seconds.")
    time.sleep(wait / 1000)

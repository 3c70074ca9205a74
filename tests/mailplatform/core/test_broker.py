"""Celery's way to Redis: what a channel does whose connection is gone."""

import logging
import uuid
from collections.abc import Iterator

import pytest
from kombu import Connection
from kombu.common import ignore_errors
from kombu.message import Message

from mailplatform.celery import app
from mailplatform.core import broker


@pytest.fixture
def connection() -> Iterator[Connection]:
    with app.connection_for_read() as found:
        yield found


@pytest.fixture
def unacknowledged(connection: Connection) -> Message:
    """A message that was taken and not acknowledged, on a channel whose connection was lost."""
    queue = connection.SimpleQueue(f"broker-{uuid.uuid4().hex}", queue_opts={"auto_delete": True})
    queue.put({"run": 1})
    message = queue.get(timeout=5)
    assert message.channel is not None
    message.channel._disconnect_pools()  # what the transport does itself when Redis goes away
    connection.transport.client = None
    return message


def test_celery_uses_it(connection: Connection) -> None:
    assert isinstance(connection.transport, broker.Transport)


@pytest.mark.parametrize(
    "url", ["redis://somewhere:6379/1", "rediss://somewhere/0", "redis+socket:///run/it.sock"]
)
def test_every_address_of_redis_is_opened_with_it(url: str) -> None:
    assert Connection(url).get_transport_cls() is broker.Transport


def test_giving_back_what_was_not_acknowledged_is_a_lost_connection(
    connection: Connection, unacknowledged: Message
) -> None:
    assert unacknowledged.channel is not None
    with pytest.raises(connection.connection_errors):
        unacknowledged.channel.qos.restore_unacked()
    ignore_errors(connection, unacknowledged.channel.close)


def test_acknowledging_is_a_lost_connection_that_is_logged(
    connection: Connection, unacknowledged: Message, caplog: pytest.LogCaptureFixture
) -> None:
    unacknowledged.ack_log_error(logging.getLogger("broker"), connection.connection_errors)
    assert "has been closed" in caplog.text

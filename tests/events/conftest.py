"""What tests of events share: a database that takes in events of today, and readers of mail that we count ourselves."""

from collections.abc import Iterator

import pytest
from django.db import connection

from mailplatform.core import clock
from tests.factories.tracking import Readers


@pytest.fixture
def month(db: None) -> None:
    """Make the partition that events of today go into, as beat does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT events_ensure_month_partitions(%s)", (clock.now().date(),))


@pytest.fixture
def readers(month: None) -> Iterator[Readers]:
    """Readers who come to our pixel and redirect."""
    made = Readers()
    yield made
    made.close()

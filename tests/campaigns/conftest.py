"""An account of each test's own, a scripted SES, and the sandbox."""

import itertools
from collections.abc import Iterator

import pytest
import redis
from django.conf import settings
from pytest_django.fixtures import Settings

from campaigns.sending import limiter
from mailplatform.accounts.models import Installation
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories import campaigns as factories
from tests.factories.sending import FakeSes, provision

_numbers = itertools.count(1)


@pytest.fixture
def redis_client() -> Iterator["redis.Redis[bytes]"]:
    client: redis.Redis[bytes] = redis.Redis.from_url(settings.REDIS_URL)
    yield client
    client.close()


@pytest.fixture
def site(db: None, redis_client: "redis.Redis[bytes]") -> Iterator[Installation]:
    """An account of this test's own with a rate that never waits."""
    row = factories.make_site(
        account_id=f"{next(_numbers):012d}",
        region="eu-central-1",
        max_send_rate=2500.0,
        public_url="https://mail.example.com",
        access_key_id="AKIDEXAMPLE",
        secret_access_key="secret",
    )
    yield row
    redis_client.delete(limiter.account_key(row.account_id, "eu-central-1"))


@pytest.fixture
def fake(request: pytest.FixtureRequest, settings: Settings) -> FakeSes:
    """A scripted SES; without a sandbox of the test's own beside it, nothing else answers."""
    if "sandbox" not in request.fixturenames:
        settings.AWS_ENDPOINT_URLS = {"sesv2": "http://127.0.0.1:9"}
    return FakeSes()


@pytest.fixture
def sandbox(
    site: Installation, settings: Settings, shared_sandbox: RunningSandbox
) -> Iterator[RunningSandbox]:
    """A sandbox that the settings point to, with identity and configuration sets."""
    shared_sandbox.reset()
    shared_sandbox.api.put("account", max_send_rate=2000.0, max_24_hour_send=1e6)
    provision(shared_sandbox, settings)
    yield shared_sandbox
    # Nothing of this test is delivered any more.
    shared_sandbox.reset()

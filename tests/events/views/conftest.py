"""What the tests of hosted pages share."""

import pytest
import redis
from django.conf import settings
from django.test import Client

from subscribers.models import SignupForm
from tests.factories.signup import make_form


@pytest.fixture
def stranger() -> Client:
    """Somebody without cookies; CSRF is enforced as in production."""
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def form(db: None) -> SignupForm:
    """A form that asks for a name and for both kinds of tracking."""
    return make_form(ask_name=True, ask_tracking=True)


@pytest.fixture
def no_counts_of_before() -> None:
    """Forget how often anybody asked."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    for name in client.scan_iter("throttle:*"):
        client.delete(name)
    client.close()

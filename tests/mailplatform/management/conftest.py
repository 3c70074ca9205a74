"""A site under uvicorn and the sandbox beside it, wired as in production."""

import socket
import threading
from collections.abc import Iterator
from io import StringIO
from typing import Any, cast

import pytest
import uvicorn
from django.core.handlers.asgi import ASGIHandler
from django.core.management import call_command

from campaigns.models import ScheduleTick
from events import asgi, endpoint
from mailplatform.accounts.services import installation
from mailplatform.core import clock
from mailplatform.sandbox import constants
from mailplatform.sandbox.testing import RunningSandbox

SERVICES = ("sesv2", "sns", "sqs", "sts")


@pytest.fixture
def sandbox(settings: Any, shared_sandbox: RunningSandbox) -> Iterator[RunningSandbox]:
    shared_sandbox.reset()
    settings.AWS_ENDPOINT_URLS = dict.fromkeys(SERVICES, shared_sandbox.url)
    settings.SANDBOX_URL = shared_sandbox.url
    settings.AWS_ACCESS_KEY_ID, settings.AWS_SECRET_ACCESS_KEY = constants.ACCESS_KEY, constants.SECRET_KEY
    settings.AWS_REGION = shared_sandbox.region
    yield shared_sandbox
    # Nothing of this test is delivered any more.
    shared_sandbox.reset()


class Site:
    """Our whole site under uvicorn, in a thread."""

    def __init__(self) -> None:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        application = endpoint.mount(cast("asgi.Application", ASGIHandler()))
        self._server = uvicorn.Server(
            uvicorn.Config(
                application, log_level="warning", access_log=False, ws="none", timeout_graceful_shutdown=2
            )
        )
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]})
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(20)
        self._listener.close()


@pytest.fixture
def site(sandbox: RunningSandbox, settings: Any) -> Iterator[Site]:
    running = Site()
    settings.PUBLIC_URL = running.url
    yield running
    running.stop()


@pytest.fixture
def provisioned(sandbox: RunningSandbox, site: object) -> RunningSandbox:
    call_command("provision", "--identity", "example.eu", stdout=StringIO())
    installation.update(actor=None, sender_address="news@example.eu", sender_name="News")
    sandbox.api.post("identities/example.eu/verify")
    ScheduleTick.objects.create(at=clock.now())
    return sandbox

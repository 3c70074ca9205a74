"""The sandbox in a thread of the test process, on a free port.

>>> with running_sandbox() as sbx:
...     sesv2 = sbx.client("sesv2")
...     sbx.api.get("messages", to="ada@example.com")
"""

import contextlib
import functools
import threading
import time
from collections.abc import Iterator
from typing import Any

import boto3
import orjson
import urllib3
from botocore.config import Config as BotoConfig

from .cli import listen, make_server
from .config import Config
from .constants import ACCESS_KEY, DEFAULT_REGION, SECRET_KEY
from .core import Sandbox

_START_TIMEOUT = 15.0


class ApiFailedError(AssertionError):
    """The sandbox's own API refused a request."""


@functools.cache
def _session() -> boto3.session.Session:
    """One for all sandboxes of a process: each would read the descriptions of the services again."""
    return boto3.session.Session()


class Api:
    """The sandbox's JSON API; paths are relative to ``/_sandbox/api/``."""

    def __init__(self, url: str) -> None:
        self._base = f"{url}/_sandbox/api/"
        self._http = urllib3.PoolManager(retries=False)

    def get(self, path: str, **query: Any) -> Any:
        """GET; answers the parsed JSON, or bytes for a raw mail."""
        return self._call("GET", path, fields=query)

    def put(self, path: str, **value: Any) -> Any:
        """PUT a JSON object."""
        return self._call("PUT", path, json=value)

    def post(self, path: str, **value: Any) -> Any:
        """POST a JSON object."""
        return self._call("POST", path, json=value)

    def delete(self, path: str) -> Any:
        """DELETE."""
        return self._call("DELETE", path)

    def close(self) -> None:
        """Close idle connections."""
        self._http.clear()

    def _call(self, method: str, path: str, **options: Any) -> Any:
        response = self._http.request(method, self._base + path.lstrip("/"), **options)
        if response.status >= 400:
            raise ApiFailedError(f"{method} {path}: {response.status} {response.data.decode()}")
        is_json = response.headers["content-type"] == "application/json"
        return orjson.loads(response.data) if is_json else response.data


class RunningSandbox:
    """Handle on a running sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.region = sandbox.config.region
        self.url = sandbox.config.base_url
        self.api = Api(self.url)
        self._clients: dict[str, Any] = {}

    @property
    def ca_pem(self) -> bytes:
        """The trust anchor of its SNS certificate."""
        return self.sandbox.signer.ca_pem

    @property
    def certificates(self) -> dict[str, bytes]:
        """SigningCertURL to PEM, for an injected certificate fetcher."""
        return {self.sandbox.signer.cert_url: self.sandbox.signer.leaf_pem}

    @property
    def environment(self) -> dict[str, str]:
        """Variables that point an AWS SDK here."""
        return {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ENDPOINT_URL_SESV2": self.url,
            "AWS_ENDPOINT_URL_SNS": self.url,
            "AWS_ENDPOINT_URL_SQS": self.url,
        }

    def client(self, service: str, **options: Any) -> Any:
        """A boto3 client of any service, without retries; one and the same unless options are given."""
        if not options:
            if service not in self._clients:
                self._clients[service] = self._new_client(service)
            return self._clients[service]
        return self._new_client(service, **options)

    def _new_client(self, service: str, **options: Any) -> Any:
        settings = BotoConfig(retries={"total_max_attempts": 1}, read_timeout=30)
        arguments: dict[str, Any] = {
            "region_name": self.region,
            "endpoint_url": self.url,
            "aws_access_key_id": ACCESS_KEY,
            "aws_secret_access_key": SECRET_KEY,
            "config": settings,
            **options,
        }
        return _session().client(service, **arguments)  # type: ignore[call-overload]

    def wait_quiet(self, timeout: float = 30.0) -> dict[str, Any]:
        """Wait until no event is pending; returns the counts."""
        deadline = time.perf_counter() + timeout
        while True:
            activity: dict[str, Any] = self.api.get("events")
            if activity["pending"] == 0:
                return activity
            if time.perf_counter() > deadline:
                raise AssertionError(f"the sandbox did not come to rest: {activity}")
            time.sleep(0.02)

    def close(self) -> None:
        """Close idle connections."""
        self.api.close()
        for client in self._clients.values():
            client.close()

    def reset(self) -> None:
        """A new, empty account, so that one sandbox can serve many tests."""
        self.api.post("reset")

    def messages(self, **query: Any) -> list[dict[str, Any]]:
        """Mails in full, oldest first."""
        found = self.api.get("messages", limit=1000, **query)["messages"]
        return [self.api.get(f"messages/{item['id']}") for item in found]

    def raw(self, message_id: str) -> bytes:
        """A mail as received."""
        data: bytes = self.api.get(f"messages/{message_id}/raw")
        return data


@contextlib.contextmanager
def running_sandbox(**settings: Any) -> Iterator[RunningSandbox]:
    """Run a sandbox in a thread. Settings are those of ``Config``; delays are short by default."""
    chosen = {
        "send_delay": 0.0,
        "delivery_delay": 0.01,
        "retry_scale": 0.001,
        "region": DEFAULT_REGION,
        **settings,
    }
    config = Config(**{"port": 0, **chosen})
    listener = listen(config.host, config.port)
    server, sandbox = make_server(config, listener)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="sandbox", daemon=True)
    thread.start()
    deadline = time.perf_counter() + _START_TIMEOUT
    while not server.started:
        if not thread.is_alive() or time.perf_counter() > deadline:
            raise RuntimeError("the sandbox did not start")
        time.sleep(0.005)
    handle = RunningSandbox(sandbox)
    try:
        yield handle
    finally:
        handle.close()
        server.should_exit = True
        thread.join(_START_TIMEOUT)
        listener.close()

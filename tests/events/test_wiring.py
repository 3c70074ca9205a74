"""The sandbox is believed only where nothing can reach Amazon."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from events import verify, wiring
from mailplatform.accounts.services import installation

LOCAL = {"sesv2": "http://127.0.0.1:4579", "sns": "http://127.0.0.1:4579"}
OURS, SANDBOX = "arn:aws:sns:eu-central-1:111122223333:t", "arn:aws:sns:eu-central-1:123456789012:t"


@pytest.mark.parametrize(
    ("sandbox", "endpoints"),
    [
        ("http://127.0.0.1:4579", {}),
        ("http://127.0.0.1:4579", {"sesv2": "http://127.0.0.1:4579"}),
        ("http://127.0.0.1:4579", LOCAL | {"sqs": "https://sqs.eu-central-1.amazonaws.com"}),
        ("http://127.0.0.1:4579", {"sesv2": "https://email.eu-central-1.amazonaws.com", "sns": LOCAL["sns"]}),
        ("https://evil.example", LOCAL),
        ("http://127.0.0.1.evil.example", LOCAL),
    ],
)
def test_any_other_combination_refuses_to_start(sandbox: str, endpoints: dict[str, str]) -> None:
    with pytest.raises(ImproperlyConfigured):
        wiring.check_sandbox(sandbox, endpoints)


@pytest.mark.parametrize("sandbox", ["", "http://127.0.0.1:4579", "http://sandbox:4579"])
def test_wholly_local_or_wholly_amazon_may_start(sandbox: str) -> None:
    wiring.check_sandbox(sandbox, LOCAL)


@pytest.mark.django_db
def test_topics_of_other_accounts_are_not_believed_in_the_sandbox(settings: Any) -> None:
    installation.update(actor=None, topic_arns=[OURS, SANDBOX])
    settings.SANDBOX_URL, settings.AWS_ENDPOINT_URLS = LOCAL["sns"], LOCAL
    _, topics = wiring.make_verifier()
    topics.refresh()
    assert set(topics()) == {SANDBOX}
    settings.SANDBOX_URL, settings.AWS_ENDPOINT_URLS = "", {}
    _, topics = wiring.make_verifier()
    topics.refresh()
    assert set(topics()) == {OURS, SANDBOX}


def test_fetching_what_is_not_there_is_an_os_error() -> None:
    with pytest.raises(OSError, match=r"127\.0\.0\.1"):
        wiring.fetch_bytes("http://127.0.0.1:1/nothing.pem")


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/there")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"x" * (200_000 if self.path == "/large" else 3))

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def web() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_redirect_of_the_certificate_is_not_followed(web: str) -> None:
    assert wiring.fetch_bytes(f"{web}/there") == b"xxx"
    with pytest.raises(OSError, match="status 302"):
        wiring.fetch_bytes(f"{web}/redirect")


def test_no_more_of_a_file_is_read_than_a_certificate_can_have(web: str) -> None:
    assert len(wiring.fetch_bytes(f"{web}/large")) == verify.MAX_CERTIFICATE_BYTES + 1

"""What stands in for Amazon in trials of the events' way in: signed messages, and the certificate's host.

Messages are signed ahead with a chain of our own, in as many processes as there are cores; the servers fetch the
certificate from here and trust it as they would the sandbox's.
"""

import multiprocessing
import os
import threading
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.fixtures.sns import chain as sns

TOPIC: Final = "arn:aws:sns:eu-central-1:123456789012:mailplatform-events"
_SERVICES: Final = ("SESV2", "SNS", "SQS", "STS")


class CertificateHost:
    """Serves root, authority and leaf of a chain on a local port."""

    def __init__(self, chain: sns.Chain) -> None:
        files = {
            "/_sandbox/ca.pem": chain.root.public_bytes(serialization.Encoding.PEM),
            urlsplit(sns.CERTIFICATE_URL).path: chain.leaf_pem,
            urlsplit(sns.ISSUER_URL).path: chain.authority.public_bytes(serialization.Encoding.DER),
        }

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                data = files.get(self.path)
                self.send_response(404 if data is None else 200)
                self.send_header("Content-Length", str(len(data or b"")))
                self.end_headers()
                self.wfile.write(data or b"")

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def environment(self) -> dict[str, str]:
        """What a server process needs to believe this host, and nothing else."""
        own = {f"AWS_ENDPOINT_URL_{name}": self.url for name in _SERVICES}
        keys = {"AWS_ACCESS_KEY_ID": "sandbox", "AWS_SECRET_ACCESS_KEY": "sandbox-secret"}
        return {**own, **keys, "AWS_REGION": "eu-central-1", "SANDBOX_URL": self.url}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def event(
    kind: str, run_id: int, person: tuple[int, str], tag: str, at: datetime, **body: Any
) -> dict[str, Any]:
    """Return an event of SES with everything that a real one bears, about 2.7 kB once wrapped."""
    number, address = person
    stamp = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
    message_id = f"0107019{number:08x}-{uuid.UUID(int=run_id * 10**12 + number)}-000000"
    key = {"Rendering Failure": "failure", "DeliveryDelay": "deliveryDelay"}.get(kind, kind.lower())
    unsubscribe = f"<https://mail.shop.example/u/{'x' * 90}>, <mailto:leave@shop.example?subject={number}>"
    headers = {
        "From": "Shop <news@shop.example>",
        "To": address,
        "Subject": "Autumn: what is new in our shop, and what goes away",
        "MIME-Version": "1.0",
        "Content-Type": 'multipart/alternative; boundary="----=_Part_1234567_1234567890.1700000000000"',
        "List-Unsubscribe": unsubscribe,
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "List-Id": "<newsletter.mail.shop.example>",
    }
    mail = {
        "timestamp": stamp,
        "source": "Shop <news@shop.example>",
        "sourceArn": "arn:aws:ses:eu-central-1:123456789012:identity/shop.example",
        "sendingAccountId": "123456789012",
        "messageId": message_id,
        "destination": [address],
        "headersTruncated": False,
        "headers": [{"name": name, "value": value} for name, value in headers.items()],
        "commonHeaders": {
            "from": [headers["From"]],
            "to": [address],
            "messageId": message_id,
            "subject": headers["Subject"],
        },
        "tags": {
            "ses:operation": ["SendBulkEmail"],
            "ses:configuration-set": ["mailplatform-both"],
            "ses:source-ip": ["192.0.2.10"],
            "ses:from-domain": ["shop.example"],
            "ses:caller-identity": ["mailplatform"],
            "mp-epoch": [tag],
            "mp-run": [str(run_id)],
            "mp-sub": [str(number)],
        },
    }
    return {"eventType": kind, "mail": mail, key: {"timestamp": stamp, **body}}


_key: rsa.RSAPrivateKey | None = None


def _take_key(data: bytes) -> None:
    global _key  # noqa: PLW0603 - one per signing process
    key = serialization.load_pem_private_key(data, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    _key = key


def _sign(item: tuple[str, datetime]) -> dict[str, str]:
    assert _key is not None
    return sns.notification(sns.Signer(_key), item[0], at=item[1], topic=TOPIC)


def signed(chain: sns.Chain, messages: Sequence[tuple[str, datetime]]) -> list[dict[str, str]]:
    """Sign messages (text, SNS time), about a millisecond of a core each."""
    key = chain.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    context = multiprocessing.get_context("spawn")
    with context.Pool(os.cpu_count(), _take_key, (key,)) as pool:
        return pool.map(_sign, messages, chunksize=100)

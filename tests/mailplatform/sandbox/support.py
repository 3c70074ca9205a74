"""What the tests of the sandbox share besides fixtures."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from mailplatform.sandbox.testing import RunningSandbox

ALL_EVENTS = [
    "SEND",
    "DELIVERY",
    "BOUNCE",
    "COMPLAINT",
    "REJECT",
    "OPEN",
    "CLICK",
    "RENDERING_FAILURE",
    "DELIVERY_DELAY",
    "SUBSCRIPTION",
]


@dataclass
class Post:
    """One request that the endpoint got."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def envelope(self) -> dict[str, str]:
        value: dict[str, str] = json.loads(self.body)
        return value


@dataclass
class Visit:
    """One GET or HEAD that the endpoint got."""

    method: str
    path: str
    agent: str


@dataclass
class Receiver:
    """An HTTP endpoint. ``answer`` decides the status of each post; visits get a picture or are sent elsewhere."""

    url: str
    posts: list[Post] = field(default_factory=list)
    answer: Callable[[Post], int] = lambda _post: 200
    visits: list[Visit] = field(default_factory=list)
    greeting: int = 0  # what visits are answered where it is not 0

    def envelopes(self, kind: str = "Notification") -> list[dict[str, str]]:
        return [post.envelope for post in self.posts if post.headers.get("x-amz-sns-message-type") == kind]

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        found = [json.loads(item["Message"]) for item in self.envelopes() if item["Message"].startswith("{")]
        return [event for event in found if kind in ("", event["eventType"])]


@dataclass
class Wired:
    """A verified sender, a set that publishes everything, and a confirmed subscription."""

    sandbox: RunningSandbox
    receiver: Receiver
    topic: str
    subscription: str
    ses: Any
    sns: Any

    def send(self, *to: str, **options: Any) -> str:
        """Send a simple mail; returns its id."""
        content = {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "Hi"}, **options.pop("body", {})}}
        answer = self.ses.send_email(
            FromEmailAddress="Shop <news@example.com>",
            Destination={"ToAddresses": list(to) or ["ada@example.org"]},
            Content={"Simple": {**content, **options.pop("simple", {})}},
            **{"ConfigurationSetName": "all", **options},
        )
        return str(answer["MessageId"])

    def bulk(self, *entries: dict[str, Any], **options: Any) -> list[dict[str, str]]:
        """Send entries of the stored template ``t``."""
        answer = self.ses.send_bulk_email(
            **{
                "FromEmailAddress": "Shop <news@example.com>",
                "ConfigurationSetName": "all",
                "DefaultContent": {"Template": {"TemplateName": "t", "TemplateData": "{}"}},
                "BulkEmailEntries": list(entries),
                **options,
            }
        )
        results: list[dict[str, str]] = answer["BulkEmailEntryResults"]
        return results

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        """Events received once all is quiet."""
        self.sandbox.wait_quiet()
        return self.receiver.events(kind)


def entry(to: str, data: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    """One bulk entry."""
    text = json.dumps({"name": "Ada"} if data is None else data)
    return {
        "Destination": {"ToAddresses": [to]},
        "ReplacementEmailContent": {"ReplacementTemplate": {"ReplacementTemplateData": text}},
        **options,
    }


def ses_policy(topic: str) -> str:
    """A topic policy that lets SES publish."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "ses.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic,
        "Condition": {"StringEquals": {"AWS:SourceAccount": "123456789012"}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        "Message",
        "MessageId",
        "SubscribeURL",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ),
}
_SIGNED["UnsubscribeConfirmation"] = _SIGNED["SubscriptionConfirmation"]


def check_signature(sandbox: RunningSandbox, envelope: dict[str, str]) -> None:
    """Verify an envelope the long way, with the certificate that its own address names."""
    certificate = x509.load_pem_x509_certificate(sandbox.certificates[envelope["SigningCertURL"]])
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    lines = "".join(f"{name}\n{envelope[name]}\n" for name in _SIGNED[envelope["Type"]] if name in envelope)
    algorithm = hashes.SHA256() if envelope["SignatureVersion"] == "2" else hashes.SHA1()  # noqa: S303 - Amazon's first version signs so
    key.verify(base64.b64decode(envelope["Signature"]), lines.encode(), padding.PKCS1v15(), algorithm)

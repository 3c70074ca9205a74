"""SNS's state and its one outgoing path: sign once per message, post once per subscription."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from .. import policy
from ..constants import ACCOUNT_ID
from ..storage import Storage
from . import envelopes, retry
from .delivery import Counters, Endpoint, Post
from .signing import Signer, string_to_sign

_logger = logging.getLogger(__name__)
_SIGN_BATCH = 64
# Confirmations follow the default policy, whatever the subscription asks for.
_DEFAULT_DELAYS = (20.0, 20.0, 20.0)

Redrive = Callable[[str, bytes, str], Awaitable[bool]]


@dataclass
class Outgoing:
    """An unsigned envelope and the subscriptions it is for."""

    envelope: dict[str, str]
    version: str
    subscriptions: list[dict[str, Any]]


class Sns:
    """Topics, subscriptions and delivery of one account and Region."""

    def __init__(
        self, storage: Storage, signer: Signer, *, connections: int, retry_scale: float, redrive: Redrive
    ) -> None:
        self.topics = storage.table("topic")
        self.subscriptions = storage.table("subscription")
        self.counters = Counters()
        self.retry_scale = retry_scale
        self._signer = signer
        self._connections = connections
        self._redrive = redrive
        self._endpoints: dict[str, Endpoint] = {}
        self._unsigned: deque[Outgoing] = deque()
        self._signing = 0
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._by_topic: dict[str, list[dict[str, Any]]] | None = None

    def start(self) -> None:
        """Begin to sign; needs the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._sign_forever())

    def stop(self) -> None:
        """Drop whatever has not been posted."""
        if self._task:
            self._task.cancel()
        for endpoint in self._endpoints.values():
            endpoint.stop()

    def reset(self) -> None:
        """A new account: no topics, no subscriptions, nothing under way."""
        for endpoint in self._endpoints.values():
            endpoint.stop()
        self._endpoints.clear()
        self._unsigned.clear()
        self.topics.clear()
        self.subscriptions.clear()
        self.counters = Counters()
        self.changed()

    @property
    def pending(self) -> int:
        """Messages published and posts not yet done."""
        return len(self._unsigned) + self._signing + self.counters.pending

    def topic_arn(self, name: str) -> str:
        """ARN of a topic here."""
        return f"arn:aws:sns:{self._signer.region}:{ACCOUNT_ID}:{name}"

    def changed(self) -> None:
        """Subscriptions or policies were edited: forget what was derived from them."""
        self._by_topic = None
        for endpoint in self._endpoints.values():
            endpoint.max_per_second = None

    def may_publish(self, topic: str, *, configuration_set: str) -> bool:
        """Whether the topic exists and its policy lets SES publish for this configuration set."""
        found = self.topics.get(topic)
        if found is None:
            return False
        source = f"arn:aws:ses:{self._signer.region}:{ACCOUNT_ID}:configuration-set/{configuration_set}"
        context = {"aws:SourceAccount": ACCOUNT_ID, "aws:SourceArn": source}
        document = found["attributes"].get("Policy", "")
        return policy.allows(
            document, service="ses.amazonaws.com", action="sns:Publish", resource=topic, context=context
        )

    def publish(self, topic: str, message: str, subject: str = "", *, copies: int = 1) -> str:
        """Publish to all confirmed subscriptions; returns the MessageId. Copies are SNS's own doubles."""
        found = self.topics.get(topic) or {"attributes": {}}
        envelope = envelopes.notification(topic, message, subject, time.time())
        subscriptions = self._confirmed(topic)
        if subscriptions:
            version = found["attributes"].get("SignatureVersion", "1")
            self._enqueue(Outgoing(envelope, version, subscriptions * copies))
        return envelope["MessageId"]

    def confirm(self, kind: str, subscription: dict[str, Any]) -> None:
        """Post a Subscription- or UnsubscribeConfirmation."""
        topic = self.topics.get(subscription["topic"]) or {"attributes": {}}
        envelope = envelopes.confirmation(kind, subscription, self._signer.region, time.time())
        self._enqueue(Outgoing(envelope, topic["attributes"].get("SignatureVersion", "1"), [subscription]))

    def _confirmed(self, topic: str) -> list[dict[str, Any]]:
        if self._by_topic is None:
            self._by_topic = {}
            for item in self.subscriptions.values():
                if item["confirmed"]:
                    self._by_topic.setdefault(item["topic"], []).append(item)
        return self._by_topic.get(topic, [])

    def _enqueue(self, outgoing: Outgoing) -> None:
        self._unsigned.append(outgoing)
        self._wake.set()

    async def _sign_forever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._unsigned:
                batch = [self._unsigned.popleft() for _ in range(min(_SIGN_BATCH, len(self._unsigned)))]
                self._signing = len(batch)
                try:
                    await self._sign_and_post(batch)
                except Exception:
                    _logger.exception("%d messages were lost", len(batch))
                finally:
                    self._signing = 0

    async def _sign_and_post(self, batch: list[Outgoing]) -> None:
        signatures = await self._signer.sign_many([(string_to_sign(o.envelope), o.version) for o in batch])
        for outgoing, signature in zip(batch, signatures, strict=True):
            signed = {
                **outgoing.envelope,
                "SignatureVersion": outgoing.version,
                "Signature": signature,
                "SigningCertURL": self._signer.cert_url,
            }
            for subscription in outgoing.subscriptions:
                self._post(signed, subscription)

    def _post(self, envelope: dict[str, str], subscription: dict[str, Any]) -> None:
        arn = subscription["arn"]
        is_notification = envelope["Type"] == "Notification"
        attributes = subscription["attributes"]
        raw = is_notification and attributes.get("RawMessageDelivery") == "true"
        if is_notification:
            envelope = {**envelope, "UnsubscribeURL": envelopes.unsubscribe_url(arn, self._signer.region)}
        settings = self.delivery_policy(subscription)
        delays = retry.delays(settings["healthyRetryPolicy"]) if is_notification else list(_DEFAULT_DELAYS)
        body = envelope["Message"].encode() if raw else envelopes.encode(envelope)
        content_type = settings["requestPolicy"].get("headerContentType", "") if is_notification else ""
        headers = envelopes.headers(envelope, arn, raw=raw, content_type=content_type)
        target = orjson.loads(attributes.get("RedrivePolicy") or "{}").get("deadLetterTargetArn")
        send_to_queue = partial(self._give_to_queue, target, subscription["topic"]) if target else None
        endpoint = self._endpoint(subscription)
        endpoint.max_per_second = settings["throttlePolicy"].get("maxReceivesPerSecond")
        endpoint.put(Post(body, headers, delays, send_to_queue if is_notification else None))

    async def _give_to_queue(self, target: str, topic: str, body: bytes, _outcome: str) -> bool:
        return await self._redrive(target, body, topic)

    def _endpoint(self, subscription: dict[str, Any]) -> Endpoint:
        url = subscription["endpoint"]
        if url not in self._endpoints:
            self._endpoints[url] = Endpoint(
                url, self.counters, connections=self._connections, retry_scale=self.retry_scale
            )
        return self._endpoints[url]

    def delivery_policy(self, subscription: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """The policy in effect: the subscription's own, else the topic's, else SNS's default."""
        topic = self.topics.get(subscription["topic"]) or {"attributes": {}}
        general = retry.parse(topic["attributes"].get("DeliveryPolicy", ""), topic=True)
        own = retry.parse(subscription["attributes"].get("DeliveryPolicy", ""), topic=False)
        if general.get("disableSubscriptionOverrides"):
            own = {}
        names = {
            "healthyRetryPolicy": "defaultHealthyRetryPolicy",
            "throttlePolicy": "defaultThrottlePolicy",
            "requestPolicy": "defaultRequestPolicy",
        }
        return {name: own.get(name) or general.get(default) or {} for name, default in names.items()}

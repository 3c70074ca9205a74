"""Verify messages of Amazon SNS: nothing a stranger posts is believed. Free of Django; clock and fetcher are given.

Rules: https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html, made stricter: the host of
the certificate must *equal* the one of the pinned topic's Region, and the topic must be one of ours.

`read()` refuses all that needs no certificate, `prepare()` fetches one where none is cached (it may block), `check()`
verifies. `verify()` does the three.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from . import envelope as envelopes
from . import trust
from .envelope import CannotVerifyNow, Envelope, Refused, SnsMessage, UnknownTopic

__all__ = ["CannotVerifyNow", "Envelope", "Refused", "SnsMessage", "UnknownTopic", "Verifier"]

MAX_CERTIFICATE_BYTES: Final = 16_384
MAX_AGE: Final = timedelta(days=15)  # a dead-letter queue keeps 14 days
MAX_AHEAD: Final = timedelta(minutes=15)
CACHED_CERTIFICATES: Final = 16
FAILURE_SECONDS: Final = 30
FETCHES_PER_MINUTE: Final = 20
_PADDING: Final = padding.PKCS1v15()


@dataclass(frozen=True, slots=True)
class _Signer:
    """A certificate that was believed: its key, and from when until when it may sign."""

    key: rsa.RSAPublicKey
    start: datetime
    end: datetime


class Verifier:
    """Strict verifier for the topics given; one per process, safe for several threads."""

    def __init__(
        self,
        *,
        topics: Callable[[], Collection[str]],
        fetch: trust.Fetcher,
        anchors: Callable[[], Collection[x509.Certificate]],
        now: Callable[[], datetime],
    ) -> None:
        self._topics, self._fetch, self._anchors, self._now = topics, fetch, anchors, now
        self._certificates: OrderedDict[str, _Signer] = OrderedDict()
        self._failures: OrderedDict[str, datetime] = OrderedDict()
        self._fetched: list[datetime] = []
        self._lock = threading.Lock()

    def verify(self, body: bytes) -> SnsMessage:
        """Return the message of a genuine `body`; raise `Refused` or `CannotVerifyNow`."""
        envelope = self.read(body)
        if not self.is_ready(envelope):
            self.prepare(envelope)
        return self.check(envelope)

    def read(self, body: bytes) -> Envelope:
        """Check shape, topic, certificate address and age; nothing here leaves the process."""
        fields = envelopes.read_fields(body)
        region = envelopes.region_of(fields["TopicArn"])
        if fields["TopicArn"] not in self._topics():
            raise UnknownTopic("the topic is not one of ours")
        envelopes.check_url(fields["SigningCertURL"], region)
        timestamp = envelopes.parse_time(fields["Timestamp"])
        age = self._now() - timestamp
        if age > MAX_AGE:
            raise Refused("the message is older than 15 days")
        if age < -MAX_AHEAD:
            raise CannotVerifyNow("the message is from the future; is our clock right?")
        return Envelope(fields, region, timestamp, envelopes.decode_signature(fields["Signature"]))

    def is_ready(self, envelope: Envelope) -> bool:
        """Tell whether the certificate is at hand, so that `check` need not wait for `prepare`."""
        return envelope.certificate_url in self._certificates

    def prepare(self, envelope: Envelope) -> None:
        """Fetch, check and keep the certificate of `envelope` (blocks; one at a time)."""
        url = envelope.certificate_url
        with self._lock:
            if url in self._certificates:
                return
            self._check_budget(url)
            try:
                signer = self._load(url, envelope.region)
            except (Refused, CannotVerifyNow):
                self._failures[url] = self._now()
                while len(self._failures) > CACHED_CERTIFICATES:
                    self._failures.popitem(last=False)
                raise
            self._certificates[url] = signer
            while len(self._certificates) > CACHED_CERTIFICATES:
                self._certificates.popitem(last=False)

    def check(self, envelope: Envelope) -> SnsMessage:
        """Verify the signature with the certificate that `prepare` kept."""
        signer = self._certificates.get(envelope.certificate_url)
        if signer is None:
            raise CannotVerifyNow("the certificate was displaced; try again")
        if not signer.start <= self._now() <= signer.end:
            raise Refused("the certificate is not valid at this time")
        fields = envelope.fields
        try:
            signed, algorithm = envelopes.string_to_sign(fields), envelopes.HASHES[fields["SignatureVersion"]]
            signer.key.verify(envelope.signature, signed, _PADDING, algorithm)
        except InvalidSignature as error:
            raise Refused("the signature does not fit the message") from error
        return envelopes.message_of(fields, envelope.timestamp)

    def _check_budget(self, url: str) -> None:
        now = self._now()
        failed = self._failures.get(url)
        if failed is not None and now - failed < timedelta(seconds=FAILURE_SECONDS):
            raise CannotVerifyNow("this certificate failed a moment ago")
        self._fetched = [at for at in self._fetched if now - at < timedelta(minutes=1)]
        if len(self._fetched) >= FETCHES_PER_MINUTE:
            raise CannotVerifyNow("too many new certificates within a minute")
        self._fetched.append(now)

    def _load(self, url: str, region: str) -> _Signer:
        try:
            data = self._fetch(url)
        except OSError as error:
            raise CannotVerifyNow("the certificate cannot be fetched now") from error
        if len(data) > MAX_CERTIFICATE_BYTES:
            raise Refused("the certificate file is too large")
        try:
            certificate = trust.load_single_pem(data)
            key = trust.check_leaf(certificate, region)
            if not trust.is_valid_at(certificate, self._now()):
                raise Refused("the certificate is not valid at this time")
            trust.check_chain(certificate, anchors=self._anchors(), at=self._now(), fetch=self._fetch)
        except trust.NotTrusted as error:
            raise Refused(str(error)) from error
        except trust.IssuerUnavailable as error:
            raise CannotVerifyNow(str(error)) from error
        return _Signer(key, certificate.not_valid_before_utc, certificate.not_valid_after_utc)

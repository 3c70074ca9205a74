"""The verifier of this process: our topics, the clock, and where certificates come from.

In the sandbox the verifier is the same; only the fetcher and the trust anchor point at it. That is accepted only when
every AWS endpoint is on this machine or inside compose, and only for topics of the sandbox's account.
"""

import ssl
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import urllib3
from cryptography import x509
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from mailplatform.accounts.models import Installation
from mailplatform.aws import session
from mailplatform.core import clock

from . import trust, verify

FETCH_SECONDS: Final = 5.0
FRESH: Final = timedelta(seconds=10)
KNOWN_FOR: Final = timedelta(seconds=1)


class Topics:
    """The topics that this installation believes; read from its settings, at most once a second."""

    def __init__(self, *, only_account: str = "") -> None:
        self._only_account = only_account
        self._topics: frozenset[str] = frozenset()
        self._read_at: datetime | None = None

    def __call__(self) -> Collection[str]:
        return self._topics

    def is_stale(self, after: timedelta = FRESH) -> bool:
        """Tell whether the topics should be read again."""
        return self._read_at is None or not timedelta() <= clock.now() - self._read_at < after

    def refresh(self) -> None:
        """Read the topics (blocks)."""
        row = Installation.objects.filter(pk=1).values_list("topic_arns", flat=True).first() or []
        self._topics = frozenset(
            arn for arn in row if not self._only_account or self._account(arn) == self._only_account
        )
        self._read_at = clock.now()

    @staticmethod
    def _account(arn: str) -> str:
        parts = arn.split(":")
        return parts[4] if len(parts) > 4 else ""


def check_sandbox(sandbox_url: str, endpoint_urls: dict[str, str]) -> None:
    """Raise ImproperlyConfigured unless the sandbox may be believed: nothing here may reach the real Amazon."""
    if not sandbox_url:
        return
    if not session.is_sandbox({"sesv2": sandbox_url, "sns": sandbox_url}, ""):
        raise ImproperlyConfigured(f"SANDBOX_URL is not on this machine: {sandbox_url}")
    if not session.is_sandbox(endpoint_urls, ""):
        raise ImproperlyConfigured("SANDBOX_URL is set, but not every AWS endpoint is the sandbox's.")


def make_verifier() -> tuple[verify.Verifier, Topics]:
    """Return the verifier of this process with its topics."""
    sandbox = settings.SANDBOX_URL.rstrip("/")
    check_sandbox(sandbox, settings.AWS_ENDPOINT_URLS)
    topics = Topics(only_account=session.SANDBOX_ACCOUNT_ID if sandbox else "")
    fetch = sandbox_fetcher(sandbox) if sandbox else fetch_bytes
    anchors = _sandbox_anchors(sandbox) if sandbox else _amazon_anchors()
    return verify.Verifier(topics=topics, fetch=fetch, anchors=anchors, now=clock.now), topics


def fetch_bytes(url: str) -> bytes:
    """Fetch a small file: verified TLS, no redirects, no retries, a few seconds at most. OSError when it fails."""
    try:
        with _pool().request(
            "GET", url, redirect=False, retries=False, timeout=FETCH_SECONDS, preload_content=False
        ) as answer:
            if answer.status != 200:
                raise OSError(f"status {answer.status}")
            return answer.read(verify.MAX_CERTIFICATE_BYTES + 1, decode_content=False)
    except urllib3.exceptions.HTTPError as error:
        raise OSError(str(error)) from error


def _pool() -> urllib3.PoolManager:
    return urllib3.PoolManager(num_pools=2, ssl_context=ssl.create_default_context())


def sandbox_fetcher(sandbox: str) -> trust.Fetcher:
    """Return a fetcher that asks the sandbox for the file that Amazon's host would serve."""
    return lambda url: fetch_bytes(sandbox + urlsplit(url).path)


def _sandbox_anchors(sandbox: str) -> Callable[[], Collection[x509.Certificate]]:
    def anchors() -> Collection[x509.Certificate]:
        try:
            return x509.load_pem_x509_certificates(fetch_bytes(f"{sandbox}/_sandbox/ca.pem"))
        except (OSError, ValueError) as error:
            raise trust.IssuerUnavailable("the sandbox's own authority cannot be fetched") from error

    return anchors


def _amazon_anchors() -> Callable[[], Collection[x509.Certificate]]:
    roots: list[x509.Certificate] = []

    def anchors() -> Collection[x509.Certificate]:
        roots[:] = roots or trust.amazon_roots()
        if not roots:
            raise trust.IssuerUnavailable("this machine has no trust store with Amazon's roots")
        return roots

    return anchors

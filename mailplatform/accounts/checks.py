"""Combinations of settings with which the site refuses to start.

The sandbox signs events with a key that everybody has. Trusting it beside a real account would let any
stranger report bounces, so its wiring and a plain http address are accepted only when nothing here can reach
Amazon.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from mailplatform.aws import regions, session


def _local(url: str) -> bool:
    return session.is_sandbox({"sesv2": url, "sns": url}, "")


def trust_errors() -> list[str]:
    """Return why the sandbox's certificate must not be trusted here; empty when all is well."""
    errors = []
    endpoints = settings.AWS_ENDPOINT_URLS
    if settings.SANDBOX_URL:
        if not _local(settings.SANDBOX_URL):
            errors.append("SANDBOX_URL must be a loopback address or the compose host “sandbox”.")
        if not session.is_sandbox(endpoints, ""):
            errors.append(
                "SANDBOX_URL is set, but not every AWS endpoint is local (also needed: AWS_ENDPOINT_URL_SESV2 "
                "and AWS_ENDPOINT_URL_SNS): events signed by the sandbox would be believed beside "
                "real ones."
            )
    sending = [bool(endpoints.get(name)) and _local(endpoints[name]) for name in ("sesv2", "sns")]
    if any(sending) and not all(sending):
        errors.append(
            "AWS_ENDPOINT_URL_SESV2 and AWS_ENDPOINT_URL_SNS must both be the sandbox's, or neither."
        )
    return errors


def trial_errors() -> list[str]:
    """Return why the tools of the fault lab, shorter leases and a wrong clock, must not be used here."""
    tools = {
        "SENDING_TIME_SCALE": settings.SENDING_TIME_SCALE != 1,
        "MAILPLATFORM_CLOCK_FILE": bool(settings.CLOCK_FILE),
    }
    if session.is_sandbox(settings.AWS_ENDPOINT_URLS, ""):
        return []
    return [
        f"{name} is only for trials against the sandbox: every AWS endpoint must be the sandbox's."
        for name, is_set in tools.items()
        if is_set
    ]


def region_errors() -> list[str]:
    """Return why personal data would leave the European Economic Area here; empty when all is well."""
    named = {"AWS_REGION": settings.AWS_REGION} if settings.AWS_REGION else {}
    # Without a bucket of its own the ledger uses that of uploads: one value is said once.
    by_name = {settings.LEDGER_BUCKET: "LEDGER_BUCKET", settings.S3_BUCKET: "S3_BUCKET"}
    buckets = {setting: name for name, setting in reversed(by_name.items()) if name}
    if buckets and "s3" not in settings.AWS_ENDPOINT_URLS:
        if not settings.S3_REGION:
            return [
                f"{next(iter(buckets))} is set, but not where that bucket is: name its Region in S3_REGION."
            ]
        named["S3_REGION"] = settings.S3_REGION
    return regions.problems(regions=named, configured=settings.AWS_ENDPOINT_URLS, buckets=buckets)


def address_errors() -> list[str]:
    """Return why the site must not be served under PUBLIC_URL."""
    if urlsplit(settings.PUBLIC_URL).scheme == "https" or session.is_sandbox(settings.AWS_ENDPOINT_URLS, ""):
        return []
    return ["PUBLIC_URL must begin with https:// unless every AWS endpoint is the sandbox's."]


@checks.register(checks.Tags.security)
def check_configuration(**_kwargs: Any) -> Sequence[checks.CheckMessage]:
    """Report all as system checks; the address stops serving only, not `migrate` or `check`."""
    errors = [checks.Error(text, id="mailplatform.E001") for text in (*trust_errors(), *trial_errors())]
    errors += [checks.Error(text, id="mailplatform.E002") for text in region_errors()]
    warnings = [checks.Warning(text, id="mailplatform.W001") for text in address_errors()]
    return [*errors, *warnings]


def refuse_trials() -> None:
    """Raise ImproperlyConfigured where leases or the clock were tampered with; called as any process starts."""
    if reasons := trial_errors():
        raise ImproperlyConfigured(" ".join(reasons))


def refuse_regions() -> None:
    """Raise ImproperlyConfigured where personal data would leave the EEA; called as any process starts."""
    if reasons := region_errors():
        raise ImproperlyConfigured(" ".join(reasons))


def refuse_bad_configuration() -> None:
    """Raise ImproperlyConfigured with every reason not to serve; called as the web process starts."""
    if reasons := [*trust_errors(), *address_errors()]:
        raise ImproperlyConfigured(" ".join(reasons))

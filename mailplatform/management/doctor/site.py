"""How the site is reached: by Amazon's events and by readers, and its certificate."""

import datetime as dt
import socket
import ssl
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import urllib3
from cryptography import x509

from campaigns.selectors import restores
from events.selectors import deliverability, intake
from mailplatform.accounts.services import installation
from mailplatform.aws.checkup import Finding, Level
from mailplatform.core import clock

SITE_SECONDS: Final = 5.0
LATE_SECONDS: Final = 600
# Authorities renew at a third of a certificate's life; whoever comes this near has a renewal that fails.
NEAR: Final = dt.timedelta(days=14)


def events() -> Iterator[Finding]:
    """Look at the way in of Amazon's events: is somebody listening, how late are they, what waits."""
    state = intake.intake()
    if state.listening_at is None:
        yield Finding(Level.WARNING, "Events", "no server has listened for them yet: start the web process")
    elif not state.is_listening:
        since = f"nobody listens since {state.listening_at:%Y-%m-%d %H:%M} UTC"
        yield Finding(Level.ERROR, "Events", f"{since}: start the web process")
    elif state.worst_lag_s is not None and state.worst_lag_s > LATE_SECONDS:
        late = f"one in a hundred comes {state.worst_lag_s:,.0f} s late"
        yield Finding(Level.WARNING, "Events", f"{late}: add web processes, or look at the load of Postgres")
    else:
        lag = f", {state.typical_lag_s:.1f} s after they happen" if state.typical_lag_s is not None else ""
        yield Finding(Level.OK, "Events", f"{state.events:,} in the last 15 minutes{lag}")
    if state.waiting:
        detail = f"{state.waiting:,} messages could not be taken in: see Settings, Undelivered events"
        yield Finding(Level.WARNING, "Dead letters", detail)
    if state.lacks_next_month:
        detail = "the table of next month is missing: is the scheduler (celery beat) running?"
        yield Finding(Level.ERROR, "Event months", detail)


def restored() -> Iterator[Finding]:
    """Say when sending is locked because the database was restored from a backup."""
    if restores.is_locked():
        detail = "locked after a restore: see Settings, Restored from a backup, then run `manage.py restore --unlock`"
        yield Finding(Level.ERROR, "Sending", detail)


def public_address() -> Iterator[Finding]:
    """Ask our own public address for its health, as a reader's mail program would reach it."""
    url = installation.public_url()
    parts = urlsplit(url)
    if parts.scheme != "https":
        if not installation.is_sandbox():
            yield Finding(Level.ERROR, "Public address", f"{url} must begin with https://: mend PUBLIC_URL")
            return
    else:
        yield certificate(parts.hostname or "", parts.port or 443)
    yield _health(url)


def domains() -> Iterator[Finding]:
    """Say what the last daily look at the DNS of each sending domain found amiss."""
    for domain in deliverability.looked():
        subject, amiss = f"DNS of {domain.look.domain}", domain.amiss
        if amiss:
            records = "; ".join(f"{check.name} {check.type} {check.value}".strip() for check in amiss)
            cure = f"these have to be there: {records}. Then look again under Deliverability"
            yield Finding(Level.WARNING, subject, f"{len(amiss)} records are missing or wrong: {cure}")
        else:
            yield Finding(Level.OK, subject, f"as of {domain.look.at:%Y-%m-%d %H:%M} UTC")


def _health(url: str) -> Finding:
    cure = "is the web process running, and does the proxy or firewall let it be reached?"
    try:
        answer = urllib3.request("GET", f"{url}/healthz", timeout=SITE_SECONDS, retries=False, redirect=False)
    except urllib3.exceptions.HTTPError as error:
        return Finding(Level.ERROR, "Public address", f"{url} does not answer ({error}): {cure}")
    if answer.status != 200:
        return Finding(Level.ERROR, "Public address", f"{url}/healthz answers {answer.status}: {cure}")
    return Finding(Level.OK, "Public address", url)


def certificate(host: str, port: int) -> Finding:
    """Look at the certificate that visitors get: how long it is valid, for which name, and by whom."""
    try:
        ends = _end_of_certificate(host, port)
    except (OSError, ValueError) as error:
        return Finding(
            Level.ERROR, "Certificate", f"{host}:{port} speaks no TLS ({error}): set it up at the proxy"
        )
    day = f"{ends:%Y-%m-%d}"
    if ends <= clock.now():
        return Finding(Level.ERROR, "Certificate", f"of {host} expired on {day}: renew it")
    try:
        with socket.create_connection((host, port), SITE_SECONDS) as plain:
            ssl.create_default_context().wrap_socket(plain, server_hostname=host).close()
    except ssl.SSLCertVerificationError as error:
        wrong = error.verify_message
        cure = "use one for this name from a known authority"
        return Finding(Level.ERROR, "Certificate", f"of {host} is not trusted ({wrong}): {cure}")
    except OSError as error:
        return Finding(Level.ERROR, "Certificate", f"of {host} could not be looked at ({error}): try again")
    if ends - clock.now() < NEAR:
        return Finding(Level.WARNING, "Certificate", f"of {host} expires on {day}: see why it is not renewed")
    return Finding(Level.OK, "Certificate", f"of {host} is valid until {day}")


def _end_of_certificate(host: str, port: int) -> dt.datetime:
    """Read the certificate without believing it: an expired one must be told from an unknown authority."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((host, port), SITE_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=host) as wrapped,
    ):
        der = wrapped.getpeercert(binary_form=True)
    return x509.load_der_x509_certificate(der or b"").not_valid_after_utc

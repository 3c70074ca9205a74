"""The facts that settings and installation know: controller, Amazon, measuring, hosting, what a browser meets."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings

from mailplatform.aws import regions
from mailplatform.aws.provision.wanted import PARTS
from mailplatform.core.smtp_server import SmtpServer

from ..models import Carrier, Installation
from ..services import installation
from . import facts
from .facts import Fact, yes

HERE: Final = "on this machine"
# Directives that name nobody else's host.
OWN_SOURCES: Final = frozenset({"'self'", "'none'", "data:", "'unsafe-inline'"})
CARRIERS: Final = {
    Carrier.OWN: facts.OWN_CARRIER,
    Carrier.SES: "Amazon SES (pixel and redirect of Amazon)",
}


def controller(row: Installation) -> list[Fact]:
    """Who sends."""
    return [
        Fact("company", "Company", row.company),
        Fact("address", "Postal address", ", ".join(row.postal_address.splitlines())),
        Fact("public_url", "Public address", installation.public_url(row)),
        Fact("sender", "Default sender", row.sender_address),
    ]


def amazon(row: Installation) -> list[Fact]:
    """Where Amazon works for us."""
    region = installation.region(row)
    exceptions = sorted(regions.exceptions())
    found = [
        Fact("region", "Amazon Region", region),
        Fact("place", "Its place", regions.PLACES.get(region, "")),
        Fact("account", "Amazon account", row.account_id),
        Fact("sandbox", "Local sandbox instead of Amazon", yes(installation.is_sandbox(row))),
        Fact("tls", "TLS towards mail servers", settings.SES_TLS_POLICY),
        Fact(
            "bucket",
            "Uploads in Amazon S3",
            f"yes, in {settings.S3_REGION}" if settings.S3_BUCKET else facts.NO,
        ),
        Fact("checkpoints", "Copies of the register's checkpoints in Amazon S3", yes(settings.LEDGER_BUCKET)),
        Fact("exceptions", "Exceptions from the EEA list", ", ".join(exceptions) or "none"),
    ]
    endpoints = {
        urlsplit(url).hostname or url for url in regions.endpoints(settings.AWS_ENDPOINT_URLS).values()
    }
    return [
        *found,
        Fact("endpoints", "Endpoints instead of Amazon's own", ", ".join(sorted(endpoints)) or "none"),
        *_provisioned(row),
        *_mail_server(),
    ]


def _provisioned(row: Installation) -> list[Fact]:
    """What was chosen for the account at the last apply; what was not chosen is left out."""
    chosen = row.provisioning
    if not chosen:
        return []
    parts = [
        Fact(part, f"Set up at Amazon: {what}", yes(_is_set_up(part, chosen))) for part, what in PARTS.items()
    ]
    alarms = chosen.get("operations_address") if _is_set_up("monitoring", chosen) else ""
    schedules = [
        f"{item['name']}, {item['expression']}: {item.get('event') or 'campaign ' + str(item.get('campaign'))}"
        for item in chosen.get("schedules", ())
    ]
    named = [
        Fact("identities", "Domains and addresses set up to send", ", ".join(chosen.get("identities", ()))),
        Fact("tenant", "Tenant of Amazon SES", row.tenant),
        Fact("ip_pool", "Pool of dedicated addresses", chosen.get("ip_pool") or ""),
        Fact("tracking_domain", "Tracking domain in front of Amazon's", chosen.get("tracking_domain") or ""),
        Fact("operations", "Address that gets Amazon's alarms", alarms or ""),
        Fact("schedules", "Schedules at Amazon", "; ".join(schedules)),
    ]
    return [*parts, *(fact for fact in named if fact.value)]


def _is_set_up(part: str, chosen: Mapping[str, Any]) -> bool:
    """Whether a part was made; beside a stand-in for other services CloudWatch is out of reach."""
    near = settings.AWS_ENDPOINT_URLS
    away = part == "monitoring" and bool(near) and "cloudwatch" not in near
    return part not in chosen.get("without", ()) and not away


def _mail_server() -> list[Fact]:
    """What sends in the place of Amazon SES; nothing where SES does."""
    if not settings.SMTP_URL:
        return []
    server = SmtpServer.read(settings.SMTP_URL, settings.SMTP_PASSWORD)
    # As campaigns/sending/smtp_lines.py opens a line.
    if server.tls_at_once:
        line = "TLS from the first byte"
    else:
        line = "on this machine, TLS not demanded" if server.is_local else "TLS after STARTTLS, never without"
    return [
        Fact("smtp", "SMTP server in the place of Amazon SES", server.host),
        Fact("smtp_line", "Line to the SMTP server", f"port {server.port}, {line}"),
    ]


def tracking(row: Installation) -> list[Fact]:
    """What is measured."""
    at = row.ses_tracking_acknowledged_at
    return [
        Fact("opens", "Measure opens", yes(row.track_opens)),
        Fact("clicks", "Measure clicks", yes(row.track_clicks)),
        Fact("carrier", "Carrier of tracking", CARRIERS[Carrier(row.tracking_carrier)]),
        Fact(
            "acknowledged",
            "Limit of withdrawal with Amazon acknowledged",
            f"{at:%Y-%m-%d}" if at else facts.NO,
        ),
    ]


def hosting(_site: Installation) -> list[Fact]:
    """Where our own data are, as far as the addresses say it."""
    database = settings.DATABASES["default"]
    return [
        Fact("database", "Database", _place(str(database.get("HOST") or ""))),
        Fact("redis", "Redis", _place(urlsplit(settings.REDIS_URL).hostname or "")),
        Fact("uploads", "Uploads", "Amazon S3" if settings.S3_BUCKET else "data directory of the site"),
        Fact("suppression_copy", "Nightly list of who gets no mail holds", settings.SUPPRESSION_COPY),
        Fact("https", "Site by https alone", yes(settings.SECURE)),
    ]


def _place(host: str) -> str:
    near = not host or host.startswith("/") or host in {"localhost", "127.0.0.1", "::1"}
    return HERE if near else f"on the host {host}"


def browser(_site: Installation) -> list[Fact]:
    """Cookies and foreign hosts that a browser meets on our pages, from the settings that make them so."""
    days = settings.SESSION_COOKIE_AGE // 86_400
    secure = "by https alone" if settings.SESSION_COOKIE_SECURE else "also by plain http"
    session = f"{days} days, {secure}, not readable by scripts"
    csrf = f"{settings.CSRF_COOKIE_AGE // 86_400} days, guards forms against other sites"
    return [
        Fact(
            "cookie_session",
            f"Cookie {settings.SESSION_COOKIE_NAME}",
            session,
            "users of the pages who sign in",
        ),
        Fact("cookie_csrf", f"Cookie {settings.CSRF_COOKIE_NAME}", csrf, "whoever is shown a form"),
        Fact(
            "cookie_messages",
            "Cookie messages",
            "until the next page, signed",
            "users who sign in, after they saved",
        ),
        Fact("foreign", "Foreign hosts that pages may load from", ", ".join(foreign_hosts()) or "none"),
        *(
            Fact(f"csp_{name}", f"Content-Security-Policy {name}", " ".join(map(str, sources)))
            for name, sources in sorted(settings.CONTENT_SECURITY_POLICY["DIRECTIVES"].items())
        ),
    ]


def foreign_hosts() -> list[str]:
    """Return what the Content-Security-Policy lets a page load from elsewhere."""
    directives = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    sources = {str(source) for listed in directives.values() for source in listed}
    return sorted(sources - OWN_SOURCES)


def register() -> None:
    """Make these groups known."""
    for provider in (controller, amazon, tracking, hosting, browser):
        facts.register(provider.__name__, provider)

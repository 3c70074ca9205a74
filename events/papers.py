"""The facts of this app that the papers of data protection rest on."""

from urllib.parse import urlsplit

from mailplatform.accounts.models import Installation
from mailplatform.accounts.papers import facts
from mailplatform.accounts.papers.facts import Fact

from .models import WebhookEndpoint
from .services import policies


def webhooks(_site: Installation) -> list[Fact]:
    """Which systems are told of events, and of which."""
    active = WebhookEndpoint.objects.filter(is_active=True).order_by("pk")
    return [
        Fact(
            str(endpoint.public_id),
            endpoint.description or urlsplit(endpoint.url).hostname or endpoint.url,
            f"{urlsplit(endpoint.url).hostname}: {', '.join(sorted(endpoint.types))}",
        )
        for endpoint in active
    ]


def inactive(_site: Installation) -> list[Fact]:
    """Whether people are judged by what they read, and what follows: the sunset policy."""
    row = policies.get()
    value = "nobody is judged"
    if row.sunset_is_on:
        value = (
            f"after {row.sunset_months} months and {row.sunset_mails} mails without an open or click, of those alone "
            "who agree to be counted; they are asked once"
        )
    if row.sunset_is_on and row.sunset_stops:
        value += f", and get no marketing mail when they do not answer within {row.sunset_answer_days} days"
    return [Fact("policy", "People who stopped reading", value)]


def register() -> None:
    """Make these groups known."""
    facts.register("webhooks", webhooks)
    facts.register("inactive", inactive)

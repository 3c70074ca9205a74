"""The facts of this app that the papers of data protection rest on."""

from urllib.parse import urlsplit

from mailplatform.accounts.models import Installation
from mailplatform.accounts.papers import facts
from mailplatform.accounts.papers.facts import Fact

from .models import WebhookEndpoint


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


def register() -> None:
    """Make this group known."""
    facts.register("webhooks", webhooks)

"""What became of the messages of webhooks."""

from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from events.models import WebhookDelivery, WebhookEndpoint, WebhookState

PAGE = 50


@dataclass(frozen=True, slots=True)
class LogPage:
    """A page of the log, newest first; `next_before` is 0 at its end."""

    rows: list[WebhookDelivery]
    next_before: int


def endpoints() -> QuerySet[WebhookEndpoint]:
    """Return all endpoints with the numbers `waiting` and `failed` (one query)."""
    return WebhookEndpoint.objects.annotate(
        waiting=Count("deliveries", filter=Q(deliveries__state=WebhookState.PENDING)),
        failed=Count("deliveries", filter=Q(deliveries__state=WebhookState.FAILED)),
    )


def counts(endpoint: WebhookEndpoint) -> dict[str, int]:
    """Return how many messages are in each state."""
    rows = endpoint.deliveries.order_by().values("state").annotate(number=Count("pk"))
    return {row["state"]: row["number"] for row in rows}


def page(endpoint: WebhookEndpoint, *, state: str = "", before: int = 0) -> LogPage:
    """Return the newest messages before `before`."""
    found = endpoint.deliveries.order_by("-pk")
    found = found.filter(state=state) if state else found
    found = found.filter(pk__lt=before) if before else found
    rows = list(found[: PAGE + 1])
    return LogPage(rows[:PAGE], rows[PAGE - 1].pk if len(rows) > PAGE else 0)

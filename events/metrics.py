"""What a monitoring system may know about the way in of events, and about what follows from them."""

from mailplatform.core.metrics import Metric, Sample, register

from .models import WebhookDelivery, WebhookState
from .selectors import intake


def connect() -> None:
    """Tell the core what can be measured here; called once, as the process starts."""
    register(
        Metric("mailplatform_events_lately", "Events taken in within the last 15 minutes.", _events),
        Metric("mailplatform_event_lag_seconds", "From what happened to its commit, last 15 minutes.", _lag),
        Metric(
            "mailplatform_event_listening",
            "1 while a server wrote its heartbeat within a minute.",
            _listening,
        ),
        Metric("mailplatform_event_posts_refused", "Posts not to be believed, last 15 minutes.", _refused),
        Metric(
            "mailplatform_dead_letters", "Messages that could not be taken in and wait for a person.", _dead
        ),
        Metric("mailplatform_webhooks_waiting", "Webhook deliveries that are still to be made.", _webhooks),
    )


def _events() -> list[Sample]:
    return [Sample(intake.lag().events)]


def _lag() -> list[Sample]:
    found = intake.lag()
    if found.typical_s is None or found.worst_s is None:
        return []
    return [Sample(found.typical_s, {"quantile": "0.5"}), Sample(found.worst_s, {"quantile": "0.99"})]


def _listening() -> list[Sample]:
    return [Sample(intake.is_alive(intake.listening_at()))]


def _refused() -> list[Sample]:
    return [Sample(intake.refused())]


def _dead() -> list[Sample]:
    return [Sample(intake.dead_letters().count())]


def _webhooks() -> list[Sample]:
    return [Sample(WebhookDelivery.objects.filter(state=WebhookState.PENDING).count())]

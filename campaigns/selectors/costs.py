"""What a campaign will cost, or did, by the installation's own price table."""

from django.db.models.functions import Length

from ..models import Run, SendingSettings, TemplateVersion
from ..prices import Cost, Prices, cost
from . import attachments, sending_settings
from .reading import Reading


def prices(row: SendingSettings | None = None) -> Prices:
    """The price table."""
    row = row or sending_settings.get()
    return Prices(
        row.currency,
        row.price_per_thousand,
        row.price_per_gigabyte,
        row.price_of_options,
        row.price_per_thousand_events,
    )


def estimate(reading: Reading, people: int) -> Cost | None:
    """What sending to so many people would cost, about; None without a template or a price."""
    template = reading.campaign.template
    if template is None:
        return None
    size = len(template.html.encode()) + len(template.text.encode())
    size += round(attachments.total_size(reading.attached) * attachments.ENCODED)
    return _unless_free(cost(prices(reading.settings), mails=people, bytes_per_mail=size))


def of_runs(runs: list[Run], *, accepted: int, events: int | None = None) -> Cost | None:
    """What was sent has cost; `accepted` mails of all these runs, of the size of the first one's version."""
    if not runs:
        return None
    versions = TemplateVersion.objects.filter(pk=runs[0].template_version_id)
    size = versions.annotate(size=Length("html") + Length("text")).values_list("size", flat=True).get()
    attached = sum(each["size"] for each in runs[0].frozen.get("attachments", ()))
    size += round(attached * attachments.ENCODED)
    return _unless_free(cost(prices(), mails=accepted, bytes_per_mail=size, events=events))


def _unless_free(found: Cost) -> Cost | None:
    return found if found.total else None

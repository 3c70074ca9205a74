"""The facts of this app that the papers of data protection rest on."""

from django.contrib.postgres.aggregates import ArrayAgg, BoolOr
from django.db.models import Exists, Q, QuerySet, Value

from mailplatform.accounts.models import Carrier, Installation
from mailplatform.accounts.papers import facts
from mailplatform.accounts.papers.facts import Fact, yes

from .models import Campaign, CampaignKind, Run


def campaigns(_site: Installation) -> list[Fact]:
    """Which kinds of mail there are, and whether any campaign measures."""
    found = Campaign.objects.aggregate(
        kinds=ArrayAgg("kind", distinct=True, default=Value([])),
        tracked=BoolOr(Q(track_opens=True) | Q(track_clicks=True), default=False),
        amazon=BoolOr(Exists(_by_amazon()), default=False),
    )
    kinds = [
        Fact(kind.value, f"Campaigns of the kind “{kind.label}”", yes(kind.value in found["kinds"]))
        for kind in CampaignKind
    ]
    return [
        *kinds,
        Fact("tracked", "Any campaign measures", yes(found["tracked"])),
        Fact("amazon_tracked", "Mail was sent with Amazon's pixel or redirect", yes(found["amazon"])),
    ]


def _by_amazon() -> QuerySet[Run]:
    """Runs whose mail holds Amazon's tracking. Those from before there was a choice name no carrier."""
    measured = Q(frozen__track_opens=True) | Q(frozen__track_clicks=True)
    return Run.objects.filter(measured, Q(frozen__carrier__isnull=True) | Q(frozen__carrier=Carrier.SES))


def register() -> None:
    """Make this group known."""
    facts.register("campaigns", campaigns)

"""The facts of this app that the papers of data protection rest on."""

from django.contrib.postgres.aggregates import ArrayAgg, BoolOr
from django.db.models import Q, Value

from mailplatform.accounts.models import Installation
from mailplatform.accounts.papers import facts
from mailplatform.accounts.papers.facts import Fact, yes

from .models import Campaign, CampaignKind


def campaigns(_site: Installation) -> list[Fact]:
    """Which kinds of mail there are, and whether any campaign measures."""
    found = Campaign.objects.aggregate(
        kinds=ArrayAgg("kind", distinct=True, default=Value([])),
        tracked=BoolOr(Q(track_opens=True) | Q(track_clicks=True), default=False),
    )
    kinds = [
        Fact(kind.value, f"Campaigns of the kind “{kind.label}”", yes(kind.value in found["kinds"]))
        for kind in CampaignKind
    ]
    return [*kinds, Fact("tracked", "Any campaign measures", yes(found["tracked"]))]


def register() -> None:
    """Make this group known."""
    facts.register("campaigns", campaigns)

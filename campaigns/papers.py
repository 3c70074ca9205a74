"""The facts of this app that the papers of data protection rest on."""

from django.db.models import Q

from mailplatform.accounts.papers import facts
from mailplatform.accounts.papers.facts import Fact, yes

from .models import Campaign, CampaignKind


def campaigns() -> list[Fact]:
    """Which kinds of mail there are, and whether any campaign measures."""
    kinds = set(Campaign.objects.values_list("kind", flat=True).distinct())
    tracked = Campaign.objects.filter(Q(track_opens=True) | Q(track_clicks=True)).exists()
    found = [
        Fact(kind.value, f"Campaigns of the kind “{kind.label}”", yes(kind.value in kinds))
        for kind in CampaignKind
    ]
    return [*found, Fact("tracked", "Any campaign measures", yes(tracked))]


def register() -> None:
    """Make this group known."""
    facts.register("campaigns", campaigns)

"""From a report to a segment: the people who opened, clicked, followed a link, or did not."""

from typing import Final

from campaigns.models import Campaign
from events.models import Link
from mailplatform.accounts.models import User
from subscribers.models import Segment
from subscribers.services import segments

# Group of the report → (operator, words for the name).
REACTIONS: Final = {
    "delivered": ("got", "got it"),
    "opened": ("opened", "opened"),
    "not_opened": ("not_opened", "did not open"),
    "clicked": ("clicked", "clicked"),
    "not_clicked": ("not_clicked", "did not click"),
}


class NoSuchReaction(ValueError):
    """No segment can be made of this group, or the link is of another campaign."""


def make_segment(*, campaign: Campaign, who: str, link_id: int = 0, actor: User | None = None) -> Segment:
    """Make a segment of the people behind a number of a report. Raises NoSuchReaction.

    It asks anew each time it is used: whoever withdrew the consent to be counted is in it no more.
    """
    if link_id:
        if not Link.objects.filter(pk=link_id, run_id__in=campaign.runs.values("pk")).exists():
            raise NoSuchReaction(str(link_id))
        rule = {"subject": "link", "operator": "followed", "value": str(link_id)}
        words = "followed a link"
    elif who in REACTIONS:
        operator, words = REACTIONS[who]
        rule = {"subject": "campaign", "operator": operator, "value": str(campaign.pk)}
    else:
        raise NoSuchReaction(who)
    return segments.create(
        name=_free_name(f"{campaign.name[:90]}: {words}"),
        rules={"match": "all", "rules": [rule]},
        description="Made from the report of the campaign.",
        actor=actor,
    )


def _free_name(name: str) -> str:
    taken = set(Segment.objects.filter(name__startswith=name).values_list("name", flat=True))
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name} ({number})"
    return found

"""From a report to a segment: the people behind any of its numbers.

The usual ones are rules that a person can read and change: “opened”, “got but did not click”, “followed a link”.
Every other number is kept as the rule that found its people (`ReportGroup`).
"""

from collections.abc import Sequence
from typing import Any, Final

from django.db import transaction

from campaigns.models import Campaign
from events.models import Link, ReportGroup
from events.selectors.people import Choice
from mailplatform.accounts.models import User
from subscribers.models import Segment
from subscribers.segments.rules import RuleError
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
    """No segment can be made of this group: its link, list or segment is not of this campaign or is gone."""


@transaction.atomic
def make_segment(
    *,
    campaign: Campaign,
    choice: Choice,
    run_number: int = 0,
    words: Sequence[str] = (),
    actor: User | None = None,
) -> Segment:
    """Make a segment of the people behind a number of a report; `words` name what was chosen.

    `run_number` is 0 for a launch with its retries. The segment asks anew each time it is used: whoever withdrew the
    consent to be counted is in it no more. Raises NoSuchReaction.
    """
    link = _link(campaign, choice.link_id)
    run_number = _narrowed_to(campaign, run_number)
    if choice == Choice("clicked", link_id=choice.link_id) and link is not None and not run_number:
        rule: dict[str, Any] = {"subject": "link", "operator": "followed", "value": str(link.pk)}
        name = "followed a link"
    elif choice == Choice(choice.who) and choice.who in REACTIONS and not run_number:
        operator, name = REACTIONS[choice.who]
        rule = {"subject": "campaign", "operator": operator, "value": str(campaign.pk)}
    else:
        name = ", ".join(words) or choice.who
        group = _keep(campaign, choice, run_number, f"{campaign.name}: {name}", link)
        rule = {"subject": "report", "operator": "counted_in", "value": str(group.pk)}
    rules = [rule, *_of_segment(choice.segment_id)]
    try:
        return segments.create(
            name=_free_name(f"{campaign.name[:60]}: {name}"[:110]),
            rules={"match": "all", "rules": rules},
            description="Made from the report of the campaign.",
            actor=actor,
        )
    except RuleError as error:
        raise NoSuchReaction(str(error)) from error


def _keep(campaign: Campaign, choice: Choice, run_number: int, name: str, link: Link | None) -> ReportGroup:
    return ReportGroup.objects.create(
        campaign=campaign,
        run_number=run_number,
        name=name[:300],
        who=choice.who,
        reason=choice.reason if choice.has_reason else None,
        link=link.url if link else "",
        provider=choice.provider[:60] if choice.provider is not None else None,
        mailing_list_id=choice.list_id,
        device=choice.device[:20] if choice.device is not None else None,
        machine=choice.machine[:40],
    )


def _narrowed_to(campaign: Campaign, run_number: int) -> int:
    """The number of the run, or 0 where there is no other: then the rules that a person can read say the same."""
    numbers = list(campaign.runs.values_list("number", flat=True))
    if run_number and run_number not in numbers:
        raise NoSuchReaction(str(run_number))
    return run_number if len(numbers) > 1 else 0


def _link(campaign: Campaign, link_id: int) -> Link | None:
    if not link_id:
        return None
    found = Link.objects.filter(pk=link_id, run_id__in=campaign.runs.values("pk")).first()
    if found is None:
        raise NoSuchReaction(str(link_id))
    return found


def _of_segment(segment_id: int) -> list[dict[str, Any]]:
    """The rules of the segment by which the number was narrowed, as they are now."""
    if not segment_id:
        return []
    found = Segment.objects.filter(pk=segment_id).first()
    if found is None:
        raise NoSuchReaction(str(segment_id))
    return [found.rules]


def _free_name(name: str) -> str:
    taken = set(Segment.objects.filter(name__startswith=name).values_list("name", flat=True))
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name} ({number})"
    return found

"""What segments may ask about a campaign. `subscribers` knows nothing of campaigns: it is told here, at start-up.

Each condition stands beside the rule of the report's number that it follows (`selectors.people`), and asks for the
consent as it is now.
"""

from collections.abc import Iterator
from typing import Final

from django.db.models import Exists, OuterRef, Value

from campaigns.models import Campaign, Run
from events.machines import TRAP_PATH
from events.models import Link, ReportGroup
from subscribers.segments.catalogue import Kind, Subject
from subscribers.selectors import catalogue

from . import report_groups

CAMPAIGNS: Final = 200
LINKS: Final = 200
GROUPS: Final = 200

_RUNS = "ARRAY(SELECT id FROM campaigns_run WHERE campaign_id = %s::bigint)"
_OUTCOME = f"SELECT FROM events_outcome o WHERE o.run_id = ANY({_RUNS}) AND o.subscriber_id = p.subscriber_id"
_QUIET = (
    "EXISTS (SELECT FROM campaigns_delivery d JOIN events_outcome o ON o.run_id = d.run_id"
    f" AND o.subscriber_id = d.subscriber_id WHERE d.run_id = ANY({_RUNS}) AND d.subscriber_id = p.subscriber_id"
    " AND d.state = 'accepted' AND d.{tracked} AND o.state IN (30, 80) AND o.{hit} IS NULL)"
)
CAMPAIGN: Final = {
    "got": f"EXISTS ({_OUTCOME} AND o.state IN (30, 80))",
    "opened": f"p.opens_allowed AND EXISTS ({_OUTCOME} AND o.opened_at IS NOT NULL)",
    "not_opened": f"p.opens_allowed AND {_QUIET.format(tracked='opens_tracked', hit='opened_at')}",
    "clicked": f"p.clicks_allowed AND EXISTS ({_OUTCOME} AND o.clicked_at IS NOT NULL)",
    "not_clicked": f"p.clicks_allowed AND {_QUIET.format(tracked='clicks_tracked', hit='clicked_at')}",
}
# Of whom we can know it: they agree now, and every mail that they got of it was measured.
_MEASURED = (
    "p.{consent} AND NOT EXISTS (SELECT FROM campaigns_delivery d"
    f" WHERE d.run_id = ANY({_RUNS}) AND d.subscriber_id = p.subscriber_id"
    " AND d.state = 'accepted' AND NOT d.{tracked})"
)
_OPENS = _MEASURED.format(consent="opens_allowed", tracked="opens_tracked")
_CLICKS = _MEASURED.format(consent="clicks_allowed", tracked="clicks_tracked")
KNOWN: Final = {"opened": _OPENS, "not_opened": _OPENS, "clicked": _CLICKS, "not_clicked": _CLICKS}
# The same link of a launch and of its retries has a row in each.
LINK: Final = {
    "followed": (
        "p.clicks_allowed AND EXISTS (SELECT FROM events_link l JOIN campaigns_run a ON a.id = l.run_id"
        " JOIN campaigns_run b ON b.campaign_id = a.campaign_id"
        " JOIN events_link same ON same.run_id = b.id AND same.url_hash = l.url_hash"
        " JOIN events_event e ON e.link_id = same.id AND e.run_id = same.run_id"
        " WHERE l.id = %s::bigint AND e.subscriber_id = p.subscriber_id AND e.type = 'click' AND NOT e.is_machine)"
    ),
}


def subjects() -> Iterator[Subject]:
    """Return what can be asked here and now (one query); nothing before the first campaign went out."""
    found = _newest()
    if names := found["campaign"]:
        yield Subject(
            "campaign", "Campaign: they", Kind.REACTION, choices=tuple(names), reactions=CAMPAIGN, known=KNOWN
        )
    if links := found["link"]:
        yield Subject(
            "link",
            "Link: they",
            Kind.LINK,
            choices=tuple(links),
            reactions=LINK,
            known={"followed": "p.clicks_allowed"},
        )
    if kept := found["report"]:
        yield Subject(
            "report",
            "Report: they",
            Kind.REPORT,
            choices=tuple(kept),
            reactions={"counted_in": report_groups.CONDITION},
            known={"counted_in": report_groups.KNOWN},
        )


def _newest() -> dict[str, list[tuple[str, str]]]:
    """Return id and name of the campaigns that went out, their links and the kept numbers, the newest first."""
    sent = Campaign.objects.filter(Exists(Run.objects.filter(campaign=OuterRef("pk"))))
    links = Link.objects.exclude(url__endswith=TRAP_PATH)
    found = catalogue.read_together(
        sent.order_by("-pk").values_list(Value("campaign"), catalogue.as_text("pk"), "name")[:CAMPAIGNS],
        links.order_by("-pk").values_list(Value("link"), catalogue.as_text("pk"), "url")[:LINKS],
        ReportGroup.objects.order_by("-pk").values_list(Value("report"), catalogue.as_text("pk"), "name")[
            :GROUPS
        ],
    )
    for rows in found.values():
        rows.sort(key=lambda row: -int(row[0]))
    return found

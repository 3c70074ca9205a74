"""What the demo does with the product: set up, import people, send a campaign, look at what came back.

Everything goes through the services that the pages use; nothing is written past them.
"""

import io
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.core.files.base import File
from django.core.management import call_command

from campaigns.models import Campaign, CampaignKind, Run, RunState
from campaigns.services import campaigns, runs, templates
from events.models import DeadLetter
from mailplatform.accounts.models import Carrier, Role, User
from mailplatform.accounts.services import installation
from mailplatform.core import clock
from subscribers.importing import columns
from subscribers.models import Segment, Subscriber
from subscribers.services import importing, unsubscribe
from subscribers.services.importing import Statement

from . import people

ADMIN = "admin@demo.example"
SENDER = "newsletter@shop.example"
WORDING = "Yes, send me news and offers of Demo Shop by e-mail. I can leave at any time with one click."
TRACKING_WORDING = (
    "You may see whether I open your e-mails and which links I follow, to send me less of what bores me."
)
Say = Callable[[str], None]


class StoryFailedError(Exception):
    """The story cannot go on; the message says why."""


def set_up(say: Say) -> None:
    """Fill the settings page and create what is needed at Amazon, that is, in the sandbox."""
    say("Setting up: sender, postal address, configuration sets, topic, subscription")
    installation.update(
        actor=None,
        company="Demo Shop",
        postal_address="Example Street 1\n10115 Berlin\nGermany",
        public_url=settings.PUBLIC_URL,
        region=settings.AWS_REGION,
        sender_name="Demo Shop",
        sender_address=SENDER,
        reply_to="service@shop.example",
        # The sandbox shows what Amazon does: its pixel, its links, its events.
        tracking_carrier=Carrier.SES,
        ses_tracking_acknowledged_at=clock.now(),
    )
    provision()


def provision() -> None:
    """Create what is needed at Amazon by the very command that an operator runs, without its report."""
    call_command("provision", stdout=io.StringIO())


def administrator(directory: Path) -> tuple[str, str]:
    """Return the address and password of the demo's administrator; make both on the first run."""
    file = directory / "keys" / "demo-password"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(9))
    password = file.read_text().strip()
    if not User.objects.filter(email=ADMIN).exists():
        User.objects.create_user(ADMIN, password, name="Ada Admin", role=Role.ADMIN)
    return ADMIN, password


def import_people(say: Say) -> None:
    """Import the file of made-up people with the evidence of their consent, unless an earlier start did."""
    if Subscriber.objects.count() >= people.PEOPLE:
        # A start that was interrupted after this: whoever left since would be refused a second time.
        return
    say(f"Importing {people.PEOPLE:,} people with the evidence of their consent")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "people.csv"
        people.write_csv(path, list(people.everybody()))
        with path.open("rb") as file:
            job = importing.create_job(file=File(file), file_name="people.csv")
    job = importing.declare(
        job=job,
        columns=columns.from_json(job.mapping["columns"]),
        statement=Statement(wording=WORDING, tracking_wording=TRACKING_WORDING),
        create_segments=["segment"],
    )
    job = importing.commit(job=importing.check(job=job))
    if job.rows_refused or Subscriber.objects.count() < people.PEOPLE:
        message = f"The import refused {job.rows_refused} rows: {job.error or job.refused.first()}"
        raise StoryFailedError(message)


def let_some_leave(say: Say) -> int:
    """Let those leave who leave before the campaign, as their own click would."""
    addresses = [person.row["email"] for person in people.everybody() if person.leaves]
    ids = Subscriber.objects.filter(email__in=addresses).values_list("pk", flat=True)
    for subscriber_id in ids:
        unsubscribe.leave_all(
            subscriber_id=subscriber_id, source="demo: left before the campaign", method="page"
        )
    say(f"{len(ids)} people leave again before anything is sent")
    return len(ids)


def make_campaign(name: str, slug: str, subject: str = "") -> Campaign:
    """Return a campaign to all segments, ready to be sent, with the starter template `slug`."""
    template = {template.slug: template for template in templates.ensure_starters()}[slug]
    admin = User.objects.filter(email=ADMIN).first()
    made = campaigns.create(actor=admin, name=name)
    made = campaigns.save_audience(
        campaign_id=made.pk, revision=made.revision, kind=CampaignKind.MARKETING, lists=[],
        segments=list(Segment.objects.all()),
    )  # fmt: skip
    made = campaigns.save_sender(
        campaign_id=made.pk, revision=made.revision, sender=campaigns.default_sender(), subject=subject, preheader="",
        track_opens=True, track_clicks=True,
    )  # fmt: skip
    made = campaigns.save_content(
        campaign_id=made.pk, revision=made.revision, template=template, variables={}
    )
    return campaigns.save_schedule(
        campaign_id=made.pk, revision=made.revision, at=None, zone=installation.get().time_zone
    )


def send(campaign: Campaign, say: Say, seconds: float = 150) -> Run:
    """Launch a campaign and wait until everybody in it has a final state."""
    run = runs.launch(campaign=campaign, actor=User.objects.filter(email=ADMIN).first())
    say(f"Sending “{campaign.name}”")
    deadline = time.monotonic() + seconds
    while run.state not in {RunState.SENT, RunState.FAILED, RunState.CANCELLED}:
        if run.state == RunState.PAUSED or time.monotonic() > deadline:
            message = (
                f"“{campaign.name}” is {run.get_state_display().lower()}: {run.pause_reason or 'too slow'}"
            )
            raise StoryFailedError(message)
        time.sleep(0.3)
        run.refresh_from_db()
    if run.state != RunState.SENT:
        message = f"“{campaign.name}” ended as {run.get_state_display().lower()}: {run.pause_reason}"
        raise StoryFailedError(message)
    return run


def check_nothing_was_refused() -> None:
    """Raise StoryFailedError when an event could not be taken in."""
    first = DeadLetter.objects.first()
    if first is not None:
        message = f"{DeadLetter.objects.count()} events could not be taken in: {first.reason}"
        raise StoryFailedError(message)

"""A site with a history: people imported with their consent, a campaign sent through the sandbox, events back.

Made once for all tests that only look. Everything goes through the product's own services.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.core.files.base import ContentFile, File
from django.core.management import call_command

from campaigns import tokens
from campaigns.models import Campaign, MediaFile, Run, RunState, Template
from campaigns.services import branding, media, runs, template_languages, templates
from events.models import Counter, DomainLook, Sunset, SunsetStage, WebhookEndpoint
from events.services import deliverability, digesting, growing, sunset, webhooks
from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit, installation
from mailplatform.celery import app
from mailplatform.core import clock
from mailplatform.management.demo import people, story
from mailplatform.sandbox.testing import RunningSandbox
from subscribers.importing import columns
from subscribers.models import (
    BlockedDomain,
    CustomField,
    ImportJob,
    ImportKind,
    MailingList,
    RightsCase,
    RightsKind,
    Segment,
    SignupForm,
    Subscriber,
    Suppression,
    Tag,
)
from subscribers.services import domains, importing, lists, rights, signup, suppression, vocabulary
from tests.factories import workers
from tests.factories.accounts import AdminFactory, ViewerFactory
from tests.factories.media import PDF, make_media, picture
from tests.factories.signup import WORDING, hosted_path, make_form
from tests.factories.waiting import wait_for

PEOPLE = 120


@dataclass
class History:
    """A campaign that was sent to people of a list, another that was not, and who looks at them."""

    admin: User
    sent: Campaign
    draft: Campaign
    run: Run
    template: Template
    subscriber: Subscriber
    mailing_list: MailingList


@dataclass
class World(History):
    """What the pages under test show."""

    segment: Segment
    job: ImportJob
    orders: ImportJob
    token: str
    webhook: WebhookEndpoint
    field: CustomField
    tag: Tag
    suppression: Suppression
    domain: BlockedDomain
    case: RightsCase
    form: SignupForm
    media: MediaFile
    links: dict[str, str]


def build(sandbox: RunningSandbox, address: str) -> World:
    """Build the site's history; takes some seconds."""
    admin = AdminFactory.create(name="Ada Admin")
    ViewerFactory.create(name="Vera Viewer")
    install(admin, address)
    job = import_people()
    mailing_list = _list()
    sent = story.make_campaign("Welcome in November", "welcome-campaign")
    Campaign.objects.filter(pk=sent.pk).update(in_archive=True, tags=["welcome"])
    run = _send(sandbox, sent, admin)
    draft = story.make_campaign("Winter sale", "product-promotion")
    reader = Subscriber.objects.exclude(email__endswith="simulator.amazonses.com").order_by("pk")[3]
    history = History(
        admin=admin,
        sent=Campaign.objects.get(pk=sent.pk),
        draft=draft,
        run=run,
        template=_written_twice(admin),
        subscriber=reader,
        mailing_list=mailing_list,
    )
    return furnish(history, job=job, address=address)


def furnish(history: History, *, job: ImportJob, address: str) -> World:
    """Add to a history one of everything else that has a page."""
    admin, reader = history.admin, history.subscriber
    growing.count_weeks()
    digesting.digest_runs()
    _look_at_domains()
    _sunset(admin, reader)
    form = _form(history.mailing_list)
    return World(
        **vars(history),
        segment=Segment.objects.order_by("pk")[0],
        job=job,
        orders=_orders(reader),
        token=tokens.make_unsubscribe_token(history.run.pk, reader.pk),
        webhook=_webhook(admin, address),
        field=CustomField.objects.order_by("pk")[0],
        tag=vocabulary.create_tag(name="VIP", actor=admin),
        suppression=_blocked(admin),
        domain=domains.block(domain="competitor.example", reason="A competitor", actor=admin),
        case=rights.open_case(
            kind=RightsKind.ACCESS, email=reader.email, received_on=clock.now().date(), note="", actor=admin
        ),
        form=form,
        media=_brand(admin),
        links=_links(form, reader),
    )


def _look_at_domains() -> None:
    """A look that found each record in another state; a trial asks no DNS, so the states are written in."""
    deliverability.look()
    row = DomainLook.objects.order_by("pk")[0]
    for check, verdict in zip(row.checks, ("found", "missing", "wrong", "unknown"), strict=False):
        check["verdict"] = verdict
    row.save()


def _sunset(admin: User, reader: Subscriber) -> None:
    """A policy on people who stopped reading, and somebody it keeps back."""
    sunset.save(actor=admin, sunset_is_on=True, sunset_stops=True)
    Sunset.objects.create(
        subscriber_id=reader.pk, stage=SunsetStage.KEPT_BACK, mails=12, judged_at=clock.now()
    )


def _written_twice(admin: User) -> Template:
    """A template in two languages, whose draft was something else before."""
    template = Template.objects.get(slug="welcome-campaign")
    template_languages.add(template=template, language="de", actor=admin)
    words = "A gift for your first order is inside."
    return templates.save_draft(
        template_id=template.pk, actor=admin, revision=template.revision, preheader=words
    )


def _brand(admin: User) -> MediaFile:
    """A logo and a document in the library, and a brand that wears the logo."""
    media.add(actor=admin, name="terms.pdf", content=PDF)
    logo = make_media("harbour-books.png", picture((320, 96), colour="#0b5a5a"), alt="Harbour Books")
    branding.save(actor=admin, logo=logo, social=[("Mastodon", "https://mastodon.example/@harbour")])
    return logo


def _form(mailing_list: MailingList) -> SignupForm:
    return make_form(mailing_list=mailing_list, languages="en de", ask_name=True, ask_tracking=True)


def _links(form: SignupForm, reader: Subscriber) -> dict[str, str]:
    """The tokens of the links that expire, by the page that they open."""
    typed = signup.Typed("new@example.org", "en", {"marketing_email": WORDING})
    waiting = signup.request(form=form, typed=typed)
    paths = {
        "events:signup_confirm": hosted_path("confirm", waiting.pk),
        "events:my_data": hosted_path("data", reader.pk),
        "events:my_erasure": hosted_path("erase", reader.pk),
    }
    return {name: path.split("/")[2] for name, path in paths.items()}


def _blocked(admin: User) -> Suppression:
    suppression.block_address(email="nobody@blocked.example", reason="Asked by phone", actor=admin)
    return Suppression.objects.get(detail="Asked by phone")


def _webhook(admin: User, address: str) -> WebhookEndpoint:
    endpoint = webhooks.create(
        url=f"{address}/nowhere", types=["mail.bounced"], description="Shop", actor=admin
    )
    webhooks.send_test(endpoint=endpoint, actor=admin)
    return endpoint


def install(admin: User, address: str, *, carrier: str = "ses") -> None:
    """Fill in the settings and provision the sandbox, which confirms our subscription over HTTP."""
    installation.update(
        actor=admin,
        company="Harbour Books",
        postal_address="Harbour Books\nAm Hafen 1\n20457 Hamburg\nGermany",
        public_url=address,
        sender_name="Harbour Books",
        sender_address=story.SENDER,
        tracking_carrier=carrier,
        ses_tracking_acknowledged_at=clock.now(),
    )
    call_command("provision", verbosity=0, wait=30)
    audit.record(actor=admin, action="user.invited", detail={"role": "viewer"})


def _made() -> Iterator[people.Made]:
    return people.everybody(PEOPLE)


def import_people() -> ImportJob:
    """Bring the story's people in by the services that the import's pages use."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "people.csv"
        people.write_csv(path, list(_made()))
        with path.open("ab") as file:
            file.write(b"not an address,Nobody,new_customers,,DE,,,,no,no\r\n")
        with path.open("rb") as file:
            job = importing.create_job(file=File(file), file_name="people.csv")
    job = importing.declare(
        job=job,
        columns=columns.from_json(job.mapping["columns"]),
        statement=importing.Statement(wording=story.WORDING, tracking_wording=story.TRACKING_WORDING),
        create_segments=["segment"],
    )
    return importing.commit(job=importing.check(job=job))


def _orders(reader: Subscriber) -> ImportJob:
    """A file of orders that waits for its columns."""
    text = (
        "Name,Email,Financial Status,Currency,Total,Created at,Lineitem quantity,Lineitem name,Lineitem price\n"
        f"#1001,{reader.email},paid,EUR,30.00,2025-05-01 12:00:00 +0200,2,Tea,10.00\n"
        f"#1001,{reader.email},,,,,1,Cup,10.00\n"
    )
    file = ContentFile(text.encode(), name="orders.csv")
    return importing.create_job(file=file, kind=ImportKind.ORDERS)


def _list() -> MailingList:
    return lists.create(name="Newsletter")


def let_people_read(sandbox: RunningSandbox) -> None:
    """Let the sandbox's people open and click at once, so that reports have something to show."""
    sandbox.api.put(
        "readers", enabled=True, open=0.6, click=0.3, proxy_open=0.1, min_delay=0.01, max_delay=0.2
    )


def _send(sandbox: RunningSandbox, campaign: Campaign, admin: User) -> Run:
    workers.empty_queues()
    let_people_read(sandbox)
    # At once and in this process: a worker takes some seconds to start, and other tests show that it works.
    app.conf.task_always_eager = True
    try:
        run = runs.launch(campaign=campaign, actor=admin)
    finally:
        app.conf.task_always_eager = False
    assert Run.objects.get(pk=run.pk).state == RunState.SENT
    sandbox.wait_quiet()
    wait_for(lambda: Counter.objects.filter(run_id=run.pk, type="delivery").exists())
    return Run.objects.get(pk=run.pk)

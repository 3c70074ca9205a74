"""People, templates and campaigns for tests, made by the product's own services."""

from itertools import count
from typing import Any

from campaigns.models import Campaign, Run, RunState, Sender, Template
from campaigns.services import publishing, templates
from mailplatform.accounts.models import Installation, Role, User
from mailplatform.accounts.services import installation
from mailplatform.core import clock, keys
from subscribers.models import (
    MailingList,
    MarketingBasis,
    Profile,
    Subscriber,
    Subscription,
    SubscriptionState,
)

HTML = (
    "<html><body><h1>Hi {{name}}</h1><p>News for you.</p>"
    '<p><a href="https://example.com/shop">Shop</a></p>'
    '<p><a href="{{unsubscribe_url}}">Unsubscribe</a> {{company}}, {{postal_address}}</p></body></html>'
)
SENDER = "news@example.com"
_number = count(1)


def make_user(role: str = Role.MARKETER, **fields: Any) -> User:
    """A user of a role; without a password: signed in by `client.force_login`."""
    return User.objects.create_user(f"user{next(_number)}@example.com", None, role=role, **fields)


def make_site(**changes: Any) -> Installation:
    """The installation, ready to send: sender, identity, address, quota."""
    values = {
        "company": "Example Ltd",
        "postal_address": "1 High Street\n10115 Berlin",
        "sender_name": "Example News",
        "sender_address": SENDER,
        "verified_identities": ["example.com"],
        "max_send_rate": 500.0,
        "max_24_hour_send": 200_000.0,
        "production_access": True,
        "quota_read_at": clock.now(),
        **changes,
    }
    return installation.update(actor=None, **values)


def make_subscriber(**fields: Any) -> Subscriber:
    """A person, without any basis to be mailed."""
    number = next(_number)
    email = fields.pop("email", f"person{number}@example.com")
    values = {"name": f"Person {number}", "language": "en", **fields}
    return Subscriber.objects.create(email=email, email_key=keys.email_key(email), **values)


def make_template(**content: Any) -> Template:
    """A template that may be published."""
    values = {"name": f"Template {next(_number)}", "subject": "Hello {{name}}, news", "html": HTML, **content}
    return templates.create(actor=None, **values)


def make_sender(address: str = SENDER, name: str = "Example News") -> Sender:
    """A sender."""
    return Sender.objects.get_or_create(address=address, name=name)[0]


def make_campaign(**fields: Any) -> Campaign:
    """A draft with a sender and a template; the audience is the test's own."""
    values = {
        "name": f"Campaign {next(_number)}",
        "template": fields.pop("template", None) or make_template(),
        "sender": make_sender(),
        "schedule_zone": "Europe/Berlin",
        **fields,
    }
    return Campaign.objects.create(**values)


def make_run(campaign: Campaign | None = None, **fields: Any) -> Run:
    """A run as a launch freezes it, without any batch."""
    campaign = campaign or make_campaign()
    site = installation.get()
    frozen = {
        "kind": campaign.kind,
        "sender": {"name": "Example News", "address": SENDER, "reply_to": ""},
        "subject": campaign.subject,
        "variables": publishing.campaign_variables(campaign),
        "company": site.company,
        "postal_address": site.postal_address,
        "public_url": "https://mail.example.com",
        **fields.pop("frozen", {}),
    }
    values = {
        "number": campaign.runs.count() + 1,
        "state": RunState.SENDING,
        "launched_at": clock.now(),
        **fields,
    }
    version = publishing.version_for_campaign(campaign=campaign, actor=None)
    return Run.objects.create(campaign=campaign, template_version=version, frozen=frozen, **values)


def make_people(mailing_list: MailingList, count: int, **profile: Any) -> list[Subscriber]:
    """Confirmed people on a list, with consent to marketing unless the profile says otherwise."""
    people = [make_subscriber() for _ in range(count)]
    values = {"marketing_basis": MarketingBasis.CONSENT, "list_ids": [mailing_list.pk], **profile}
    for person in people:
        Profile.objects.create(subscriber_id=person.pk, joined_at=clock.now(), **values)
        Subscription.objects.create(
            subscriber=person,
            mailing_list=mailing_list,
            state=SubscriptionState.CONFIRMED,
            confirmed_at=clock.now(),
        )
    return people


def make_list(name: str = "") -> MailingList:
    """A list without anybody."""
    return MailingList.objects.create(name=name or f"List {next(_number)}")


def make_ready_campaign(people: int = 3, **fields: Any) -> Campaign:
    """A campaign that passes every check, to a list of so many people."""
    make_site()
    mailing_list = make_list()
    make_people(mailing_list, people)
    campaign = make_campaign(**fields)
    campaign.lists.add(mailing_list)
    return campaign

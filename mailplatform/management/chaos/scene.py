"""What a trial needs of the product before it begins: an installation that is set up, a campaign, a launch."""

import io
import os
import secrets
import uuid
from typing import Final

from django.core.management import call_command

from campaigns.models import Campaign, CampaignKind, Run, Template
from campaigns.services import campaigns, runs, sending_settings, templates
from mailplatform.accounts.models import Role, User
from mailplatform.accounts.services import installation
from mailplatform.management.demo.sandbox_client import SandboxClient

from .audience import Audience
from .schedule import Mode, Plan

OPERATOR: Final = "operator@lab.example"
HTML: Final = (
    "<html><body><p>Hello {{name}}, this is the fault lab.</p>"
    '<p><a href="https://example.org/shop">Shop</a></p>'
    '<p><a href="{{unsubscribe_url}}">Unsubscribe</a> {{company}}, {{postal_address}}</p></body></html>'
)


def set_up() -> None:
    """Fill the settings page and create what is needed at Amazon; the site must answer."""
    installation.update(
        actor=None,
        company="Fault Lab",
        postal_address="Example Street 1\n10115 Berlin\nGermany",
        public_url=os.environ["PUBLIC_URL"],
        region=os.environ["AWS_REGION"],
        sender_name="Fault Lab",
        sender_address="news@lab.example",
    )
    call_command("provision", stdout=io.StringIO())
    if not User.objects.filter(email=OPERATOR).exists():
        User.objects.create_user(OPERATOR, secrets.token_urlsafe(12), name="Olga Operator", role=Role.ADMIN)


def operator() -> User:
    """The person who decides about unresolved deliveries."""
    return User.objects.get(email=OPERATOR)


def choose_mode(mode: Mode) -> None:
    """Whether silence may be taken for proof."""
    sending_settings.update(actor=None, resend_by_itself=mode is not Mode.OFF)


def set_rate(sandbox: SandboxClient, rate: float) -> None:
    """Give the account a sending rate, and let the product know it."""
    sandbox.call("PUT", "account", {"max_send_rate": rate, "max_24_hour_send": -1.0})
    installation.update(actor=None, max_send_rate=rate, max_24_hour_send=-1.0)


def launch(plan: Plan, audience: Audience) -> Run:
    """Make a campaign to everybody on the list, and launch it."""
    return runs.launch(campaign=_campaign(plan, audience), actor=operator())


def _campaign(plan: Plan, audience: Audience) -> Campaign:
    made = campaigns.create(actor=operator(), name=f"Trial {plan.seed} {uuid.uuid4().hex[:6]}")
    made = campaigns.save_audience(
        campaign_id=made.pk,
        revision=made.revision,
        kind=CampaignKind.MARKETING,
        lists=[audience.mailing_list],
        segments=[],
    )
    made = campaigns.save_sender(
        campaign_id=made.pk,
        revision=made.revision,
        sender=campaigns.default_sender(),
        subject="Trial for {{name}}",
        preheader="",
        track_opens=False,
        track_clicks=False,
    )
    return campaigns.save_content(
        campaign_id=made.pk, revision=made.revision, template=_template(), variables={}
    )


def _template() -> Template:
    found = Template.objects.filter(name="Fault lab").first()
    return found or templates.create(actor=None, name="Fault lab", subject="Hello {{name}}", html=HTML)

"""The templates that come with the product: ten to begin with, each complete and fit to be sent."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from ..rendering import SourceKind

_SHOP: Final = "https://example.com/shop"


class NoSuchStarter(KeyError):
    """No starter has this name."""


@dataclass(frozen=True, slots=True)
class Starter:
    """One starter, whose source stands in `templates/email/starters/`."""

    slug: str
    name: str
    about: str
    subject: str
    preheader: str
    defaults: dict[str, Any] = field(default_factory=dict)
    kind: SourceKind = SourceKind.MJML

    @property
    def html(self) -> str:
        """The source of the HTML part."""
        return (folder() / f"{self.slug}.{self.kind}").read_text(encoding="utf-8")

    @property
    def text(self) -> str:
        """The text part, where it does not come of the HTML."""
        written = folder() / f"{self.slug}.txt"
        return written.read_text(encoding="utf-8") if written.exists() else ""


def folder() -> Path:
    """Where the sources stand."""
    return Path(settings.BASE_DIR) / "templates" / "email" / "starters"


_ALL: Final = (
    Starter(
        "welcome-campaign",
        "Welcome campaign",
        "A greeting for newcomers, with a gift.",
        "Welcome to our community, {{name}}!",
        "A 10% gift for your first order is inside.",
        {"name": "there", "preferences": [], "shop_url": _SHOP},
        SourceKind.HTML,
    ),
    Starter(
        "product-promotion",
        "Product promotion",
        "One product, one offer, one button.",
        "Exclusive offer: {{discount}}% off {{product_name}}",
        "Only until {{expiry_date}}.",
        {
            "name": "there",
            "discount": "20",
            "product_name": "Smart Watch",
            "product_url": "https://example.com/smartwatch",
            "expiry_date": "31 December",
        },
        SourceKind.HTML,
    ),
    Starter(
        "newsletter",
        "Newsletter",
        "A headline and as many stories as you have.",
        "{{headline}}",
        "Short stories from {{company}}.",
        {"headline": "The news of this month", "stories": []},
    ),
    Starter(
        "new-products",
        "New products",
        "Cards beside each other, repeated for each product.",
        "Fresh in the shop, {{first_name}}",
        "These came in this week.",
        {"products": [], "shop_url": _SHOP},
    ),
    Starter(
        "event-invitation",
        "Event invitation",
        "What, when, where, and a button to come.",
        "You are invited: {{event_name}}",
        "{{event_date}}, {{event_place}}",
        {
            "event_name": "An evening with friends",
            "event_date": "Friday, 7 p.m.",
            "event_place": "Our place",
            "event_url": "https://example.com/event",
        },
    ),
    Starter(
        "receipt",
        "Receipt",
        "A table of what was bought, with its total.",
        "Your order {{order_number}}",
        "Thank you for your order.",
        {"order_number": "1001", "items": [], "total": "0.00", "order_url": "https://example.com/order"},
    ),
    Starter(
        "win-back",
        "We miss you",
        "For people who have not looked in for long.",
        "It has been a while, {{first_name}}",
        "Here is {{discount}}% off, to make coming back easier.",
        {"discount": "15", "shop_url": _SHOP},
    ),
    Starter(
        "product-update",
        "Product update",
        "Three things that are new, numbered.",
        "New in release {{release}}",
        "What is new, and what it saves you.",
        {"release": "2.0", "notes_url": "https://example.com/notes"},
    ),
    Starter(
        "survey",
        "Survey",
        "One question, answered with one click.",
        "One question, {{first_name}}",
        "One click is the whole survey.",
        {"survey_url": "https://example.com/survey"},
    ),
    Starter(
        "letter",
        "Letter",
        "Plain and personal, like a letter.",
        "A word from {{sender_name}}",
        "What is going to change, and why.",
        {"message": "Write your message here.", "offer": "", "sender_name": "The whole team"},
    ),
)
STARTERS: Final = {starter.slug: starter for starter in _ALL}
# Lists are empty until somebody fills them; the gallery shows what they would look like.
SAMPLES: Final[dict[str, dict[str, Any]]] = {
    "welcome-campaign": {"preferences": ["Books", "Gardening"]},
    "newsletter": {
        "stories": [
            {"title": "We moved", "summary": "Come and see the new place.", "link": "https://example.com/1"},
            {"title": "Meet Ann", "summary": "She answers your questions.", "link": "https://example.com/2"},
        ]
    },
    "new-products": {
        "products": [
            {"title": "Teapot", "text": "Keeps warm.", "price": "€ 39", "link": "https://example.com/1"},
            {"title": "Cup", "text": "Holds much.", "price": "€ 12", "link": "https://example.com/2"},
        ]
    },
    "receipt": {
        "items": [{"title": "Teapot", "price": "39.00"}, {"title": "Cup", "price": "12.00"}],
        "total": "51.00",
    },
}


def get(slug: str) -> Starter:
    """One starter. Raises `NoSuchStarter`."""
    try:
        return STARTERS[slug]
    except KeyError as error:
        raise NoSuchStarter(f"There is no starter “{slug}”.") from error

"""What every page's frame shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from .models import Role, User
from .services import installation


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the navigation. `names` are the beginnings of the URL names that belong to it."""

    label: str
    url_name: str
    icon: str
    names: tuple[str, ...]
    role: Role = Role.VIEWER


NAVIGATION: Sequence[tuple[str, Sequence[Place]]] = (
    ("", (Place("Dashboard", "events:dashboard", icon="layout-dashboard", names=("events:dashboard",)),)),
    (
        "Audience",
        (
            Place(
                "Subscribers",
                "subscribers:subscriber_list",
                icon="users",
                names=(
                    "subscribers:subscriber",
                    "subscribers:import",
                    "subscribers:field",
                    "subscribers:tag",
                    "subscribers:suppression",
                    "subscribers:domain",
                    "events:subscriber",
                ),
            ),
            Place(
                "Lists", "subscribers:list_list", icon="list-check", names=("subscribers:list", "events:form")
            ),
            Place("Segments", "subscribers:segment_list", icon="filter", names=("subscribers:segment",)),
        ),
    ),
    (
        "Sending",
        (
            Place(
                "Campaigns",
                "campaigns:campaign_list",
                icon="send",
                names=("campaigns:campaign", "events:campaign", "events:unresolved"),
            ),
            Place("Templates", "campaigns:template_list", icon="template", names=("campaigns:template",)),
            Place("Media", "campaigns:media_list", icon="photo", names=("campaigns:media",)),
            Place(
                "Deliverability",
                "events:deliverability",
                icon="gauge",
                names=("events:deliverability",),
                role=Role.MARKETER,
            ),
        ),
    ),
    (
        "Records",
        (
            Place(
                "Consent register",
                "subscribers:register",
                icon="certificate",
                names=("subscribers:register", "subscribers:consent"),
            ),
            Place(
                "Privacy requests",
                "subscribers:rights_list",
                icon="shield-check",
                names=("subscribers:rights",),
                role=Role.ADMIN,
            ),
            Place(
                "Settings",
                "accounts:settings",
                icon="settings",
                names=(
                    "accounts:settings",
                    "accounts:user",
                    "accounts:audit",
                    "accounts:api",
                    "subscribers:retention",
                    "campaigns:sending_settings",
                    "campaigns:brand",
                    "events:dead",
                    "events:policy",
                    "events:webhook",
                ),
                role=Role.ADMIN,
            ),
        ),
    ),
)


def shell(request: HttpRequest) -> dict[str, Any]:
    """Return the context of the frame around each page; nothing is read unless the page has a frame."""
    return {"shell": SimpleLazyObject(lambda: _shell(request))}


def _shell(request: HttpRequest) -> dict[str, Any]:
    user = request.user if isinstance(request.user, User) else None
    row = getattr(request, "installation", None) or installation.get()
    return {
        "home": reverse("events:dashboard"),
        "account_url": reverse("accounts:profile"),
        "nav": _navigation(request, user) if user else [],
        "sandbox": installation.is_sandbox(row),
        "sandbox_mailbox": f"{settings.SANDBOX_URL}/mailbox" if settings.SANDBOX_URL else "",
    }


def _navigation(request: HttpRequest, user: User) -> list[dict[str, Any]]:
    here = request.resolver_match.view_name if request.resolver_match else ""
    sections = []
    for title, places in NAVIGATION:
        shown = [
            {
                "label": place.label,
                "icon": place.icon,
                "url": reverse(place.url_name),
                "active": here.startswith(place.names),
            }
            for place in places
            if user.has_role(place.role)
        ]
        if shown:
            sections.append({"title": title, "items": shown})
    return sections

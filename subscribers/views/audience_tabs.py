"""The tabs of the pages around people."""

from typing import Any

from django.urls import reverse

_TABS = (
    ("subscriber_list", "People"),
    ("field_list", "Fields"),
    ("tag_list", "Tags"),
    ("suppression_list", "Blocked addresses"),
)


def audience_tabs(here: str) -> list[dict[str, Any]]:
    """Return the tabs, the one of this page marked."""
    return [
        {"label": label, "url": reverse(f"subscribers:{name}"), "active": name == here}
        for name, label in _TABS
    ]

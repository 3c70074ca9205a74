"""The tabs above the pages of an administrator."""

from django.urls import reverse

TABS = (
    ("Installation", "accounts:settings"),
    ("Brand", "campaigns:brand"),
    ("Sending", "campaigns:sending_settings"),
    ("Amazon account", "events:amazon"),
    ("Team", "accounts:users"),
    ("Audit log", "accounts:audit_log"),
    ("Bounces and complaints", "events:policy"),
    ("Webhooks", "events:webhook_list"),
    ("Undelivered events", "events:dead_letters"),
    ("Retention", "subscribers:retention"),
    ("GDPR papers", "accounts:papers"),
    ("API", "accounts:api_tokens"),
)


def settings_tabs(current: str) -> list[dict[str, object]]:
    """Return the tabs, the one at URL name `current` marked."""
    return [{"label": label, "url": reverse(name), "active": name == current} for label, name in TABS]

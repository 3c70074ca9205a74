"""Which mailbox provider serves an address: the unit in which reputation is lost. Pure."""

from typing import Final

_GROUPS: Final = {
    "Gmail": ("gmail.com", "googlemail.com"),
    "Microsoft": (
        "outlook.com", "outlook.de", "hotmail.com", "hotmail.de", "hotmail.fr", "live.com", "live.fr", "msn.com",
    ),
    "Yahoo": ("yahoo.com", "yahoo.de", "yahoo.fr", "yahoo.it", "yahoo.es", "ymail.com", "aol.com", "rocketmail.com"),
    "Apple": ("icloud.com", "me.com", "mac.com"),
    "GMX and WEB.DE": ("gmx.de", "gmx.net", "gmx.at", "gmx.ch", "web.de", "mail.com"),
    "Telekom": ("t-online.de", "magenta.de"),
    "Orange": ("orange.fr", "wanadoo.fr"),
    "Proton": ("proton.me", "protonmail.com", "pm.me"),
}  # fmt: skip
_BY_DOMAIN: Final = {domain: name for name, domains in _GROUPS.items() for domain in domains}
MAX_NAME: Final = 60


def provider_of(address: str) -> str:
    """Return the provider's name, or the domain itself where the provider is not a large one; '' for no address."""
    domain = address.rpartition("@")[2].lower()
    return _BY_DOMAIN.get(domain, domain[:MAX_NAME]) if "@" in address else ""


def is_providers_own(address: str) -> bool:
    """Tell whether an address is at a domain of a large provider, in whose name nobody else can sign."""
    return address.rpartition("@")[2].lower() in _BY_DOMAIN

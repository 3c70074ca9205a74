"""One recipient's entry of a `SendBulkEmail` call, and the call around it.

Everything that is the same for all recipients is prepared once in `RunContext`; an entry costs about ten
microseconds. Shapes: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendBulkEmail.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from mailplatform.accounts.services import installation
from mailplatform.aws import limits

from . import headers, own_links, tokens
from .models import Run, TemplateVersion
from .rendering import DataBuilder, TemplateVariables
from .rendering.data import TemplateDataTooLarge
from .selectors import attachments

UNSUBSCRIBE_PATH: Final = "/u/"
PREFERENCES_PATH: Final = "/p/"
VIEW_PATH: Final = "/v/"
TAG_EPOCH, TAG_RUN, TAG_SUBSCRIBER, TAG_CAMPAIGN = "mp-epoch", "mp-run", "mp-sub", "mp-campaign"

# Names that a template may use without anybody declaring them, and what stands in where a person has none.
PERSON_NAMES: Final = ("email", "name", "first_name", "language")
LINK_NAMES: Final = ("unsubscribe_url", "preferences_url", "view_url")
SENDER_NAMES: Final = ("company", "postal_address")
BUILT_IN: Final = frozenset(PERSON_NAMES + LINK_NAMES + SENDER_NAMES)
BUILT_IN_DEFAULTS: Final = {"name": "there", "first_name": "there"}


class UnmailableEntry(ValueError):
    """This one person cannot be put into a call. `reason` is the delivery's reason code."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class Person(NamedTuple):
    """What an entry needs to know of its recipient."""

    subscriber_id: int
    public_id: UUID
    email: str
    name: str = ""
    language: str = ""
    fields: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class RunContext:
    """What all entries of one run share."""

    run_id: int
    template_name: str
    from_address: str
    reply_to: tuple[str, ...]
    public_url: str
    builder: DataBuilder
    tags: tuple[headers.Tag, ...]
    default_tags: tuple[headers.Tag, ...]
    list_id: headers.Header
    attachments: tuple[Mapping[str, str], ...] = ()
    tenant: str = ""

    @classmethod
    def load(
        cls, run: Run, version: TemplateVersion | None = None, *, with_attachments: bool = True
    ) -> "RunContext":
        """Read a run once; everything comes from what the launch froze. Raises `InvalidHeader`, `AttachmentMissing`.

        `version` is the one for the recipient's language; without it the run's own.
        """
        frozen = run.frozen
        site = installation.get()
        version = version or run.template_version
        sender = frozen["sender"]
        public_url = str(frozen["public_url"]).rstrip("/")
        headers.unsubscribe_headers(public_url + UNSUBSCRIBE_PATH, allow_http=is_loopback(public_url))
        return cls(
            run_id=run.pk,
            template_name=version.ses_name,
            from_address=from_header(sender.get("name", ""), sender["address"]),
            reply_to=(sender["reply_to"],) if sender.get("reply_to") else (),
            public_url=public_url,
            builder=make_builder(
                TemplateVariables.from_json(version.variables),
                campaign_variables=frozen.get("variables") or {},
                defaults=version.defaults,
                company=frozen.get("company", ""),
                postal_address=frozen.get("postal_address", ""),
            ),
            tags=(headers.make_tag(TAG_EPOCH, site.tag), headers.make_tag(TAG_RUN, str(run.pk))),
            default_tags=(
                headers.make_tag(TAG_CAMPAIGN, run.campaign.public_id.hex),
                *headers.feedback_tags(run.campaign.public_id.hex, site.public_id.hex),
            ),
            list_id=headers.list_id_header(
                f"c{run.campaign_id}", list_host(public_url), frozen.get("company", "")
            ),
            attachments=tuple(attachments.as_call(frozen.get("attachments", ()) if with_attachments else ())),
            tenant=site.tenant,
        )


def is_loopback(public_url: str) -> bool:
    """Whether the site is a demonstration on this machine, where there is no certificate."""
    return (urlsplit(public_url).hostname or "") in {"127.0.0.1", "localhost", "::1"}


def list_host(public_url: str) -> str:
    """The host part of `List-Id`; an IP address is written with a word, RFC 2919 wants a name."""
    host = urlsplit(public_url).hostname or "localhost"
    return "localhost" if is_loopback(public_url) else host


def from_header(name: str, address: str) -> str:
    """`Name <a@b>`: a name outside ASCII as encoded word, a domain outside ASCII as punycode."""
    return limits.format_address(" ".join(name.split()), address)


def mailable_address(address: str) -> str:
    """The address as SES takes it. Raises `UnmailableEntry`: SES refuses local parts outside ASCII."""
    try:
        return limits.check_address(address)
    except limits.LimitError as error:
        raise UnmailableEntry("bad_address", str(error)) from error


def make_builder(
    variables: TemplateVariables,
    *,
    campaign_variables: Mapping[str, Any],
    defaults: Mapping[str, Any],
    company: str,
    postal_address: str,
) -> DataBuilder:
    """The data builder of a version: constants of the campaign and the sender, defaults of the template.

    What carries our own tracking is empty for everybody; `build_entry` alone fills it, for whom it may.
    """
    taken = BUILT_IN | own_links.NAMES
    constants = {k: v for k, v in campaign_variables.items() if k not in taken and v not in ("", None)}
    address = ", ".join(line.strip() for line in postal_address.splitlines() if line.strip())
    constants |= {"company": company, "postal_address": address, **dict.fromkeys(own_links.NAMES, "")}
    own = {k: v for k, v in defaults.items() if v not in ("", None) and k not in own_links.NAMES}
    return DataBuilder(variables, constants=constants, defaults={**BUILT_IN_DEFAULTS, **own})


def person_values(person: Person, links: Mapping[str, str]) -> dict[str, Any]:
    """The values of one person by name: custom fields, built-in names, links."""
    _, _, email, name, language, fields = person
    values = {**fields, "email": email, "name": name, "language": language, **links}
    if not values.get("first_name"):
        values["first_name"] = name.split(" ", 1)[0]
    return values


def links_for(public_url: str, token: str) -> dict[str, str]:
    """The three personal addresses that share one token."""
    return {
        "unsubscribe_url": f"{public_url}{UNSUBSCRIBE_PATH}{token}/",
        "preferences_url": f"{public_url}{PREFERENCES_PATH}{token}/",
        "view_url": f"{public_url}{VIEW_PATH}{token}/",
    }


def tracking_for(public_url: str, token: str, *, opens: bool, clicks: bool) -> dict[str, str]:
    """What carries our own tracking in one mail, by variable: empty where it may not be counted."""
    return {
        own_links.OPEN: f"{public_url}{own_links.PIXEL_PATH}{token}.gif" if opens else "",
        own_links.CLICK: f"{public_url}{own_links.LINK_PATH}{token}/" if clicks else "",
    }


_ONE_CLICK: Final[headers.Header] = {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"}


def build_entry(
    context: RunContext, person: Person, *, opens: bool = False, clicks: bool = False
) -> dict[str, Any]:
    """One `BulkEmailEntries` item. Raises `UnmailableEntry` when this person alone cannot be mailed.

    `opens` and `clicks` say what we count of this person by ourselves, where the version has room for it. The sender
    uses `entry_writer`, which writes the same as text.
    """
    token = tokens.make_unsubscribe_token(context.run_id, person.subscriber_id)
    links = links_for(context.public_url, token)
    own: dict[str, str] = {}
    if opens or clicks:
        own_token = tokens.make_tracking_token(context.run_id, person.subscriber_id)
        own = tracking_for(context.public_url, own_token, opens=opens, clicks=clicks)
    try:
        data = context.builder.build(person_values(person, links), own)
    except TemplateDataTooLarge as error:
        raise UnmailableEntry("data_too_large", str(error)) from error
    return _entry(context, mailable_address(person.email), str(person.subscriber_id), data, token)


ADDRESS_PLACE, SUBSCRIBER_PLACE, DATA_PLACE, TOKEN_PLACE = "@address@", "@subscriber@", "@data@", "@token@"


def skeleton(context: RunContext) -> dict[str, Any]:
    """An entry with marks in the places of what is a person's own."""
    return _entry(context, ADDRESS_PLACE, SUBSCRIBER_PLACE, DATA_PLACE, TOKEN_PLACE)


def _entry(context: RunContext, address: str, subscriber: str, data: str, token: str) -> dict[str, Any]:
    unsubscribe = links_for(context.public_url, token)["unsubscribe_url"]
    return {
        "Destination": {"ToAddresses": [address]},
        "ReplacementTags": [*context.tags, {"Name": TAG_SUBSCRIBER, "Value": subscriber}],
        "ReplacementEmailContent": {"ReplacementTemplate": {"ReplacementTemplateData": data}},
        # The order matters: receivers look for the address first.
        "ReplacementHeaders": [
            {"Name": "List-Unsubscribe", "Value": f"<{unsubscribe}>"},
            _ONE_CLICK,
            context.list_id,
        ],
    }


def request(context: RunContext, configuration_set: str, entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The whole `SendBulkEmail` request for at most 50 entries."""
    call: dict[str, Any] = {
        "FromEmailAddress": context.from_address,
        "DefaultContent": {"Template": {"TemplateName": context.template_name, "TemplateData": "{}"}},
        "DefaultEmailTags": list(context.default_tags),
        "ConfigurationSetName": configuration_set,
        "BulkEmailEntries": list(entries),
    }
    if context.attachments:
        call["DefaultContent"]["Template"]["Attachments"] = [dict(each) for each in context.attachments]
    if context.reply_to:
        call["ReplyToAddresses"] = list(context.reply_to)
    if context.tenant:
        call["TenantName"] = context.tenant
    return call

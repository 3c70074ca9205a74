"""Where our own links of a run lead: for whoever answers them, once per run, and per person where it hangs on one."""

import datetime as dt
import re
from dataclasses import dataclass, field
from html import escape
from typing import Any, Final
from uuid import UUID

from mailplatform.accounts.models import Carrier
from subscribers.models import Subscriber
from subscribers.selectors import merging

from .. import entries, link_targets
from ..models import Batch, Delivery, Run, TemplateVersion
from ..rendering import DataBuilder, Part, TemplateError, TemplateVariables, render_stored
from ..rendering.entities import attribute_text
from ..rendering.variables import root_of

# What servers and proxies take as one line of a header.
LONGEST: Final = 8_000
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_NOBODY: Final = entries.Person(0, UUID(int=0), "")


class NoSuchLink(LookupError):
    """The run has no such link, or it leads nowhere that may be redirected to."""


@dataclass(frozen=True, slots=True)
class PersonalLink:
    """A link that hangs on the person, as one version of the mail has it. `host` is the one that its author wrote."""

    version_id: int
    target: str
    host: str
    builder: DataBuilder


@dataclass(frozen=True, slots=True)
class RunLinks:
    """The links of one run by key; it never changes once the run is launched.

    `targets` are ready for a `Location` header; one is empty where it hangs on the person: ask `resolve`.
    `shared` is the address as it is stored for reports, people's own values as `…`.
    """

    run_id: int
    launched_at: dt.datetime
    targets: dict[str, str] = field(default_factory=dict)
    shared: dict[str, str] = field(default_factory=dict)
    personal: dict[str, list[PersonalLink]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Run:
    launched_at: dt.datetime
    version_ids: list[int]
    variables: dict[str, Any]
    company: str
    postal_address: str


def links_of(run_id: int) -> RunLinks | None:
    """The links of a run, in every language; None where no run of ours counts by itself (two queries)."""
    run = _read(run_id)
    if run is None:
        return None
    made = RunLinks(run_id, run.launched_at)
    versions = TemplateVersion.objects.filter(pk__in=run.version_ids).order_by("pk")
    for version in versions.only("links", "variables", "defaults"):
        _add(made, run, version)
    return made


def resolve(links: RunLinks, key: str, subscriber_id: int) -> str:
    """Where a link leads one person, ready for a `Location` header. Raises `NoSuchLink`.

    Whoever was erased gets what stands in for values that a person does not have. One query where the link hangs on
    the person, two where several languages have it.
    """
    place = links.targets.get(key)
    if place is None:
        raise NoSuchLink
    if place:
        return place
    link = _version_of(links.personal[key], links.run_id, subscriber_id)
    try:
        address = _rendered(link, _person(subscriber_id))
        made = link_targets.as_header(address)
    except (TemplateError, ValueError) as error:
        raise NoSuchLink from error
    if link_targets.host_of(address) != link.host or len(made) > LONGEST:
        raise NoSuchLink
    return made


def _read(run_id: int) -> _Run | None:
    found = Run.objects.filter(pk=run_id, frozen__carrier=Carrier.OWN)
    names = ("versions", "variables", "company", "postal_address")
    row = found.values_list(
        "launched_at", "template_version_id", *(f"frozen__{name}" for name in names)
    ).first()
    if row is None:
        return None
    launched_at, own, versions, variables, company, postal_address = row
    ids = sorted({own, *(versions or {}).values()})
    return _Run(launched_at, ids, variables or {}, company or "", postal_address or "")


def _add(made: RunLinks, run: _Run, version: TemplateVersion) -> None:
    """Add the links of one version."""
    personal: dict[str, tuple[str, str]] = {}
    for key, target in version.links.items():
        address = link_targets.settled(target, run.variables)
        host = link_targets.host_of(address)
        if not host:
            continue
        made.shared[key] = link_targets.shared(address)
        if link_targets.is_personal(address):
            made.targets[key] = ""
            personal[key] = target, host
        else:
            made.targets[key] = link_targets.as_header(address)
    if personal:
        builder = _builder(run, version, [target for target, _ in personal.values()])
        for key, (target, host) in personal.items():
            made.personal.setdefault(key, []).append(PersonalLink(version.pk, target, host, builder))


def _builder(run: _Run, version: TemplateVersion, targets: list[str]) -> DataBuilder:
    """What builds the values that these targets read, and nothing else: it is kept for as long as the run's links."""
    read = {root_of(name) for target in targets for name in link_targets.VARIABLE.findall(target)}
    names = TemplateVariables.from_json(version.variables).html
    return entries.make_builder(
        TemplateVariables(
            frozenset(), frozenset(name for name in names if root_of(name) in read), frozenset()
        ),
        campaign_variables=run.variables,
        defaults=version.defaults,
        company=run.company,
        postal_address=run.postal_address,
    )


def _version_of(links: list[PersonalLink], run_id: int, subscriber_id: int) -> PersonalLink:
    """The link as the person's mail has it, where more than one language has it."""
    if len(links) > 1:
        batch = Delivery.objects.filter(run_id=run_id, subscriber_id=subscriber_id).values("batch_id")
        theirs = Batch.objects.filter(pk__in=batch).values_list("template_version_id", flat=True).first()
        return next((link for link in links if link.version_id == theirs), links[0])
    return links[0]


def _person(subscriber_id: int) -> entries.Person:
    found = Subscriber.objects.filter(pk=subscriber_id).first()
    if found is None:
        # Of people who were merged the old row is gone.
        found = Subscriber.objects.filter(pk=merging.current_id(subscriber_id)).first()
    if found is None:
        return _NOBODY
    return entries.Person(found.pk, found.public_id, found.email, found.name, found.language, found.fields)


def _rendered(link: PersonalLink, person: entries.Person) -> str:
    """The target with this person's values. Raises TemplateError."""
    data = link.builder.as_dict(entries.person_values(person, dict.fromkeys(entries.LINK_NAMES, "")))
    # As the mail itself was made: values are escaped in it, and read by the browser that follows the link.
    parts = {Part.SUBJECT: "", Part.HTML: escape(link.target), Part.TEXT: ""}
    return _CONTROL.sub("", attribute_text(render_stored(parts, data).html)).strip()

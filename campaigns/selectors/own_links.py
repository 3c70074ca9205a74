"""Where our own links of a run lead: for whoever answers them, once per run, and per person where it hangs on one."""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any, Final
from uuid import UUID

from mailplatform.accounts.models import Carrier
from subscribers.models import Subscriber
from subscribers.selectors import merging

from .. import entries, link_targets
from ..models import Batch, Delivery, Run, TemplateVersion
from ..rendering import Part, TemplateError, TemplateVariables, render_stored
from ..rendering.entities import attribute_text

# What servers and proxies take as one line of a header.
LONGEST: Final = 8_000
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_NOBODY: Final = entries.Person(0, UUID(int=0), "")


class NoSuchLink(LookupError):
    """The run has no such link, or it leads nowhere that may be redirected to."""


@dataclass(frozen=True, slots=True)
class RunLinks:
    """The links of one run by key; it never changes once the run is launched.

    `targets` are ready for a `Location` header; one is empty where it hangs on the person: ask `resolve`.
    `shared` is the address as it is stored for reports, people's own values as `…`.
    """

    launched_at: dt.datetime
    targets: dict[str, str]
    shared: dict[str, str] = field(default_factory=dict)


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
    made = RunLinks(run.launched_at, {})
    for links in TemplateVersion.objects.filter(pk__in=run.version_ids).values_list("links", flat=True):
        for key, target in links.items():
            address = link_targets.settled(target, run.variables)
            if link_targets.host_of(address):
                made.shared[key] = link_targets.shared(address)
                made.targets[key] = (
                    "" if link_targets.is_personal(address) else link_targets.as_header(address)
                )
    return made


def resolve(run_id: int, key: str, subscriber_id: int) -> str:
    """Where a link leads one person, ready for a `Location` header. Raises `NoSuchLink`.

    Whoever was erased gets what stands in for values that a person does not have.
    """
    run = _read(run_id)
    version = _version(run, key, run_id, subscriber_id) if run else None
    if run is None or version is None:
        raise NoSuchLink
    target = version.links[key]
    try:
        address = _rendered(target, run, version, _person(subscriber_id))
        made = link_targets.as_header(address)
    except (TemplateError, ValueError) as error:
        raise NoSuchLink from error
    expected = link_targets.host_of(link_targets.settled(target, run.variables))
    if not expected or link_targets.host_of(address) != expected or len(made) > LONGEST:
        raise NoSuchLink
    return made


def shared(target: str, constants: Mapping[str, Any]) -> str:
    """A version's target as it is stored for reports, with the run's frozen `variables` put in."""
    return link_targets.shared(link_targets.settled(target, constants))


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


def _version(run: _Run, key: str, run_id: int, subscriber_id: int) -> TemplateVersion | None:
    """The version with this link; of several languages that of the person's mail."""
    found = TemplateVersion.objects.filter(pk__in=run.version_ids, links__has_key=key).order_by("pk")
    versions = list(found.only("links", "variables", "defaults"))
    if len(versions) > 1:
        batch = Delivery.objects.filter(run_id=run_id, subscriber_id=subscriber_id).values("batch_id")
        theirs = Batch.objects.filter(pk__in=batch).values_list("template_version_id", flat=True).first()
        versions.sort(key=lambda version: version.pk != theirs)
    return versions[0] if versions else None


def _person(subscriber_id: int) -> entries.Person:
    found = Subscriber.objects.filter(pk=merging.current_id(subscriber_id)).first()
    if found is None:
        return _NOBODY
    return entries.Person(found.pk, found.public_id, found.email, found.name, found.language, found.fields)


def _rendered(target: str, run: _Run, version: TemplateVersion, person: entries.Person) -> str:
    """The target with this person's values. Raises TemplateError."""
    builder = entries.make_builder(
        TemplateVariables.from_json(version.variables),
        campaign_variables=run.variables,
        defaults=version.defaults,
        company=run.company,
        postal_address=run.postal_address,
    )
    data = builder.as_dict(entries.person_values(person, dict.fromkeys(entries.LINK_NAMES, "")))
    # As the mail itself was made: values are escaped in it, and read by the browser that follows the link.
    parts = {Part.SUBJECT: "", Part.HTML: escape(target), Part.TEXT: ""}
    return _CONTROL.sub("", attribute_text(render_stored(parts, data).html)).strip()

"""The public archive: neutral copies of campaigns whose owner allowed it, without anybody's name or links.

A copy's address carries a signed token (`campaigns.tokens`) that names the run: numbers cannot be guessed, and taking a
campaign out of the archive closes its address at once.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from .. import entries, tokens
from ..models import Campaign, Run, RunPurpose, RunState, TemplateVersion
from ..rendering import Part, Rendered, TemplateError, TemplateVariables, render_stored

MOST: Final = 50
ARCHIVE_PATH: Final = "/archive/"
NOBODY: Final = entries.Person(0, UUID(int=0), "")


class NotInArchive(LookupError):
    """There is no such copy, or not any more."""


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the archive."""

    subject: str
    sent_at: datetime
    path: str


def items() -> list[Item]:
    """The newest campaigns of the archive, each as its subject line is without a name."""
    runs = Run.objects.filter(
        campaign__in_archive=True,
        campaign__archived_at=None,
        purpose=RunPurpose.LAUNCH,
        state=RunState.SENT,
    )
    found = runs.select_related("campaign", "template_version").defer(
        "template_version__html", "template_version__text"
    )
    return [
        Item(subject, run.launched_at, path_of(run))
        for run in found.order_by("-launched_at")[:MOST]
        if (subject := _subject(run))
    ]


def path_of(run: Run) -> str:
    """Where the copy of a run is read."""
    return f"{ARCHIVE_PATH}{tokens.make_archive_token(run.pk)}/"


def path_of_campaign(campaign: Campaign) -> str:
    """Where a campaign's copy is read; empty while there is none."""
    run = campaign.runs.filter(purpose=RunPurpose.LAUNCH, state=RunState.SENT).order_by("-number").first()
    return path_of(run) if run is not None and campaign.in_archive and campaign.archived_at is None else ""


def copy(token: str) -> Rendered:
    """The mail as somebody without a name would get it. Raises `NotInArchive`."""
    try:
        run_id = tokens.read_archive_token(token)
    except tokens.InvalidToken as error:
        raise NotInArchive from error
    run = Run.objects.select_related("campaign", "template_version").filter(pk=run_id).first()
    if run is None or not run.campaign.in_archive or run.campaign.archived_at or run.state != RunState.SENT:
        raise NotInArchive
    return neutral_copy(run)


def neutral_copy(run: Run) -> Rendered:
    """The mail of a run as somebody without a name would get it. Raises `NotInArchive` where it cannot be rendered."""
    version = run.template_version
    return _render(run, version, {Part.HTML: version.html, Part.TEXT: version.text})


def _subject(run: Run) -> str:
    try:
        return _render(run, run.template_version, {Part.HTML: "", Part.TEXT: ""}).subject
    except NotInArchive:
        return ""


def _render(run: Run, version: TemplateVersion, parts: dict[Part, str]) -> Rendered:
    frozen = run.frozen
    builder = entries.make_builder(
        TemplateVariables.from_json(version.variables),
        campaign_variables=frozen.get("variables") or {},
        defaults=version.defaults,
        company=frozen.get("company", ""),
        postal_address=frozen.get("postal_address", ""),
    )
    # What a reader could do with their own links, nobody can do here: they lead to this page.
    here = str(frozen["public_url"]).rstrip("/") + path_of(run)
    values = entries.person_values(NOBODY, dict.fromkeys(entries.LINK_NAMES, here))
    try:
        return render_stored({Part.SUBJECT: version.subject, **parts}, builder.as_dict(values))
    except TemplateError as error:
        raise NotInArchive from error

"""Reads of templates: lists, one by its public id, the names that a template may use."""

from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet, Value
from django.db.models.fields.json import KT
from django.db.models.functions import JSONObject
from django.shortcuts import get_object_or_404

from subscribers.models import CustomField

from .. import languages
from ..entries import BUILT_IN
from ..models import Campaign, Template, TemplateDraft, TemplateVersion, Translation
from ..own_links import NAMES as RESERVED

PERSON: Final = [
    ("first_name", "First name"),
    ("name", "Name"),
    ("email", "E-mail address"),
    ("language", "Language"),
]
LINKS: Final = [
    ("unsubscribe_url", "Unsubscribe"),
    ("preferences_url", "Preferences"),
    ("view_url", "View in the browser"),
]
COMPANY: Final = [("company", "Company"), ("postal_address", "Postal address")]


@dataclass(frozen=True, slots=True)
class Spoken:
    """What people of one language get. Empty texts are the template's; `is_chosen` for this campaign alone."""

    template: Template
    subject: str = ""
    preheader: str = ""
    is_chosen: bool = False


def access_template(public_id: UUID) -> Template:
    """One template, or 404. Every signed-in user may read templates; changing needs the role marketer."""
    return get_object_or_404(Template.objects.select_related("updated_by", "variant_of"), public_id=public_id)


def list_templates(*, search: str = "", archived: bool = False) -> QuerySet[Template]:
    """Templates for the list page, each with its newest version's number, its other languages and its use."""
    found = Template.objects.filter(archived_at__isnull=not archived, variant_of=None)
    if search:
        found = found.filter(Q(name__icontains=search) | Q(subject__icontains=search))
    return (
        found.select_related("updated_by")
        .annotate(
            newest_version=Max("versions__number"),
            campaigns=Count("campaign", distinct=True),
            languages=ArrayAgg(
                "variants__language",
                filter=Q(variants__archived_at=None, variants__language__gt=""),
                distinct=True,
                default=Value([]),
            ),
        )
        .order_by("name")
    )


def variants(template: Template) -> list[Template]:
    """The template in other languages, without those that were put away."""
    found = template.variants.filter(archived_at=None)
    return sorted(found, key=lambda variant: languages.language_name(variant.language))


def family(template: Template) -> list[Template]:
    """The first one and all its languages, whichever of them is asked about."""
    first = template.variant_of or template
    return [first, *variants(first)]


def spoken_by(campaign: Campaign) -> dict[str, Spoken]:
    """What a campaign says in other languages: its own choices, else the languages of its template (one query)."""
    own = Translation.objects.filter(campaign=campaign, template=OuterRef("pk"))
    said = JSONObject(language="language", subject="subject", preheader="preheader")
    wanted = Q(Exists(own))
    if campaign.template_id is not None:
        wanted |= Q(variant_of=campaign.template_id, archived_at=None)
    rows = list(Template.objects.filter(wanted).annotate(said=ArraySubquery(own.values_list(said))))
    chosen = [
        (each["language"], Spoken(row, each["subject"], each["preheader"], is_chosen=True))
        for row in rows
        for each in row.said
    ]
    found = dict(sorted(chosen, key=itemgetter(0)))
    for row in sorted(rows, key=lambda row: languages.language_name(row.language)):
        if (
            row.variant_of_id is not None
            and row.variant_of_id == campaign.template_id
            and not row.archived_at
        ):
            found.setdefault(row.language, Spoken(row))
    return found


def spoken_to(campaign: Campaign, language: str) -> Spoken | None:
    """What somebody of a language gets; None without a template."""
    if campaign.template is None:
        return None
    own = Spoken(campaign.template, campaign.subject, campaign.preheader)
    return languages.choose(spoken_by(campaign), language) or own


def list_drafts(template: Template, most: int = 50) -> QuerySet[TemplateDraft]:
    """What the draft was before, newest first, each with its `subject`; the texts are read where one is looked at."""
    found = template.drafts.select_related("saved_by").annotate(subject=KT("source__subject")).defer("source")
    return found.order_by("-revision")[:most]


def newest_version(template: Template) -> TemplateVersion | None:
    """The last published version, if any."""
    return template.versions.order_by("-number").first()


def list_versions(template: Template) -> QuerySet[TemplateVersion]:
    """All versions, newest first, each with how many runs sent it and the subject as it was written.

    The texts are read where one is looked at.
    """
    found = template.versions.select_related("created_by").defer("html", "text", "source")
    return found.annotate(sent_runs=Count("runs"), written_subject=KT("source__subject")).order_by("-number")


def custom_field_defaults() -> dict[str, Any]:
    """Key and default of every custom field."""
    return dict(CustomField.objects.values_list("key", "default"))


def insertable(template: Template) -> list[tuple[str, list[tuple[str, str]]]]:
    """What a marketer may put into a text: groups of names, each with what people call it."""
    fields = list(CustomField.objects.order_by("label").values_list("key", "label"))
    custom = {key for key, _ in fields}
    own = [(name, name) for name in sorted(template.defaults) if name not in BUILT_IN and name not in custom]
    groups = [("About the person", [*PERSON, *fields]), ("Links", LINKS), ("Your company", COMPANY)]
    return [*groups, ("Of this template", own)] if own else groups


def known_names(defaults: Mapping[str, Any], fields: Mapping[str, Any] | None = None) -> frozenset[str]:
    """The names that will have a value: built in, custom fields, and what the template declares."""
    custom = custom_field_defaults() if fields is None else fields
    return (BUILT_IN | frozenset(custom) | frozenset(defaults)) - RESERVED


def campaign_names(defaults: Mapping[str, Any], fields: Mapping[str, Any] | None = None) -> list[str]:
    """The declared names that are not personal: a campaign fills them in, in order of name."""
    custom = custom_field_defaults() if fields is None else fields
    taken = BUILT_IN | RESERVED
    return sorted(name for name in defaults if name not in taken and name not in custom)

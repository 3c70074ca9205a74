"""Reads of templates: lists, one by its public id, the names that a template may use."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Q, QuerySet
from django.shortcuts import get_object_or_404

from subscribers.models import CustomField

from ..entries import BUILT_IN
from ..models import Template, TemplateVersion


def access_template(public_id: UUID) -> Template:
    """One template, or 404. Every signed-in user may read templates; changing needs the role marketer."""
    return get_object_or_404(Template.objects.select_related("updated_by"), public_id=public_id)


def list_templates(*, search: str = "", archived: bool = False) -> QuerySet[Template]:
    """Templates for the list page, each with its newest version's number and its use."""
    found = Template.objects.filter(archived_at__isnull=not archived)
    if search:
        found = found.filter(Q(name__icontains=search) | Q(subject__icontains=search))
    return (
        found.select_related("updated_by")
        .annotate(newest_version=Max("versions__number"), campaigns=Count("campaign", distinct=True))
        .order_by("name")
    )


def newest_version(template: Template) -> TemplateVersion | None:
    """The last published version, if any."""
    return template.versions.order_by("-number").first()


def list_versions(template: Template) -> QuerySet[TemplateVersion]:
    """All versions, newest first, with how many runs sent each."""
    return (
        template.versions.select_related("created_by").annotate(sent_runs=Count("runs")).order_by("-number")
    )


def custom_field_defaults() -> dict[str, Any]:
    """Key and default of every custom field."""
    return dict(CustomField.objects.values_list("key", "default"))


def known_names(defaults: Mapping[str, Any], fields: Mapping[str, Any] | None = None) -> frozenset[str]:
    """The names that will have a value: built in, custom fields, and what the template declares."""
    custom = custom_field_defaults() if fields is None else fields
    return BUILT_IN | frozenset(custom) | frozenset(defaults)


def campaign_names(defaults: Mapping[str, Any], fields: Mapping[str, Any] | None = None) -> list[str]:
    """The declared names that are not personal: a campaign fills them in, in order of name."""
    custom = custom_field_defaults() if fields is None else fields
    return sorted(name for name in defaults if name not in BUILT_IN and name not in custom)

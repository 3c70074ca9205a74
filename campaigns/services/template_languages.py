"""One template in several languages: each is a draft of its own; the person's language decides which they get."""

from django.db import transaction

from mailplatform.accounts.models import Installation, User
from mailplatform.accounts.services import audit, installation

from ..languages import language_code, language_name
from ..models import Template
from . import template_history, templates


class LanguageTaken(Exception):
    """The template is written in this language already."""


def own_language(template: Template, site: Installation | None = None) -> str:
    """What a template is written in: what was said, else the installation's language."""
    return template.language or (site or installation.get()).language


@transaction.atomic
def add(*, template: Template, language: str, actor: User | None) -> Template:
    """The template in another language, begun with the words of the first; one that was put away comes back.

    Raises `InvalidLanguage`, `LanguageTaken`.
    """
    first = Template.objects.select_for_update().get(pk=template.variant_of_id or template.pk)
    code = language_code(language)
    variant = first.variants.filter(language=code).first()
    if code == own_language(first) or (variant is not None and variant.archived_at is None):
        raise LanguageTaken(f"There is a text in {language_name(code)} already.")
    if variant is not None:
        return templates.set_archived(template=variant, actor=actor, archived=False)
    name = templates.free_name(f"{first.name[:100]} ({language_name(code)})"[:110])
    variant = templates.create(actor=actor, name=name, **template_history.source_of(first))
    variant.variant_of, variant.language = first, code
    variant.save(update_fields=["variant_of", "language", "updated_at"])
    audit.record(actor=actor, action="template.language_added", obj=first, detail={"language": code})
    return variant


@transaction.atomic
def say(*, template: Template, language: str, actor: User | None) -> Template:
    """Note what the first of a template's languages is. Raises `InvalidLanguage`, `LanguageTaken`."""
    first = Template.objects.select_for_update().get(pk=template.variant_of_id or template.pk)
    code = language_code(language)
    if first.variants.filter(language=code, archived_at=None).exists():
        raise LanguageTaken(f"There is a text in {language_name(code)} already.")
    first.language = code
    first.save(update_fields=["language", "updated_at"])
    audit.record(actor=actor, action="template.language_said", obj=first, detail={"language": code})
    return first

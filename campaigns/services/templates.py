"""Write templates: create, save a draft without overwriting anybody, copy, archive, restore, starters."""

import re
from collections.abc import Mapping
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit
from mailplatform.core import clock

from .. import own_links
from ..branding import dress
from ..models import Template, TemplateDraft, TemplateVersion
from ..rendering import Checked, Source, SourceKind, check_template
from ..selectors import brand
from ..selectors import templates as selectors
from . import template_gallery, template_history

FIRST_STARTERS: Final = ("welcome-campaign", "product-promotion")
EDITABLE: Final = frozenset({"name", "subject", "preheader", "html", "text", "source_format", "defaults"})
_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_-]*$")


class StaleTemplate(Exception):
    """Somebody else saved in between. `current` is what is stored now; nothing was changed."""

    def __init__(self, current: Template) -> None:
        self.current = current
        super().__init__(f"“{current.name}” was changed by somebody else.")


class TemplateNameTaken(Exception):
    """There is another template of this name."""


class UnknownSourceKind(ValueError):
    """A template is written in MJML or in HTML, nothing else."""


class InvalidVariableName(ValueError):
    """A declared variable has a name that Handlebars cannot read, or one that is reserved."""


@transaction.atomic
def create(*, actor: User | None, name: str, **content: Any) -> Template:
    """Create a template. Raises `TemplateNameTaken`, `InvalidVariableName`."""
    name = " ".join(name.split())
    if Template.objects.filter(name__iexact=name).exists():
        raise TemplateNameTaken(f"There is already a template called “{name}”.")
    fields = {key: content[key] for key in EDITABLE & content.keys()}
    _check_kind(fields.get("source_format", SourceKind.HTML))
    _check_defaults(fields.get("defaults", {}))
    slug = _free_slug(content.get("slug") or slugify(name) or "template")
    text_is_generated = not str(fields.get("text", "")).strip()
    template = Template.objects.create(
        name=name, slug=slug, updated_by=actor, text_is_generated=text_is_generated, **fields
    )
    audit.record(actor=actor, action="template.created", obj=template, detail={"name": name})
    return template


@transaction.atomic
def save_draft(
    *, template_id: int, actor: User | None, revision: int, is_restored: bool = False, **changes: Any
) -> Template:
    """Save what an editor shows, if nobody saved since it was opened; what was there before is kept for a while.

    Raises `StaleTemplate` (with the stored state), `TemplateNameTaken`, `InvalidVariableName`.
    """
    template = Template.objects.select_for_update().get(pk=template_id)
    wanted = EDITABLE & changes.keys()
    if template.revision != revision:
        if all(getattr(template, key) == changes[key] for key in wanted):
            return template  # saved before; only the answer was lost
        raise StaleTemplate(template)
    if any(getattr(template, key) != changes[key] for key in wanted):
        template_history.keep(template, actor=actor, always=is_restored)
    for key in wanted:
        setattr(template, key, changes[key])
    template.name = " ".join(template.name.split())
    _check_kind(template.source_format)
    _check_defaults(template.defaults)
    template.text_is_generated = not template.text.strip()
    template.revision += 1
    template.updated_by = actor
    try:
        with transaction.atomic():
            template.save()
    except IntegrityError as error:
        raise TemplateNameTaken(f"There is already a template called “{template.name}”.") from error
    return template


@transaction.atomic
def duplicate(*, template: Template, actor: User | None) -> Template:
    """Copy a template's draft under a free name, in all its languages."""
    copy = _copy(template, actor)
    for variant in selectors.variants(template):
        _copy(variant, actor, variant_of=copy)
    return copy


def _copy(template: Template, actor: User | None, *, variant_of: Template | None = None) -> Template:
    name = free_name(f"{template.name[:100]} (copy)")
    copy = create(actor=actor, name=name, **template_history.source_of(template))
    copy.language, copy.variant_of = template.language, variant_of
    copy.save(update_fields=["language", "variant_of", "updated_at"])
    return copy


@transaction.atomic
def set_archived(*, template: Template, actor: User | None, archived: bool) -> Template:
    """Put a template away, or take it out again. Sent campaigns keep their versions either way."""
    template.archived_at = clock.now() if archived else None
    template.save(update_fields=["archived_at", "updated_at"])
    action = "template.archived" if archived else "template.restored"
    audit.record(actor=actor, action=action, obj=template)
    return template


def restore_version(*, version: TemplateVersion, actor: User | None, revision: int) -> Template:
    """Make an old version the draft again; publishing it makes a new version. Raises `StaleTemplate`."""
    return _restore(version.template_id, {"defaults": version.defaults, **version.source}, actor, revision)


def restore_draft(*, draft: TemplateDraft, actor: User | None, revision: int) -> Template:
    """Make what the draft was the draft again; what it is now is kept. Raises `StaleTemplate`."""
    return _restore(draft.template_id, draft.source, actor, revision)


def _restore(template_id: int, source: dict[str, Any], actor: User | None, revision: int) -> Template:
    return save_draft(
        template_id=template_id,
        actor=actor,
        revision=revision,
        is_restored=True,
        subject=source.get("subject", ""),
        preheader=source.get("preheader", ""),
        html=source.get("html", ""),
        text=source.get("text", ""),
        source_format=source.get("source_format", SourceKind.HTML),
        defaults=source.get("defaults", {}),
    )


def check(
    template: Template,
    *,
    subject: str = "",
    preheader: str = "",
    public_host: str = "",
    fields: Mapping[str, Any] | None = None,
) -> Checked:
    """Guard and check a draft, optionally under a campaign's own subject and preheader.

    `fields` are the defaults of the custom fields, where they were read already.
    """
    source = Source(
        subject=subject or template.subject,
        html=template.html,
        text=template.text,
        preheader=preheader or template.preheader,
        kind=template.source_format,
    )
    known = selectors.known_names(template.defaults, fields)
    return check_template(source, known=known, public_host=public_host)


def blank(kind: SourceKind) -> str:
    """What a new template begins with: the frame that the law asks for, and room for words."""
    return dress((template_gallery.folder() / f"blank.{kind}").read_text(encoding="utf-8"), brand.look())


def ensure_starters(*, actor: User | None = None) -> list[Template]:
    """The two starters that everybody begins with; one that exists is left as it is."""
    found = {t.slug: t for t in Template.objects.filter(slug__in=FIRST_STARTERS)}
    return [found.get(slug) or create_from_starter(slug=slug, actor=actor) for slug in FIRST_STARTERS]


def create_from_starter(*, slug: str, actor: User | None) -> Template:
    """A template of one's own, begun with a starter in the brand's clothes. Raises `template_gallery.NoSuchStarter`."""
    starter = template_gallery.get(slug)
    return create(
        actor=actor,
        name=free_name(starter.name),
        slug=starter.slug,
        subject=starter.subject,
        preheader=starter.preheader,
        html=dress(starter.html, brand.look()),
        text=starter.text,
        source_format=starter.kind,
        defaults=starter.defaults,
    )


def _check_kind(kind: str) -> None:
    if kind not in set(SourceKind):
        raise UnknownSourceKind(f"“{kind}” is no kind of source: write MJML or HTML.")


def _check_defaults(defaults: dict[str, Any]) -> None:
    for name in defaults:
        if not _NAME.match(name) or name in {"html", "this"} | own_links.NAMES:
            raise InvalidVariableName(f"“{name}” cannot be a variable: use letters, digits, - and _.")


def _free_slug(wanted: str) -> str:
    slug, number = wanted[:110], 2
    while Template.objects.filter(slug=slug).exists():
        slug, number = f"{wanted[:110]}-{number}", number + 1
    return slug


def free_name(wanted: str) -> str:
    """The name, with a number where it is taken."""
    name, number = wanted[:110], 2
    while Template.objects.filter(name__iexact=name).exists():
        name, number = f"{wanted[:110]} {number}", number + 1
    return name

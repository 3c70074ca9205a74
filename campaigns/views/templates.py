"""The list of templates, their versions, copies and archive."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from mailplatform.accounts.access import current_user, require_role
from mailplatform.core.numbers import whole

from ..forms.templates import ImportTemplateForm, NewTemplateForm
from ..models import Template, TemplateDraft, TemplateVersion
from ..rendering import Part, Rendered, SourceKind
from ..rendering.comparing import PARTS, Change, compare
from ..selectors import templates as selectors
from ..services import previews, template_gallery, template_importing, templates
from . import frames


@require_role("viewer")
@require_GET
def template_list(request: HttpRequest) -> HttpResponse:
    """All templates, searchable."""
    search = request.GET.get("search", "").strip()
    archived = request.GET.get("archived") == "1"
    found = selectors.list_templates(search=search, archived=archived)[:200]
    context = {"templates": found, "search": search, "archived": archived}
    return render(request, "campaigns/template_list.html", context)


@require_role("marketer")
@require_http_methods(["GET", "POST"])
def template_add(request: HttpRequest) -> HttpResponse:
    """Ask for a name and how to begin, or bring the starters."""
    actor = current_user(request)
    if request.method == "POST" and request.POST.get("starters"):
        templates.ensure_starters(actor=actor)
        messages.success(request, "The two starter templates are there.")
        return redirect("campaigns:template_list")
    if slug := request.POST.get("starter", ""):
        try:
            template = templates.create_from_starter(slug=slug, actor=actor)
        except template_gallery.NoSuchStarter as error:
            raise Http404 from error
        return redirect("campaigns:template_edit", template.public_id)
    form = NewTemplateForm(request.POST or None)
    if form.is_valid():
        kind = SourceKind(form.cleaned_data["source_format"] or SourceKind.MJML)
        try:
            template = templates.create(
                actor=actor, name=form.cleaned_data["name"], html=templates.blank(kind), source_format=kind
            )
        except templates.TemplateNameTaken as error:
            form.add_error("name", str(error))
        else:
            return redirect("campaigns:template_edit", template.public_id)
    return _add_page(request, form, ImportTemplateForm(prefix="import"))


@require_role("marketer")
@require_POST
def template_import(request: HttpRequest) -> HttpResponse:
    """Bring a template from a file or the clipboard; tags of other products are converted."""
    form = ImportTemplateForm(request.POST, request.FILES, prefix="import")
    if form.is_valid():
        try:
            template, conversion = template_importing.import_template(
                actor=current_user(request),
                name=form.cleaned_data["name"],
                source=form.cleaned_data["source"],
            )
        except templates.TemplateNameTaken as error:
            form.add_error("name", str(error))
        else:
            if conversion.converted or conversion.unknown:
                messages.info(request, conversion.words)
            return redirect("campaigns:template_edit", template.public_id)
    return _add_page(request, NewTemplateForm(), form)


@require_role("viewer")
@xframe_options_sameorigin
@require_GET
def starter_preview(_request: HttpRequest, slug: str) -> HttpResponse:
    """A starter in the brand's clothes, as an invented person would get it, for a frame."""
    try:
        starter = template_gallery.get(slug)
    except template_gallery.NoSuchStarter as error:
        raise Http404 from error
    shown = previews.preview(previews.draft_of(starter), previews.sample_person())
    return frames.mail_frame(shown.rendered, Part.HTML, images=True)


def _add_page(request: HttpRequest, form: NewTemplateForm, import_form: ImportTemplateForm) -> HttpResponse:
    status = 422 if form.is_bound or import_form.is_bound else 200
    gallery = template_gallery.STARTERS.values()
    context = {"form": form, "import_form": import_form, "gallery": gallery}
    return render(request, "campaigns/template_add.html", context, status=status)


@require_role("viewer")
@require_GET
def template_versions(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """What was published, when, by whom, what was sent with it, and what the draft was in between."""
    template = selectors.access_template(public_id)
    versions = list(selectors.list_versions(template)[:100])
    chosen = request.GET.get("version", "")
    shown = next((v for v in versions if str(v.number) == chosen), versions[0] if versions else None)
    other = request.GET.get("with", "")
    drafts = list(selectors.list_drafts(template))
    draft = next((d for d in drafts if str(d.revision) == request.GET.get("draft", "")), None)
    context = {
        "template": template,
        "may_edit": current_user(request).has_role("marketer"),
        "drafts": drafts,
        "draft": draft,
        "draft_changes": compare(draft.source, _parts(template)) if draft else None,
        "by_ses": "ses" in request.GET,
        "versions": versions,
        "shown": shown,
        "other": other,
        "changes": _changes(template, versions, shown, other),
    }
    return render(request, "campaigns/template_versions.html", context)


def _parts(template: Template) -> dict[str, str]:
    return {part: getattr(template, part) for part in PARTS}


def _changes(
    template: Template, versions: list[TemplateVersion], shown: TemplateVersion | None, other: str
) -> list[Change] | None:
    """From the version shown to another one, or to the draft; None when there is nothing to compare with."""
    if shown is None or not other:
        return None
    if other == "draft":
        return compare(shown.source, _parts(template))
    found = next((version for version in versions if str(version.number) == other), None)
    return None if found is None else compare(shown.source, found.source)


@require_role("viewer")
@xframe_options_sameorigin
@require_GET
def version_preview(request: HttpRequest, public_id: UUID, number: int, part: str) -> HttpResponse:
    """A published version as an invented person gets it, for a frame; with `?ses` rendered by Amazon SES itself."""
    version = _version(public_id, number)
    if part not in {Part.HTML, Part.TEXT}:
        raise Http404
    show = previews.version_by_ses if "ses" in request.GET else previews.version_preview
    try:
        rendered: Rendered | None = show(version, previews.sample_person())
    except previews.NotRendered as error:
        return frames.words(str(error))
    return frames.mail_frame(rendered, part, images="images" in request.GET, dark="dark" in request.GET)


@require_role("marketer")
@require_POST
def version_restore(request: HttpRequest, public_id: UUID, number: int) -> HttpResponse:
    """Make an old version the draft again."""
    version = _version(public_id, number)
    try:
        templates.restore_version(version=version, actor=current_user(request), revision=_revision(request))
    except templates.StaleTemplate:
        return _stale(request, public_id)
    messages.success(request, f"Version {number} is the draft again. Publish it when you are ready.")
    return redirect("campaigns:template_edit", public_id)


@require_role("marketer")
@require_POST
def draft_restore(request: HttpRequest, public_id: UUID, revision: int) -> HttpResponse:
    """Make what the draft was the draft again."""
    found = TemplateDraft.objects.select_related("template")
    draft = get_object_or_404(found, template__public_id=public_id, revision=revision)
    try:
        templates.restore_draft(draft=draft, actor=current_user(request), revision=_revision(request))
    except templates.StaleTemplate:
        return _stale(request, public_id)
    messages.success(request, "The draft is again what it was. What it was just now is kept as well.")
    return redirect("campaigns:template_edit", public_id)


def _revision(request: HttpRequest) -> int:
    return whole(request.POST.get("revision"))


def _stale(request: HttpRequest, public_id: UUID) -> HttpResponse:
    messages.error(request, "Somebody changed the draft meanwhile. Look at it, then restore again.")
    return redirect("campaigns:template_versions", public_id)


@require_role("marketer")
@require_POST
def template_duplicate(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Copy a template."""
    copy = templates.duplicate(template=selectors.access_template(public_id), actor=current_user(request))
    messages.success(request, f"This is the copy, “{copy.name}”.")
    return redirect("campaigns:template_edit", copy.public_id)


@require_role("marketer")
@require_POST
def template_archive(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Put a template away, or take it out again."""
    template = selectors.access_template(public_id)
    archived = template.archived_at is None
    templates.set_archived(template=template, actor=current_user(request), archived=archived)
    words = "is in the archive now" if archived else "is back from the archive"
    messages.success(request, f"“{template.name}” {words}.")
    if template.variant_of is not None:
        return redirect("campaigns:template_edit", template.variant_of.public_id)
    return redirect("campaigns:template_list")


def _version(public_id: UUID, number: int) -> TemplateVersion:
    found = TemplateVersion.objects.select_related("template")
    return get_object_or_404(found, template__public_id=public_id, number=number)

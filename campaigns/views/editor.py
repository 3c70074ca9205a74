"""The template editor: save, publish, live check, preview, test."""

import json
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from mailplatform.accounts.access import current_site, current_user, require_role
from mailplatform.accounts.models import Installation
from mailplatform.core import memo

from .. import languages
from ..entries import BUILT_IN, BUILT_IN_DEFAULTS
from ..forms.templates import TemplateForm, TestSendForm, chosen_person
from ..models import Template
from ..rendering import Part, Rendered
from ..rendering.comparing import compare
from ..selectors import templates as selectors
from ..services import (
    campaigns,
    previews,
    publishing,
    template_importing,
    template_languages,
    templates,
    test_sends,
)
from . import frames

PREVIEW_TTL_S = 3600


@require_role("viewer")
@require_http_methods(["GET", "POST"])
def template_edit(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Show the editor; save, publish or declare a variable."""
    template = selectors.access_template(public_id)
    user = current_user(request)
    if request.method == "POST" and not user.has_role("marketer"):
        return render(request, "403.html", status=403)
    form = TemplateForm(request.POST or None, initial=_initial(template))
    form.speak(template.source_format)
    if form.is_bound and form.is_valid():
        return _save(request, template, form)
    return _shown(request, template, form, status=422 if form.is_bound else 200)


def _shown(request: HttpRequest, template: Template, form: TemplateForm, *, status: int) -> HttpResponse:
    return render(request, "campaigns/template_edit.html", _context(request, template, form), status=status)


def _initial(template: Template) -> dict[str, Any]:
    names = ("revision", "name", "subject", "preheader", "source_format", "html", "text")
    return {name: getattr(template, name) for name in names}


def _store(request: HttpRequest, template: Template, form: TemplateForm, content: dict[str, Any]) -> Template:
    """Save what the form holds; the service's errors go to whoever answers."""
    return templates.save_draft(
        template_id=template.pk,
        actor=current_user(request),
        revision=form.cleaned_data["revision"],
        **{"defaults": form.defaults(template.defaults), **content},
    )


def _save(request: HttpRequest, template: Template, form: TemplateForm) -> HttpResponse:
    content = form.content(template)
    defaults = form.defaults(template.defaults)
    if name := request.POST.get("declare", "").strip():
        defaults.setdefault(name, "")
    if name := request.POST.get("undeclare", "").strip():
        defaults.pop(name, None)
    content["defaults"] = defaults
    said = "Saved as a draft."
    if request.POST.get("action") == "convert":
        conversion = template_importing.convert_content(content, defaults)
        content, said = conversion.content, conversion.words
    try:
        saved = _store(request, template, form, content)
    except templates.StaleTemplate as error:
        return _conflict(request, error.current, form)
    except templates.TemplateNameTaken as error:
        form.add_error("name", str(error))
        return _shown(request, template, form, status=422)
    except templates.InvalidVariableName as error:
        form.add_error(None, str(error))
        return _shown(request, template, form, status=422)
    if request.POST.get("action") == "publish":
        _publish(request, saved)
    else:
        messages.success(request, said)
    return redirect("campaigns:template_edit", saved.public_id)


@require_role("marketer")
@require_POST
def template_autosave(request: HttpRequest, public_id: UUID) -> JsonResponse:
    """Save the draft while it is written. 409 says who was faster; nothing is overwritten."""
    template = selectors.access_template(public_id)
    form = TemplateForm(request.POST)
    if not form.is_valid():
        errors = " ".join(str(words) for found in form.errors.values() for words in found)
        return JsonResponse({"message": f"Not saved: {errors}"}, status=422)
    try:
        saved = _store(request, template, form, form.content(template))
    except templates.StaleTemplate as error:
        who = str(error.current.updated_by or "Somebody")
        return JsonResponse({"message": f"{who} saved this template meanwhile."}, status=409)
    except (templates.TemplateNameTaken, templates.InvalidVariableName) as error:
        return JsonResponse({"message": f"Not saved: {error}"}, status=422)
    return JsonResponse({"revision": saved.revision, "saved_at": saved.updated_at.isoformat()})


def _publish(request: HttpRequest, template: Template) -> None:
    try:
        version = publishing.publish(template=template, actor=current_user(request))
        publishing.ensure_stored(version=version)
    except publishing.NotPublishable as error:
        words = " ".join(finding.message for finding in error.findings[:3])
        messages.error(request, f"Saved, but not published. {words}")
    except publishing.StorageFailed as error:
        words = f"Version {version.number} is made, but not stored in Amazon SES yet; a launch tries again."
        messages.warning(request, f"{words} ({error})")
    else:
        messages.success(request, f"Version {version.number} is published and stored in Amazon SES.")


def _conflict(request: HttpRequest, current: Template, form: TemplateForm) -> HttpResponse:
    """Both texts side by side: nothing that was typed is lost."""
    mine, theirs = form.content(current), _initial(current)
    again = TemplateForm(initial={**mine, "revision": current.revision})
    kept = {k: v for k, v in request.POST.items() if k.startswith("default:") or k == "source_format"}
    context = {
        "template": current,
        "theirs": theirs,
        "mine": mine,
        "form": again,
        "kept": kept,
        "changes": compare(theirs, mine),
    }
    return render(request, "campaigns/template_conflict.html", context, status=409)


def _context(request: HttpRequest, template: Template, form: TemplateForm) -> dict[str, Any]:
    user, site = current_user(request), current_site(request)
    fields = selectors.custom_field_defaults()
    shown = previews.preview(template, previews.sample_person(), site=site, fields=fields)
    return {
        "template": template,
        "form": form,
        "may_edit": user.has_role("marketer"),
        **language_context(template, site),
        "shown": shown,
        "sender": campaigns.default_sender(site),
        "variables": variable_rows(template, shown.checked.variables.roots(), fields),
        "version": selectors.newest_version(template),
        "people": previews.recent_people(),
        "frame_html": reverse("campaigns:template_preview", args=[template.public_id, "html"]),
        "frame_text": reverse("campaigns:template_preview", args=[template.public_id, "text"]),
        "insertable": selectors.insertable(template),
        "completions": sorted(BUILT_IN | set(fields) | set(template.defaults)),
        "findings": [finding.as_dict() for finding in shown.findings],
        "foreign": template_importing.has_foreign(_initial(template)),
        "test_form": TestSendForm(initial={"addresses": user.email}),
    }


def language_context(template: Template, site: Installation) -> dict[str, Any]:
    """The languages of a template for its tabs and for the card that adds one."""
    first, *variants = selectors.family(template)
    own = template_languages.own_language(first, site)
    spoken = [(first, own), *((variant, variant.language) for variant in variants)]
    return {
        "first": first,
        "language_tabs": [
            {
                "url": reverse("campaigns:template_edit", args=[each.public_id]),
                "label": languages.language_name(code),
                "active": each.pk == template.pk,
            }
            for each, code in spoken
        ],
        "language_name": languages.language_name(template.language or own),
        "own_language": own,
        "all_languages": languages.CHOICES,
        "missing_languages": [c for c in languages.CHOICES if c[0] not in {code for _, code in spoken}],
    }


def variable_rows(template: Template, used: frozenset[str], fields: dict[str, Any]) -> list[dict[str, Any]]:
    """The variables with what stands in for them, as the editor lists them."""
    fixed = BUILT_IN - BUILT_IN_DEFAULTS.keys() - {"language"}
    known = selectors.known_names(template.defaults, fields)
    names = sorted(known & (used | set(template.defaults)))
    return [
        {
            "name": name,
            "kind": "built in" if name in BUILT_IN else "person" if name in fields else "campaign",
            "value": template.defaults.get(name, ""),
            "fallback": BUILT_IN_DEFAULTS.get(name, "") or fields.get(name, ""),
            "is_fixed": name in fixed,
            "is_used": name in used,
            "is_declared": name in template.defaults,
        }
        for name in names
        if isinstance(template.defaults.get(name, ""), str)
    ]


@require_role("viewer", viewers_post=True)
@require_POST
def template_check(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Check what is in the editor now, unsaved, and keep its rendering for the preview frame."""
    template = selectors.access_template(public_id)
    form = TemplateForm({**request.POST.dict(), "name": template.name, "revision": template.revision})
    if not form.is_valid():
        return render(request, "campaigns/_check.html", {"form": form}, status=422)
    content = form.content(template)
    for name, value in content.items():
        setattr(template, name, value)
    template.defaults = TemplateForm(request.POST).defaults(template.defaults)
    person = chosen_person(request.POST.get("person", ""))
    chosen = previews.person_of(person) if person else previews.sample_person()
    site = current_site(request)
    shown = previews.preview(template, chosen, site=site)
    memo.keep({_preview_key(request, public_id): (shown.rendered,)}, PREVIEW_TTL_S)
    context = {
        "template": template,
        "shown": shown,
        "foreign": template_importing.has_foreign(content),
        "sender": campaigns.default_sender(site),
        "findings_json": json.dumps([finding.as_dict() for finding in shown.findings]),
    }
    return render(request, "campaigns/_check.html", context)


@require_role("viewer")
@xframe_options_sameorigin
@require_GET
def template_preview(request: HttpRequest, public_id: UUID, part: str) -> HttpResponse:
    """The frame: what the editor holds now (`?live=1`), else the saved draft."""
    if part not in {Part.HTML, Part.TEXT}:
        raise Http404
    template = selectors.access_template(public_id)
    live: tuple[Rendered | None] | None = None
    if "live" in request.GET:
        key = _preview_key(request, public_id)
        live = memo.recall([key]).get(key)
    rendered = live[0] if live else previews.preview(template, previews.sample_person()).rendered
    return frames.mail_frame(rendered, part, images="images" in request.GET, dark="dark" in request.GET)


def _preview_key(request: HttpRequest, public_id: UUID) -> str:
    return f"template-preview:{current_user(request).pk}:{public_id}"


@require_role("marketer")
@require_POST
def template_test(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Send the saved draft to a few addresses."""
    template = selectors.access_template(public_id)
    form = TestSendForm(request.POST)
    back = redirect("campaigns:template_edit", public_id)
    if not form.is_valid():
        messages.error(request, "Write at least one address.")
        return back
    person = chosen_person(form.cleaned_data["person"])
    try:
        sent = test_sends.send_template_test(
            template=template,
            addresses=form.cleaned_data["addresses"],
            person=previews.person_of(person) if person else previews.sample_person(),
            actor=current_user(request),
        )
    except test_sends.ERRORS as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"{len(sent)} test mail{'s' if len(sent) != 1 else ''} sent.")
    return back

"""Segments: sentences that choose people, with the count as one writes."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from mailplatform.accounts.access import current_user, require_role
from mailplatform.accounts.models import Role

from ..forms import segments as forms
from ..models import Segment
from ..segments.catalogue import Catalogue
from ..segments.rules import RuleError
from ..selectors import catalogue
from ..selectors import segments as selector
from ..services import segments as service

MATCHES = (("all", "all of these"), ("any", "any of these"), ("none", "none of these"))


@require_role("viewer")
@require_GET
def segment_list(request: HttpRequest) -> HttpResponse:
    """All segments in words."""
    known = catalogue.current()
    rows = [(segment, forms.sentences(segment.rules, known)) for segment in selector.live()]
    context = {"rows": rows, "can_edit": current_user(request).has_role(Role.MARKETER)}
    return render(request, "subscribers/segment_list.html", context)


@require_role("marketer")
@require_http_methods(["GET", "POST"])
def segment_add(request: HttpRequest) -> HttpResponse:
    """Build a segment."""
    return _build(request, None)


@require_role("marketer")
@require_http_methods(["GET", "POST"])
def segment_edit(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Change a segment."""
    return _build(request, _segment(public_id))


@require_role("viewer")
@require_GET
def segment_count(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """How many people a saved segment chooses now; loaded by the list of segments, one by one."""
    context = _counted(_segment(public_id).rules)
    return render(request, "subscribers/_segment_number.html", context)


@require_role("marketer")
@require_POST
def segment_archive(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Take a segment out of use."""
    segment = _segment(public_id)
    service.archive(segment=segment, actor=current_user(request))
    messages.success(request, f"“{segment.name}” is out of use.")
    return redirect("subscribers:segment_list")


def _build(request: HttpRequest, segment: Segment | None) -> HttpResponse:
    known = catalogue.current()
    name, error = segment.name if segment else "", ""
    if request.method == "POST":
        builder = forms.from_post(request.POST, known)
        name = request.POST.get("name", "")
        if request.POST.get("action") == "save":
            try:
                saved = _save(request, segment, name, builder)
            except (RuleError, service.SegmentNameError) as refused:
                error = str(refused)
            else:
                messages.success(request, f"The segment “{saved.name}” was saved.")
                return redirect("subscribers:segment_list")
    else:
        builder = forms.from_rules(segment.rules if segment else None, known)
    context = {
        "segment": segment,
        "name": name,
        "error": error,
        "matches": MATCHES,
        **_shown(builder, segment, known),
    }
    fragment = request.headers.get("HX-Target") == "segment-rows"
    page = "subscribers/_segment_rows.html" if fragment else "subscribers/segment_form.html"
    return render(request, page, context, status=422 if error else 200)


def _save(request: HttpRequest, segment: Segment | None, name: str, builder: forms.Builder) -> Segment:
    actor = current_user(request)
    if segment is None:
        return service.create(name=name, rules=builder.tree(), actor=actor)
    rules = segment.rules if request.POST.get("complex") else builder.tree()
    return service.update(segment=segment, name=name, rules=rules, actor=actor)


def _shown(builder: forms.Builder, segment: Segment | None, known: Catalogue) -> dict[str, Any]:
    rules = segment.rules if builder.complex and segment else builder.tree()
    subjects = [(key, subject.label) for key, subject in known.subjects.items()]
    lines = forms.sentences(rules, known) if builder.complex else []
    return {"builder": builder, "subjects": subjects, "lines": lines, **_counted(rules, with_sample=True)}


def _counted(rules: dict[str, Any], *, with_sample: bool = False) -> dict[str, Any]:
    try:
        count = selector.count(rules)
        sample = selector.sample(rules) if with_sample and count.total else []
    except RuleError as error:
        return {"count": None, "sample": [], "incomplete": str(error)}
    return {"count": count, "sample": sample, "incomplete": ""}


def _segment(public_id: UUID) -> Segment:
    try:
        return selector.access_segment(public_id)
    except Segment.DoesNotExist:
        raise Http404("There is no such segment, or it is out of use.") from None

"""Segments: sentences that choose people, with the count as one writes."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from mailplatform.accounts.access import current_site, current_user, require_role
from mailplatform.accounts.models import Installation, Role

from ..forms import segments as forms
from ..models import Segment
from ..segments.catalogue import Catalogue
from ..segments.rules import RuleError
from ..selectors import catalogue
from ..selectors import segments as selector
from ..services import segments as service

MATCHES = (("all", "all of these"), ("any", "any of these"), ("none", "none of these"))
FRAGMENTS = {
    "segment-rows": "subscribers/_segment_rows.html",
    "segment-count": "subscribers/_segment_count.html",
}


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
    try:
        context: dict[str, Any] = {"total": selector.total(_segment(public_id).rules), "incomplete": ""}
    except RuleError as error:
        context = {"incomplete": str(error)}
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
        builder.complex = bool(segment and request.POST.get("complex"))
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
    target = request.headers.get("HX-Target", "")
    context = {
        "segment": segment,
        "name": name,
        "error": error,
        "matches": MATCHES,
        **_shown(builder, segment, known),
        **_counted(_rules(builder, segment), known, current_site(request), patient=target == "segment-count"),
    }
    page = FRAGMENTS.get(target, "subscribers/segment_form.html")
    return render(request, page, context, status=422 if error else 200)


def _save(request: HttpRequest, segment: Segment | None, name: str, builder: forms.Builder) -> Segment:
    actor, rules = current_user(request), _rules(builder, segment, whole=True)
    if segment is None:
        return service.create(name=name, rules=rules, actor=actor)
    return service.update(
        segment=segment, name=name, rules=rules, description=segment.description, actor=actor
    )


def _rules(builder: forms.Builder, segment: Segment | None, *, whole: bool = False) -> dict[str, Any]:
    return segment.rules if builder.complex and segment else builder.tree(whole=whole)


def _shown(builder: forms.Builder, segment: Segment | None, known: Catalogue) -> dict[str, Any]:
    return {
        "builder": builder,
        "row_count": sum(1 for _ in builder.all_rows()),
        "subjects": [(key, subject.label) for key, subject in known.subjects.items()],
        "lines": forms.sentences(_rules(builder, segment), known) if builder.complex else [],
    }


def _counted(rules: dict[str, Any], known: Catalogue, site: Installation, *, patient: bool) -> dict[str, Any]:
    """Count quickly, or patiently once the page is there; ``again`` asks the page to come back for the rest."""
    limit = selector.COUNT_TIMEOUT_MS if patient else selector.QUICK_MS
    try:
        count = selector.count(rules, timeout_ms=limit, sample=selector.SAMPLE, known=known, site=site)
    except RuleError as error:
        return {"count": None, "incomplete": str(error)}
    return {"count": count, "incomplete": "", "again": not (patient or count.is_whole)}


def _segment(public_id: UUID) -> Segment:
    try:
        return selector.access_segment(public_id)
    except Segment.DoesNotExist:
        raise Http404("There is no such segment, or it is out of use.") from None

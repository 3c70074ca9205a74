"""Addresses and domains that get no mail: found, blocked, and lifted where a user may."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from mailplatform.accounts.access import current_user, require_role
from mailplatform.accounts.models import Role, User
from mailplatform.core.numbers import whole

from ..forms.suppressions import BlockForm, LiftForm
from ..importing.addresses import AddressRefusedError, normalise_email
from ..models import BlockedDomain, StorageCopyKind, Suppression, SuppressionReason
from ..selectors import storage_copies
from ..selectors import suppressions as selector
from ..services import domains, suppression
from .audience_tabs import audience_tabs


@require_role("viewer")
@require_http_methods(["GET", "POST"])
def suppression_list(request: HttpRequest) -> HttpResponse:
    """Who gets no mail and why; the form blocks one more."""
    user = current_user(request)
    form = BlockForm(request.POST or None)
    if request.method == "POST" and user.has_role(Role.MARKETER) and form.is_valid():
        try:
            words = _block(form.cleaned_data["what"], form.cleaned_data["reason"], user)
        except (domains.DomainError, suppression.SuppressionError) as error:
            form.add_error("what", str(error))
        else:
            messages.success(request, words)
            return redirect("subscribers:suppression_list")
    context = {**_found(request), "form": form, "can_edit": user.has_role(Role.MARKETER)}
    return render(request, "subscribers/suppression_list.html", context, status=422 if form.errors else 200)


def _block(what: str, reason: str, user: User) -> str:
    """Block an address or a domain; return what was done in words."""
    if "@" not in what.strip().removeprefix("@"):
        made = domains.block(domain=what, reason=reason, actor=user)
        return f"Nobody at {made.domain} gets mail any more."
    if not suppression.block_address(email=what, reason=reason, actor=user):
        return "This address was blocked already."
    return "This address gets no mail any more."


def _found(request: HttpRequest) -> dict[str, object]:
    """Return what the address of the page asks for: one address, or a page of all."""
    q, reason = request.GET.get("q", "").strip()[:260], request.GET.get("reason", "")
    before = request.GET.get("before", "")
    reason = reason if reason in SuppressionReason.values else ""
    copy = storage_copies.of(StorageCopyKind.SUPPRESSION)
    context: dict[str, object] = {
        "q": q,
        "reason": reason,
        "reasons": SuppressionReason.choices,
        "domains": selector.domains(),
        "copy": copy,
        "copy_warnings": storage_copies.warnings(copy),
        "lifted_by_users": suppression.LIFTED_BY_USERS,
        "tabs": audience_tabs("suppression_list"),
    }
    if not q:
        number = whole(before)
        page = selector.page(reason=reason, before=number)
        return context | {"rows": page.rows, "next_before": page.next_before, "paged": bool(number)}
    try:
        address = normalise_email(q)
    except AddressRefusedError:
        wrong = "Write a whole address; of those who were erased only a keyed hash of it is left."
        return context | {"rows": [], "wrong": wrong}
    return context | {
        "rows": selector.of_address(address),
        "domain": selector.domain_of(address),
        "searched": True,
    }


@require_role("marketer")
@require_http_methods(["GET", "POST"])
def suppression_lift(request: HttpRequest, pk: int) -> HttpResponse:
    """Lift a bounce or a block, with the reason."""
    found = Suppression.objects.filter(pk=pk, lifted_at=None).first()
    if found is None:
        raise Http404("There is no such block, or it was lifted already.")
    form = LiftForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            suppression.lift(
                suppression_id=pk, actor=current_user(request), because=form.cleaned_data["because"]
            )
        except suppression.SuppressionError as error:
            form.add_error(None, str(error))
        else:
            messages.success(
                request, "Lifted. Mail may go to this address again where there is a basis for it."
            )
            return redirect("subscribers:suppression_list")
    may_lift = found.reason in suppression.LIFTED_BY_USERS
    context = {"form": form, "title": f"Lift: {found.get_reason_display()}", "may_lift": may_lift}
    return render(request, "subscribers/suppression_lift.html", context, status=422 if form.errors else 200)


@require_role("marketer")
@require_http_methods(["GET", "POST"])
def domain_lift(request: HttpRequest, pk: int) -> HttpResponse:
    """Let a domain get mail again, with the reason."""
    found = BlockedDomain.objects.filter(pk=pk, lifted_at=None).first()
    if found is None:
        raise Http404("This domain is not blocked.")
    form = LiftForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            domains.lift(domain=found, because=form.cleaned_data["because"], actor=current_user(request))
        except domains.DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"{found.domain} is not blocked any more.")
            return redirect("subscribers:suppression_list")
    context = {"form": form, "title": f"Lift the block of {found.domain}", "may_lift": True}
    return render(request, "subscribers/suppression_lift.html", context, status=422 if form.errors else 200)

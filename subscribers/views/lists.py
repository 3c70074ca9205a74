"""Mailing lists."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from mailplatform.accounts.access import current_user, require_role
from mailplatform.accounts.models import Role

from ..forms.lists import ListForm
from ..models import MailingList
from ..selectors import lists as selector
from ..services import lists as service


@require_role("viewer")
@require_GET
def list_list(request: HttpRequest) -> HttpResponse:
    """All lists with their counts."""
    context = {"lists": selector.with_counts(), "can_edit": current_user(request).has_role(Role.MARKETER)}
    return render(request, "subscribers/list_list.html", context)


@require_role("marketer")
@require_http_methods(["GET", "POST"])
def list_add(request: HttpRequest) -> HttpResponse:
    """Make a list."""
    form = ListForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = service.create(actor=current_user(request), **form.cleaned_data)
        except service.ListError as error:
            form.add_error("name", str(error))
        else:
            messages.success(request, f"The list “{made.name}” was made.")
            return redirect("subscribers:list_detail", made.public_id)
    return render(request, "subscribers/list_form.html", {"form": form}, status=422 if form.errors else 200)


@require_role("viewer")
@require_http_methods(["GET", "POST"])
def list_detail(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """One list: its people in figures, and its settings."""
    mailing_list = _list(public_id)
    can_edit = current_user(request).has_role(Role.MARKETER)
    form = ListForm.of(mailing_list, request.POST or None)
    if request.method == "POST" and can_edit and form.is_valid():
        try:
            service.update(mailing_list=mailing_list, actor=current_user(request), **form.cleaned_data)
        except service.ListError as error:
            form.add_error("name", str(error))
        else:
            messages.success(request, "Saved.")
            return redirect("subscribers:list_detail", mailing_list.public_id)
    context = {"mailing_list": mailing_list, "form": form, "can_edit": can_edit}
    return render(request, "subscribers/list_detail.html", context, status=422 if form.errors else 200)


@require_role("marketer")
@require_POST
def list_archive(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Take a list out of use."""
    mailing_list = _list(public_id)
    service.archive(mailing_list=mailing_list, actor=current_user(request))
    messages.success(request, f"“{mailing_list.name}” is out of use. Who left it stays known.")
    return redirect("subscribers:list_list")


def _list(public_id: UUID) -> MailingList:
    try:
        return selector.access_list(public_id)
    except MailingList.DoesNotExist:
        raise Http404("There is no such list, or it is out of use.") from None

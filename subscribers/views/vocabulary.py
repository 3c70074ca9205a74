"""Custom fields and tags: made, renamed, deleted with a look at what uses them."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from mailplatform.accounts.access import current_user, require_role
from mailplatform.accounts.models import Role

from ..forms.vocabulary import FieldForm, TagForm
from ..models import CustomField, Tag
from ..selectors import vocabulary as selector
from ..services import vocabulary as service
from ..services.fields import FieldError
from .audience_tabs import audience_tabs

FIELDS = {
    "one": "field",
    "many": "Fields",
    "none": "No field yet",
    "hint": "A field holds something you know of people, such as City or Birthday. Imports make them on the way, too.",
}
TAGS = {
    "one": "tag",
    "many": "Tags",
    "none": "No tag yet",
    "hint": "A tag is a word that marks people, such as “VIP”. Put it on many at once from the people page.",
}


@require_role("viewer")
@require_http_methods(["GET", "POST"])
def field_list(request: HttpRequest) -> HttpResponse:
    """All fields, and a form for a new one."""
    user = current_user(request)
    can_edit = user.has_role(Role.MARKETER)
    form = FieldForm(request.POST or None)
    if request.method == "POST" and can_edit and form.is_valid():
        try:
            field = service.create_field(actor=user, **form.values())
        except FieldError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"The field “{field.label}” was made.")
            return redirect("subscribers:field_list")
    context = {
        "rows": selector.field_rows(),
        "form": form,
        "can_edit": can_edit,
        "tabs": audience_tabs("field_list"),
        "what": FIELDS,
    }
    return render(request, "subscribers/field_list.html", context, status=422 if form.errors else 200)


@require_role("marketer")
@require_http_methods(["GET", "POST"])
def field_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a field, or delete it."""
    field = _field(pk)
    form = FieldForm.of(field, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            service.update_field(field=field, actor=current_user(request), **form.values())
        except FieldError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "Saved.")
            return redirect("subscribers:field_list")
    context = {"field": field, "form": form, "segments": selector.segments_with_field(field.key)}
    return render(request, "subscribers/field_edit.html", context, status=422 if form.errors else 200)


@require_role("marketer")
@require_POST
def field_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a field and everybody's value of it."""
    job = service.delete_field(field=_field(pk), actor=current_user(request))
    return redirect("subscribers:subscriber_bulk_job", job.public_id)


@require_role("viewer")
@require_http_methods(["GET", "POST"])
def tag_list(request: HttpRequest) -> HttpResponse:
    """All tags with their people, and a form for a new one."""
    user = current_user(request)
    can_edit = user.has_role(Role.MARKETER)
    form = TagForm(request.POST or None)
    if request.method == "POST" and can_edit and form.is_valid():
        try:
            service.create_tag(name=form.cleaned_data["name"], actor=user)
        except service.TagError as error:
            form.add_error("name", str(error))
        else:
            return redirect("subscribers:tag_list")
    context = {
        "rows": selector.tag_rows(),
        "form": form,
        "can_edit": can_edit,
        "tabs": audience_tabs("tag_list"),
        "what": TAGS,
    }
    return render(request, "subscribers/tag_list.html", context, status=422 if form.errors else 200)


@require_role("marketer")
@require_http_methods(["GET", "POST"])
def tag_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Rename a tag, or delete it."""
    tag = _tag(pk)
    form = TagForm(request.POST or None, initial={"name": tag.name})
    if request.method == "POST" and form.is_valid():
        try:
            service.rename_tag(tag=tag, name=form.cleaned_data["name"], actor=current_user(request))
        except service.TagError as error:
            form.add_error("name", str(error))
        else:
            messages.success(request, "Saved.")
            return redirect("subscribers:tag_list")
    context = {"tag": tag, "form": form, "segments": selector.segments_with_tag(tag.pk)}
    return render(request, "subscribers/tag_edit.html", context, status=422 if form.errors else 200)


@require_role("marketer")
@require_POST
def tag_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a tag from everybody and delete it."""
    job = service.delete_tag(tag=_tag(pk), actor=current_user(request))
    return redirect("subscribers:subscriber_bulk_job", job.public_id)


def _field(pk: int) -> CustomField:
    found = CustomField.objects.filter(pk=pk).first()
    if found is None:
        raise Http404("There is no such field any more.")
    return found


def _tag(pk: int) -> Tag:
    found = Tag.objects.filter(pk=pk).first()
    if found is None:
        raise Http404("There is no such tag any more.")
    return found

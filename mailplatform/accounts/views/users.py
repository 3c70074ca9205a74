"""People: inviting, roles, and letting somebody go."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from .. import selectors
from ..access import current_user, require_role
from ..forms import InviteForm, ProfileForm, RoleForm
from ..models import Role, User
from ..services import users as service
from .tabs import settings_tabs

LINK = "password_link"
LAST = "This is the only administrator. Make somebody else an administrator first."


@require_role("admin")
@require_http_methods(["GET", "POST"])
def users(request: HttpRequest) -> HttpResponse:
    """List everybody; invite one more."""
    form = InviteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            user = service.invite(actor=current_user(request), **form.cleaned_data)
        except service.AddressTaken:
            form.add_error("email", "Somebody with this address is in the list already.")
        else:
            messages.success(
                request, f"{user} was added. Pass on the link below, so that they can set a password."
            )
            _remember_link(request, user.pk, service.password_link(user))
            return redirect("accounts:user", user.pk)
    context = {
        "people": selectors.users(),
        "form": form,
        "roles": Role.choices,
        "tabs": settings_tabs("accounts:users"),
    }
    return render(request, "account/users.html", context, status=422 if form.errors else 200)


@require_role("admin")
@require_GET
def user(request: HttpRequest, pk: int) -> HttpResponse:
    """One colleague: role, access, and once, for whoever made it, the link to set a password."""
    person = get_object_or_404(User, pk=pk)
    made_for, path = request.session.pop(LINK, (0, ""))
    link = request.build_absolute_uri(path) if made_for == pk and person.is_active else ""
    form = RoleForm(initial={"role": person.role})
    return render(request, "account/user.html", {"person": person, "form": form, "link": link})


def _remember_link(request: HttpRequest, pk: int, path: str) -> None:
    """Keep the link for the next page of this session alone: whoever holds it can sign in as that person."""
    request.session[LINK] = (pk, path)


@require_role("admin")
@require_POST
def user_link(request: HttpRequest, pk: int) -> HttpResponse:
    """Make a new link to set a password, for the one who asks."""
    person = get_object_or_404(User, pk=pk, is_active=True)
    _remember_link(request, pk, service.make_link(actor=current_user(request), user=person))
    return redirect("accounts:user", pk)


@require_role("admin")
@require_POST
def user_role(request: HttpRequest, pk: int) -> HttpResponse:
    """Change what a colleague may do."""
    person = get_object_or_404(User, pk=pk)
    form = RoleForm(request.POST)
    if form.is_valid():
        try:
            service.change_role(actor=current_user(request), user=person, role=form.cleaned_data["role"])
            messages.success(request, f"{person} now has the role {Role(form.cleaned_data['role']).label}.")
        except service.LastAdministrator:
            messages.error(request, LAST)
    return redirect("accounts:user", person.pk)


@require_role("admin")
@require_POST
def user_active(request: HttpRequest, pk: int) -> HttpResponse:
    """Let a colleague sign in, or no longer."""
    person = get_object_or_404(User, pk=pk)
    active = request.POST.get("active") == "yes"
    try:
        service.set_active(actor=current_user(request), user=person, active=active)
        words = "can sign in again" if active else "can no longer sign in"
        messages.success(request, f"{person} {words}.")
    except service.LastAdministrator:
        messages.error(request, LAST)
    return redirect("accounts:user", person.pk)


@require_role("viewer")
@require_http_methods(["GET", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """One's own name, zone, password and second factor."""
    me = current_user(request)
    form = ProfileForm(request.POST or None, initial={"name": me.name, "time_zone": me.time_zone})
    if request.method == "POST" and form.is_valid():
        service.update_profile(user=me, **form.cleaned_data)
        messages.success(request, "Your profile was saved.")
        return redirect("accounts:profile")
    return render(request, "account/profile.html", {"form": form}, status=422 if form.errors else 200)

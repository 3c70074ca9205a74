"""The team: inviting, roles, second factors, and letting somebody go."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from mailplatform.core import clock

from .. import selectors
from ..access import current_site, current_user, require_recent_sign_in, require_role
from ..forms import InviteForm, RoleForm
from ..models import Role, User
from ..services import second_factor
from ..services import users as service
from .tabs import settings_tabs

LINK = "password_link"
LAST = "This is the only administrator. Make somebody else an administrator first."
JOINED = "This person has set a password already: there is no invitation any more."


@require_role("admin")
@require_http_methods(["GET", "POST"])
def users(request: HttpRequest) -> HttpResponse:
    """List everybody; invite one more."""
    form = InviteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        require_recent_sign_in(request)
        actor = current_user(request)
        try:
            person = service.invite(actor=actor, **form.cleaned_data)
        except service.AddressTaken:
            form.add_error("email", "Somebody with this address is in the list already.")
        else:
            _send(request, actor, person)
            return redirect("accounts:user", person.pk)
    context = {
        "people": selectors.users(),
        "form": form,
        "site": current_site(request),
        "tabs": settings_tabs("accounts:users"),
    }
    return render(request, "account/users.html", context, status=422 if form.errors else 200)


def _send(request: HttpRequest, actor: User, person: User) -> None:
    """Send the invitation; where the mail cannot leave, show the link to the one who invites."""
    if service.send_invitation(actor=actor, user=person):
        messages.success(request, f"An invitation went to {person.email}.")
    else:
        _remember_link(request, person.pk, service.password_link(person))
        words = "The mail could not leave. Pass on the link below, so that they can set a password."
        messages.warning(request, f"{person} was added. {words}")


@require_role("admin")
@require_GET
def user(request: HttpRequest, pk: int) -> HttpResponse:
    """One colleague: role, access, and once, for whoever made it, the link to set a password."""
    person = get_object_or_404(selectors.users(), pk=pk)
    made_for, path = request.session.pop(LINK, (0, ""))
    link = request.build_absolute_uri(path) if made_for == pk and person.is_active else ""
    ends = service.invitation_ends(person)
    context = {
        "person": person,
        "form": RoleForm(initial={"role": person.role}),
        "link": link,
        "invited": service.is_invited(person),
        "invitation_ends": ends,
        "invitation_is_over": ends is None or ends < clock.now(),
        "sessions": selectors.sessions_of(person).count(),
    }
    return render(request, "account/user.html", context)


def _remember_link(request: HttpRequest, pk: int, path: str) -> None:
    """Keep the link for the next page of this session alone: whoever holds it can sign in as that person."""
    request.session[LINK] = (pk, path)


@require_role("admin")
@require_POST
def user_link(request: HttpRequest, pk: int) -> HttpResponse:
    """Make a new link to set a password, for the one who asks."""
    require_recent_sign_in(request)
    person = get_object_or_404(User, pk=pk, is_active=True)
    _remember_link(request, pk, service.make_link(actor=current_user(request), user=person))
    return redirect("accounts:user", pk)


@require_role("admin")
@require_POST
def user_invite_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Send a new invitation; the link of the old one stops working."""
    require_recent_sign_in(request)
    actor = current_user(request)
    try:
        person = service.renew_invitation(actor=actor, user=get_object_or_404(User, pk=pk))
    except service.AlreadyJoined:
        messages.error(request, JOINED)
    else:
        _send(request, actor, person)
    return redirect("accounts:user", pk)


@require_role("admin")
@require_POST
def user_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Take an invitation back."""
    person = get_object_or_404(User, pk=pk)
    try:
        service.revoke_invitation(actor=current_user(request), user=person)
    except service.AlreadyJoined:
        messages.error(request, JOINED)
        return redirect("accounts:user", pk)
    messages.success(request, f"The invitation of {person} was revoked. Its link does not work any more.")
    return redirect("accounts:users")


@require_role("admin")
@require_POST
def user_role(request: HttpRequest, pk: int) -> HttpResponse:
    """Change what a colleague may do."""
    require_recent_sign_in(request)
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
    """Let a colleague sign in, or no longer. Closing asks for no password: it may be urgent."""
    person = get_object_or_404(User, pk=pk)
    active = request.POST.get("active") == "yes"
    if active:
        require_recent_sign_in(request)
    try:
        service.set_active(actor=current_user(request), user=person, active=active)
        words = "can sign in again" if active else "can no longer sign in"
        messages.success(request, f"{person} {words}.")
    except service.LastAdministrator:
        messages.error(request, LAST)
    return redirect("accounts:user", person.pk)


@require_role("admin")
@require_POST
def user_second_factor(request: HttpRequest, pk: int) -> HttpResponse:
    """Take the second factor from a colleague who lost it."""
    require_recent_sign_in(request)
    person = get_object_or_404(User, pk=pk)
    if second_factor.reset(actor=current_user(request), user=person):
        messages.success(request, f"{person} signs in with the password alone now, and was told so by mail.")
    else:
        messages.info(request, f"{person} has no second factor.")
    return redirect("accounts:user", pk)

"""Tokens of the API: made, shown once, revoked."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from ..access import current_user, require_recent_sign_in, require_role
from ..models import ApiToken
from ..services import api_tokens as service
from .tabs import settings_tabs


class TokenForm(forms.Form):
    """A new token."""

    name = forms.CharField(label="Which program uses it?", max_length=100)
    scopes = forms.MultipleChoiceField(
        label="What may it do?",
        choices=[(name, f"{words} ({name})") for name, (words, _) in service.SCOPES.items()],
        widget=forms.CheckboxSelectMultiple,
    )


@require_role("admin")
@require_http_methods(["GET", "POST"])
def api_tokens(request: HttpRequest) -> HttpResponse:
    """List the tokens; POST makes one and shows its secret, this one time."""
    form = TokenForm(request.POST or None)
    secret = ""
    if request.method == "POST" and form.is_valid():
        require_recent_sign_in(request)
        try:
            _, secret = service.make(owner=current_user(request), **form.cleaned_data)
        except service.TokenError as error:
            form.add_error(error.field or None, str(error))
        else:
            form = TokenForm()
    context: dict[str, Any] = {
        "tabs": settings_tabs("accounts:api_tokens"),
        "tokens": ApiToken.objects.select_related("owner")[:100],
        "form": form,
        "secret": secret,
    }
    answer = render(request, "account/api_tokens.html", context, status=422 if form.errors else 200)
    answer["Cache-Control"] = "no-store"
    return answer


@require_role("admin")
@require_POST
def api_token_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Let a token be refused from now on."""
    if service.revoke(token_id=pk, actor=current_user(request)):
        messages.success(request, "The token is revoked. The program that uses it is refused from now on.")
    else:
        messages.info(request, "This token was revoked already.")
    return redirect("accounts:api_tokens")

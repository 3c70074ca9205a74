"""Endpoints of outgoing webhooks and the log of their messages."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from events.forms import WebhookForm
from events.models import WebhookEndpoint, WebhookState
from events.selectors import webhook_log
from events.services import webhooks
from mailplatform.accounts import vault
from mailplatform.accounts.access import current_user, require_role
from mailplatform.accounts.views.tabs import settings_tabs
from mailplatform.core.numbers import whole


@require_role("admin")
@require_GET
def webhook_list(request: HttpRequest) -> HttpResponse:
    """All endpoints and how they do."""
    context = {"rows": webhook_log.endpoints(), "tabs": settings_tabs("events:webhook_list")}
    return render(request, "events/webhook_list.html", context)


@require_role("admin")
@require_http_methods(["GET", "POST"])
def webhook_add(request: HttpRequest) -> HttpResponse:
    """Make an endpoint."""
    form = WebhookForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            endpoint = webhooks.create(
                url=data["url"],
                types=data["types"],
                description=data["description"],
                actor=current_user(request),
            )
        except webhooks.BadEndpoint as error:
            form.add_error("url", str(error))
        else:
            messages.success(
                request, "The endpoint is made. Give its secret to the receiver, then send a test."
            )
            return redirect("events:webhook_detail", endpoint.public_id)
    return render(
        request, "events/webhook_add.html", {"form": form}, status=422 if request.method == "POST" else 200
    )


@require_role("admin")
@sensitive_variables("secret", "context")
@require_http_methods(["GET", "POST"])
def webhook_detail(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """One endpoint: its settings, its secret, its log."""
    endpoint = _endpoint(public_id)
    form = WebhookForm.of(endpoint, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            webhooks.update(endpoint=endpoint, actor=current_user(request), **form.cleaned_data)
        except webhooks.BadEndpoint as error:
            form.add_error("url", str(error))
        else:
            messages.success(request, "Saved.")
            return redirect("events:webhook_detail", public_id)
    state = request.GET.get("state", "")
    state = state if state in WebhookState.values else ""
    page = webhook_log.page(endpoint, state=state, before=whole(request.GET.get("before")))
    here = reverse("events:webhook_detail", args=[public_id])
    context = {
        "endpoint": endpoint,
        "form": form,
        "secret": _secret(endpoint),
        "rows": page.rows,
        "states": _tabs(endpoint, here, state),
        "next_url": f"{here}?state={state}&before={page.next_before}" if page.next_before else "",
        "failed": webhook_log.counts(endpoint).get(WebhookState.FAILED, 0),
        "old_secret_until": endpoint.previous_expires_at,
    }
    return render(request, "events/webhook_detail.html", context, status=422 if form.errors else 200)


@require_role("admin")
@require_POST
def webhook_test(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Queue a test message."""
    webhooks.send_test(endpoint=_endpoint(public_id), actor=current_user(request))
    messages.success(request, "A test message is on its way; reload the log in a few seconds.")
    return redirect("events:webhook_detail", public_id)


@require_role("admin")
@require_POST
def webhook_rotate(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Give a new secret."""
    webhooks.rotate(endpoint=_endpoint(public_id), actor=current_user(request))
    messages.success(request, "The endpoint has a new secret. For 24 hours the old one signs as well.")
    return redirect("events:webhook_detail", public_id)


@require_role("admin")
@require_POST
def webhook_replay(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Send one message again, or all that were given up."""
    number = whole(request.POST.get("delivery"))
    found = webhooks.replay(endpoint=_endpoint(public_id), delivery_id=number, actor=current_user(request))
    messages.success(
        request, f"{found:,} messages go out again." if found != 1 else "The message goes out again."
    )
    return redirect("events:webhook_detail", public_id)


@require_role("admin")
@require_POST
def webhook_remove(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Remove an endpoint."""
    webhooks.remove(endpoint=_endpoint(public_id), actor=current_user(request))
    messages.success(request, "The endpoint was removed, with its log.")
    return redirect("events:webhook_list")


def _endpoint(public_id: UUID) -> WebhookEndpoint:
    return get_object_or_404(WebhookEndpoint, public_id=public_id)


@sensitive_variables()
def _secret(endpoint: WebhookEndpoint) -> str:
    try:
        return webhooks.secret_of(endpoint)
    except vault.SecretUnreadable:
        return ""


def _tabs(endpoint: WebhookEndpoint, here: str, state: str) -> list[dict[str, object]]:
    counts = webhook_log.counts(endpoint)
    everything = {"label": "All", "url": here, "active": state == "", "count": sum(counts.values())}
    labels = {WebhookState.DROPPED: "Not sent"}
    return [
        everything,
        *(
            {
                "label": labels.get(value, value.label),
                "url": f"{here}?state={value}",
                "active": state == value,
                "count": counts.get(value, 0),
            }
            for value in WebhookState
        ),
    ]

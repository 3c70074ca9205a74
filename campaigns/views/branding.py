"""The brand and its senders; the style sheet that hosted pages load."""

from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from mailplatform.accounts.access import current_user, require_role
from mailplatform.accounts.services import installation
from mailplatform.accounts.views.tabs import settings_tabs
from mailplatform.core.numbers import whole

from ..forms.branding import BrandForm, SenderChangeForm
from ..media import kinds
from ..models import MediaFile, Sender
from ..selectors import brand as selectors
from ..selectors import campaigns as campaign_selectors
from ..services import branding, campaigns, media

_YEAR_S: Final = 31_536_000


@require_role("viewer")
@require_http_methods(["GET", "POST"])
def brand_page(request: HttpRequest) -> HttpResponse:
    """Show the brand; save it."""
    user = current_user(request)
    row = selectors.get()
    form = BrandForm(request.POST or None, request.FILES or None, initial=BrandForm.initial_of(row))
    if form.is_valid() and _saved(request, form):
        messages.success(request, "The brand is saved. New templates and the hosted pages show it.")
        return redirect("campaigns:brand")
    site = installation.get()
    context = {
        "form": form,
        "row": row,
        "logo_path": selectors.file_path(row.logo) if row.logo else "",
        "site": site,
        "senders": _senders(),
        "may_edit": user.has_role("marketer"),
        "is_admin": user.has_role("admin"),
        "tabs": settings_tabs("campaigns:brand") if user.has_role("admin") else [],
    }
    return render(request, "campaigns/brand.html", context, status=422 if form.is_bound else 200)


def _senders() -> list[dict[str, Any]]:
    campaigns.default_sender()  # the settings page's is a sender, too, even before the first campaign
    return [
        {
            "sender": choice.sender,
            "is_verified": choice.is_verified,
            "form": SenderChangeForm(instance=choice.sender, prefix=f"sender{choice.sender.pk}"),
        }
        for choice in campaign_selectors.list_senders(installation.get())
    ]


def _saved(request: HttpRequest, form: BrandForm) -> bool:
    """Save what the form holds; what is wrong is told at its field."""
    actor = current_user(request)
    logo: MediaFile | None = form.cleaned_data["logo"]
    try:
        if file := form.cleaned_data["new_logo"]:
            alt = installation.get().company
            logo = media.add_upload(actor=actor, file=file, alt=alt).media
        branding.save(actor=actor, logo=logo, social=form.links(), **form.values())
    except (kinds.UnusableFile, media.StorageAway) as error:
        form.add_error("new_logo", str(error))
    except branding.InvalidBrand as error:
        for name, words in error.problems.items():
            form.add_error(name if name in form.fields else None, words)
    return form.is_valid()


@require_role("marketer")
@require_POST
def brand_senders(request: HttpRequest) -> HttpResponse:
    """Change a sender's name or reply address, or remove one that no campaign uses."""
    sender = get_object_or_404(Sender, pk=whole(request.POST.get("sender")))
    actor = current_user(request)
    form = SenderChangeForm(request.POST, instance=sender, prefix=f"sender{sender.pk}")
    try:
        if request.POST.get("action") == "remove":
            campaigns.remove_sender(sender=sender, actor=actor)
            messages.success(request, f"{sender} is removed.")
        elif form.is_valid():
            campaigns.change_sender(sender=sender, actor=actor, **form.cleaned_data)
            messages.success(request, f"{form.instance} is saved.")
        else:
            words = " ".join(str(each) for found in form.errors.values() for each in found)
            messages.error(request, f"Not saved: {words}")
    except (campaigns.SenderInUse, campaigns.SenderTaken) as error:
        messages.error(request, str(error))
    return redirect("campaigns:brand")


@login_not_required
@require_safe
def brand_css(request: HttpRequest, code: str) -> HttpResponse:
    """What hosted pages add to their style sheet; its address names its content, so that it may be kept for long."""
    del request
    css = selectors.page_css()
    if css is None or css.code != code:
        raise Http404("This style sheet is not the brand's any more.")
    response = HttpResponse(css.text, content_type="text/css; charset=utf-8")
    response["Cache-Control"] = f"public, max-age={_YEAR_S}, immutable"
    return response

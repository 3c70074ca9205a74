"""The visual editor: a page of its own, because only it needs a looser policy for styles."""

from uuid import UUID

from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from mailplatform.accounts.access import current_site, require_role
from mailplatform.accounts.models import Installation

from ..branding import logo_block, social_links
from ..entries import BUILT_IN
from ..forms.templates import DEFAULT_PREFIX
from ..rendering import SourceKind
from ..rendering.mjml import compile_mjml
from ..selectors import brand
from ..selectors import templates as selectors
from .editor import language_context


@require_role("marketer")
# The canvas writes inline styles, and shows the pictures of the mail from where they are.
@csp_update({"style-src": ["'unsafe-inline'"], "img-src": ["https:"]})  # type: ignore[arg-type] # typed for a request alone
@require_GET
def template_visual(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Edit the MJML of a template by hand and eye. It is saved through the code editor's own addresses."""
    template = selectors.access_template(public_id)
    if template.source_format != SourceKind.MJML:
        return redirect("campaigns:template_edit", public_id)
    fields, site = selectors.custom_field_defaults(), current_site(request)
    context = {
        "template": template,
        **language_context(template, site),
        "brand": _brand(site),
        "problems": compile_mjml(template.html).findings,
        "kept": {f"{DEFAULT_PREFIX}{k}": v for k, v in template.defaults.items() if isinstance(v, str)},
        "completions": sorted(BUILT_IN | set(fields) | set(template.defaults)),
    }
    return render(request, "campaigns/template_visual.html", context)


def _brand(site: Installation) -> dict[str, str]:
    """What the editor's blocks are made of."""
    look = brand.look(site=site)
    return {
        "main": look.main,
        "on_main": look.on_main,
        "link": look.link,
        "heading": look.heading,
        "text": look.text,
        "logo": logo_block(look) if look.logo else "",
        "social": social_links(look),
    }

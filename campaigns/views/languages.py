"""What people of other languages get: the languages of a template, and a campaign's own choices."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from mailplatform.accounts.access import current_user, require_role

from ..forms.campaigns import LanguageForm
from ..forms.templates import TemplateLanguageForm
from ..languages import InvalidLanguage, language_name
from ..models import Template
from ..selectors import campaigns as selectors
from ..selectors import templates as template_selectors
from ..services import campaigns, template_languages


@require_role("marketer")
@require_POST
def language_save(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Add a language, or give it another template."""
    campaign = selectors.access_campaign(public_id)
    form = LanguageForm(request.POST)
    if not form.is_valid():
        for errors in form.errors.values():
            messages.error(request, " ".join(str(error) for error in errors))
        return redirect("campaigns:campaign_step", public_id, "content")
    try:
        campaigns.save_translation(campaign_id=campaign.pk, revision=campaign.revision, **form.cleaned_data)
    except (campaigns.StaleCampaign, campaigns.NotEditable) as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request, f"People of the language “{form.cleaned_data['language']}” get their own template."
        )
    return redirect("campaigns:campaign_step", public_id, "content")


@require_role("marketer")
@require_POST
def language_remove(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Give people of a language the campaign's own template again."""
    campaign = selectors.access_campaign(public_id)
    try:
        campaigns.remove_translation(
            campaign_id=campaign.pk, revision=campaign.revision, language=request.POST.get("language", "")
        )
    except (campaigns.StaleCampaign, campaigns.NotEditable) as error:
        messages.error(request, str(error))
    return redirect("campaigns:campaign_step", public_id, "content")


@require_role("marketer")
@require_POST
def template_language_add(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Begin the template in another language, with the words that it has."""
    return _template_language(request, public_id, template_languages.add)


@require_role("marketer")
@require_POST
def template_language_say(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Note what language the template itself is written in."""
    return _template_language(request, public_id, template_languages.say)


def _template_language(request: HttpRequest, public_id: UUID, act: Callable[..., Template]) -> HttpResponse:
    template = template_selectors.access_template(public_id)
    form = TemplateLanguageForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose a language.")
        return redirect("campaigns:template_edit", public_id)
    code = form.cleaned_data["language"]
    try:
        template = act(template=template, language=code, actor=current_user(request))
    except (InvalidLanguage, template_languages.LanguageTaken) as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"This is the text in {language_name(code)}.")
    return redirect("campaigns:template_edit", template.public_id)

"""Addresses of the app `campaigns`."""

from django.urls import URLPattern, URLResolver, path

from .views import (
    actions,
    approvals,
    campaigns,
    editor,
    languages,
    progress,
    recipients,
    repeats,
    retries,
    sending_settings,
    steps,
    templates,
    visual,
)

app_name = "campaigns"

_template = "templates/<uuid:public_id>/"
_campaign = "campaigns/<uuid:public_id>/"

urlpatterns: list[URLPattern | URLResolver] = [
    path("templates/", templates.template_list, name="template_list"),
    path("templates/add/", templates.template_add, name="template_add"),
    path("templates/starters/<slug:slug>/", templates.starter_preview, name="starter_preview"),
    path("templates/import/", templates.template_import, name="template_import"),
    path(_template, editor.template_edit, name="template_edit"),
    path(f"{_template}autosave/", editor.template_autosave, name="template_autosave"),
    path(f"{_template}visual/", visual.template_visual, name="template_visual"),
    path(f"{_template}check/", editor.template_check, name="template_check"),
    path(f"{_template}preview/<str:part>/", editor.template_preview, name="template_preview"),
    path(f"{_template}versions/", templates.template_versions, name="template_versions"),
    path(f"{_template}versions/<int:number>/restore/", templates.version_restore, name="version_restore"),
    path(f"{_template}versions/<int:number>/<str:part>/", templates.version_preview, name="version_preview"),
    path(f"{_template}test/", editor.template_test, name="template_test"),
    path(f"{_template}duplicate/", templates.template_duplicate, name="template_duplicate"),
    path(f"{_template}archive/", templates.template_archive, name="template_archive"),
    path("campaigns/", campaigns.campaign_list, name="campaign_list"),
    path("campaigns/new/", campaigns.campaign_new, name="campaign_new"),
    path("campaigns/senders/add/", campaigns.sender_add, name="campaign_sender_add"),
    path(_campaign, progress.campaign_detail, name="campaign_detail"),
    path(f"{_campaign}progress/", progress.campaign_progress, name="campaign_progress"),
    path(f"{_campaign}recipients/", recipients.campaign_recipients, name="campaign_recipients"),
    path(f"{_campaign}recipients.csv", recipients.campaign_recipients_csv, name="campaign_recipients_csv"),
    path(f"{_campaign}retry-failed/", retries.campaign_retry_failed, name="campaign_retry_failed"),
    path(f"{_campaign}preview/<str:part>/", steps.campaign_preview, name="campaign_preview"),
    path(f"{_campaign}send/", actions.campaign_send, name="campaign_send"),
    path(f"{_campaign}unschedule/", actions.campaign_unschedule, name="campaign_unschedule"),
    path(f"{_campaign}pause/", actions.campaign_pause, name="campaign_pause"),
    path(f"{_campaign}resume/", actions.campaign_resume, name="campaign_resume"),
    path(f"{_campaign}cancel/", actions.campaign_cancel, name="campaign_cancel"),
    path(f"{_campaign}duplicate/", actions.campaign_duplicate, name="campaign_duplicate"),
    path(f"{_campaign}archive/", actions.campaign_archive, name="campaign_archive"),
    path(f"{_campaign}bring-back/", actions.campaign_bring_back, name="campaign_bring_back"),
    path(f"{_campaign}repeat/", repeats.campaign_repeat, name="campaign_repeat"),
    path(f"{_campaign}repeat/stop/", repeats.campaign_repeat_stop, name="campaign_repeat_stop"),
    path(f"{_campaign}repeat/skip/", repeats.campaign_repeat_skip, name="campaign_repeat_skip"),
    path(f"{_campaign}approval/ask/", approvals.campaign_ask_approval, name="campaign_ask_approval"),
    path(f"{_campaign}approval/give/", approvals.campaign_approve, name="campaign_approve"),
    path(
        f"{_campaign}approval/withdraw/",
        approvals.campaign_withdraw_approval,
        name="campaign_withdraw_approval",
    ),
    path(f"{_campaign}name/", campaigns.campaign_filing, name="campaign_filing"),
    path(f"{_campaign}test/", actions.campaign_test, name="campaign_test"),
    path(f"{_campaign}languages/add/", languages.language_save, name="campaign_language_save"),
    path(f"{_campaign}languages/remove/", languages.language_remove, name="campaign_language_remove"),
    path(f"{_campaign}<slug:step>/", steps.campaign_step, name="campaign_step"),
    path("settings/sending/", sending_settings.sending_settings_page, name="sending_settings"),
    path("settings/sending/read/", sending_settings.read_account, name="read_account"),
    path("settings/send-test/", actions.send_me_a_test, name="send_me_a_test"),
]

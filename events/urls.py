"""Addresses of the app `events`."""

from django.urls import URLPattern, URLResolver, path

from .views import (
    account_list,
    amazon,
    archive,
    compare,
    dashboard,
    dead_letters,
    decisions,
    deliverability,
    my_data,
    policy,
    public,
    report,
    report_mails,
    report_people,
    signup,
    signup_forms,
    sunset,
    webhooks,
)

app_name = "events"
_form = "forms/<uuid:public_id>/"
_webhook = "settings/webhooks/<uuid:public_id>/"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", dashboard.show, name="dashboard"),
    path("campaigns/<uuid:public_id>/report/", report.campaign_report, name="campaign_report"),
    path("growth/", dashboard.list_growth, name="growth"),
    path("campaigns/compare/", compare.compare, name="compare"),
    path("reports/by-mail/", report_mails.report_mails_of_all, name="report_mails"),
    path(
        "campaigns/<uuid:public_id>/report/by-mail/",
        report_mails.campaign_report_mails,
        name="campaign_report_mails",
    ),
    path(
        "campaigns/<uuid:public_id>/report/print/", report.campaign_report_print, name="campaign_report_print"
    ),
    path("campaigns/<uuid:public_id>/report/clicks/", report.campaign_clicks, name="campaign_clicks"),
    path(
        "campaigns/<uuid:public_id>/report/clicks/mail/",
        report.campaign_clicked_mail,
        name="campaign_clicked_mail",
    ),
    path(
        "campaigns/<uuid:public_id>/report/tables/<slug:table>.csv",
        report.campaign_table_csv,
        name="campaign_table_csv",
    ),
    path("campaigns/<uuid:public_id>/report/people/", report_people.campaign_people, name="campaign_people"),
    path(
        "campaigns/<uuid:public_id>/report/people.csv",
        report_people.campaign_people_csv,
        name="campaign_people_csv",
    ),
    path("campaigns/<uuid:public_id>/unresolved/", decisions.unresolved_people, name="unresolved"),
    path(
        "campaigns/<uuid:public_id>/unresolved/channel/",
        decisions.unresolved_channel,
        name="unresolved_channel",
    ),
    path(
        "campaigns/<uuid:public_id>/unresolved/decide/", decisions.decide_unresolved, name="unresolved_decide"
    ),
    path(
        "campaigns/<uuid:public_id>/report/machines/",
        report_people.campaign_machines,
        name="campaign_machines",
    ),
    path(
        "campaigns/<uuid:public_id>/report/segment/", report_people.campaign_segment, name="campaign_segment"
    ),
    path(
        "subscribers/<uuid:public_id>/timeline/",
        report_people.subscriber_timeline,
        name="subscriber_timeline",
    ),
    path("settings/dead-letters/", dead_letters.dead_letters, name="dead_letters"),
    path(
        "settings/dead-letters/<int:pk>/replay/", dead_letters.replay_dead_letter, name="replay_dead_letter"
    ),
    path("settings/amazon/", amazon.amazon, name="amazon"),
    path("settings/amazon/choices/", amazon.amazon_choices, name="amazon_choices"),
    path("settings/amazon/documents/", amazon.amazon_documents, name="amazon_documents"),
    path("settings/bounces/", policy.policy, name="policy"),
    path("settings/webhooks/", webhooks.webhook_list, name="webhook_list"),
    path("settings/webhooks/add/", webhooks.webhook_add, name="webhook_add"),
    path(_webhook, webhooks.webhook_detail, name="webhook_detail"),
    path(f"{_webhook}test/", webhooks.webhook_test, name="webhook_test"),
    path(f"{_webhook}secret/", webhooks.webhook_rotate, name="webhook_rotate"),
    path(f"{_webhook}replay/", webhooks.webhook_replay, name="webhook_replay"),
    path(f"{_webhook}remove/", webhooks.webhook_remove, name="webhook_remove"),
    path("deliverability/", deliverability.overview, name="deliverability"),
    path("deliverability/look/", deliverability.look, name="deliverability_look"),
    path("deliverability/rates/", deliverability.rates, name="deliverability_rates"),
    path("deliverability/inactive/", sunset.policy, name="deliverability_sunset"),
    path("deliverability/amazons-list/", account_list.search, name="deliverability_list"),
    path("mp-trap/", public.trap, name="trap"),
    # What works below this is answered in front of Django, see `events.tracking`.
    path("l/", public.broken_link, name="broken_link"),
    path("u/<str:token>/", public.unsubscribe, name="unsubscribe"),
    # Some mail programs take the last slash away; a redirect would turn their POST into a GET.
    path("u/<str:token>", public.unsubscribe, name="unsubscribe_bare"),
    path("p/<str:token>/", public.preference_page, name="preferences"),
    path("v/<str:token>/", public.view_in_browser, name="view_in_browser"),
    path("archive/", archive.archive_list, name="archive"),
    path("archive/<str:token>/", archive.archive_copy, name="archive_copy"),
    path("s/<uuid:public_id>/", signup.sign_up, name="signup"),
    path("c/<str:token>/", signup.confirm, name="signup_confirm"),
    path("m/<str:token>/", my_data.show_data, name="my_data"),
    path("e/<str:token>/", my_data.erase, name="my_erasure"),
    path("forms/", signup_forms.form_list, name="form_list"),
    path("forms/add/", signup_forms.form_add, name="form_add"),
    path(_form, signup_forms.form_detail, name="form_detail"),
    path(f"{_form}words/", signup_forms.form_words, name="form_words"),
    path(f"{_form}welcome/", signup_forms.form_welcome, name="form_welcome"),
    path(f"{_form}archive/", signup_forms.form_archive, name="form_archive"),
]

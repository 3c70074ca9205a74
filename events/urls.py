"""Addresses of the app `events`."""

from django.urls import URLPattern, URLResolver, path

from .views import dashboard, dead_letters, decisions, public, report

app_name = "events"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", dashboard.show, name="dashboard"),
    path("campaigns/<uuid:public_id>/report/", report.campaign_report, name="campaign_report"),
    path("campaigns/<uuid:public_id>/report/people/", report.campaign_people, name="campaign_people"),
    path(
        "campaigns/<uuid:public_id>/report/people.csv", report.campaign_people_csv, name="campaign_people_csv"
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
    path("subscribers/<uuid:public_id>/timeline/", report.subscriber_timeline, name="subscriber_timeline"),
    path("settings/dead-letters/", dead_letters.dead_letters, name="dead_letters"),
    path(
        "settings/dead-letters/<int:pk>/replay/", dead_letters.replay_dead_letter, name="replay_dead_letter"
    ),
    path("u/<str:token>/", public.unsubscribe, name="unsubscribe"),
    path("p/<str:token>/", public.preference_page, name="preferences"),
    path("v/<str:token>/", public.view_in_browser, name="view_in_browser"),
]

"""Addresses of the app `events`."""

from django.urls import URLPattern, URLResolver, path

from .views import public

app_name = "events"
urlpatterns: list[URLPattern | URLResolver] = [
    path("u/<str:token>/", public.unsubscribe, name="unsubscribe"),
    path("p/<str:token>/", public.preference_page, name="preferences"),
    path("v/<str:token>/", public.view_in_browser, name="view_in_browser"),
]

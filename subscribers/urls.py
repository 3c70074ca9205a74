"""Addresses of the app `subscribers`."""

from django.urls import URLPattern, URLResolver

app_name = "subscribers"
urlpatterns: list[URLPattern | URLResolver] = []

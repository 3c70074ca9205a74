"""Addresses of the app `subscribers`."""

from django.urls import URLPattern, URLResolver, path

from .views import register

app_name = "subscribers"
urlpatterns: list[URLPattern | URLResolver] = [
    path("consent/", register.register, name="register"),
    path("consent/check/", register.register_verify, name="register_verify"),
    path("consent/export/", register.register_export, name="register_export"),
]

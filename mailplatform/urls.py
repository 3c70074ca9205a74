"""All addresses of the site."""

from django.urls import include, path

urlpatterns = [
    path("", include("events.urls")),
    path("", include("campaigns.urls")),
    path("", include("subscribers.urls")),
    path("", include("mailplatform.accounts.urls")),
    path("account/", include("allauth.account.urls")),
    path("account/2fa/", include("allauth.mfa.urls")),
]

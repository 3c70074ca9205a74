"""All addresses of the site, and the parts of the API put together."""

from django.contrib.auth.decorators import login_not_required
from django.urls import URLPattern, include, path
from django.views.generic import RedirectView
from ninja import NinjaAPI

from campaigns.api import router as campaigns
from mailplatform.accounts.access import require_role
from mailplatform.accounts.api import ApiError, Bearer, Docs, refuse
from subscribers.api import router as people

api = NinjaAPI(
    title="mailplatform",
    version="1",
    auth=Bearer(),
    docs=Docs(),
    docs_decorator=require_role("viewer"),
    urls_namespace="api",
)
api.add_exception_handler(ApiError, refuse)
api.add_router("", people)
api.add_router("", campaigns)
api_urls = api.urls
for entry in api_urls[0]:
    # These ask for a token by themselves; the pages about the API ask to sign in.
    if isinstance(entry, URLPattern) and entry.name not in {"openapi-json", "openapi-view"}:
        login_not_required(entry.callback)

urlpatterns = [
    path("", include("events.urls")),
    path("", include("campaigns.urls")),
    path("", include("subscribers.urls")),
    path("", include("mailplatform.accounts.urls")),
    path("api/v1/", api_urls),
    # The library's page lets anybody change their address unconfirmed; here an administrator invites a new one.
    path("account/email/", RedirectView.as_view(pattern_name="accounts:profile"), name="account_email"),
    path("account/", include("allauth.account.urls")),
    path("account/2fa/", include("allauth.mfa.urls")),
]

"""What all hosted pages share: no sign-in, no cookie, no script, the reader's language, nothing for search engines."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from events.selectors import hosted
from mailplatform.accounts.access import current_site
from subscribers import words

Page = Callable[..., HttpResponse]


def open_page(*methods: str) -> Callable[[Page], Page]:
    """Open a view to everybody. Its POST needs no CSRF token: there is no session that a stranger could abuse."""

    def decorate(view: Page) -> Page:
        return csrf_exempt(login_not_required(never_cache(require_http_methods(list(methods))(view))))

    return decorate


def language_for(request: HttpRequest, *wishes: str, among: list[str] | None = None) -> str:
    """Return the person's language, else the browser's, else the installation's."""
    browser = words.accepted(request.headers.get("Accept-Language", ""))
    site = current_site(request)
    return words.choose(*filter(None, wishes), *browser, site.language, among=among or words.LANGUAGES)


def show(request: HttpRequest, page: str, *, lang: str, status: int = 200, **more: Any) -> HttpResponse:
    """Render `templates/pages/<page>.html` in one language."""
    context: dict[str, object] = {**hosted.imprint(current_site(request)), "lang": lang, **more}
    response = render(request, f"{page}.html", context, status=status)
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Content-Language"] = lang
    return response


def address_of(request: HttpRequest) -> str:
    """Return the reader's IP; whatever is stored keeps only its network."""
    return str(request.META.get("REMOTE_ADDR", ""))

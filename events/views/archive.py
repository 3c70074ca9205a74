"""The public archive of campaigns: a list, and each mail as somebody without a name would get it."""

from typing import Final

from django.http import HttpRequest, HttpResponse

from campaigns.services import archive

from .hosted_pages import language_for, open_page, show
from .public import MAIL_POLICY

_HEADING: Final = {
    "en": "Past mailings",
    "de": "Frühere Ausgaben",
    "fr": "Anciens envois",
    "es": "Envíos anteriores",
    "it": "Invii precedenti",
    "nl": "Eerdere edities",
}
_EMPTY: Final = {
    "en": "Nothing here yet.",
    "de": "Hier ist noch nichts.",
    "fr": "Rien ici pour le moment.",
    "es": "Aquí no hay nada todavía.",
    "it": "Qui non c'è ancora nulla.",
    "nl": "Hier is nog niets.",
}


@open_page("GET", "HEAD")
def archive_list(request: HttpRequest) -> HttpResponse:
    """List what anybody may read."""
    lang = language_for(request)
    heading, empty = _HEADING.get(lang, _HEADING["en"]), _EMPTY.get(lang, _EMPTY["en"])
    return show(request, "public/archive", lang=lang, items=archive.items(), heading=heading, empty=empty)


@open_page("GET", "HEAD")
def archive_copy(request: HttpRequest, token: str) -> HttpResponse:
    """Show one mail, shut off from our own pages by its own policy."""
    try:
        copy = archive.copy(token)
    except archive.NotInArchive:
        return show(request, "public/unknown_link", lang=language_for(request), status=404)
    response = HttpResponse(copy.html)
    response["Content-Security-Policy"] = MAIL_POLICY
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response

"""One act over many people: chosen on the people page, confirmed with its count, watched until it is done."""

from collections.abc import AsyncIterator, Iterator
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from mailplatform.accounts.access import current_user, require_role
from mailplatform.core import clock
from mailplatform.core.numbers import whole

from ..forms import bulk as forms
from ..models import BulkJob
from ..services import bulk as service
from ..services import people_export


@require_role("marketer")
@require_POST
def bulk(request: HttpRequest) -> HttpResponse:
    """Show how many people it is and ask with what, then do it."""
    selection, action = forms.selection_of(request.POST), request.POST.get("action", "")
    if action not in forms.FORMS or not (count := _count(selection)):
        messages.error(request, "Tick some people and choose what to do with them.")
        return redirect(_back(selection))
    confirmed = request.POST.get("confirmed", "")
    form = forms.FORMS[action](request.POST if confirmed else None)
    if confirmed and form.is_valid():
        try:
            job = service.start(
                action=action,
                selection=selection,
                target=forms.target(form),
                actor=current_user(request),
                count=whole(confirmed),
            )
        except service.BulkError as error:
            form.add_error(None, str(error))
        else:
            return redirect("subscribers:subscriber_bulk_job", job.public_id)
    context = {
        "form": form,
        "count": count,
        "action": action,
        "words": forms.WORDS[action],
        "note": forms.NOTES.get(action, ""),
        "scope": request.POST.get("scope", ""),
        "query": selection.query,
        "people": request.POST.getlist("person")[:1000],
        "back_url": _back(selection),
    }
    return render(request, "subscribers/bulk_confirm.html", context, status=422 if form.errors else 200)


@require_role("marketer")
@require_GET
def bulk_job(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """How far an act is, and what came out; the page looks again by itself."""
    job = BulkJob.objects.filter(public_id=public_id).first()
    if job is None:
        raise Http404("There is no such act.")
    left_out = sorted(job.left_out.items(), key=lambda pair: -pair[1])
    fragment = request.headers.get("HX-Target") == "bulk-state"
    page = "subscribers/_bulk_state.html" if fragment else "subscribers/bulk_job.html"
    return render(request, page, {"job": job, "left_out": left_out})


@require_role("marketer")
@require_POST
def export(request: HttpRequest) -> HttpResponseBase:
    """Send the people as CSV, streamed."""
    selection = forms.selection_of(request.POST)
    if not _count(selection):
        messages.error(request, "Tick the people to export, or choose “everybody found”.")
        return redirect(_back(selection))
    pieces = people_export.export(selection=selection, actor=current_user(request))
    headers = {"Content-Disposition": f'attachment; filename="people-{clock.now():%Y-%m-%d}.csv"'}
    body = as_pieces(pieces) if isinstance(request, ASGIRequest) else pieces
    return StreamingHttpResponse(body, content_type="text/csv; charset=utf-8", headers=headers)


async def as_pieces(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Under ASGI Django would read a plain generator into memory."""
    following = sync_to_async(lambda: next(pieces, None))
    while (piece := await following()) is not None:
        yield piece


def _count(selection: service.Selection) -> int:
    return 0 if selection.ids == (0,) else selection.count()


def _back(selection: service.Selection) -> str:
    return f"{reverse('subscribers:subscriber_list')}?{selection.query}".removesuffix("?")

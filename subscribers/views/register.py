"""The consent register: its pages, its check and its export."""

import datetime as dt
import tempfile
from collections.abc import AsyncIterator
from typing import IO, Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.core.handlers.asgi import ASGIRequest
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from mailplatform.accounts.access import current_user, require_role
from mailplatform.accounts.models import Role
from mailplatform.accounts.services import installation
from mailplatform.core import clock
from mailplatform.core.numbers import whole

from ..ledger.export import Format
from ..models import Subscriber
from ..selectors import register as selectors
from ..selectors.subscribers import access_subscriber
from ..services import register as services

CHUNK = 1 << 20
# Beyond this the check takes minutes: that is for the command line.
CHECKED_IN_BROWSER = 200_000


@require_GET
@require_role(Role.VIEWER)
def register(request: HttpRequest) -> HttpResponse:
    """Show the register, newest first, and how the ledger stands."""
    filters, wrong = parse_filters(request.GET)
    page = selectors.page(filters, before=_number(request.GET, "before"), after=_number(request.GET, "after"))
    state = selectors.state()
    context = {
        "page": page,
        "filters": filters,
        "wrong": wrong,
        "choices": selectors.choices(),
        "state": state,
        "may_export": current_user(request).has_role(Role.ADMIN),
        "may_check": _is_small(state),
    }
    return render(request, "subscribers/register.html", context)


@require_GET
@require_role(Role.ADMIN)
def person_proof(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Show all that the register holds of one person, with its proof, as one page for printing."""
    try:
        person = access_subscriber(public_id)
    except Subscriber.DoesNotExist:
        raise Http404("There is nobody of this reference.") from None
    found = services.prove_person(person=person, actor=current_user(request))
    context = {
        "person": person, "proof": found, "now": clock.now(), "site": installation.get(),
        "subject": ",".join(map(str, found.subjects)),
    }  # fmt: skip
    return render(request, "subscribers/person_proof.html", context)


@require_POST
@require_role(Role.VIEWER, viewers_post=True)
def register_verify(request: HttpRequest) -> HttpResponse:
    """Check the whole ledger and show what came out; a large one is for the command line."""
    if not _is_small(selectors.state()):
        messages.info(request, "The register is too large to be checked here: run manage.py verify_register.")
        return redirect("subscribers:register")
    report = services.verify_register(actor=current_user(request))
    page = "report" if request.headers.get("HX-Request") else "checked"
    return render(request, f"subscribers/register_{page}.html", {"report": report, "lines": report.lines()})


def _is_small(state: selectors.LedgerState) -> bool:
    return state.head is None or state.head.last_id <= CHECKED_IN_BROWSER


@require_POST
@require_role(Role.ADMIN)
def register_export(request: HttpRequest) -> HttpResponseBase:
    """Send the filtered register as a signed zip."""
    filters, wrong = parse_filters(request.POST)
    if wrong:
        return HttpResponse("; ".join(wrong), status=400, content_type="text/plain; charset=utf-8")
    form: Format = "json" if request.POST.get("form") == "json" else "csv"
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the last byte is sent
    try:
        services.export_register(filters=filters, form=form, target=file, actor=current_user(request))
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return download(request, file, f"consent-register-{clock.now():%Y-%m-%d}.zip")


def download(request: HttpRequest, file: IO[bytes], name: str) -> HttpResponseBase:
    """Send an open file; under ASGI from a generator, because Django would read a plain one into memory."""
    if not isinstance(request, ASGIRequest):
        return FileResponse(file, as_attachment=True, filename=name, content_type="application/zip")
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(_chunks(file), content_type="application/zip", headers=headers)


def parse_filters(data: QueryDict) -> tuple[selectors.Filters, list[str]]:
    """Read the filters; what cannot be read is left out and said."""
    wrong: list[str] = []
    values: dict[str, Any] = {name: _day(data, name, wrong) for name in ("since", "until")}
    for name, choices in selectors.choices().items():
        given = data.get(name, "")
        if given and given not in dict(choices):
            wrong.append(f"“{given[:40]}” is not known here and was left out.")
        else:
            values[name] = given
    values["subject"] = _subjects(data, wrong)
    values["source"] = data.get("source", "").replace("\0", "").strip()[:200]
    return selectors.Filters(**values), wrong


def _subjects(data: QueryDict, wrong: list[str]) -> str:
    given = data.get("subject", "").strip()
    try:
        return ",".join(str(UUID(part)) for part in given.split(",")) if given else ""
    except ValueError:
        wrong.append("The reference of a person cannot be read and was left out.")
        return ""


def _day(data: QueryDict, name: str, wrong: list[str]) -> dt.date | None:
    given = data.get(name, "").strip()
    try:
        return dt.date.fromisoformat(given) if given else None
    except ValueError:
        wrong.append(f"“{given[:40]}” is not a date; write it like 2026-01-31.")
        return None


def _number(data: QueryDict, name: str) -> int | None:
    return whole(data.get(name)) or None


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    try:
        while chunk := await sync_to_async(file.read, thread_sensitive=False)(CHUNK):
            yield chunk
    finally:
        file.close()

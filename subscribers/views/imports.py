"""The import wizard: upload → map and declare → dry run → import → result."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from mailplatform.accounts.access import current_user, require_role
from mailplatform.accounts.models import Role
from mailplatform.accounts.services import audit
from mailplatform.core.sheets import csv_rows

from ..forms import imports as forms
from ..forms import orders as order_forms
from ..importing.columns import REFUSED_COLUMNS, MappingError
from ..merging.statement import StatementError
from ..models import CustomField, ImportJob, ImportKind, ImportState
from ..selectors import imports as selector
from ..selectors import lists
from ..services import importing as service

GONE = "This import has moved on meanwhile. Here is how it stands."


@require_role("viewer")
@require_GET
def import_list(request: HttpRequest) -> HttpResponse:
    """All imports, newest first."""
    context = {"jobs": selector.recent(), "can_edit": current_user(request).has_role(Role.MARKETER)}
    return render(request, "subscribers/import_list.html", context)


@require_role("marketer")
@require_http_methods(["GET", "POST"])
def import_start(request: HttpRequest) -> HttpResponse:
    """Upload a file."""
    initial = {"kind": request.GET.get("kind", ImportKind.PEOPLE)}
    form = forms.UploadForm(request.POST or None, request.FILES or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            job = _uploaded(request, form)
        except service.FileRefusedError as error:
            form.add_error("storage_key" if form.cleaned_data["storage_key"] else "file", str(error))
        else:
            return redirect("subscribers:import_map", job.public_id)
    context = {"form": form, "steps": _steps(1)}
    return render(request, "subscribers/import_start.html", context, status=422 if form.errors else 200)


def _uploaded(request: HttpRequest, form: forms.UploadForm) -> ImportJob:
    data, actor = form.cleaned_data, current_user(request)
    kind = data["kind"] or ImportKind.PEOPLE
    if data["storage_key"]:
        return service.create_from_storage(key=data["storage_key"], actor=actor, kind=kind)
    return service.create_job(file=data["file"], actor=actor, kind=kind)


@require_role("marketer")
@require_http_methods(["GET", "POST"])
def import_map(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Say what the columns mean, and on what basis the people may be written to."""
    job = _job(public_id)
    if not selector.is_open(job):
        return redirect("subscribers:import_detail", job.public_id)
    if job.kind != ImportKind.PEOPLE:
        return (_map_orders if job.kind == ImportKind.ORDERS else _map_suppression)(request, job)
    fields = {field.key: field for field in CustomField.objects.all()}
    data = request.POST or None
    form = forms.DeclarationForm(data, lists=lists.live(), initial=_declared(job))
    if request.method == "POST" and form.is_valid() and _declare(request, job, form, fields):
        return redirect("subscribers:import_detail", job.public_id)
    context = {
        "job": job,
        "form": form,
        "reading": forms.ReadingForm(mapping=job.mapping),
        "rows": forms.column_rows(job.mapping, data, set(fields)),
        "groups": forms.target_groups(list(fields.values())),
        "types": forms.TYPE_CHOICES,
        "steps": _steps(2, job),
    }
    return render(request, "subscribers/import_map.html", context, status=422 if form.errors else 200)


def _map_orders(request: HttpRequest, job: ImportJob) -> HttpResponse:
    """The same step for a file of orders."""
    before = selector.followed(job)
    initial = order_forms.initial(job.options or (before.options if before else {}))
    data = request.POST or None
    form = order_forms.OrdersForm(data, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            service.declare_orders(
                job=job,
                columns=order_forms.posted_columns(job.mapping, request.POST),
                shop=form.cleaned_data["shop"],
                currency=form.cleaned_data["currency"],
                soft_opt_in=form.soft_opt_in(),
                actor=current_user(request),
            )
            service.start_check(job=job)
        except (MappingError, StatementError) as error:
            form.add_error(None, str(error))
        except service.ImportStateError:
            messages.info(request, GONE)
        if not form.errors:
            return redirect("subscribers:import_detail", job.public_id)
    context = {
        "job": job,
        "form": form,
        "reading": forms.ReadingForm(mapping=job.mapping),
        "rows": forms.column_rows(job.mapping, data, set()),
        "groups": [("", order_forms.CHOICES)],
        "steps": _steps(2, job),
    }
    return render(request, "subscribers/import_orders.html", context, status=422 if form.errors else 200)


def _map_suppression(request: HttpRequest, job: ImportJob) -> HttpResponse:
    """The same step for a file of people who must get no mail."""
    form = forms.SuppressionForm(request.POST or None, mapping=job.mapping, initial=job.options)
    if request.method == "POST" and form.is_valid():
        try:
            service.declare_suppression(job=job, actor=current_user(request), **form.cleaned_data)
            service.start_check(job=job)
        except MappingError as error:
            form.add_error(None, str(error))
        except service.ImportStateError:
            messages.info(request, GONE)
        if not form.errors:
            return redirect("subscribers:import_detail", job.public_id)
    context = {
        "job": job,
        "form": form,
        "reading": forms.ReadingForm(mapping=job.mapping),
        "names": [column["name"] for column in job.mapping["columns"]],
        "steps": _steps(2, job),
    }
    return render(request, "subscribers/import_suppress.html", context, status=422 if form.errors else 200)


def _declare(
    request: HttpRequest, job: ImportJob, form: forms.DeclarationForm, fields: dict[str, CustomField]
) -> bool:
    columns = forms.posted_columns(job.mapping, request.POST, fields)
    data = form.cleaned_data
    choices = [column.field_key for column in columns if column.type == "choice"] if data["segments"] else []
    try:
        service.declare(
            job=job,
            columns=columns,
            statement=form.statement(),
            mailing_list=data["mailing_list"],
            create_segments=choices,
            existing=data["existing"],
            actor=current_user(request),
        )
    except (MappingError, StatementError) as error:
        form.add_error(None, str(error))
        return False
    except service.ImportStateError:
        messages.info(request, GONE)
        return True
    service.start_check(job=job)
    return True


def _declared(job: ImportJob) -> dict[str, Any]:
    """Return what was declared before, for this file or for the one whose refused rows it holds, or the usual."""
    before = selector.followed(job)
    options = job.options or (before.options if before else {})
    statement = options.get("statement", {})
    moment = str(statement.get("occurred_at", ""))
    return {
        "basis": "consent",
        "existing": options.get("existing", "overwrite"),
        "segments": True,
        "mailing_list": job.mailing_list_id or (before.mailing_list_id if before else None),
        **{key: value for key, value in statement.items() if key != "occurred_at"},
        "occurred_on": moment[:10],
    }


@require_role("marketer")
@require_POST
def import_reread(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Read the file again in another encoding, with another delimiter, or from another sheet."""
    job = _job(public_id)
    form = forms.ReadingForm(request.POST, mapping=job.mapping)
    if form.is_valid():
        try:
            service.reread(job=job, **form.chosen())
        except service.FileRefusedError as error:
            messages.error(request, str(error))
        except service.ImportStateError:
            messages.info(request, GONE)
    return redirect("subscribers:import_map", job.public_id)


@require_role("viewer")
@require_GET
def import_detail(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """How an import stands; htmx asks for the middle part alone while it works."""
    job = _job(public_id)
    context = {
        "job": job,
        "preview": job.preview,
        "reasons": job.preview.get("reasons", []),
        "steps": _steps(selector.step(job), job),
        "working": selector.is_working(job),
        "refused": selector.refused_sample(job),
        "share": round(100 * job.rows_done / job.rows_total) if job.rows_total else 0,
        "can_edit": current_user(request).has_role(Role.MARKETER),
        "undo_until": selector.undo_until(job),
        "kept": selector.kept(job) if job.state == ImportState.UNDONE else [],
    }
    fragment = request.headers.get("HX-Target") == "import-state"
    return render(
        request, "subscribers/_import_state.html" if fragment else "subscribers/import_detail.html", context
    )


@require_role("marketer")
@require_POST
def import_commit(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Start the import that was looked at."""
    job = _job(public_id)
    try:
        service.start_import(job=job, actor=current_user(request))
    except service.ImportStateError:
        messages.info(request, GONE)
    return redirect("subscribers:import_detail", job.public_id)


@require_role("marketer")
@require_POST
def import_cancel(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Give an import up before it started."""
    job = _job(public_id)
    try:
        service.cancel(job=job, actor=current_user(request))
    except service.ImportStateError:
        messages.info(request, GONE)
        return redirect("subscribers:import_detail", job.public_id)
    messages.success(request, "The import was cancelled and the file removed.")
    return redirect("subscribers:import_list")


@require_role("marketer")
@require_POST
def import_undo(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Take an import back."""
    job = _job(public_id)
    try:
        service.start_undo(job=job, actor=current_user(request))
    except service.ImportStateError:
        messages.error(request, "This import can no longer be taken back.")
    return redirect("subscribers:import_detail", job.public_id)


@require_role("marketer")
@require_GET
def import_refused(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The refused rows as CSV: the original cells, the line and the reason, to be mended and sent again."""
    job = _job(public_id)
    # The keys of JSON objects stand behind the columns of the file; the objects hold them already.
    added = sum(map(len, job.mapping.get("expansion", {}).values()))
    columns = job.mapping["columns"]
    names = [column["name"] for column in columns[: len(columns) - added]]
    rows = [[*names, *REFUSED_COLUMNS]]
    for line, reason, row in selector.refused_rows(job):
        cells = [*row, *([""] * (len(names) - len(row)))][: len(names)]
        rows.append([*cells, str(line), reason])
    response = HttpResponse(["\ufeff", *csv_rows(rows)], content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="refused-{job.public_id}.csv"'
    audit.record(actor=current_user(request), action="import.refused_rows_downloaded", obj=job)
    return response


def _steps(current: int, job: ImportJob | None = None) -> list[dict[str, Any]]:
    here = reverse("subscribers:import_detail", args=[job.public_id]) if job else "#"
    can_map = job is not None and selector.is_open(job)
    mapping = reverse("subscribers:import_map", args=[job.public_id]) if job and can_map else here
    urls = {
        "Upload": reverse("subscribers:import_start"),
        "Columns and consent": mapping,
        "Check": here,
        "Import": here,
    }
    return [
        {"label": name, "url": url, "done": number < current, "current": number == current}
        for number, (name, url) in enumerate(urls.items(), start=1)
    ]


def _job(public_id: UUID) -> ImportJob:
    try:
        return selector.access_import(public_id)
    except ImportJob.DoesNotExist:
        raise Http404("There is no such import.") from None

"""The Amazon account: what sending needs there, what differs, and buttons that make it so or take it away."""

from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods
from kombu.exceptions import OperationalError

from events import periodic
from events.account_forms import ChoicesForm, RemoveForm, schedule_rows
from events.services import account_choices, account_documents, account_progress, account_work
from mailplatform.accounts.access import current_user, require_recent_sign_in, require_role
from mailplatform.accounts.services import installation
from mailplatform.accounts.views.tabs import settings_tabs
from mailplatform.aws.provision.wanted import BadChoice, Wanted

BUSY = "A worker is at it already."


@require_role("admin")
@require_http_methods(["GET", "POST"])
def amazon(request: HttpRequest) -> HttpResponse:
    """Show the last look and the steps; `act` compares, applies, looks what would go or removes it."""
    if request.method != "POST":
        return _page(request)
    require_recent_sign_in(request)
    act, typed = request.POST.get("act", ""), request.POST.get("typed", "")
    try:
        account_progress.begin(act, typed=typed)
        periodic.work_on_account.delay(act=act, user_id=current_user(request).pk)
    except ValueError:
        text = "Choose compare, apply or remove."
        return HttpResponse(text, status=HTTPStatus.BAD_REQUEST, content_type="text/plain")
    except account_progress.NotSure as error:
        return _page(request, refused=str(error))
    except account_progress.AlreadyWorking:
        messages.info(request, BUSY)
    except OperationalError:
        account_progress.forget()
        messages.error(request, "The queue cannot be reached. Nothing was started; try again in a moment.")
    else:
        return redirect(reverse("events:amazon") + "#account-work")
    return redirect("events:amazon")


@require_role("admin")
@require_http_methods(["GET", "POST"])
def amazon_choices(request: HttpRequest) -> HttpResponse:
    """Choose what sending needs there; POST keeps it for the next compare and apply."""
    want = account_choices.wanted()
    data = request.POST if request.method == "POST" else None
    form, rows = ChoicesForm.of(want, data), schedule_rows(want, data)
    if data is not None:
        require_recent_sign_in(request)
        if (form.is_valid() & rows.is_valid()) and _saved(request, form, rows.schedules()):
            return redirect("events:amazon")
    status = HTTPStatus.OK if data is None else HTTPStatus.UNPROCESSABLE_ENTITY
    context = {"form": form, "rows": rows, "is_wrong": data is not None}
    return render(request, "events/amazon_choices.html", context, status=status)


@require_role("admin")
@require_GET
def amazon_documents(request: HttpRequest) -> HttpResponse:
    """Show the policies, the template and the request for production access; `file` is one to download."""
    number, problem = request.GET.get("account", "").strip(), ""
    documents = [account_documents.request_for_access()]
    try:
        documents = [*account_documents.of_account(number), *documents]
    except (account_documents.BadAccount, *account_work.EXPECTED) as error:
        problem = str(error)
    if wanted := request.GET.get("file"):
        return _file(documents, wanted)
    is_given = bool(number) and not problem
    asked = {"account": number, "file": ""} if is_given else {"file": ""}
    context = {
        "files": f"?{urlencode(asked)}",
        "documents": documents,
        "problem": problem,
        "number": number or installation.get().account_id,
        "is_given": is_given,
    }
    return render(request, "events/amazon_documents.html", context)


def _page(request: HttpRequest, *, refused: str = "") -> HttpResponse:
    row = installation.get()
    confirm = RemoveForm(
        request.POST if refused else None, prefix_of_names=row.configuration_set_prefix, refused=refused
    )
    work = account_progress.state()
    want = account_choices.wanted()
    not_applied = account_choices.not_applied(want)
    context: dict[str, Any] = {
        "tabs": settings_tabs("events:amazon"),
        "row": row,
        "want": want,
        "not_applied": not_applied,
        "facts": _facts(want, not_applied),
        "work": work,
        "confirm": confirm,
        "refused": refused,
        "under_way": account_work.under_way() if work and work.may_remove else 0,
        "schedules": account_work.schedules(),
        "region": installation.region(row),
        "in_sandbox": installation.is_sandbox(row),
    }
    context["is_fragment"] = request.headers.get("HX-Target") == "account-work"
    page = "events/amazon_work.html" if context["is_fragment"] else "events/amazon.html"
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return render(request, page, context, status=status)


def _facts(want: Wanted, not_applied: set[str]) -> list[tuple[str, str, bool]]:
    """Return what can be chosen: its name, what was chosen, and whether that was not applied yet."""
    found = {
        "identities": ("Sends from", ", ".join(want.identities) or "no default sender yet"),
        "operations_address": ("Alarms go to", want.operations_address or "nobody"),
        "tracking_domain": ("Tracking domain", want.tracking_domain or "none"),
        "ip_pool": ("Dedicated addresses", want.ip_pool or "none"),
        "tenant": ("Tenant", want.tenant or "none"),
        "schedules": ("Schedules", ", ".join(item.name for item in want.schedules) or "none"),
        "without": ("Left out", ", ".join(sorted(want.without)) or "nothing"),
    }
    return [(label, value, name in not_applied) for name, (label, value) in found.items()]


def _saved(request: HttpRequest, form: ChoicesForm, schedules: Any) -> bool:
    choices = {**form.choices(), "schedules": schedules}
    try:
        is_changed = account_choices.save(actor=current_user(request), choices=choices)
    except BadChoice as error:
        form.add_error(None, str(error))
        return False
    except account_progress.AlreadyWorking:
        form.add_error(None, "A worker is at the account. Nothing was saved; save when it has ended.")
        return False
    said = "Saved. Compare to see what it changes, then apply." if is_changed else "Nothing was changed."
    messages.success(request, said)
    return True


def _file(documents: list[account_documents.Document], wanted: str) -> HttpResponse:
    for document in documents:
        if document.name == wanted:
            name = f"mailplatform-{document.name}.{document.kind}"
            kind = "application/json" if document.kind == "json" else "text/plain; charset=utf-8"
            headers = {"Content-Disposition": f'attachment; filename="{name}"'}
            return HttpResponse(document.text + "\n", content_type=kind, headers=headers)
    raise Http404

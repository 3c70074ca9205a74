"""Privacy requests: the list with deadlines, a new case, one case with its log and what can be done."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from mailplatform.accounts.access import current_user, require_role
from mailplatform.accounts.models import User
from mailplatform.aws.suppression import SuppressionListUnreachable
from mailplatform.core.numbers import whole

from ..forms.rights import CorrectionForm, NewCaseForm
from ..models import RightsCase, RightsKind, SuppressionReason
from ..selectors import rights as selector
from ..services import rights as service
from ..services import suppression


@require_role("admin")
@require_GET
def rights_list(request: HttpRequest) -> HttpResponse:
    """Open requests by deadline, or decided ones."""
    decided = request.GET.get("show") == "decided"
    page = selector.page(decided=decided, after=whole(request.GET.get("after")))
    context = {
        "page": page,
        "decided": decided,
        "tabs": [
            {"label": "Open", "url": request.path, "active": not decided, "count": page.open},
            {"label": "Decided", "url": f"{request.path}?show=decided", "active": decided},
        ],
    }
    return render(request, "subscribers/rights_list.html", context)


@require_role("admin")
@require_http_methods(["GET", "POST"])
def rights_add(request: HttpRequest) -> HttpResponse:
    """Begin a case."""
    form = NewCaseForm(request.POST or None, initial={"email": request.GET.get("email", "")[:254]})
    if request.method == "POST" and form.is_valid():
        try:
            case = service.open_case(actor=current_user(request), **form.cleaned_data)
        except service.RightsError as error:
            form.add_error(error.field or None, str(error))
        else:
            messages.success(request, f"The case is open until {case.due_on:%-d %B %Y}.")
            return redirect("subscribers:rights_case", case.public_id)
    return render(request, "subscribers/rights_add.html", {"form": form}, status=422 if form.errors else 200)


@require_role("admin")
@require_GET
def rights_case(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """One case: what was done, and what can be."""
    return _show(request, _case(public_id))


@require_role("admin")
@require_POST
def rights_act(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Do one step of a case; `action` says which."""
    case = _case(public_id)
    act = ACTIONS.get(request.POST.get("action", ""))
    if act is None:
        return HttpResponse("There is no such step.", status=400, content_type="text/plain; charset=utf-8")
    try:
        said = act(case, request.POST.dict(), current_user(request))
    except service.RightsError as error:
        messages.error(request, str(error))
    except SuppressionListUnreachable as error:
        messages.error(
            request,
            f"Nothing was erased yet: Amazon SES could not be asked ({error}). Try again, or leave it out.",
        )
    else:
        messages.success(request, said)
    return redirect("subscribers:rights_case", case.public_id)


@require_role("admin")
@require_POST
def rights_data(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Download what is held, and note that it was handed over."""
    case = _case(public_id)
    try:
        document = service.hand_over(
            case=case, form=request.POST.get("form", ""), actor=current_user(request)
        )
    except service.RightsError as error:
        messages.error(request, str(error))
        return redirect("subscribers:rights_case", case.public_id)
    answer = HttpResponse(document.text, content_type=document.content_type)
    answer["Content-Disposition"] = f'attachment; filename="{document.name}"'
    answer["Cache-Control"] = "no-store"
    return answer


def _show(request: HttpRequest, case: RightsCase) -> HttpResponse:
    person = service.person_of(case)
    restricted = person is not None and SuppressionReason.RESTRICTED in suppression.suppression_reasons(
        bytes(person.email_key)
    )
    context = {
        "case": case,
        "person": person,
        "is_open": case.closed_at is None,
        "is_data": case.kind in {RightsKind.ACCESS, RightsKind.PORTABILITY},
        "may_lift": restricted and case.kind == RightsKind.RESTRICTION and case.closed_at is not None,
        "correction": CorrectionForm.of(person),
    }
    return render(request, "subscribers/rights_case.html", context)


def _case(public_id: UUID) -> RightsCase:
    try:
        return selector.access_case(public_id)
    except RightsCase.DoesNotExist:
        raise Http404("There is no such case.") from None


Given = Mapping[str, str]


def _note(case: RightsCase, given: Given, user: User) -> str:
    service.note(case=case, text=given.get("text", ""), actor=user)
    return "Noted."


def _extend(case: RightsCase, given: Given, user: User) -> str:
    changed = service.extend(case=case, reason=given.get("reason", ""), actor=user)
    return f"The deadline is {changed.due_on:%-d %B %Y} now. Tell the person, with the reason."


def _close(case: RightsCase, given: Given, user: User) -> str:
    refused = given.get("outcome") == "refused"
    service.close(case=case, refused=refused, text=given.get("text", ""), actor=user)
    return "The request is refused." if refused else "The case is closed."


def _rectify(case: RightsCase, given: Given, user: User) -> str:
    form = CorrectionForm({"name": given.get("name", ""), "language": given.get("language", "")})
    if not form.is_valid():
        raise service.RightsError(" ".join(str(text) for texts in form.errors.values() for text in texts))
    data: dict[str, Any] = form.cleaned_data
    service.rectify(case=case, name=data["name"], language=data["language"].lower(), actor=user)
    return "Corrected."


def _restrict(case: RightsCase, _given: Given, user: User) -> str:
    service.restrict(case=case, actor=user)
    return "Restricted. The person is stored, and gets no mail of any kind."


def _lift(case: RightsCase, given: Given, user: User) -> str:
    service.lift_restriction(case=case, because=given.get("text", ""), actor=user)
    return "The restriction has ended."


def _object(case: RightsCase, _given: Given, user: User) -> str:
    return service.object_(case=case, actor=user).outcome


def _erase(case: RightsCase, given: Given, user: User) -> str:
    service.erase(case=case, at_amazon=given.get("at_amazon") == "on", actor=user)
    return "Erased. The log says what was reached, and what was not."


ACTIONS: Final[Mapping[str, Callable[[RightsCase, Given, User], str]]] = {
    "note": _note,
    "extend": _extend,
    "close": _close,
    "rectify": _rectify,
    "restrict": _restrict,
    "lift": _lift,
    "object": _object,
    "erase": _erase,
}

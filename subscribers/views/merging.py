"""Make one person of two: choose the other one, see what comes out, confirm. Administrators only."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from mailplatform.accounts.access import current_user, require_role

from ..models import Subscriber
from ..selectors import merging as merging_selector
from ..selectors import subscribers as selector
from ..services import people_merging as service


@require_role("admin")
@require_http_methods(["GET", "POST"])
def subscriber_merge(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """`other` names the second person by number; without it people are searched for."""
    try:
        person = selector.access_subscriber(public_id)
    except Subscriber.DoesNotExist:
        if survivor := merging_selector.survivor_of(public_id):
            return redirect("subscribers:subscriber_detail", survivor.public_id)
        raise Http404("Nobody has this number. The person may have been erased.") from None
    wanted = request.POST.get("other", "") or request.GET.get("other", "")
    if not wanted:
        return _choose(request, person)
    other = _other(wanted)
    try:
        if other is None:
            raise service.PersonGone("This person was erased, or merged, or never existed.")
        if request.method == "POST":
            kept = service.merge(keep_id=person.pk, other_id=other.pk, actor=current_user(request))
            messages.success(request, f"Merged. {kept.email} is the one who stays.")
            return redirect("subscribers:subscriber_detail", kept.public_id)
        outcome = service.preview(keep_id=person.pk, other_id=other.pk)
    except service.MergeError as error:
        messages.error(request, str(error))
        return redirect("subscribers:subscriber_merge", public_id)
    return render(request, "subscribers/subscriber_merge.html", {"person": person, "outcome": outcome})


def _choose(request: HttpRequest, person: Subscriber) -> HttpResponse:
    search = request.GET.get("q", "").strip()[:254]
    rows = selector.find(selector.Filters(q=search), size=20).rows if search else []
    context = {"person": person, "search": search, "rows": [row for row in rows if row.id != person.pk]}
    return render(request, "subscribers/subscriber_merge.html", context)


def _other(text: str) -> Subscriber | None:
    try:
        return Subscriber.objects.filter(public_id=UUID(text)).first()
    except ValueError:
        return None

"""People: find, look at, add, change."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from mailplatform.accounts.access import current_user, require_role
from mailplatform.accounts.models import Role

from ..forms import bulk
from ..forms.people import BasisForm, NewPersonForm, PersonForm
from ..merging.statement import StatementError
from ..models import CustomField, Subscriber, Subscription, Tag
from ..selectors import eligibility, lists, merging, orders, profiles, segments, timeline
from ..selectors import subscribers as selector
from ..services import erasure, rights, unsubscribe
from ..services import subscribers as service
from .audience_tabs import audience_tabs

NOT_OF_A_PERSON = {"erased", "left_list", "cancelled"}
FIRST_STATES = [("mailable", "May get marketing mail")]


@require_role("viewer")
@require_GET
def subscriber_list(request: HttpRequest) -> HttpResponse:
    """One page of people; the address holds search and filters. htmx asks for the table alone."""
    filters = selector.Filters.from_query(request.GET.dict())
    page = selector.find(filters)
    found, exact = selector.count(filters)
    all_lists, tags = list(lists.live()), list(Tag.objects.all()[:200])
    list_names = {item.pk: item.name for item in all_lists}
    tag_names = {tag.pk: tag.name for tag in tags}
    context = {
        "rows": [
            (row, _names(row.list_ids, list_names), _names(row.tag_ids, tag_names)) for row in page.rows
        ],
        "filters": filters,
        "tabs": audience_tabs("subscriber_list"),
        "query": filters.address(),
        "bulk_actions": bulk.CHOICES,
        "segments": segments.live(),
        "broken_segment": segments.trouble(filters.segment_id) if filters.segment_id else "",
        "found": found,
        "exact": exact,
        "lists": all_lists,
        "tags": tags,
        "states": FIRST_STATES
        + [pair for pair in eligibility.REASONS.items() if pair[0] not in NOT_OF_A_PERSON],
        "can_edit": current_user(request).has_role(Role.MARKETER),
        "next_url": f"?{filters.address(after=page.next_after)}" if page.next_after else "",
        "first_url": f"?{filters.address()}" if filters.after else "",
    }
    fragment = request.headers.get("HX-Target") == "people"
    return render(
        request, "subscribers/_people.html" if fragment else "subscribers/subscriber_list.html", context
    )


@require_role("viewer")
@require_GET
def subscriber_detail(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Everything we know of one person, and how we know it."""
    if survivor := merging.survivor_of(public_id):
        messages.info(request, "This person was merged. Here is who they are now.")
        return redirect("subscribers:subscriber_detail", survivor.public_id)
    person = _person(public_id)
    facts = profiles.of(person)
    custom = CustomField.objects.filter(key__in=list(person.fields))
    context = {
        "person": person,
        "profile": facts.profile,
        "reason": facts.reason,
        "words": eligibility.REASONS.get(facts.reason, ""),
        "subscriptions": Subscription.objects.filter(subscriber=person).select_related("mailing_list"),
        "values": [(field, person.fields[field.key]) for field in custom],
        "bought": orders.of(facts.profile, person.pk),
        "entries": timeline.of(person),
        "former": merging.former(person.pk),
        "basis_form": BasisForm(initial={"basis": "consent"}),
        "can_edit": current_user(request).has_role(Role.MARKETER),
        "can_erase": current_user(request).has_role(Role.ADMIN),
    }
    return render(request, "subscribers/subscriber_detail.html", context)


@require_role("marketer")
@require_http_methods(["GET", "POST"])
def subscriber_add(request: HttpRequest) -> HttpResponse:
    """Add one person, with the evidence."""
    form = NewPersonForm(
        request.POST or None,
        lists=lists.live(),
        custom=list(CustomField.objects.all()),
        initial={"basis": "consent"},
    )
    if request.method == "POST" and form.is_valid():
        try:
            person = service.add(
                email=form.cleaned_data["email"],
                permission=form.permission(),
                actor=current_user(request),
                **form.details(),
            )
        except service.AlreadyKnownError as error:
            messages.info(request, f"{error.subscriber.email} is known already. Here is what we know.")
            return redirect("subscribers:subscriber_detail", error.subscriber.public_id)
        except service.SubscriberError as error:
            form.refuse(error)
        except StatementError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"{person.email} was added.")
            return redirect("subscribers:subscriber_detail", person.public_id)
    return render(
        request, "subscribers/subscriber_add.html", {"form": form}, status=422 if form.errors else 200
    )


@require_role("marketer")
@require_http_methods(["GET", "POST"])
def subscriber_edit(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Change a person's data, tags and lists."""
    person = _person(public_id)
    on_lists = Subscription.objects.filter(subscriber=person)
    initial = {
        "name": person.name,
        "language": person.language,
        "time_zone": person.time_zone,
        "tags": ", ".join(tag.name for tag in person.tags.all()),
    }
    form = PersonForm(
        request.POST or None,
        lists=lists.live().exclude(pk__in=on_lists.values("mailing_list_id")),
        custom=list(CustomField.objects.all()),
        subscriber=person,
        initial=initial,
    )
    if request.method == "POST" and form.is_valid():
        try:
            service.edit(subscriber=person, actor=current_user(request), **form.details())
        except service.SubscriberError as error:
            form.refuse(error)
        else:
            messages.success(request, "Saved.")
            return redirect("subscribers:subscriber_detail", person.public_id)
    context = {"form": form, "person": person}
    return render(request, "subscribers/subscriber_edit.html", context, status=422 if form.errors else 200)


@require_role("marketer")
@require_POST
def subscriber_basis(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Record evidence for a person without a basis."""
    person = _person(public_id)
    form = BasisForm(request.POST)
    if form.is_valid():
        try:
            service.record_permission(
                subscriber=person, permission=form.permission(), actor=current_user(request)
            )
        except StatementError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, "The evidence is in the consent register.")
    else:
        messages.error(request, "Please fill in the evidence: basis, where, when and the exact words.")
    return redirect("subscribers:subscriber_detail", person.public_id)


@require_role("marketer")
@require_POST
def subscriber_unsubscribe(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Record that a person asked, by phone or letter, to get no more mail."""
    person = _person(public_id)
    user = current_user(request)
    unsubscribe.leave_all(subscriber_id=person.pk, source=f"told user {user.pk}", method="manual", actor=user)
    messages.success(request, f"{person.email} gets no marketing mail any more.")
    return redirect("subscribers:subscriber_detail", person.public_id)


@require_role("admin")
@require_POST
def subscriber_erase(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Erase a person on request (GDPR Art. 17)."""
    person = _person(public_id)
    try:
        case = rights.erase_person(subscriber_id=person.pk, actor=current_user(request))
    except erasure.NobodyToErase:  # a second click at the same moment
        messages.info(request, "The person was erased already.")
        return redirect("subscribers:subscriber_list")
    messages.success(request, "The person was erased. Their address stays blocked as a keyed hash.")
    return redirect("subscribers:rights_case", case.public_id)


def _names(ids: list[int], names: dict[int, str]) -> list[str]:
    return [names[key] for key in ids if key in names]


def _person(public_id: UUID) -> Subscriber:
    try:
        return selector.access_subscriber(public_id)
    except Subscriber.DoesNotExist:
        raise Http404("Nobody has this number. The person may have been erased.") from None

"""Welcome mails: whoever confirmed a sign-up gets the form's template once, through the ledger of sends.

One campaign per form, and of it one run per version of its content. Newcomers join the newest run as batches of their
own, one for each language, which grows its audience in the same transaction; from there they are cut, checked and sent
as in any campaign, so a suppressed person gets a `skipped` row and no mail. Nobody gets the welcome of one form twice.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import F, Max

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit, installation
from mailplatform.core import clock
from subscribers.models import SignupForm, SignupRequest, Subscriber

from .. import tasks
from ..languages import choose as choose_language
from ..models import Batch, Campaign, CampaignState, Run, RunPurpose, RunState, Sender, Template, Welcome
from ..selectors import campaigns as selectors
from ..selectors import restores
from ..sending import states
from . import campaigns, publishing
from . import runs as launching

_AT_ONCE: Final = 500
_JOINABLE: Final = frozenset({RunState.SENDING, RunState.PAUSED, RunState.SENT})
_LOCK: Final = 7310
_KNOWN: Final = """
    SELECT p.id FROM unnest(%(people)s::bigint[]) p(id)
    WHERE EXISTS (SELECT FROM campaigns_delivery d
            WHERE d.run_id = ANY(%(runs)s::bigint[]) AND d.subscriber_id = p.id OFFSET 0)
        OR EXISTS (SELECT FROM campaigns_batch b WHERE b.run_id = ANY(%(runs)s::bigint[])
            AND b.state <> 'done' AND p.id = ANY(b.subscriber_ids))
"""


class WelcomeImpossible(ValueError):
    """The welcome cannot be set so; the message says why."""


@transaction.atomic
def choose(*, form: SignupForm, template: Template | None, actor: User | None) -> Welcome:
    """Choose the template that greets the people of this form, or none. Raises WelcomeImpossible."""
    if template is not None and template.archived_at is not None:
        message = "This template is out of use."
        raise WelcomeImpossible(message)
    welcome, _ = Welcome.objects.get_or_create(form=form)
    if welcome.template_id != (template.pk if template else None):
        welcome.template, welcome.problem = template, ""
        welcome.save()
        audit.record(
            actor=actor,
            action="signup_form.welcome",
            obj=form,
            detail={"template": template.name if template else ""},
        )
    return welcome


def greet_newcomers() -> int:
    """Put whoever confirmed since into their form's welcome run; return how many people. For beat.

    While a restored database is locked they wait.
    """
    if restores.is_locked():
        return 0
    waiting = SignupRequest.objects.filter(welcome_due_at__lte=clock.now())
    forms = waiting.order_by("form_id").values_list("form_id", flat=True).distinct()
    return sum(_greet(form_id) for form_id in list(forms))


@transaction.atomic
def _greet(form_id: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, form_id % 2**31])
    welcome = (
        Welcome.objects.select_related("template", "campaign", "form__mailing_list")
        .filter(form_id=form_id)
        .first()
    )
    found = SignupRequest.objects.filter(form_id=form_id, welcome_due_at__lte=clock.now()).order_by("pk")
    waiting = list(found.values_list("pk", "subscriber_id")[:_AT_ONCE])
    if welcome is None or welcome.template is None:
        _done(waiting)
        return 0
    try:
        greeted = _join(welcome, [person for _, person in waiting if person is not None])
    except (publishing.NotPublishable, WelcomeImpossible) as error:
        # They keep waiting until somebody mends it; the form's page says so.
        Welcome.objects.filter(pk=welcome.pk).update(problem=str(error)[:500])
        return 0
    _done(waiting)
    Welcome.objects.filter(pk=welcome.pk).update(problem="")
    return greeted


def _done(waiting: Sequence[tuple[int, int | None]]) -> None:
    SignupRequest.objects.filter(pk__in=[pk for pk, _ in waiting]).update(welcome_due_at=None)


def _join(welcome: Welcome, people: Sequence[int]) -> int:
    """Give these people a place in the newest run, or in a new one where the content changed."""
    campaign = _campaign(welcome)
    # Locked against `finish`, which counts the audience.
    runs = list(
        Run.objects.select_for_update(of=("self",))
        .filter(campaign=campaign, purpose=RunPurpose.SIGNUP)
        .order_by("-number")
    )
    new = _new_people(people, runs)
    if not new:
        return 0
    frozen, version_id = _content(campaign)
    newest = runs[0] if runs else None
    is_same = newest is not None and _is_same(newest, frozen, version_id)
    if newest is not None and is_same and newest.state in _JOINABLE:
        _append(newest, new)
    elif newest is not None and newest.state in states.UNFINISHED:
        message = "The welcome mails before are still being sent."
        raise WelcomeImpossible(message)
    elif is_same:
        message = (
            "The welcome was cancelled or failed. Change the template, or choose another, to start it again."
        )
        raise WelcomeImpossible(message)
    else:
        _open(campaign, frozen, version_id, new)
    return len(new)


def _new_people(people: Sequence[int], runs: Sequence[Run]) -> list[int]:
    wanted = sorted(set(people))
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, {"people": wanted, "runs": [run.pk for run in runs]})
        known = {row[0] for row in cursor.fetchall()}
    # A run that is being prepared holds its first people in what it froze.
    for run in runs:
        if run.state == RunState.PREPARING:
            known |= set(run.frozen.get("people", []))
    return [person for person in wanted if person not in known]


def _is_same(run: Run, frozen: dict[str, Any], version_id: int) -> bool:
    before = {key: value for key, value in run.frozen.items() if key != "people"}
    return before == frozen and run.template_version_id == version_id


def _append(run: Run, people: Sequence[int]) -> None:
    """A batch for each language that these people get."""
    groups: dict[str, list[int]] = defaultdict(list)
    versions = run.frozen["versions"]
    spoken = {code: code for code in versions if code}
    for pk, language in Subscriber.objects.filter(pk__in=people).order_by("pk").values_list("pk", "language"):
        groups[choose_language(spoken, language) or ""].append(pk)
    Batch.objects.bulk_create(
        Batch(
            run_id=run.pk,
            number=number,
            subscriber_ids=ids,
            count=len(ids),
            template_version_id=versions[language],
            sender_id=run.campaign.sender_id or 0,
            language=language,
        )
        for number, (language, ids) in enumerate(sorted(groups.items()), start=run.batches)
    )
    Run.objects.filter(pk=run.pk).update(
        batches=F("batches") + len(groups),
        audience=F("audience") + sum(map(len, groups.values())),
        updated_at=clock.now(),
    )
    states.reopen(run.pk)
    transaction.on_commit(lambda: tasks.drain_run.delay(run_id=run.pk))


def _open(campaign: Campaign, frozen: dict[str, Any], version_id: int, people: Sequence[int]) -> None:
    number = campaign.runs.aggregate(number=Max("number"))["number"] or 0
    run = Run.objects.create(
        campaign=campaign,
        number=number + 1,
        purpose=RunPurpose.SIGNUP,
        template_version_id=version_id,
        frozen={**frozen, "people": list(people)},
        launched_at=clock.now(),
    )
    Campaign.objects.filter(pk=campaign.pk).update(state=CampaignState.PREPARING, updated_at=clock.now())
    transaction.on_commit(lambda: tasks.prepare_run.delay(run_id=run.pk))


def _campaign(welcome: Welcome) -> Campaign:
    """The form's campaign, made with the first person; its template and sender follow the form's choice."""
    sender = _sender()
    name = f"Welcome: {welcome.form.name}"[:120]
    if welcome.campaign is None:
        welcome.campaign = Campaign.objects.create(
            name=name, template=welcome.template, sender=sender, state=CampaignState.PREPARING
        )
        welcome.campaign.lists.set([welcome.form.mailing_list])
        welcome.save(update_fields=["campaign", "updated_at"])
    elif (welcome.campaign.template_id, welcome.campaign.sender_id) != (welcome.template_id, sender.pk):
        welcome.campaign.template, welcome.campaign.sender = welcome.template, sender
        welcome.campaign.save(update_fields=["template", "sender", "updated_at"])
    return welcome.campaign


def _sender() -> Sender:
    sender = campaigns.default_sender()
    if sender is None or not selectors.is_verified(sender.address, installation.get()):
        message = "The sender of the settings is not verified in Amazon SES yet."
        raise WelcomeImpossible(message)
    return sender


def _content(campaign: Campaign) -> tuple[dict[str, Any], int]:
    """What a run of this campaign would freeze now. Raises NotPublishable."""
    made = publishing.versions_for_campaign(campaign=campaign, actor=None)
    versions = {language: version.pk for language, version in made.items()}
    return launching.frozen_content(campaign) | {"versions": versions}, versions[""]

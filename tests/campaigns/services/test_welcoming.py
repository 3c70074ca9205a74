"""Welcome mails: once per person, through the ledger of sends, never to the suppressed."""

import pytest

from campaigns.models import Batch, Campaign, Delivery, Run, Welcome
from campaigns.sending import drain, prepare
from campaigns.services import template_languages, templates, welcoming
from mailplatform.core import keys
from mailplatform.sandbox.testing import RunningSandbox
from subscribers.models import SignupForm, SignupRequest, Subscriber
from subscribers.services import signup, suppression
from tests.factories import campaigns as factories
from tests.factories.signup import WORDING, make_form

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def form(sandbox: RunningSandbox) -> SignupForm:
    made = make_form()
    welcoming.choose(form=made, template=factories.make_template(), actor=None)
    return made


def join(form: SignupForm, email: str) -> int:
    typed = signup.Typed(email=email, language="en", agreed={"marketing_email": WORDING})
    request = signup.request(form=form, typed=typed)
    signup.confirm(request_id=request.pk)
    request.refresh_from_db()
    assert request.subscriber_id is not None
    return request.subscriber_id


def send() -> Run:
    run = Run.objects.get()
    prepare.prepare(run.pk)
    drain.drain(run.pk)
    run.refresh_from_db()
    return run


def test_newcomers_are_greeted_once_in_one_run_that_grows(form: SignupForm, sandbox: RunningSandbox) -> None:
    first = join(form, "ada@example.org")
    assert welcoming.greet_newcomers() == 1
    run = send()
    assert (run.state, run.audience) == ("sent", 1)
    second = join(form, "bob@example.org")
    assert welcoming.greet_newcomers() == 1
    assert welcoming.greet_newcomers() == 0
    run = send()
    assert (run.state, run.audience, run.batches, Batch.objects.count()) == ("sent", 2, 2, 2)
    states = dict(Delivery.objects.values_list("subscriber_id", "state"))
    assert states == {first: "accepted", second: "accepted"}
    assert len(sandbox.messages()) == 2
    assert Campaign.objects.get().state == "sent"


def test_newcomers_are_greeted_in_their_language(form: SignupForm, sandbox: RunningSandbox) -> None:
    template = Welcome.objects.get().template
    assert template
    german = template_languages.add(template=template, language="de", actor=None)
    templates.save_draft(template_id=german.pk, actor=None, revision=1, subject="Willkommen, {{name}}")
    people = {}
    for name, language in (("ada", "en"), ("bea", "de_AT"), ("cid", "de"), ("dan", "fr")):
        people[name] = join(form, f"{name}@example.org")
        Subscriber.objects.filter(pk=people[name]).update(language=language)
        if name == "bea":
            assert welcoming.greet_newcomers() == 2
            send()
    assert welcoming.greet_newcomers() == 2
    run = send()
    assert (run.state, run.audience, run.batches) == ("sent", 4, 4)
    languages = {
        name: Batch.objects.get(subscriber_ids__contains=[pk]).language for name, pk in people.items()
    }
    assert languages == {"ada": "", "bea": "de", "cid": "de", "dan": ""}
    subjects = sorted(message["subject"].split(",")[0] for message in sandbox.messages())
    assert subjects.count("Willkommen") == 2


def test_who_signs_up_again_is_not_greeted_again(form: SignupForm, sandbox: RunningSandbox) -> None:
    join(form, "ada@example.org")
    welcoming.greet_newcomers()
    send()
    SignupRequest.objects.all().delete()
    join(form, "ada@example.org")
    assert welcoming.greet_newcomers() == 0
    assert len(sandbox.messages()) == 1


def test_the_suppressed_get_a_skipped_row_and_no_mail(form: SignupForm, sandbox: RunningSandbox) -> None:
    person = join(form, "ada@example.org")
    suppression.suppress(email_key=keys.email_key("ada@example.org"), reason="complaint", source="test")
    welcoming.greet_newcomers()
    assert send().audience == 1
    delivery = Delivery.objects.get(subscriber_id=person)
    assert (delivery.state, delivery.reason) == ("skipped", "complained")
    assert sandbox.messages() == []


def test_without_a_welcome_nobody_waits(form: SignupForm) -> None:
    welcoming.choose(form=form, template=None, actor=None)
    join(form, "ada@example.org")
    assert welcoming.greet_newcomers() == 0
    assert not SignupRequest.objects.exclude(welcome_due_at=None).exists()


def test_a_welcome_that_cannot_be_sent_waits_and_says_why(form: SignupForm) -> None:
    welcome = Welcome.objects.get()
    assert welcome.template is not None
    welcome.template.html = "<p>{{#if}}</p>"
    welcome.template.save()
    join(form, "ada@example.org")
    assert welcoming.greet_newcomers() == 0
    assert Welcome.objects.get().problem
    assert SignupRequest.objects.exclude(welcome_due_at=None).count() == 1

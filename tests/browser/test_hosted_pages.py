"""Sign-up and preference pages as their readers see them, in a browser; test_every_page.py looks at the rest."""

from django.urls import reverse

from campaigns import tokens
from campaigns.services import welcoming
from mailplatform.accounts.services import installation
from subscribers.models import ConsentRecord, SignupForm, SignupRequest, Subscriber
from subscribers.services import lists
from tests.browser.conftest import Visitor, sign_in
from tests.factories import subscribers as people
from tests.factories.accounts import AdminFactory
from tests.factories.campaigns import make_template
from tests.factories.events import make_delivery, make_run
from tests.factories.signup import confirm_path, hosted_path, make_form


def test_ux_28_somebody_signs_up_and_confirms(visitor: Visitor) -> None:
    installation.update(actor=None, company="Harbour Books", postal_address="Am Hafen 1\n20457 Hamburg")
    form = make_form(languages="en de fr", ask_name=True, ask_tracking=True)
    visitor.goto(reverse("events:signup", args=[form.public_id]))
    visitor.look("signup form")
    page = visitor.page
    page.fill("#email", "ada@example.org")
    page.check("[name=agree]")
    page.click("button[type=submit]")
    page.get_by_role("heading", name="Please check your mail").wait_for()
    visitor.look("signup taken")
    visitor.goto(confirm_path(SignupRequest.objects.get()))
    visitor.look("signup confirm")
    page.get_by_role("button", name="Yes, I confirm").click()
    page.get_by_role("heading", name="Thank you").wait_for()
    visitor.look("signup thanks")
    assert ConsentRecord.objects.filter(act="granted", method="double_opt_in").exists()


def test_ux_29_a_reader_pauses_sees_their_data_and_is_erased(visitor: Visitor) -> None:
    installation.update(actor=None, company="Harbour Books", postal_address="Am Hafen 1\n20457 Hamburg")
    news = lists.create(name="News", description="What is new, once a month", is_public=True)
    person = people.person("ada.lovelace@example.org", list_ids=[news.pk], language="de")
    run = make_run(list_ids=[news.pk], subject="Neues im November")
    make_delivery(run, person)
    visitor.goto(reverse("events:preferences", args=[tokens.make_unsubscribe_token(run.pk, person.pk)]))
    visitor.look("preferences", themes=("light", "dark"))
    visitor.page.get_by_role("button", name="30 Tage ohne Mails").click()
    visitor.page.get_by_role("button", name="Pause beenden").wait_for()
    visitor.look("preferences paused")
    visitor.goto(hosted_path("data", person.pk))
    visitor.look("my data")
    visitor.goto(hosted_path("erase", person.pk))
    visitor.look("my erasure")
    visitor.page.get_by_role("button", name="Jetzt löschen").click()
    visitor.page.get_by_role("heading", name="Sie sind gelöscht").wait_for()
    assert not Subscriber.objects.exists()


def test_a_form_is_made_and_worded(visitor: Visitor) -> None:
    installation.update(actor=None, company="Harbour Books")
    lists.create(name="News")
    template = make_template()
    sign_in(visitor.page.context, visitor.base, AdminFactory.create())
    visitor.goto(reverse("events:form_list"))
    visitor.look("forms empty")
    visitor.goto(reverse("events:form_add"))
    visitor.look("form add")
    page = visitor.page
    page.select_option("[name=mailing_list]", label="News")
    page.fill("[name=name]", "Footer of the shop")
    page.get_by_role("button", name="Make the form").click()
    page.get_by_role("heading", name="Footer of the shop").wait_for()
    form = SignupForm.objects.get()
    welcoming.choose(form=form, template=template, actor=None)
    visitor.goto(reverse("events:form_detail", args=[form.public_id]))
    visitor.look("form detail")
    visitor.goto(reverse("events:form_list"))
    visitor.look("forms")

"""No sequence of imports, orders, forms, API calls, merges, undos and erasures makes mailable who left or was erased.

Files go the wizard's own way: stored, declared, checked, imported, taken back. The oracle is kept beside the product:
the set of addresses that said no, were blocked or erased, and may come back only by an own act. After every step each
of them is asked for by the one rule that decides.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from mailplatform.accounts.services import api_tokens
from mailplatform.core import clock
from mailplatform.core.keys import email_key
from subscribers.importing.columns import from_json
from subscribers.models import ImportJob, ImportKind, ImportState, OptIn, SignupRequest, Subscriber
from subscribers.selectors import imports, profiles
from subscribers.services import (
    consent,
    erasure,
    importing,
    lists,
    people_merging,
    rights,
    signup,
    subscribers,
    suppression,
    unsubscribe,
)
from subscribers.services.importing import SoftOptIn
from tests.factories.accounts import AdminFactory
from tests.factories.signup import make_form
from tests.factories.subscribers import AGREED, person

EMAILS = [f"{name}@example.com" for name in ("anna", "bert", "cleo")]
EMAIL = st.sampled_from(EMAILS)
SOME = st.lists(EMAIL, min_size=1, max_size=3, unique=True)
EVIDENCE = {
    "basis": "consent", "source": "shop", "wording": "Yes.", "occurred_at": "2025-01-01T12:00:00Z",
}  # fmt: skip


class NobodyComesBack(RuleBasedStateMachine):
    """Everything that writes people, in any order; only `undo` and `confirm` are the person's own."""

    @initialize()
    def begin(self) -> None:
        self.admin = AdminFactory.create()
        _, secret = api_tokens.make(name="t", scopes=api_tokens.SCOPES, owner=self.admin)
        self.headers = {"authorization": f"Bearer {secret}"}
        self.no: dict[str, set[str]] = {email: set() for email in EMAILS}
        self.news = lists.create(name="News", opt_in=OptIn.SINGLE)
        self.forms = [make_form(mailing_list=self.news), make_form()]

    def find(self, email: str) -> Subscriber | None:
        return Subscriber.objects.filter(email=email).first()

    def attempt(self, act: Callable[[], Any], *refusals: type[Exception]) -> Any:
        try:
            with transaction.atomic():
                return act()
        except refusals:
            return None

    @rule(email=EMAIL)
    def add_by_hand(self, email: str) -> None:
        self.attempt(lambda: person(email), subscribers.SubscriberError)

    @rule(email=EMAIL)
    def add_by_api(self, email: str) -> None:
        answer = Client().post(
            "/api/v1/people", json.dumps({"email": email, "evidence": EVIDENCE}),
            content_type="application/json", headers=self.headers,
        )  # fmt: skip
        assert answer.status_code in {201, 409, 422}

    @rule(email=EMAIL)
    def record_another_grant(self, email: str) -> None:
        if found := self.find(email):
            subscribers.record_permission(subscriber=found, permission=subscribers.Permission(AGREED))

    @rule(email=EMAIL)
    def import_a_grant(self, email: str) -> None:
        if found := self.find(email):
            consent.record(
                subscriber_id=found.pk, purpose="marketing_email", act="granted", lawful_basis="consent",
                method="import", source="file", occurred_at=clock.now(), actor="import:1", evidence={"row": 1},
            )  # fmt: skip

    @rule(emails=SOME, on_list=st.booleans(), basis=st.sampled_from(["consent", "soft_opt_in", "none"]))
    def import_people(self, emails: list[str], *, on_list: bool, basis: str) -> None:
        job = self.upload("email,name\n" + "".join(f"{email},N\n" for email in emails), ImportKind.PEOPLE)
        importing.declare(
            job=job, columns=from_json(job.mapping["columns"]), mailing_list=self.news if on_list else None,
            statement=replace(AGREED, basis=basis, reference="A-1", similar=True, opt_out=True),
        )  # fmt: skip
        self.commit(job)

    @rule(emails=SOME, shop=st.sampled_from(["one", "two"]))
    def import_orders(self, emails: list[str], shop: str) -> None:
        rows = "".join(f"{number},{email},2025-01-01,5,EUR\n" for number, email in enumerate(emails))
        job = self.upload("order,email,date,total,currency\n" + rows, ImportKind.ORDERS)
        soft = SoftOptIn(similar=True, opt_out=True, wording="Offers? No: [ ]", where="checkout")
        columns = from_json(job.mapping["columns"])
        importing.declare_orders(job=job, columns=columns, shop=shop, soft_opt_in=soft)
        self.commit(job)

    @rule(emails=SOME)
    def import_leavers(self, emails: list[str]) -> None:
        job = self.upload("email\n" + "".join(f"{email}\n" for email in emails), ImportKind.SUPPRESSION)
        importing.declare_suppression(job=job, column=0, reason="unsubscribe")
        self.commit(job)
        for email in emails:
            self.no[email].add("left")

    @rule()
    def undo_import(self) -> None:
        jobs = ImportJob.objects.filter(state=ImportState.DONE).order_by("-pk")
        job = next((job for job in jobs if imports.undo_until(job)), None)
        if job is not None:
            assert importing.undo(job=job).state == ImportState.UNDONE

    @rule(email=EMAIL, form=st.integers(0, 1))
    def sign_up(self, email: str, form: int) -> None:
        """Anybody can type anybody's address: this alone is no act of the person."""
        typed = signup.Typed(email=email, language="en", agreed={"marketing_email": "Yes."})
        signup.request(form=self.forms[form], typed=typed)

    @rule(email=EMAIL)
    def confirm(self, email: str) -> None:
        """The person's own click, which only a block by hand or a restriction outlives."""
        row = SignupRequest.objects.filter(email_key=email_key(email), confirmed_at=None).first()
        if row is not None:
            signup.confirm(request_id=row.pk)
            self.no[email] &= {"manual", "restricted"}

    @rule(email=EMAIL)
    def unsubscribe(self, email: str) -> None:
        if found := self.find(email):
            unsubscribe.leave_all(subscriber_id=found.pk, source="test", method="one_click")
            self.no[email].add("left")

    @rule(email=EMAIL)
    def undo(self, email: str) -> None:
        if found := self.find(email):
            unsubscribe.undo(subscriber_id=found.pk, list_ids=[], restore_marketing=True, source="test")
            self.no[email].discard("left")

    @rule(email=EMAIL, reason=st.sampled_from(["bounce", "complaint", "manual"]))
    def suppress(self, email: str, reason: str) -> None:
        suppression.suppress(email_key=email_key(email), reason=reason, source="test")
        self.no[email].add(reason)

    @rule(email=EMAIL)
    def restrict(self, email: str) -> None:
        if self.find(email):
            case = self.case("restriction", email)
            rights.restrict(case=case, actor=self.admin)
            self.no[email].add("restricted")

    @rule(email=EMAIL)
    def object_(self, email: str) -> None:
        rights.object_(case=self.case("objection", email), actor=self.admin)
        self.no[email].add("left")

    @rule(email=EMAIL, by_case=st.booleans())
    def erase(self, email: str, *, by_case: bool) -> None:
        found = self.find(email)
        if by_case:
            rights.erase(case=self.case("erasure", email), at_amazon=False, actor=self.admin)
            self.no[email].add("erased")
        elif found:
            erasure.erase(subscriber_id=found.pk, actor=None, source="test")
            self.no[email].add("erased")

    @rule(into=EMAIL, other=EMAIL)
    def merge(self, into: str, other: str) -> None:
        survivor, gone = self.find(into), self.find(other)
        if into == other or survivor is None or gone is None:
            return
        if self.attempt(
            lambda: people_merging.merge(keep_id=survivor.pk, other_id=gone.pk, actor=self.admin),
            people_merging.MergeError,
        ) is not None:  # fmt: skip
            self.no[into] |= self.no[other] & {"left", "complaint", "manual", "restricted"}
            self.no[other].add("merged")

    @invariant()
    def whoever_said_no_gets_nothing(self) -> None:
        for email, reasons in getattr(self, "no", {}).items():
            found = self.find(email)
            if reasons and found is not None:
                assert profiles.of(found).reason != "", (email, reasons)

    def upload(self, text: str, kind: str) -> ImportJob:
        return importing.create_job(file=ContentFile(text.encode(), name="file.csv"), kind=kind)

    def commit(self, job: ImportJob) -> None:
        assert importing.check(job=job).state == ImportState.READY, job.error
        assert importing.commit(job=job).state == ImportState.DONE, job.error

    def case(self, kind: str, email: str) -> Any:
        return rights.open_case(kind=kind, email=email, received_on=clock.now().date(), actor=self.admin)


@pytest.mark.django_db
@pytest.mark.parametrize("examples", [4, pytest.param(60, marks=pytest.mark.drill)])
def test_no_sequence_brings_back_who_left_is_suppressed_or_was_erased(
    ledger_files: Any, examples: int
) -> None:
    class RolledBack(NobodyComesBack):
        """Each sequence begins with an empty database."""

        def __init__(self) -> None:
            super().__init__()
            self.point = transaction.atomic()
            self.point.__enter__()

        def teardown(self) -> None:
            transaction.set_rollback(True)
            self.point.__exit__(None, None, None)

    run_state_machine_as_test(
        RolledBack,
        settings=settings(
            max_examples=examples,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

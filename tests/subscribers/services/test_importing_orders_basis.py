"""Orders as the evidence of a soft opt-in: of whom they are, and of whom never."""

from typing import Any

import pytest

from mailplatform.core import clock
from subscribers.importing.columns import from_json
from subscribers.ledger.report import Kind
from subscribers.merging.statement import StatementError
from subscribers.models import (
    Act,
    ConsentNotice,
    ConsentPersonal,
    ConsentRecord,
    ImportJob,
    Order,
    Profile,
    Subscriber,
    Subscription,
    Suppression,
)
from subscribers.selectors import profiles, register
from subscribers.services import (
    consent,
    importing,
    subscribers,
    suppression,
    unsubscribe,
)
from subscribers.services.importing import SoftOptIn
from tests.factories.orders import FILE, SOFT, bring_in, upload
from tests.factories.subscribers import AGREED, mailing_list

pytestmark = pytest.mark.django_db


def test_an_order_can_be_the_evidence_of_a_soft_opt_in(ann: Subscriber, ledger_files: object) -> None:
    job = bring_in(soft_opt_in=SOFT)
    assert (job.preview["soft_opt_in"], job.rows_changed) == (2, 2)
    assert profiles.of(ann).reason == ""
    record = ConsentRecord.objects.get(subject=ann.public_id)
    assert (record.act, record.lawful_basis, record.method) == (Act.GRANTED, "soft_opt_in", "import")
    assert (record.source, record.actor) == ("checkout of shop.example", f"import:{job.pk}")
    assert record.occurred_at == Order.objects.get(number="A-2").ordered_at
    assert ConsentNotice.objects.get(hash=record.notice_hash).text == SOFT.wording
    assert ConsentPersonal.objects.get(pk=record.pk).evidence == {
        "file": "orders.csv",
        "opt_out_offered": True,
        "order": "A-2",
        "order_date": "2025-05-01",
        "sha256": bytes(job.file_sha256).hex(),
        "shop": "shop",
        "similar_products": True,
    }
    assert {problem.kind for problem in register.verify().problems} <= {Kind.CHECKPOINT}
    assert bring_in(soft_opt_in=SOFT).rows_changed == 0
    importing.undo(job=ImportJob.objects.get(pk=job.pk))
    assert profiles.of(ann).reason == "no_basis"
    assert bring_in(soft_opt_in=SOFT).rows_changed == 2


def test_orders_without_the_claim_are_no_basis(ann: Subscriber) -> None:
    bring_in()
    assert not ConsentRecord.objects.exists()
    assert profiles.of(ann).reason == "no_basis"
    # Orders that are here already can be claimed later.
    assert bring_in(soft_opt_in=SOFT).rows_changed == 2


@pytest.mark.parametrize(
    "no",
    [
        "unsubscribe",
        "left a list",
        "objected",
        "withdrew",
        "bounce",
        "complaint",
        "manual",
        "asked",
        "pending",
    ],
)
def test_nobody_who_ever_said_no_gets_a_soft_opt_in(ann: Subscriber, no: str) -> None:
    if no in {"bounce", "complaint", "manual"}:
        suppression.suppress(email_key=bytes(ann.email_key), reason=no, source="test")
    elif no == "unsubscribe":
        unsubscribe.leave_all(subscriber_id=ann.pk, source="test", method="one_click")
        Suppression.objects.update(lifted_at=clock.now(), lifted_because="test")
    elif no in {"left a list", "pending"}:
        state = "unsubscribed" if no == "left a list" else "pending"
        Subscription.objects.create(subscriber=ann, mailing_list=mailing_list(), state=state, source="test")
    else:
        act = {"objected": Act.OBJECTED, "withdrew": Act.WITHDRAWN, "asked": Act.REQUESTED}[no]
        lawful = "legitimate_interest" if no == "objected" else "none"
        consent.record(
            subscriber_id=ann.pk, purpose="marketing_email", act=act, lawful_basis=lawful, method="page",
            source="test", occurred_at=clock.now(), actor="person",
        )  # fmt: skip
    job = bring_in(soft_opt_in=SOFT)
    assert job.rows_changed == 1  # Bob
    assert Profile.objects.get(pk=ann.pk).orders == 2
    assert profiles.of(ann).reason != ""


def test_consent_that_was_given_is_not_replaced(ann: Subscriber) -> None:
    subscribers.record_permission(subscriber=ann, permission=subscribers.Permission(AGREED))
    assert bring_in(soft_opt_in=SOFT).rows_changed == 1
    assert Profile.objects.get(pk=ann.pk).marketing_basis == "consent"


@pytest.mark.parametrize(
    ("missing", "words"),
    [({"similar": False}, "similar products"), ({"opt_out": False}, "opt-out"), ({"wording": " "}, "exact words"),
     ({"where": ""}, "where the address")],
)  # fmt: skip
def test_a_soft_opt_in_needs_both_answers_the_words_and_the_place(
    missing: dict[str, Any], words: str
) -> None:
    job = upload(FILE)
    claim = SoftOptIn(**{**SOFT.to_json(), **missing})
    with pytest.raises(StatementError, match=words):
        importing.declare_orders(
            job=job, columns=from_json(job.mapping["columns"]), shop="shop", soft_opt_in=claim
        )

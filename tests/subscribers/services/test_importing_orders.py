"""Orders through the wizard's own services, from a real file: what comes in, and what not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mailplatform.core import clock
from mailplatform.core.keys import email_key
from subscribers.importing.columns import MappingError, from_json
from subscribers.merging import order_merge, order_table, run, undo
from subscribers.models import (
    ConsentRecord,
    ImportJob,
    ImportState,
    Order,
    OrderLine,
    Profile,
    RefusedRow,
    Subscriber,
)
from subscribers.selectors import holdings
from subscribers.selectors import orders as selector
from subscribers.services import (
    erasure,
    importing,
    people_merging,
    retention,
    suppression,
)
from tests.factories.orders import FILE, SOFT, bring_in, checked, upload
from tests.factories.subscribers import person

pytestmark = pytest.mark.django_db


def reasons(job: ImportJob) -> dict[int, str]:
    return dict(RefusedRow.objects.filter(job=job).order_by("line").values_list("line", "reason"))


def profile(who: Subscriber) -> Profile:
    return Profile.objects.get(pk=who.pk)


def test_several_rows_are_one_order_and_money_is_counted_in_whole_cents(ann: Subscriber) -> None:
    job = bring_in()
    assert (job.rows_new, job.rows_unchanged, job.rows_refused, job.rows_total) == (3, 0, 0, 4)
    first = Order.objects.get(number="A-1")
    assert (first.subscriber, first.source, first.currency, first.total) == (ann, "shop", "EUR", 2000)
    assert first.ordered_at == datetime(2025, 3, 1, 9, tzinfo=UTC)  # Berlin, as the installation has it
    lines = OrderLine.objects.filter(order=first).order_by("place")
    assert [(line.product.name, line.quantity, line.amount) for line in lines] == [
        ("Tea", 1, 1250),
        ("Cup", 1, 750),
    ]
    assert (profile(ann).orders, profile(ann).spent) == (2, {"EUR": 2000, "SEK": 10000})
    assert profile(ann).last_ordered_at == datetime(2025, 4, 30, 22, tzinfo=UTC)
    assert len(profile(ann).product_ids or ()) == 2


def test_the_same_file_twice_changes_nothing(ann: Subscriber) -> None:
    bring_in()
    before = list(Order.objects.order_by("pk").values())
    job = checked()
    assert (job.preview["new"], job.preview["same"], job.preview["differ"]) == (0, 3, 0)
    job = importing.commit(job=job)
    assert (job.rows_new, job.rows_unchanged, job.made) == (0, 3, [])
    assert list(Order.objects.order_by("pk").values()) == before
    # The same numbers of another shop are other orders.
    assert bring_in(shop="other shop").rows_new == 3


def test_a_dry_run_writes_no_order_and_says_what_would_come(ann: Subscriber) -> None:
    job = checked()
    assert not Order.objects.exists()
    assert [(row["number"], row["total"], row["products"], row["kind"]) for row in job.preview["sample"]] == [
        ("A-1", "EUR 20.00", "Tea, Cup", "new"),
        ("A-2", "SEK 100.00", "Tea", "new"),
        ("A-3", "EUR 9.99", "Coffee", "new"),
    ]


BAD = [
    ("B,nobody@example.com,2025-01-01,1,EUR,Tea", "nobody here has this address"),
    ("B,ann@,2025-01-01,1,EUR,Tea", "email: "),
    ("B,ann@example.com,01/02/2025,1,EUR,Tea", "date: “01/02/2025” is not a date"),
    ("B,ann@example.com,2099-01-01,1,EUR,Tea", "lies in the future"),
    ("B,ann@example.com,2025-01-01,-1,EUR,Tea", "less than nothing"),
    ('B,ann@example.com,2025-01-01,"1,234",EUR,Tea', "can be read in two ways"),
    ("B,ann@example.com,2025-01-01,1,XXL,Tea", "currency: “XXL” is not a currency"),
    ("B,ann@example.com,2025-01-01,1,,Tea", "the row names no currency"),
    ("B,ann@example.com,2025-01-01,,EUR,Tea", "the order has no amount"),
    ("B,ann@example.com,,1,EUR,Tea", "the order has no date"),
    ("B,,2025-01-01,1,EUR,Tea", "the order names no e-mail address"),
    (",ann@example.com,2025-01-01,1,EUR,Tea", "the row names no order"),
    ("B,ann@example.com,2025-01-01,1,EUR,\nB,bob@example.com,2025-01-01,2,EUR,", "name several people"),
    ("B,ann@example.com,2025-01-01,1,EUR,\nB,ann@example.com,2025-01-02,2,EUR,", "name different dates"),
    ("B,ann@example.com,2025-01-01,1,EUR,\nB,ann@example.com,2025-01-01,2,USD,", "several currencies"),
    ("B,ann@example.com,2025-01-01,1,EUR,\nB,ann@example.com,2025-01-01,x,EUR,", "another row of this order"),
]


def test_bad_orders_are_refused_whole_with_the_reason_and_the_others_come_in(ann: Subscriber) -> None:
    rows, expected = ["order_id,email,date,amount,currency,product"], dict[int, str]()
    for number, (text, words) in enumerate(BAD):
        expected[len(rows) + 1] = words
        rows += [line.replace("B,", f"B{number},", 1) for line in text.split("\n")]
    job = bring_in("\n".join([*rows, "C,ann@example.com,2025-01-01,1,EUR,Tea\n"]))
    found = reasons(job)
    assert {line: words for line, words in expected.items() if words not in found.get(line, "")} == {}
    assert list(found) == list(range(2, len(rows) + 1))
    assert list(Order.objects.values_list("number", flat=True)) == ["C"]
    assert (job.rows_new, job.rows_refused) == (1, len(rows) - 1)


def test_a_sum_that_no_column_could_hold_is_refused(ann: Subscriber) -> None:
    """Also a row with strange characters, and one that ends too soon."""
    head = "order_id,email,date,amount,currency,product\n"
    huge = "".join(f"H,ann@example.com,2025-01-01,99999999999{digit}.00,EUR,Tea\n" for digit in range(3))
    job = bring_in(f"{head}{huge}I,ann@example.com,2025-01-01,x\x01,EUR,Te\x01a\nJ,ann@example.com\n")
    assert [*reasons(job)] == [2, 3, 4, 5, 6]
    assert reasons(job)[2] == "the amount is more than any order"
    assert not Order.objects.exists()


def test_refused_rows_can_be_mended_and_sent_again(ann: Subscriber) -> None:
    first = bring_in(FILE.replace("7.50", "seven"))
    assert list(reasons(first)) == [2, 3]
    columns = "order_id,email,date,amount,currency,product,Refused: line,Refused: reason\n"
    rows = [
        ",".join([*row, str(line), why])
        for line, why, row in RefusedRow.objects.filter(job=first)
        .order_by("line")
        .values_list("line", "reason", "row")
    ]
    job = upload(columns + "\n".join(rows).replace("seven", "7.50").replace("“7.50”", "it") + "\n")
    assert job.mapping["follows"] == first.pk
    importing.declare_orders(job=job, columns=from_json(job.mapping["columns"]), shop="shop")
    assert importing.commit(job=importing.check(job=job)).rows_new == 1
    assert Order.objects.get(number="A-1").total == 2000


def test_somebody_who_was_merged_or_erased_or_is_restricted(ann: Subscriber) -> None:
    bob = Subscriber.objects.get(email="bob@example.com")
    people_merging.merge(keep_id=ann.pk, other_id=bob.pk, actor=None)
    gone, still = person("gone@example.com"), person("still@example.com")
    erasure.erase(subscriber_id=gone.pk, actor=None, source="test")
    suppression.suppress(email_key=email_key("still@example.com"), reason="restricted", source="test")
    job = bring_in(
        f"{FILE}A-4,gone@example.com,2025-01-01,1,EUR,Tea\nA-5,still@example.com,2025-01-01,1,EUR,Tea\n"
    )
    assert Order.objects.get(number="A-3").subscriber == ann
    assert [*reasons(job).values()] == [
        "set aside: this person asked to be erased",
        "set aside: this person asked for restriction",
    ]
    assert not Order.objects.filter(subscriber=still).exists()


def test_an_erasure_between_dry_run_and_import_reaches_the_waiting_orders(ann: Subscriber) -> None:
    job = checked()
    erasure.erase(subscriber_id=ann.pk, actor=None, source="test")
    job.refresh_from_db()
    assert job.preview["sample"] == []
    job = importing.commit(job=job)
    assert list(Order.objects.values_list("number", flat=True)) == ["A-3"]
    assert set(reasons(job).values()) == {"set aside: this person asked to be erased"}
    assert (job.rows_new, job.rows_refused) == (1, 3)


def test_somebody_who_came_since_the_dry_run_gets_their_orders(ann: Subscriber) -> None:
    job = checked(FILE.replace("bob@", "cleo@"))
    assert (job.preview["new"], job.rows_refused) == (2, 1)
    person("cleo@example.com", agreed=False)
    job = importing.commit(job=job)
    assert (job.rows_new, job.rows_refused, reasons(job)) == (3, 0, {})


def test_a_merge_takes_the_orders_along_and_an_erasure_takes_them_away(ann: Subscriber) -> None:
    bring_in()
    bob = Subscriber.objects.get(email="bob@example.com")
    people_merging.merge(keep_id=bob.pk, other_id=ann.pk, actor=None)
    assert (profile(bob).orders, profile(bob).spent) == (3, {"EUR": 2999, "SEK": 10000})
    assert [row["number"] for row in holdings.of(bob)["orders"]] == ["A-3", "A-1", "A-2"]
    bought = selector.of(profile(bob), bob.pk)
    assert bought is not None
    assert (bought.count, bought.sums, bought.newest[0]["number"]) == (3, ["EUR 29.99", "SEK 100.00"], "A-2")
    erasure.erase(subscriber_id=bob.pk, actor=None, source="test")
    assert not Order.objects.exists()
    assert not OrderLine.objects.exists()


def test_old_orders_are_forgotten_by_the_rule_of_retention(ann: Subscriber) -> None:
    bring_in()
    Order.objects.filter(number="A-1").update(ordered_at=clock.now() - timedelta(days=3000))
    assert retention.look(key="orders", months=72).count == 1
    run_ = next(found for found in retention.run_due() if found.key == "orders")
    assert (run_.touched, run_.error) == (1, "")
    assert sorted(Order.objects.values_list("number", flat=True)) == ["A-2", "A-3"]
    assert (profile(ann).orders, profile(ann).spent) == (1, {"SEK": 10000})


def test_an_undo_takes_back_exactly_what_the_import_brought(ann: Subscriber) -> None:
    bring_in()
    before = list(Profile.objects.order_by("pk").values("orders", "spent", "product_ids", "last_ordered_at"))
    job = bring_in(FILE + "A-4,bob@example.com,2025-06-01,5,EUR,Sugar\n")
    assert job.rows_new == 1
    job = importing.undo(job=job)
    assert (job.state, job.undo["removed"], job.made) == (ImportState.UNDONE, 1, [])
    assert sorted(Order.objects.values_list("number", flat=True)) == ["A-1", "A-2", "A-3"]
    assert (
        list(Profile.objects.order_by("pk").values("orders", "spent", "product_ids", "last_ordered_at"))
        == before
    )


class Killed(BaseException):
    """As a worker that dies."""


@pytest.mark.parametrize("staging_lost", [False, True])
def test_an_import_killed_anywhere_ends_as_one_that_was_not(
    ann: Subscriber, monkeypatch: pytest.MonkeyPatch, *, staging_lost: bool
) -> None:
    monkeypatch.setattr(order_merge, "CHUNK", 1)
    job = checked(soft_opt_in=SOFT)
    ImportJob.objects.update(state=ImportState.RUNNING)
    original, calls = order_merge._record, list[int]()

    def dies_twice(*args: Any) -> range:
        calls.append(1)
        if len(calls) in {3, 5}:
            raise Killed
        return original(*args)

    monkeypatch.setattr(order_merge, "_record", dies_twice)
    for expected in (1, 2):
        with pytest.raises(Killed):
            run.run_job(job_id=job.pk)
        assert Order.objects.count() == expected
        if staging_lost:  # as after a crash of Postgres
            order_table.clear(job.pk)
    run.run_job(job_id=job.pk)
    job.refresh_from_db()
    assert (job.state, job.rows_new, job.rows_done) == (ImportState.DONE, 3, 4)
    assert (profile(ann).orders, profile(ann).spent) == (2, {"EUR": 2000, "SEK": 10000})
    assert ConsentRecord.objects.count() == 2
    annulled = undo.annul

    def dies(*_: Any) -> int:
        raise Killed

    ImportJob.objects.update(state=ImportState.UNDOING, undo={"chunks": 0})
    with monkeypatch.context() as patch:
        patch.setattr(undo, "annul", dies)
        with pytest.raises(Killed):
            run.undo_job(job_id=job.pk)
    assert (Order.objects.count(), undo.annul) == (3, annulled)
    run.undo_job(job_id=job.pk)
    assert not Order.objects.exists()
    assert set(Profile.objects.values_list("marketing_basis", "orders")) == {("none", 0)}


@pytest.mark.parametrize(("shop", "currency"), [("", ""), ("x" * 61, ""), ("shop", "XXX")])
def test_a_declaration_without_a_shop_or_with_a_strange_currency_is_refused(shop: str, currency: str) -> None:
    job = upload(FILE)
    with pytest.raises(MappingError):
        importing.declare_orders(
            job=job, columns=from_json(job.mapping["columns"]), shop=shop, currency=currency
        )


def test_an_order_that_differs_is_left_as_it_is_and_said(ann: Subscriber) -> None:
    bring_in()
    job = checked(FILE.replace("9.99", "19.99"))
    assert (job.preview["same"], job.preview["differ"]) == (3, 1)
    importing.commit(job=job)
    assert Order.objects.get(number="A-3").total == 999

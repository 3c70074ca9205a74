"""Two workers bring in orders of the same people, half of them the same orders, while people come in, too."""

from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db.models import Sum

from subscribers.importing.columns import from_json
from subscribers.merging import order_merge, run
from subscribers.models import ConsentRecord, ImportJob, ImportKind, ImportState, Order, OrderLine, Profile
from subscribers.services import importing
from subscribers.services.importing import SoftOptIn
from tests.factories.subscribers import AGREED
from tests.subscribers.merging.test_run import at_once

PEOPLE = 60
SOFT = SoftOptIn(similar=True, opt_out=True, wording="Offers? No: [ ]", where="checkout")


def orders(numbers: Any) -> ImportJob:
    rows = "".join(
        f"{number},p{number * 7 % PEOPLE}@example.com,2025-01-01,{number}.00,EUR,Product {number % 9}\n"
        for number in numbers
    )
    data = ContentFile(f"order,email,date,total,currency,product\n{rows}".encode(), name="orders.csv")
    job = importing.create_job(file=data, kind=ImportKind.ORDERS)
    columns = from_json(job.mapping["columns"])
    importing.declare_orders(job=job, columns=columns, shop="shop", soft_opt_in=SOFT)
    return importing.check(job=job)


def people(basis: str) -> ImportJob:
    rows = "".join(f"p{number}@example.com,{basis}\n" for number in range(PEOPLE))
    job = importing.create_job(file=ContentFile(f"email,name\n{rows}".encode(), name="people.csv"))
    statement = AGREED if basis == "consent" else importing.Statement()
    importing.declare(job=job, columns=from_json(job.mapping["columns"]), statement=statement)
    return importing.check(job=job)


@pytest.mark.drill
@pytest.mark.django_db(transaction=True)
def test_imports_of_orders_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    importing.commit(job=people("none"))
    monkeypatch.setattr(order_merge, "CHUNK", 25)
    monkeypatch.setattr(run, "CHUNK", 15)
    jobs = [orders(range(1, 201)), orders(range(300, 100, -1)), people("consent")]
    assert not at_once(*(lambda job=job: importing.commit(job=job) for job in jobs))
    for job in jobs:
        job.refresh_from_db()
        assert job.state == ImportState.DONE, job.error
    assert jobs[0].rows_new + jobs[1].rows_new == Order.objects.count() == OrderLine.objects.count() == 300
    assert Profile.objects.aggregate(Sum("orders"))["orders__sum"] == 300
    assert sum(dict(profile.spent or {})["EUR"] for profile in Profile.objects.all()) == 100 * sum(
        range(1, 301)
    )
    assert set(Profile.objects.values_list("marketing_basis", flat=True)) == {"consent"}
    soft = ConsentRecord.objects.filter(lawful_basis="soft_opt_in")
    assert soft.values("subject").distinct().count() == soft.count()
    assert not at_once(*(lambda job=job: importing.undo(job=job) for job in jobs[:2]))
    assert not Order.objects.exists()
    assert set(Profile.objects.values_list("orders", "spent", "last_ordered_at")) == {(0, None, None)}
    assert set(Profile.objects.values_list("marketing_basis", flat=True)) == {"consent"}

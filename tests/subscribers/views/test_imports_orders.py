"""A file of orders through the pages of the wizard, and what the pages say of it."""

import csv
import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from subscribers.merging import run
from subscribers.models import ImportJob, ImportState, Order
from subscribers.services import importing
from tests.factories.accounts import UserFactory, ViewerFactory
from tests.factories.subscribers import person

pytestmark = pytest.mark.django_db
SHOPIFY = (
    "Name,Email,Financial Status,Currency,Total,Created at,"
    "Lineitem quantity,Lineitem name,Lineitem price,Cancelled at\n"
    "#1001,ann@example.com,paid,EUR,30.00,2025-05-01 12:00:00 +0200,2,Tea,10.00,\n"
    "#1001,ann@example.com,,,,,1,Cup,10.00,\n"
    "#1002,nobody@example.com,paid,EUR,5.00,2025-05-01 12:00:00 +0200,1,Tea,5.00,\n"
    "#1003,ann@example.com,refunded,EUR,5.00,2025-05-01 12:00:00 +0200,1,=1+1,5.00,\n"
)
SOFT = {"soft": "on", "similar": "on", "opt_out": "on", "where": "checkout", "wording": "Offers? No: [ ]"}


@pytest.fixture
def marketer(client: Client) -> Client:
    client.force_login(UserFactory.create())
    return client


def upload(client: Client, text: str = SHOPIFY) -> ImportJob:
    file = SimpleUploadedFile("orders.csv", text.encode())
    assert client.post("/imports/add/", {"file": file, "kind": "orders"}).status_code == 302
    return ImportJob.objects.latest("pk")


def declared(job: ImportJob, **extra: Any) -> dict[str, Any]:
    columns = {f"target_{index}": column["target"] for index, column in enumerate(job.mapping["columns"])}
    return {**columns, "shop": "shop.example", **extra}


def test_the_whole_way_in_the_browser(marketer: Client) -> None:
    ann = person("ann@example.com", agreed=False)
    job = upload(marketer)
    address = f"/imports/{job.public_id}/"
    page = marketer.get(f"{address}map/").content.decode()
    assert "Shopify export" in page
    assert '<option value="order" selected>' in page
    assert marketer.post(f"{address}map/", declared(job, **SOFT)).headers["Location"] == address
    importing.check(job=job)
    page = marketer.get(address).content.decode()
    for words in ("Import 1 order", "EUR 30.00", "Tea, Cup", "People who get a basis", "nobody here has this address",
                  "the file says that this order was paid back"):  # fmt: skip
        assert words in page, words
    marketer.post(f"{address}start/")
    run.run_job(job_id=job.pk)
    page = marketer.get(address).content.decode()
    assert "People who got a basis" in page
    assert "Take this import back" in page
    rows = list(csv.reader(io.StringIO(marketer.get(f"{address}refused.csv").content.decode("utf-8-sig"))))
    assert [row[0] for row in rows] == ["Name", "#1002", "#1003"]
    assert rows[2][7] == "'=1+1"
    assert "orders of shop.example" in marketer.get("/imports/").content.decode()
    page = marketer.get(f"/subscribers/{ann.public_id}/").content.decode()
    for words in ("1 order:", "#1001", "EUR 30.00", "2 \u00d7 Tea, Cup", "Existing customer"):
        assert words in page, words
    marketer.post(f"{address}undo/")
    run.undo_job(job_id=job.pk)
    page = marketer.get(address).content.decode()
    assert "Its orders are gone" in page
    assert "Bases annulled" in page
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"shop": ""}, "This field is required"),
        ({"target_0": ""}, "No column holds the number of the order"),
        ({"target_1": "total"}, "Two columns are mapped to “total”"),
        ({"target_3": ""}, "Choose the column that holds the currency"),
        ({**SOFT, "similar": ""}, "covers your own similar products only"),
        ({**SOFT, "wording": ""}, "Give the exact words"),
    ],
)
def test_what_is_missing_is_said_and_what_was_typed_stays(
    marketer: Client, extra: dict[str, Any], words: str
) -> None:
    job = upload(marketer)
    response = marketer.post(
        f"/imports/{job.public_id}/map/", {**declared(job, where="at the till"), **extra}
    )
    assert response.status_code == 422
    assert words in response.content.decode()
    if "shop" not in extra:
        assert 'value="shop.example"' in response.content.decode()
    job.refresh_from_db()
    assert job.state == ImportState.UPLOADED


def test_nothing_new_offers_nothing_to_import(marketer: Client) -> None:
    job = upload(marketer)
    marketer.post(f"/imports/{job.public_id}/map/", declared(job))
    importing.check(job=job)
    page = marketer.get(f"/imports/{job.public_id}/").content.decode()
    assert "Nothing new" in page
    assert "btn-primary" not in page.split("mp-form-foot", 1)[1].split("</form>")[0]


def test_a_viewer_only_looks(client: Client, marketer: Client) -> None:
    job = upload(marketer)
    client.force_login(ViewerFactory.create())
    assert client.get(f"/imports/{job.public_id}/map/").status_code == 403
    assert client.get(f"/imports/{job.public_id}/").status_code == 200

"""The export of the register, as an administrator meets it."""

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from mailplatform.accounts.models import AuditEntry
from mailplatform.core import clock
from subscribers.ledger.verify_export import verify_export
from subscribers.models import SigningKey
from subscribers.services import consent
from tests.factories.accounts import AdminFactory, UserFactory
from tests.factories.subscribers import person

pytestmark = pytest.mark.django_db
EXPORT = "/consent/export/"


@pytest.fixture(autouse=True)
def _ledger(settings: Any, tmp_path: Any) -> None:
    settings.LEDGER_KEY_FILE = str(tmp_path / "ledger.pem")
    settings.LEDGER_CHECKPOINT_FILE = str(tmp_path / "ledger.jsonl")


def grant(email: str, basis: str, source: str, evidence: dict[str, Any]) -> None:
    consent.record(
        subscriber_id=person(email, agreed=False).pk, purpose="marketing_email", act="granted", lawful_basis=basis,
        method="import", source=source, occurred_at=clock.now(), actor="import:1", evidence=evidence,
    )  # fmt: skip


def download(client: Client, **filters: str) -> bytes:
    answer: Any = client.post(EXPORT, filters)
    assert answer.status_code == 200
    assert answer.streaming  # never whole in memory; `make bench BENCH=register` measures how little
    return b"".join(answer.streaming_content)


def test_ux_30_admin_consent_register_export(client: Client, tmp_path: Path) -> None:
    sale = {"order": "=cmd()", "order_date": "2026-01-01", **consent.SOFT_OPT_IN_DECLARED}
    grant("shop@example.com", "soft_opt_in", "=cmd()", sale)
    grant("form@example.com", "consent", "form", {"box": "ticked"})
    client.force_login(UserFactory.create())
    assert client.post(EXPORT).status_code == 403
    client.force_login(AdminFactory.create())
    today = clock.now().date().isoformat()
    # Filters: date, basis, source.
    found = download(client, lawful_basis="soft_opt_in", source="=cmd", since=today, until=today, form="csv")
    bundle = zipfile.ZipFile(io.BytesIO(found))
    rows = list(csv.DictReader(io.StringIO(bundle.read("register.csv").decode("utf-8-sig"))))
    assert [row["email"] for row in rows] == ["shop@example.com"]
    # Formula-injection safe: the cell is quoted.
    assert rows[0]["source"] == "'=cmd()"
    assert not any(cell.startswith("=") for row in rows for cell in row.values())
    # It includes the hash check, which needs this file and the public key alone.
    path = tmp_path / "register.zip"
    path.write_bytes(found)
    key = bytes(SigningKey.objects.get().public_key)
    assert verify_export(path, key).ok
    # JSON as well, and a filter that finds nobody gives an empty, signed file.
    other = zipfile.ZipFile(io.BytesIO(download(client, lawful_basis="consent", form="json")))
    assert "form@example.com" in other.read("register.json").decode()
    assert "shop@example.com" not in other.read("register.json").decode()
    assert json.loads(other.read("manifest.json"))["count"] == 1
    download(client, source="nowhere", form="csv")
    # Itself logged: who, which filters, how many.
    logged = AuditEntry.objects.filter(action="register.exported").order_by("pk")
    assert [entry.detail["records"] for entry in logged] == [1, 1, 0]
    assert logged[0].detail["filters"]["lawful_basis"] == "soft_opt_in"
    page = client.get("/settings/audit-log/").content.decode()
    assert "register.exported" in page


def test_a_file_in_which_one_cell_was_changed_is_told(client: Client, tmp_path: Path) -> None:
    grant("form@example.com", "consent", "form", {"box": "ticked"})
    client.force_login(AdminFactory.create())
    source = zipfile.ZipFile(io.BytesIO(download(client, form="csv")))
    path = tmp_path / "changed.zip"
    with zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            raw = source.read(name)
            target.writestr(name, raw.replace(b"form@", b"fake@") if name == "register.csv" else raw)
    assert not verify_export(path, bytes(SigningKey.objects.get().public_key)).ok

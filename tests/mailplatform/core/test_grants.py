"""What the application's database role may do."""

import pytest
from django.db import ProgrammingError, connections, transaction

from mailplatform.core import grants

pytestmark = pytest.mark.django_db(databases=["default", "owner"])
LEDGER = {f"subscribers_{name}" for name in ("consentrecord", "consentblock", "consentnotice", "signingkey")}


def test_the_ledger_is_append_only() -> None:
    role = connections["default"].settings_dict["USER"]
    assert set(grants.grant_app_role(connections["owner"], role)) >= LEDGER


@pytest.mark.parametrize("table", sorted(LEDGER))
@pytest.mark.parametrize(
    "statement", ["DELETE FROM {}", "TRUNCATE {}", "DROP TABLE {}", "ALTER TABLE {} ADD x int"]
)
def test_the_application_cannot_take_anything_from_the_ledger(table: str, statement: str) -> None:
    with (
        pytest.raises(ProgrammingError, match=r"permission denied|must be owner"),
        transaction.atomic(),
        connections["default"].cursor() as cursor,
    ):
        cursor.execute(statement.format(table))


def test_the_application_makes_no_tables() -> None:
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        connections["default"].cursor() as cursor,
    ):
        cursor.execute("CREATE TABLE public.anything (id int)")


def test_the_application_makes_partitions_through_the_owner_s_functions() -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT campaigns_ensure_delivery_partition(5000)")
        cursor.execute("SELECT events_ensure_month_partitions('2031-05-17')")
        cursor.execute("SELECT to_regclass('campaigns_delivery_r5'), to_regclass('events_event_203105')")
        assert cursor.fetchone() == ("campaigns_delivery_r5", "events_event_203105")

"""An upgrade while the site is in use: the old code works with the new tables until the last process is a new one."""

from collections.abc import Iterator
from typing import Final

import pytest
from django.db import models
from django.db.migrations import Migration, operations
from django.db.migrations.loader import MigrationLoader

# Before these nobody had an installation to upgrade.
FIRST: Final = {"accounts": 7, "campaigns": 17, "events": 13, "subscribers": 18}
# What the old code would miss or write wrongly: first the code stops using it, and the next release takes it away.
TAKES_AWAY: Final = (
    operations.RemoveField,
    operations.RenameField,
    operations.RenameModel,
    operations.DeleteModel,
    operations.AlterModelTable,
)


def later() -> Iterator[Migration]:
    for (app, name), migration in MigrationLoader(None).disk_migrations.items():
        if app in FIRST and int(name[:4]) >= FIRST[app]:
            yield migration


def faults(migration: Migration) -> Iterator[str]:
    for operation in migration.operations:
        if isinstance(operation, TAKES_AWAY):
            yield f"{migration}: {operation.describe()} takes away what the old code uses"
        if isinstance(operation, operations.AddField):
            field = operation.field
            if not (field.null or field.has_db_default() or isinstance(field, models.ManyToManyField)):
                yield f"{migration}: {operation.describe()} needs a db_default: the old code writes rows without it"


def test_the_old_code_works_with_the_new_tables() -> None:
    assert [fault for migration in later() for fault in faults(migration)] == []


@pytest.mark.parametrize(
    ("operation", "is_refused"),
    [
        (operations.RemoveField("run", "state"), True),
        (operations.RenameModel("run", "launch"), True),
        (operations.AddField("run", "note", models.TextField(default="")), True),
        (operations.AddField("run", "note", models.TextField(db_default="")), False),
        (operations.AddField("run", "note", models.TextField(null=True)), False),
    ],
)
def test_what_is_refused(operation: operations.base.Operation, *, is_refused: bool) -> None:
    change = type("Change", (Migration,), {"operations": [operation]})
    assert bool(list(faults(change("0099_change", "campaigns")))) is is_refused

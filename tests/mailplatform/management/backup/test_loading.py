"""Into which database a backup may go."""

import pytest

from mailplatform.management.backup import loading, tools
from mailplatform.management.backup.errors import BackupError


def test_a_server_that_is_older_than_the_backup_is_refused() -> None:
    loading.fits(17, 15)
    with pytest.raises(BackupError, match="comes from Postgres 17, and this server is version 16"):
        loading.fits(16, 17)


@pytest.mark.django_db(databases=["default", "owner"])
def test_a_database_with_tables_in_it_is_refused() -> None:
    with pytest.raises(BackupError, match="is not empty"):
        loading.check_empty(tools.owners_database())

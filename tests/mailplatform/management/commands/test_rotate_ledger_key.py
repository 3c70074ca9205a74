"""The key is changed with one command, and the ledger goes on."""

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from mailplatform.accounts.models import AuditEntry
from subscribers.models import SigningKey

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _files(settings: Any, tmp_path: Any) -> None:
    settings.LEDGER_KEY_FILE = str(tmp_path / "ledger.pem")
    settings.LEDGER_CHECKPOINT_FILE = str(tmp_path / "ledger.jsonl")


def test_the_new_key_is_endorsed_and_noted() -> None:
    out = io.StringIO()
    call_command("rotate_ledger_key", stdout=out)
    new = SigningKey.objects.exclude(previous_key_id="").get()
    assert out.getvalue() == f"Key {new.key_id} signs from now on, endorsed by {new.previous_key_id}.\n"
    entry = AuditEntry.objects.get(action="ledger.key_rotated")
    assert entry.detail == {"key": new.key_id, "by": new.previous_key_id}


def test_without_the_old_key_it_says_so(tmp_path: Any) -> None:
    call_command("rotate_ledger_key", stdout=io.StringIO())
    (tmp_path / "ledger.pem").unlink()
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("rotate_ledger_key")
    assert SigningKey.objects.count() == 2

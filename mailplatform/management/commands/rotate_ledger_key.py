"""`manage.py rotate_ledger_key`: from now on a new key signs the ledger, endorsed by the old one."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mailplatform.accounts.services import audit
from subscribers.ledger.keys import KeyFileError
from subscribers.services import sealing


class Command(BaseCommand):
    """Makes the new key, has the old one sign it, and puts it in the old one's file."""

    help = "Sign the consent ledger with a new key, endorsed by the old one. Back up the key file after."

    def handle(self, *args: Any, **options: Any) -> None:
        """Rotate, and say which key signs now."""
        try:
            key = sealing.rotate_key()
        except (KeyFileError, sealing.LedgerKeyError) as error:
            raise CommandError(str(error)) from error
        audit.record(
            actor=None, action="ledger.key_rotated", detail={"key": key.key_id, "by": key.previous_key_id}
        )
        self.stdout.write(f"Key {key.key_id} signs from now on, endorsed by {key.previous_key_id}.")

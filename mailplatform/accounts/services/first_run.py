"""The first visit to an empty installation makes its administrator, behind a one-time token.

The token lies in a file that only the server's user can read and is printed in the log until it is used; then
the file is gone. Whoever can read the log may set the site up; a passer-by may not.
"""

import hashlib
import hmac
import os
import secrets
import threading
from pathlib import Path

import structlog
from django.conf import settings
from django.db import connection, transaction

from ..models import Role, User
from . import audit

log = structlog.get_logger(__name__)
_LOCK = 7310


class SetupClosed(Exception):
    """There is an administrator already."""


class WrongToken(Exception):
    """The token is not the one in the log."""


def token_file() -> Path:
    """Return where the token lies."""
    return Path(settings.DATA_DIR) / "setup-token"


def is_open() -> bool:
    """Return whether nobody can sign in yet."""
    return not User.objects.exists()


def token() -> str:
    """Return the token, made at the first call. Several processes starting at once agree on one."""
    path = token_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".setup-token-{os.getpid()}-{secrets.token_hex(4)}")
    fresh.touch(mode=0o600)
    try:
        fresh.write_text(secrets.token_urlsafe(24))
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    return path.read_text().strip()


def announce(address: str) -> None:
    """Print in the log where to go and with which token, when the installation is new."""
    if is_open():
        log.warning("first_run", setup_url=f"{address.rstrip('/')}/setup/", one_time_token=token())


def create_administrator(*, given: str, email: str, name: str, password: str) -> User:
    """Make the first user. Raises SetupClosed or WrongToken; the token dies with success."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        if not is_open():
            raise SetupClosed
        if not _same(given, token()):
            raise WrongToken
        user = User.objects.create_user(email, password, name=name, role=Role.ADMIN)
        audit.record(actor=user, action="installation.set_up", obj=user)
    token_file().unlink(missing_ok=True)
    return user


def _same(given: str, expected: str) -> bool:
    digests = [hashlib.sha256(text.strip().encode()).digest() for text in (given, expected)]
    return hmac.compare_digest(*digests)


def announce_in_background(address: str) -> None:
    """Do the same beside the start of the web process, which must not wait for a database that starts too."""

    def run() -> None:
        try:
            announce(address)
        except Exception as error:  # noqa: BLE001 (a site without its database yet is no reason to stop)
            log.info("first_run_not_announced", reason=str(error))
        finally:
            connection.close()

    threading.Thread(target=run, name="first-run", daemon=True).start()

"""Where the embedded services keep their files.

A unix socket's path may be 107 bytes long (sun_path), so a deep data directory gets its sockets in a short,
private directory under the system's temporary one, named by a hash of the data directory. So does one that
the user who runs Postgres cannot enter. Both are decided anew at each start, always the same way.
"""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from . import privileges

OWNER_ROLE = "mailplatform_owner"
APP_ROLE = "mailplatform_app"
SUPERUSER = "postgres"
DATABASE = "mailplatform"
LONGEST_SOCKET_PATH = 107
POSTGRES_SOCKET = ".s.PGSQL.5432"
REDIS_SOCKET = "redis.sock"


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths below one absolute data directory."""

    data_dir: Path

    @classmethod
    def of(cls, data_dir: Path | str) -> "Layout":
        return cls(Path(data_dir).absolute())

    @property
    def lock_file(self) -> Path:
        return self.data_dir / "embedded.lock"

    @property
    def users_file(self) -> Path:
        return self.data_dir / "embedded.users"

    @property
    def keep_file(self) -> Path:
        """Present while somebody asked for services that outlive their users."""
        return self.data_dir / "embedded.keep"

    @property
    def redis_home(self) -> Path:
        return self.data_dir / "redis"

    @property
    def socket_dir(self) -> Path:
        inside = self.data_dir / "run"
        fits = len(os.fsencode(inside / POSTGRES_SOCKET)) <= LONGEST_SOCKET_PATH
        return inside if fits and self.is_open_to_postgres else self.outside("run")

    def postgres_home(self, major: int) -> Path:
        """The data directory is named by its major version: another version's data is left alone."""
        name = f"postgres-{major}"
        return self.data_dir / name if self.is_open_to_postgres else self.outside(name)

    def programs(self, major: int) -> Path:
        """A copy of Postgres for a user who cannot enter the virtual environment."""
        return self.outside(f"postgres-{major}-programs")

    @property
    def is_open_to_postgres(self) -> bool:
        return not privileges.choose().is_other_user or privileges.is_reachable(self.data_dir / "run")

    @property
    def redis_socket(self) -> Path:
        return self.socket_dir / REDIS_SOCKET

    def outside(self, purpose: str) -> Path:
        """A short private directory outside the data directory, the same at each start."""
        digest = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"mailplatform-{os.getuid()}-{digest}-{purpose}"

    def database_url(self, role: str, database: str = DATABASE) -> str:
        return f"postgres://{role}@/{database}?host={quote(str(self.socket_dir), safe='')}"

    @property
    def redis_url(self) -> str:
        return f"unix://{quote(str(self.redis_socket))}?db=0"

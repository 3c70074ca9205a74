"""Where the embedded services keep their files. Pure: nothing here touches the disk.

A unix socket's path may be 107 bytes long (sun_path), so a deep data directory gets its sockets in a short,
private directory under the system's temporary one, named by a hash of the data directory.
"""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

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
        longest = inside / POSTGRES_SOCKET
        return inside if len(os.fsencode(longest)) <= LONGEST_SOCKET_PATH else self.outside("run")

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

"""Postgres refuses to run as root, so root starts it as "nobody".

Preferred: a user namespace in which root is called 65534, so that files stay root's own. Where the kernel
refuses that (most containers), real user 65534 through setpriv, and Postgres's directory is given to it.
"""

import functools
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .errors import EmbeddedError

NOBODY = 65534


@dataclass(frozen=True, slots=True)
class RunAs:
    """How to start a program: words before the command, and the user who must own its files."""

    prefix: tuple[str, ...]
    owner: int

    @property
    def is_other_user(self) -> bool:
        return self.owner != os.geteuid()


@functools.cache
def choose() -> RunAs:
    """Return how Postgres is started here; found out once per process."""
    if os.geteuid() != 0:
        return RunAs((), os.geteuid())
    namespace = ("unshare", "-U", f"--map-user={NOBODY}", f"--map-group={NOBODY}")
    if _works(namespace):
        return RunAs(namespace, 0)
    other_user = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    if _works(other_user):
        return RunAs(other_user, NOBODY)
    message = "Postgres does not run as root and neither unshare nor setpriv works here: use another user"
    raise EmbeddedError(message)


def give(tree: Path, owner: int) -> None:
    """Make `owner` own the tree; does nothing for whoever is not root or when it does already."""
    if os.geteuid() != 0 or not tree.exists() or tree.stat().st_uid == owner:
        return
    for folder, _, files in os.walk(tree):
        os.chown(folder, owner, owner)
        for name in files:
            os.chown(Path(folder) / name, owner, owner, follow_symlinks=False)


def is_reachable(path: Path) -> bool:
    """Whether a stranger may walk to `path`: each folder above has its x bit for others."""
    return all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents if parent.exists())


def _works(prefix: tuple[str, ...]) -> bool:
    if shutil.which(prefix[0]) is None:
        return False
    return subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0

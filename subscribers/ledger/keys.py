"""Ed25519 keys of the ledger: the private one in a file outside the database, the public ones in a chain.

The private key is a PEM file (PKCS #8) that only its owner may read. A key's id is the first 32 hex digits of
the SHA-256 of its public key. Rotation makes a new key and signs it with the old one, so that whoever trusts
one key can follow to every later one.
"""

import os
import stat
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ROTATION_MAGIC: Final = b"mailplatform-ledger-key-1\n"
PUBLIC_SIZE: Final = 32


class KeyFileError(RuntimeError):
    """The file of the private key is missing, unreadable, or open to others."""


class PublicKeyError(ValueError):
    """What was given is not an Ed25519 public key."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One public key and, unless it was the first, the signature of the key before it."""

    key_id: str
    public_key: bytes
    signed_by: str = ""
    signature: bytes = b""


class Signer:
    """A private key in memory."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public_key = private.public_key().public_bytes_raw()
        self.key_id = key_id(self.public_key)

    def sign(self, data: bytes) -> bytes:
        """Return the 64-byte signature of `data`."""
        return self._private.sign(data)

    def pem(self) -> bytes:
        """Return the private key as it stands in its file."""
        return self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def generate() -> Signer:
    """Make a new private key in memory."""
    return Signer(Ed25519PrivateKey.generate())


def key_id(public_key: bytes) -> str:
    """Return the id of a public key: 32 hex digits."""
    return sha256(public_key).hexdigest()[:32]


def verify(public_key: bytes, signature: bytes, data: bytes) -> bool:
    """Tell whether the signature is this key's for this data."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def load(path: Path) -> Signer:
    """Read the private key; refuse a file that others may change or that strangers may read."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        data = path.read_bytes()
    except OSError as error:
        raise KeyFileError(f"the ledger's private key cannot be read: {path}: {error.strerror}") from error
    if mode & 0o027:
        raise KeyFileError(f"{path} is open to others (mode {mode:o}); run: chmod 600 {path}")
    try:
        private = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError) as error:
        raise KeyFileError(f"{path} does not hold a private key in PEM form") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise KeyFileError(f"{path} holds another kind of key; the ledger signs with Ed25519")
    return Signer(private)


def load_or_create(path: Path) -> Signer:
    """Read the private key, making it on first use; of two processes that race, both get the same key."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = _write_beside(path, generate().pem())
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass  # another process was first; its key counts
        finally:
            temporary.unlink()
        _sync_folder(path.parent)
    return load(path)


def save(path: Path, signer: Signer) -> None:
    """Write a private key in one step, in place of the one that stood there."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write_beside(path, signer.pem()).replace(path)
    _sync_folder(path.parent)


def rotation_payload(new_public_key: bytes, signed_by: str) -> bytes:
    """Return the bytes that the old key signs to hand over to the new one."""
    return ROTATION_MAGIC + f"key={new_public_key.hex()}\nsigned_by={signed_by}".encode()


def succeed(old: Signer, new: Signer) -> PublicKey:
    """Return the new key's public half, signed by the old key."""
    signature = old.sign(rotation_payload(new.public_key, old.key_id))
    return PublicKey(new.key_id, new.public_key, old.key_id, signature)


def trusted(start: PublicKey | bytes, known: Iterable[PublicKey]) -> dict[str, bytes]:
    """Follow the rotations from one trusted key: key id → public key of it and of all its successors."""
    public_key = start.public_key if isinstance(start, PublicKey) else start
    reached = {key_id(public_key): public_key}
    waiting = [key for key in known if key.signed_by]
    progress = True
    while progress:
        progress = False
        for key in waiting:
            if key.key_id not in reached and _is_signed(key, reached):
                reached[key.key_id] = key.public_key
                progress = True
    return reached


def chain_faults(known: Iterable[PublicKey]) -> list[str]:
    """Say, in words, what is wrong with a chain of keys; nothing for one first key and signed successors."""
    chain = list(known)
    faults = [
        f"key {key.key_id} is not the hash of its public key"
        for key in chain
        if key_id(key.public_key) != key.key_id
    ]
    first = [key for key in chain if not key.signed_by]
    faults += [
        f"key {key.key_id} was brought in without the signature of the key before it" for key in first[1:]
    ]
    if first:
        reached = trusted(first[0], chain)
        faults += [
            f"the signature that hands over to key {key.key_id} is wrong"
            for key in chain
            if key.signed_by and key.key_id not in reached
        ]
    return faults


def parse_public_key(text: str) -> bytes:
    """Read a public key given as PEM or as 64 hex digits."""
    given = text.strip()
    key = None
    try:
        if given.startswith("-----BEGIN"):
            key = serialization.load_pem_public_key(given.encode())
        raw = b"" if key else bytes.fromhex(given)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PublicKeyError("this is neither a PEM public key nor 64 hex digits") from error
    if isinstance(key, Ed25519PublicKey):
        return key.public_bytes_raw()
    if key is not None:
        raise PublicKeyError("the public key is of another kind than Ed25519")
    if len(raw) != PUBLIC_SIZE:
        raise PublicKeyError(f"an Ed25519 public key has {PUBLIC_SIZE} bytes, not {len(raw)}")
    return raw


def public_pem(public_key: bytes) -> str:
    """Return a public key as PEM."""
    return (
        Ed25519PublicKey.from_public_bytes(public_key)
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def _is_signed(key: PublicKey, reached: Mapping[str, bytes]) -> bool:
    signer = reached.get(key.signed_by)
    return (
        signer is not None
        and key_id(key.public_key) == key.key_id
        and verify(signer, key.signature, rotation_payload(key.public_key, key.signed_by))
    )


def _write_beside(path: Path, data: bytes) -> Path:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mkstemp makes it 0600
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

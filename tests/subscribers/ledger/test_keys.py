"""The private key stays in its file, and a new one is endorsed by the old one."""

import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from subscribers.ledger import keys
from subscribers.ledger.keys import KeyFileError, PublicKey, PublicKeyError


def first(signer: keys.Signer) -> PublicKey:
    return PublicKey(signer.key_id, signer.public_key)


def test_the_key_is_made_on_first_use_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "ledger.pem"
    signer = keys.load_or_create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert keys.load_or_create(path).key_id == signer.key_id == keys.key_id(signer.public_key)
    assert [file.name for file in path.parent.iterdir()] == ["ledger.pem"]


def test_processes_that_race_for_the_first_key_get_the_same_one(tmp_path: Path) -> None:
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(keys.load_or_create(tmp_path / "ledger.pem").key_id))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o620, 0o644, 0o666])
def test_a_key_that_others_may_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "ledger.pem"
    keys.load_or_create(path)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match="is open to others"):
        keys.load(path)


def test_a_missing_key_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="cannot be read"):
        keys.load(tmp_path / "none.pem")


@pytest.mark.parametrize(
    "data", [b"", b"nonsense", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_broken_key_is_said_in_words(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "ledger.pem"
    path.write_bytes(data)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="does not hold a private key"):
        keys.load(path)


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.pem"
    other = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(
        other.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="another kind"):
        keys.load(path)
    public = other.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with pytest.raises(PublicKeyError, match="another kind"):
        keys.parse_public_key(public.decode())


def test_a_signature_holds_for_its_data_and_key_only() -> None:
    signer, other = keys.generate(), keys.generate()
    signature = signer.sign(b"data")
    assert keys.verify(signer.public_key, signature, b"data")
    assert not keys.verify(signer.public_key, signature, b"Data")
    assert not keys.verify(other.public_key, signature, b"data")
    assert not keys.verify(b"short", signature, b"data")
    assert not keys.verify(signer.public_key, b"", b"data")


def test_trust_follows_rotations_forward() -> None:
    one, two, three = keys.generate(), keys.generate(), keys.generate()
    chain = [first(one), keys.succeed(one, two), keys.succeed(two, three)]
    assert set(keys.trusted(one.public_key, reversed(chain))) == {one.key_id, two.key_id, three.key_id}
    assert set(keys.trusted(chain[1], chain)) == {two.key_id, three.key_id}
    assert keys.chain_faults(chain) == []


def test_a_forged_successor_is_not_followed() -> None:
    one, forger = keys.generate(), keys.generate()
    forged = PublicKey(forger.key_id, forger.public_key, one.key_id, forger.sign(b"x"))
    assert set(keys.trusted(one.public_key, [first(one), forged])) == {one.key_id}
    assert keys.chain_faults([first(one), forged]) == [
        f"the signature that hands over to key {forger.key_id} is wrong"
    ]


def test_a_second_first_key_is_a_fault() -> None:
    one, two = keys.generate(), keys.generate()
    assert "was brought in without" in keys.chain_faults([first(one), first(two)])[0]


def test_a_key_under_a_foreign_name_is_a_fault() -> None:
    one, two = keys.generate(), keys.generate()
    assert "is not the hash" in keys.chain_faults([PublicKey(one.key_id, two.public_key)])[0]


def test_a_public_key_is_read_as_pem_or_digits() -> None:
    signer = keys.generate()
    assert keys.parse_public_key(keys.public_pem(signer.public_key)) == signer.public_key
    assert keys.parse_public_key(f" {signer.public_key.hex()}\n") == signer.public_key


@pytest.mark.parametrize(
    "text", ["", "zz", "00ff", "-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----"]
)
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(PublicKeyError):
        keys.parse_public_key(text)


def test_saving_replaces_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "ledger.pem"
    keys.load_or_create(path)
    new = keys.generate()
    keys.save(path, new)
    assert keys.load(path).key_id == new.key_id

"""The sandbox's own certificate authority and the signatures that SNS puts on its messages.

Strings to sign: docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html. The leaf's name
differs in opt-in Regions, as aws-sdk-java-v2 (SnsHostProvider) has it.
"""

import asyncio
import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_OWN_NAME_REGIONS = {
    "af-south-1",
    "ap-east-1",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ca-west-1",
    "eu-central-2",
    "eu-south-1",
    "eu-south-2",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
}
_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_LIFETIME = timedelta(days=365)


def domain(region: str) -> str:
    """The DNS suffix of a Region's partition."""
    if region.startswith("cn-"):
        return "amazonaws.com.cn"
    return "amazonaws.eu" if region.startswith("eusc-") else "amazonaws.com"


def host(region: str) -> str:
    """The SNS endpoint that a Region's messages name."""
    return f"sns.{region}.{domain(region)}"


def common_name(region: str) -> str:
    """The name in a Region's signing certificate."""
    return (
        f"sns-signing.{region}.{domain(region)}" if region in _OWN_NAME_REGIONS else f"sns.{domain(region)}"
    )


def string_to_sign(envelope: dict[str, str]) -> bytes:
    """The lines that a message's signature covers."""
    keys = _NOTIFICATION if envelope["Type"] == "Notification" else _CONFIRMATION
    return "".join(f"{key}\n{envelope[key]}\n" for key in keys if key in envelope).encode()


class Signer:
    """Holds the keys. Signs in a thread, in groups: RSA releases the interpreter lock."""

    def __init__(self, region: str, state_dir: Path | None = None) -> None:
        self.region = region
        self._key, self._leaf, self._ca = _load(region, state_dir) or _make(region, state_dir)
        self.ca_pem = self._ca.public_bytes(serialization.Encoding.PEM)
        self.leaf_pem = self._leaf.public_bytes(serialization.Encoding.PEM)
        name = hashlib.sha256(self._leaf.public_bytes(serialization.Encoding.DER)).hexdigest()[:32]
        self.path = f"/SimpleNotificationService-{name}.pem"
        self.cert_url = f"https://{host(region)}{self.path}"
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="sns-signer")

    def sign(self, data: bytes, version: str) -> str:
        """RSA PKCS#1 v1.5 over SHA-1 (version 1) or SHA-256 (version 2), base64."""
        algorithm = hashes.SHA256() if version == "2" else hashes.SHA1()  # noqa: S303 - version 1 is SHA-1
        return base64.b64encode(self._key.sign(data, padding.PKCS1v15(), algorithm)).decode("ascii")

    async def sign_many(self, batch: list[tuple[bytes, str]]) -> list[str]:
        """Sign (data, version) pairs off the event loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: [self.sign(*item) for item in batch])

    def close(self) -> None:
        """Let the thread go."""
        self._pool.shutdown(wait=False)


_Keys = tuple[rsa.RSAPrivateKey, x509.Certificate, x509.Certificate]


def _load(region: str, state_dir: Path | None) -> _Keys | None:
    """Keys of an earlier start, unless they belong to another Region or run out soon."""
    path = state_dir / "sns-signing.pem" if state_dir else None
    if not path or not path.exists():
        return None
    content = path.read_bytes()
    key = serialization.load_pem_private_key(content, None)
    leaf, authority = x509.load_pem_x509_certificates(content)
    named = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == common_name(region)
    fresh = leaf.not_valid_after_utc > datetime.now(UTC) + timedelta(days=30)
    return (key, leaf, authority) if named and fresh and isinstance(key, rsa.RSAPrivateKey) else None


def _make(region: str, state_dir: Path | None) -> _Keys:
    ca_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    authority = _authority(ca_key)
    leaf = _leaf(region, key, ca_key, authority)
    if state_dir:
        state_dir.mkdir(parents=True, exist_ok=True)
        path = state_dir / "sns-signing.pem"
        path.touch(mode=0o600)
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + leaf.public_bytes(serialization.Encoding.PEM)
            + authority.public_bytes(serialization.Encoding.PEM)
        )
    return key, leaf, authority


def _builder(name: str, issuer: x509.Name | None, public_key: rsa.RSAPublicKey) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    # A day back, so that a clock slightly behind does not refuse it.
    start = datetime.now(UTC) - timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=not signs_certificates,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _authority(key: rsa.RSAPrivateKey) -> x509.Certificate:
    builder = _builder("mailplatform sandbox CA", None, key.public_key())
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    return builder.sign(key, hashes.SHA256())


def _leaf(
    region: str, key: rsa.RSAPrivateKey, ca_key: rsa.RSAPrivateKey, authority: x509.Certificate
) -> x509.Certificate:
    name = common_name(region)
    builder = _builder(name, authority.subject, key.public_key())
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    return (
        builder.add_extension(issuer_id, critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )

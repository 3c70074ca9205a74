"""Which certificates may sign for Amazon SNS: their names by Region, their chain, their validity.

Pure: the clock, the anchors and the fetcher are given. Names follow the table that Amazon's own Java SDK keeps
(facts: opt-in Regions sign as ``sns-signing.<region>``, the older ones as ``sns.amazonaws.com``).
"""

import re
import ssl
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtensionOID, NameOID

Fetcher = Callable[[str], bytes]

OPT_IN_REGIONS = frozenset(
    {
        "af-south-1", "ap-east-1", "ap-east-2", "ap-south-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5",
        "ap-southeast-6", "ap-southeast-7", "ca-west-1", "eu-central-2", "eu-south-1", "eu-south-2", "il-central-1",
        "me-central-1", "me-south-1", "mx-central-1",
    }
)  # fmt: skip
_REGION = re.compile(r"^[a-z]{2,4}(?:-[a-z]+)+-\d{1,2}$")
_ISSUER_URL = re.compile(r"^http://crt\.[a-z0-9.]{1,40}amazontrust\.com/[a-z0-9]{1,40}\.(?:cer|crt)$")
# https://www.amazontrust.com/repository/
_ROOTS = frozenset(f"Amazon Root CA {number}" for number in range(1, 5))
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")
_SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)
MIN_RSA_BITS = 2048


class NotTrusted(Exception):
    """The certificate can never be believed for this Region; the text says why."""


class IssuerUnavailable(Exception):
    """The issuing certificate could not be fetched now; trying again later may help."""


def sns_host(region: str) -> str:
    """Return the one host that serves signing certificates for `region`; ValueError for what is no Region."""
    if not _REGION.fullmatch(region):
        message = f"not a Region: {region[:40]!r}"
        raise ValueError(message)
    if region.startswith("cn-"):
        return f"sns.{region}.amazonaws.com.cn"
    if region.startswith("eusc-"):
        return f"sns.{region}.amazonaws.eu"
    return f"sns.{region}.amazonaws.com"


def certificate_name(region: str) -> str:
    """Return the DNS name that the signing certificate of `region` must bear."""
    if region.startswith("cn-"):
        return f"sns-{region}.amazonaws.com.cn"
    if region.startswith("us-gov-"):
        return "sns-us-gov-west-1.amazonaws.com"
    if region.startswith("eusc-"):
        return f"sns-signing.{region}.amazonaws.eu"
    if region in OPT_IN_REGIONS:
        return f"sns-signing.{region}.amazonaws.com"
    return "sns.amazonaws.com"


def load_single_pem(data: bytes) -> x509.Certificate:
    """Parse exactly one PEM certificate and nothing beside it."""
    text = data.strip()
    if not _PEM.fullmatch(text) or text.count(b"BEGIN CERTIFICATE") != 1:
        raise NotTrusted("the certificate file is not one single PEM certificate")
    try:
        return x509.load_pem_x509_certificate(text)
    except ValueError as error:
        raise NotTrusted("the certificate cannot be read") from error


def names_of(certificate: x509.Certificate) -> set[str]:
    """DNS names of the subject alternative names, else the common name."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return _common_names(certificate)
    return set(extension.value.get_values_for_type(x509.DNSName))


def check_leaf(certificate: x509.Certificate, region: str) -> rsa.RSAPublicKey:
    """Check name and key of a signing certificate and return its key."""
    if certificate_name(region) not in names_of(certificate):
        raise NotTrusted("the certificate bears another name than SNS uses in this Region")
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < MIN_RSA_BITS:
        raise NotTrusted("the certificate's key is not RSA of at least 2048 bits")
    return key


def is_valid_at(certificate: x509.Certificate, at: datetime) -> bool:
    """Tell whether `at` (aware) lies in the certificate's validity."""
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def check_chain(
    leaf: x509.Certificate, *, anchors: Iterable[x509.Certificate], at: datetime, fetch: Fetcher
) -> None:
    """Follow `leaf` to an anchor: itself one, issued by one, or issued by an authority that one issued.

    SNS serves the leaf alone, so the authority between is fetched from the address in the leaf, and only from
    Amazon's trust service. Plain HTTP is right there: what comes back must itself be signed by an anchor.
    """
    trusted = [anchor for anchor in anchors if is_valid_at(anchor, at)]
    if leaf in trusted or any(_issued(leaf, anchor) for anchor in trusted):
        return
    authority = _fetch_issuer(leaf, fetch)
    if not is_valid_at(authority, at) or not _issued(leaf, authority):
        raise NotTrusted("the certificate was not signed by the authority that it names")
    if not any(_issued(authority, anchor) for anchor in trusted):
        raise NotTrusted("the certificate's authority was not signed by a trusted root")


def _fetch_issuer(leaf: x509.Certificate, fetch: Fetcher) -> x509.Certificate:
    for url in _issuer_urls(leaf):
        if not _ISSUER_URL.fullmatch(url):
            continue
        try:
            data = fetch(url)
        except OSError as error:
            raise IssuerUnavailable("the issuing certificate cannot be fetched now") from error
        try:
            return x509.load_der_x509_certificate(data)
        except ValueError as error:
            raise IssuerUnavailable("the issuing certificate cannot be read") from error
    raise NotTrusted("no trusted root signed the certificate and it names no authority of Amazon's")


def _issuer_urls(leaf: x509.Certificate) -> list[str]:
    try:
        access = leaf.extensions.get_extension_for_oid(ExtensionOID.AUTHORITY_INFORMATION_ACCESS).value
    except x509.ExtensionNotFound:
        return []
    if not isinstance(access, x509.AuthorityInformationAccess):
        return []
    issuers = [item for item in access if item.access_method == AuthorityInformationAccessOID.CA_ISSUERS]
    return [
        item.access_location.value
        for item in issuers
        if isinstance(item.access_location, x509.UniformResourceIdentifier)
    ]


def _issued(child: x509.Certificate, parent: x509.Certificate) -> bool:
    try:
        constraints = parent.extensions.get_extension_for_class(x509.BasicConstraints).value
        child.verify_directly_issued_by(parent)
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return constraints.ca


def amazon_roots() -> tuple[x509.Certificate, ...]:
    """Amazon's own roots, read from the trust store of this machine (empty where there is none)."""
    paths = ssl.get_default_verify_paths()
    for name in (paths.cafile, *_SYSTEM_BUNDLES, _certifi_bundle()):
        if name and Path(name).is_file():
            roots = read_roots(Path(name).read_bytes())
            if roots:
                return roots
    return ()


def read_roots(bundle: bytes) -> tuple[x509.Certificate, ...]:
    """Pick Amazon's roots out of a PEM bundle; what does not bear their names is not even parsed."""
    named = (block for block in _PEM.findall(bundle) if _names_a_root(block))
    found = (x509.load_pem_x509_certificate(block) for block in named)
    return tuple(certificate for certificate in found if _common_names(certificate) & _ROOTS)


def _names_a_root(block: bytes) -> bool:
    der = ssl.PEM_cert_to_DER_cert(block.decode("ascii"))
    return any(name.encode() in der for name in _ROOTS)


def _common_names(certificate: x509.Certificate) -> set[str]:
    return {str(item.value) for item in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)}


def _certifi_bundle() -> str:
    try:
        import certifi
    except ImportError:
        return ""
    return certifi.where()

"""Only what Amazon SNS signed for one of our topics is believed."""

import base64
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from events import verify
from tests.fixtures.sns import chain as sns

STORED = Path(__file__).parents[1] / "fixtures" / "sns"
SHARED = Path(os.environ.get("SHARED_DATA", "../shared/data")) / "sns-signed"
REAL_NOW = datetime(2026, 3, 7, tzinfo=UTC)
REAL_TOPIC = "arn:aws:sns:us-west-2:131990247566:dongie-standard-topic"
BELIEVED = ("Type", "MessageId", "TopicArn", "Message", "Timestamp", "Token", "Subject")
needs_real = pytest.mark.skipif(
    not SHARED.is_dir(), reason=f"no messages signed by Amazon at {SHARED} (set SHARED_DATA)"
)


@pytest.fixture(scope="module")
def chain() -> sns.Chain:
    return sns.make_chain()


def verifier_for(
    chain: sns.Chain, *, now: datetime = sns.STORED_AT, topics: tuple[str, ...] = (sns.TOPIC,)
) -> verify.Verifier:
    return verify.Verifier(
        topics=lambda: topics, fetch=chain.fetch, anchors=lambda: [chain.root], now=lambda: now
    )


def stored_verifier() -> verify.Verifier:
    leaf = (STORED / "leaf.pem").read_bytes()
    authority = x509.load_pem_x509_certificate((STORED / "authority.pem").read_bytes())
    root = x509.load_pem_x509_certificate((STORED / "root.pem").read_bytes())
    files = {sns.CERTIFICATE_URL: leaf, sns.ISSUER_URL: authority.public_bytes(Encoding.DER)}
    return verify.Verifier(
        topics=lambda: [sns.TOPIC], fetch=_serve(files), anchors=lambda: [root], now=lambda: sns.STORED_AT
    )


def real_verifier() -> verify.Verifier:
    pem = next(SHARED.glob("*.pem"))
    leaf = x509.load_pem_x509_certificate(pem.read_bytes())
    files = {f"https://sns.us-west-2.amazonaws.com/{pem.name}": pem.read_bytes()}
    return verify.Verifier(
        topics=lambda: [REAL_TOPIC], fetch=_serve(files), anchors=lambda: [leaf], now=lambda: REAL_NOW
    )


def _serve(files: dict[str, bytes]) -> Callable[[str], bytes]:
    def fetch(url: str) -> bytes:
        try:
            return files[url]
        except KeyError as error:
            raise OSError(url) from error

    return fetch


def body_of(fields: dict[str, str]) -> bytes:
    return orjson.dumps(fields)


def changed_everywhere(verifier: verify.Verifier, body: bytes) -> list[int]:
    """Change each byte once; return where the message still passed and said something else."""
    good = orjson.loads(body)
    passed = []
    for index in range(len(body)):
        changed = bytearray(body)
        changed[index] ^= 1
        try:
            verifier.verify(bytes(changed))
        except (verify.Refused, verify.CannotVerifyNow):
            continue
        now = orjson.loads(bytes(changed))
        if any(now.get(name) != good.get(name) for name in (*BELIEVED, "Signature", "SigningCertURL")):
            passed.append(index)
    return passed


@pytest.mark.parametrize("path", sorted(STORED.glob("*.json")), ids=lambda path: path.stem)
def test_own_messages_of_each_shape_verify(path: Path) -> None:
    message = stored_verifier().verify(path.read_bytes())
    assert message.topic_arn == sns.TOPIC
    assert message.timestamp == sns.STORED_AT


@pytest.mark.parametrize("path", sorted(STORED.glob("*.json")), ids=lambda path: path.stem)
def test_any_byte_changed_fails(path: Path) -> None:
    assert changed_everywhere(stored_verifier(), path.read_bytes()) == []


@needs_real
@pytest.mark.parametrize("path", sorted(SHARED.glob("*.json")), ids=lambda path: path.stem)
def test_messages_really_signed_by_amazon_verify(path: Path) -> None:
    assert real_verifier().verify(path.read_bytes()).topic_arn == REAL_TOPIC


@needs_real
@pytest.mark.parametrize("path", sorted(SHARED.glob("*.json")), ids=lambda path: path.stem)
def test_messages_really_signed_fail_with_any_byte_changed(path: Path) -> None:
    assert changed_everywhere(real_verifier(), path.read_bytes()) == []


@needs_real
@pytest.mark.parametrize("field", ["Message", "MessageId", "Timestamp", "TopicArn", "Signature", "Type"])
def test_each_signed_field_of_a_real_message_counts(field: str) -> None:
    fields = orjson.loads((SHARED / "test-notification-signature-v2.json").read_bytes())
    fields[field] = ("A" if fields[field][0] != "A" else "B") + fields[field][1:]
    with pytest.raises(verify.Refused):
        real_verifier().verify(body_of(fields))


@pytest.mark.parametrize(
    "url",
    [
        "https://sns.s3-eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem",
        "https://sns.eu-central-1.amazonaws.com.evil.example/SimpleNotificationService-" + "0" * 32 + ".pem",
        "http://sns.eu-central-1.amazonaws.com/SimpleNotificationService-" + "0" * 32 + ".pem",
        "https://sns.eu-central-1.amazonaws.com:8443/SimpleNotificationService-" + "0" * 32 + ".pem",
        "https://sns.eu-central-1.amazonaws.com:443/SimpleNotificationService-" + "0" * 32 + ".pem",
        "https://user@sns.eu-central-1.amazonaws.com/SimpleNotificationService-" + "0" * 32 + ".pem",
        "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-" + "0" * 32 + ".pem?x=1",
        "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-" + "0" * 32 + ".pem#x",
        "https://sns.eu-central-1.amazonaws.com/other/SimpleNotificationService-" + "0" * 32 + ".pem",
        "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-" + "G" * 32 + ".pem",
        "https://SNS.eu-central-1.amazonaws.com/SimpleNotificationService-" + "0" * 32 + ".pem",
        "https://[::1/SimpleNotificationService-" + "0" * 32 + ".pem",
        "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-" + "0" * 32 + ".pem\n",
        "",
    ],
)
def test_certificate_of_any_other_address_is_refused_unfetched(chain: sns.Chain, url: str) -> None:
    fields = sns.notification(chain, "x", certificate_url=url)
    fetched: list[str] = []

    def fetch(url: str) -> bytes:
        fetched.append(url)
        return b""

    verifier = verify.Verifier(
        topics=lambda: [sns.TOPIC],
        fetch=fetch,
        anchors=list,
        now=lambda: sns.STORED_AT,
    )
    with pytest.raises(verify.Refused) as caught:
        verifier.verify(body_of(fields))
    assert caught.value.status == 403
    assert fetched == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"not json", 400),
        (b"[]", 400),
        (b'"text"', 400),
        (b'{"Type":"Other"}', 400),
        (b'{"Type":["Notification"]}', 400),
        (b'{"Type":"Notification"}', 400),
        (b"\xff\xfe", 400),
    ],
)
def test_what_is_no_message_is_a_bad_request(chain: sns.Chain, body: bytes, status: int) -> None:
    with pytest.raises(verify.Refused) as caught:
        verifier_for(chain).verify(body)
    assert caught.value.status == status


@pytest.mark.parametrize("version", ["0", "3", "", "2 "])
def test_unknown_signature_version_is_refused(chain: sns.Chain, version: str) -> None:
    fields = sns.notification(chain, "x") | {"SignatureVersion": version}
    with pytest.raises(verify.Refused, match="unknown signature version"):
        verifier_for(chain).verify(body_of(fields))


@pytest.mark.parametrize(
    "topic",
    [
        "arn:aws:sns:eu-central-1:999999999999:mailplatform-events",
        "arn:aws:sns:eu-central-1:111122223333:other",
        "nonsense",
    ],
)
def test_foreign_topic_is_refused_though_signed(chain: sns.Chain, topic: str) -> None:
    with pytest.raises(verify.Refused, match="not one of ours"):
        verifier_for(chain).verify(body_of(sns.notification(chain, "x", topic=topic)))


def test_old_message_is_refused_and_a_fortnight_is_not_old(chain: sns.Chain) -> None:
    fields = sns.notification(chain, "x")
    late = verifier_for(chain, now=sns.STORED_AT + timedelta(days=14))
    assert late.verify(body_of(fields)).message == "x"
    with pytest.raises(verify.Refused, match="older than 15 days"):
        verifier_for(chain, now=sns.STORED_AT + timedelta(days=15, seconds=1)).verify(body_of(fields))


def test_message_from_the_future_waits(chain: sns.Chain) -> None:
    early = verifier_for(chain, now=sns.STORED_AT - timedelta(hours=1))
    with pytest.raises(verify.CannotVerifyNow):
        early.verify(body_of(sns.notification(chain, "x")))


def test_non_canonical_base64_is_refused(chain: sns.Chain) -> None:
    fields = sns.notification(chain, "x")
    text = fields["Signature"]
    assert text.endswith("==")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = text[:-3] + alphabet[alphabet.index(text[-3]) ^ 1] + "=="
    assert base64.b64decode(other) == base64.b64decode(text)
    with pytest.raises(verify.Refused, match="canonical"):
        verifier_for(chain).verify(body_of(fields | {"Signature": other}))


def test_certificate_of_another_chain_is_refused(chain: sns.Chain) -> None:
    stranger = sns.make_chain()
    verifier = verify.Verifier(
        topics=lambda: [sns.TOPIC],
        fetch=stranger.fetch,
        anchors=lambda: [chain.root],
        now=lambda: sns.STORED_AT,
    )
    with pytest.raises(verify.Refused, match="trusted root"):
        verifier.verify(body_of(sns.notification(stranger, "x")))


@pytest.mark.parametrize(
    "name", ["sns.eu-central-1.amazonaws.com", "evil.example", "sns-signing.eu-south-1.amazonaws.com"]
)
def test_certificate_of_another_name_is_refused(name: str) -> None:
    other = sns.make_chain(name)
    with pytest.raises(verify.Refused, match="another name"):
        verifier_for(other).verify(body_of(sns.notification(other, "x")))


def test_expired_certificate_is_refused() -> None:
    expired = sns.make_chain(end=sns.STORED_AT - timedelta(days=1))
    with pytest.raises(verify.Refused, match="not valid at this time"):
        verifier_for(expired).verify(body_of(sns.notification(expired, "x")))


def test_opt_in_region_signs_with_its_own_name() -> None:
    milan = sns.make_chain("sns-signing.eu-south-1.amazonaws.com")
    topic = "arn:aws:sns:eu-south-1:111122223333:mailplatform-events"
    url = sns.CERTIFICATE_URL.replace("eu-central-1", "eu-south-1")
    fields = sns.notification(milan, "ciao", topic=topic, certificate_url=url)
    assert verifier_for(milan, topics=(topic,)).verify(body_of(fields)).message == "ciao"


def test_unreachable_certificate_means_try_again_and_is_not_kept_for_ever(chain: sns.Chain) -> None:
    clock = [sns.STORED_AT]
    broken = [True]

    def fetch(url: str) -> bytes:
        if broken[0]:
            raise OSError("down")
        return chain.fetch(url)

    verifier = verify.Verifier(
        topics=lambda: [sns.TOPIC], fetch=fetch, anchors=lambda: [chain.root], now=lambda: clock[0]
    )
    body = body_of(sns.notification(chain, "x"))
    with pytest.raises(verify.CannotVerifyNow):
        verifier.verify(body)
    broken[0] = False
    with pytest.raises(verify.CannotVerifyNow, match="a moment ago"):
        verifier.verify(body)
    clock[0] += timedelta(seconds=31)
    assert verifier.verify(body).message == "x"


def test_certificate_is_fetched_once(chain: sns.Chain) -> None:
    fetched: list[str] = []

    def fetch(url: str) -> bytes:
        fetched.append(url)
        return chain.fetch(url)

    verifier = verify.Verifier(
        topics=lambda: [sns.TOPIC], fetch=fetch, anchors=lambda: [chain.root], now=lambda: sns.STORED_AT
    )
    for _ in range(3):
        verifier.verify(body_of(sns.notification(chain, "x")))
    assert fetched == [sns.CERTIFICATE_URL, sns.ISSUER_URL]


def test_flood_of_new_certificates_is_held_back(chain: sns.Chain) -> None:
    fetched: list[str] = []

    def fetch(url: str) -> bytes:
        fetched.append(url)
        raise OSError(url)

    verifier = verify.Verifier(
        topics=lambda: [sns.TOPIC], fetch=fetch, anchors=lambda: [chain.root], now=lambda: sns.STORED_AT
    )
    for number in range(50):
        url = sns.CERTIFICATE_URL.replace("0123456789abcdef" * 2, f"{number:032x}")
        with pytest.raises(verify.CannotVerifyNow):
            verifier.verify(body_of(sns.notification(chain, "x", certificate_url=url)))
    assert len(fetched) == verify.FETCHES_PER_MINUTE


@pytest.mark.parametrize("data", [b"", b"junk", b"x" * 20_000])
def test_what_is_no_certificate_is_refused(chain: sns.Chain, data: bytes) -> None:
    verifier = verify.Verifier(
        topics=lambda: [sns.TOPIC],
        fetch=lambda _: data,
        anchors=lambda: [chain.root],
        now=lambda: sns.STORED_AT,
    )
    with pytest.raises(verify.Refused):
        verifier.verify(body_of(sns.notification(chain, "x")))


def test_two_certificates_in_one_file_are_refused(chain: sns.Chain) -> None:
    verifier = verify.Verifier(
        topics=lambda: [sns.TOPIC],
        fetch=lambda _: chain.leaf_pem * 2,
        anchors=lambda: [chain.root],
        now=lambda: sns.STORED_AT,
    )
    with pytest.raises(verify.Refused, match="single PEM"):
        verifier.verify(body_of(sns.notification(chain, "x")))


def test_missing_authority_means_try_again(chain: sns.Chain) -> None:
    verifier = verify.Verifier(
        topics=lambda: [sns.TOPIC],
        fetch=_serve({sns.CERTIFICATE_URL: chain.leaf_pem}),
        anchors=lambda: [chain.root],
        now=lambda: sns.STORED_AT,
    )
    with pytest.raises(verify.CannotVerifyNow):
        verifier.verify(body_of(sns.notification(chain, "x")))


def test_authority_is_fetched_from_amazon_alone() -> None:
    elsewhere = sns.make_chain(issuer_url="http://169.254.169.254/latest/meta-data")
    with pytest.raises(verify.Refused, match="names no authority of Amazon"):
        verifier_for(elsewhere).verify(body_of(sns.notification(elsewhere, "x")))

"""The signature is the one of the Standard Webhooks specification."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest

from events.webhooks import signing

AT = datetime.fromtimestamp(1614265330, UTC)
# The example of the specification's reference libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_specifications_own_example() -> None:
    found = signing.sign(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", AT, b'{"test": 2432232314}')
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_both_secrets_sign_while_one_is_being_replaced() -> None:
    new = signing.make_secret()
    headers = signing.headers("msg_1", AT, b"{}", [new, SECRET])
    first, second = headers["webhook-signature"].split()
    key = base64.b64decode(new.removeprefix("whsec_"))
    assert len(key) == 32
    expected = base64.b64encode(hmac.digest(key, b"msg_1.1614265330.{}", hashlib.sha256)).decode()
    assert first == f"v1,{expected}"
    assert second == signing.sign(SECRET, "msg_1", AT, b"{}")
    assert headers["webhook-timestamp"] == "1614265330"


def test_what_is_no_secret_is_refused() -> None:
    with pytest.raises(signing.BadSecret):
        signing.sign("whsec_not base64!", "msg", AT, b"")

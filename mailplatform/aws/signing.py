"""SigV4 by botocore's own signer: boto3's signature, without walking the request twice."""

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

CONTENT_TYPE = "application/json"


class RequestSigner:
    """Signs JSON POST requests. Safe to share between threads: the signer keeps no state between calls."""

    def __init__(self, credentials: Credentials, *, service: str, region: str) -> None:
        """`service` is the signing name (`ses`), not boto3's service name (`sesv2`)."""
        self._credentials = credentials
        self._service = service
        self._region = region

    def headers(self, url: str, body: bytes) -> dict[str, str]:
        """The headers for `body`: content type, date, authorisation and, for a role, its session token."""
        request = AWSRequest(method="POST", url=url, data=body, headers={"Content-Type": CONTENT_TYPE})
        # Frozen, because a role's keys may be exchanged while we sign.
        frozen = self._credentials.get_frozen_credentials()
        SigV4Auth(frozen, self._service, self._region).add_auth(request)
        return dict(request.headers.items())

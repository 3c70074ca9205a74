import uuid

import pytest

from mailplatform.aws import identity
from mailplatform.aws.session import Connection
from mailplatform.aws.steps import Outcome
from mailplatform.sandbox import constants
from mailplatform.sandbox.testing import RunningSandbox

Steps = list[tuple[Outcome, str]]


@pytest.fixture(scope="module")
def sandbox(shared_sandbox: RunningSandbox) -> RunningSandbox:
    shared_sandbox.reset()
    shared_sandbox.api.put("account", auto_verify=False)
    return shared_sandbox


@pytest.fixture
def connection(sandbox: RunningSandbox) -> Connection:
    return Connection(sandbox.region, constants.ACCESS_KEY, constants.SECRET_KEY, {"sesv2": sandbox.url})


def ensure(connection: Connection, name: str) -> tuple[identity.Identity, Steps]:
    steps: Steps = []
    found = identity.ensure_identity(connection, name, lambda outcome, what: steps.append((outcome, what)))
    return found, steps


@pytest.fixture
def domain() -> str:
    return f"{uuid.uuid4().hex[:8]}.example.eu"


def test_a_new_domain_names_the_dns_records_it_needs(connection: Connection, domain: str) -> None:
    found, steps = ensure(connection, domain)
    assert not found.is_verified
    assert [outcome for outcome, _ in steps] == [Outcome.CREATED, Outcome.PENDING]
    assert len(found.dns) == 3
    for name, kind, value in found.dns:
        assert name.endswith(f"._domainkey.{domain}")
        assert kind == "CNAME"
        assert value in steps[1][1]


def test_a_new_address_is_told_to_click(connection: Connection, domain: str) -> None:
    found, steps = ensure(connection, f"news@{domain}")
    assert found.dns == ()
    assert "Click the link" in steps[1][1]


def test_a_verified_one_needs_nothing(sandbox: RunningSandbox, connection: Connection, domain: str) -> None:
    ensure(connection, domain)
    sandbox.api.post(f"identities/{domain}/verify")
    found, steps = ensure(connection, domain)
    assert found.is_verified
    assert [outcome for outcome, _ in steps] == [Outcome.EXISTED]
    assert domain in identity.verified_identities(connection)


def test_only_verified_ones_are_listed(connection: Connection, domain: str) -> None:
    ensure(connection, domain)
    assert domain not in identity.verified_identities(connection)

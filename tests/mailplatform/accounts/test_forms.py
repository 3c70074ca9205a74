import pytest

from mailplatform.accounts.forms import (
    REGIONS,
    AddressForm,
    AmazonForm,
    CompanyForm,
    SenderForm,
    SetupForm,
    TrackingForm,
    zones,
)
from mailplatform.accounts.models import Installation
from mailplatform.aws.regions import EEA_REGIONS

SETUP = {
    "token": "x",
    "name": "Ada",
    "email": "ada@example.org",
    "password": "correct horse battery",
    "password_again": "correct horse battery",
}


def test_every_region_of_the_eea_can_be_chosen_and_no_other() -> None:
    assert {name for name, _ in REGIONS} == EEA_REGIONS


def test_berlin_can_be_chosen_and_aliases_are_left_out() -> None:
    names = {name for name, _ in zones()}
    assert {"Europe/Berlin", "UTC"} <= names
    assert not names & {"GB", "Etc/GMT+1"}


def test_the_first_visit_accepts_a_good_password() -> None:
    assert SetupForm(SETUP).is_valid()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"password_again": "correct horse batter"}, "password_again"),
        ({"password": "short", "password_again": "short"}, "password"),
        ({"password": "password123", "password_again": "password123"}, "password"),
        ({"password": "ada@example.org", "password_again": "ada@example.org"}, "password"),
        ({"email": "not an address"}, "email"),
        ({"token": ""}, "token"),
    ],
)
def test_the_first_visit_names_what_is_wrong(changes: dict[str, str], field: str) -> None:
    assert list(SetupForm(SETUP | changes).errors) == [field]


def test_a_company_needs_its_postal_address() -> None:
    form = CompanyForm({"company": "Books", "postal_address": " ", "time_zone": "UTC", "language": "en"})
    assert list(form.errors) == ["postal_address"]


def test_a_sender_name_cannot_smuggle_a_header() -> None:
    form = SenderForm({"sender_name": "Books\r\nBcc: x@example.org", "sender_address": "news@example.org"})
    assert "sender_name" in form.errors


@pytest.mark.parametrize(
    ("url", "sandbox", "good"),
    [
        ("https://mail.example.org", False, True),
        ("https://mail.example.org/", False, True),
        ("mail.example.org", False, True),
        ("", False, True),
        ("http://127.0.0.1:8000", True, True),
        ("http://127.0.0.1:8000", False, False),
        ("http://mail.example.org", False, False),
        ("https://mail.example.org/mail", False, False),
        ("https://mail.example.org/?a=b", False, False),
        ("javascript:alert(1)", False, False),
    ],
)
def test_public_addresses(url: str, *, sandbox: bool, good: bool) -> None:
    assert AddressForm({"public_url": url}, sandbox=sandbox, instance=Installation()).is_valid() is good


def amazon(row: Installation, **data: str) -> AmazonForm:
    return AmazonForm({"region": "eu-west-1", **data}, instance=row)


def test_a_new_key_needs_its_secret() -> None:
    assert list(amazon(Installation(), access_key_id="AKIA1").errors) == ["secret_access_key"]


def test_keys_or_a_role() -> None:
    assert list(amazon(Installation()).errors) == ["access_key_id"]
    form = amazon(Installation(), access_key_id="AKIA1", secret_access_key="s", use_role="on")
    assert form.is_valid()
    assert form.changes() == {"region": "eu-west-1", "access_key_id": "", "secret_access_key": ""}


def test_a_stored_secret_is_kept_when_left_empty_and_never_shown() -> None:
    form = amazon(Installation(access_key_id="AKIA1", secret_key_encrypted=b"sealed"), access_key_id="AKIA1")
    assert form.is_valid()
    assert form.changes() == {"region": "eu-west-1", "access_key_id": "AKIA1"}
    assert "sealed" not in form.as_p()


def test_another_key_id_needs_another_secret() -> None:
    form = amazon(Installation(access_key_id="AKIA1", secret_key_encrypted=b"sealed"), access_key_id="AKIA2")
    assert list(form.errors) == ["secret_access_key"]


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-2", "eu-central-2", ""])
def test_a_region_outside_the_eea_is_refused(region: str) -> None:
    assert "region" in amazon(Installation(), region=region, use_role="on").errors


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        ({}, ["tracking_carrier"]),
        ({"tracking_carrier": "nobody"}, ["tracking_carrier"]),
        ({"tracking_carrier": "ses"}, []),
        ({"tracking_carrier": "ses", "track_opens": "on"}, ["acknowledged"]),
        ({"tracking_carrier": "ses", "track_clicks": "on", "acknowledged": "on"}, []),
        ({"tracking_carrier": "own", "track_opens": "on", "track_clicks": "on"}, []),
    ],
)
def test_measuring_by_amazon_alone_needs_the_acknowledgement(data: dict[str, str], wrong: list[str]) -> None:
    assert list(TrackingForm(data, instance=Installation()).errors) == wrong

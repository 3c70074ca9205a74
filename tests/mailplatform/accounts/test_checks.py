import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from mailplatform.accounts import checks

ROOT = Path(__file__).parents[3]
LOCAL = "http://127.0.0.1:4579"
COMPOSE = "http://sandbox:4579"
REAL = "https://email.eu-central-1.amazonaws.com"


def wire(
    settings: Settings,
    *,
    sandbox: str = "",
    public: str = "https://mail.example.org",
    **endpoints: str,
) -> None:
    settings.SANDBOX_URL, settings.PUBLIC_URL, settings.AWS_ENDPOINT_URLS = sandbox, public, endpoints


@pytest.mark.parametrize("address", [LOCAL, COMPOSE])
def test_the_sandbox_with_only_local_endpoints_may_start(settings: Settings, address: str) -> None:
    wire(settings, sandbox=address, public="http://127.0.0.1:8000", sesv2=address, sns=address)
    checks.refuse_bad_configuration()
    assert list(checks.check_configuration()) == []


def test_production_may_start(settings: Settings) -> None:
    wire(settings)
    checks.refuse_bad_configuration()


def test_production_with_its_own_storage_may_start(settings: Settings) -> None:
    wire(settings, s3="http://127.0.0.1:9000")
    checks.refuse_bad_configuration()


@pytest.mark.parametrize(
    "endpoints",
    [
        {},
        {"sesv2": LOCAL},
        {"sns": LOCAL},
        {"sesv2": REAL, "sns": LOCAL},
        {"sesv2": LOCAL, "sns": REAL},
        {"sesv2": LOCAL, "sns": LOCAL, "s3": "https://s3.eu-central-1.amazonaws.com"},
        {"sesv2": "http://127.0.0.1.evil.example:4579", "sns": LOCAL},
    ],
)
def test_the_sandbox_is_never_believed_beside_a_real_account(
    settings: Settings, endpoints: dict[str, str]
) -> None:
    wire(settings, sandbox=LOCAL, **endpoints)
    with pytest.raises(ImproperlyConfigured, match="SANDBOX_URL"):
        checks.refuse_bad_configuration()
    assert "mailplatform.E001" in {found.id for found in checks.check_configuration()}


@pytest.mark.parametrize("address", ["https://sandbox.example.org", "http://10.0.0.7:4579"])
def test_the_sandbox_must_be_near(settings: Settings, address: str) -> None:
    wire(settings, sandbox=address, sesv2=LOCAL, sns=LOCAL)
    with pytest.raises(ImproperlyConfigured, match="loopback"):
        checks.refuse_bad_configuration()


def test_half_a_sandbox_is_refused(settings: Settings) -> None:
    wire(settings, sesv2=LOCAL)
    with pytest.raises(ImproperlyConfigured, match="or neither"):
        checks.refuse_bad_configuration()


def test_plain_http_is_refused_beside_a_real_account(settings: Settings) -> None:
    wire(settings, public="http://127.0.0.1:8000")
    with pytest.raises(ImproperlyConfigured, match="https"):
        checks.refuse_bad_configuration()
    assert [found.id for found in checks.check_configuration()] == ["mailplatform.W001"]


class TestTrials:
    """Shorter leases and a wrong clock would break the promises about real mail."""

    @pytest.mark.parametrize("tool", ["SENDING_TIME_SCALE", "MAILPLATFORM_CLOCK_FILE"])
    @pytest.mark.parametrize("endpoints", [{}, {"sesv2": LOCAL}, {"sesv2": REAL, "sns": LOCAL}])
    def test_are_refused_where_amazon_can_be_reached(
        self, settings: Settings, tool: str, endpoints: dict[str, str]
    ) -> None:
        wire(settings, **endpoints)
        use(settings, tool)
        with pytest.raises(ImproperlyConfigured, match=tool):
            checks.refuse_trials()
        assert "mailplatform.E001" in {found.id for found in checks.check_configuration()}

    @pytest.mark.parametrize("tool", ["SENDING_TIME_SCALE", "MAILPLATFORM_CLOCK_FILE"])
    def test_may_be_used_with_the_sandbox(self, settings: Settings, tool: str) -> None:
        wire(settings, sandbox=LOCAL, sesv2=LOCAL, sns=LOCAL)
        use(settings, tool)
        checks.refuse_trials()

    def test_every_kind_of_process_refuses_at_its_start(self) -> None:
        script = "import django; django.setup()"
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SANDBOX"))
        }
        environment = {
            **clean,
            "DJANGO_SETTINGS_MODULE": "mailplatform.settings",
            "SENDING_TIME_SCALE": "0.5",
        }
        found = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
        )
        assert found.returncode != 0
        assert "SENDING_TIME_SCALE is only for trials" in found.stderr


def use(settings: Settings, tool: str) -> None:
    if tool == "SENDING_TIME_SCALE":
        settings.SENDING_TIME_SCALE = 0.1
    else:
        settings.CLOCK_FILE = "/nonexistent/clock"


def _apart(service: str, host: str) -> tuple[str, dict[str, str]]:
    name = f"AWS_ENDPOINT_URL_{service}"
    return f"{name} points to", {name: f"https://{host}"}


# Each service that can be set apart, by our variables and by those that only botocore reads; and what is elsewhere.
def _checked(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `manage.py check` in Frankfurt with nothing else of Amazon but this."""
    dropped = ("AWS_", "SANDBOX", "S3_", "LEDGER_", "EEA_")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        env={**clean, "AWS_REGION": "eu-central-1", **environment},
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )


ELSEWHERE = [
    ("S3_REGION is 'us-east-1'", {"S3_BUCKET": "uploads", "S3_REGION": "us-east-1"}),
    ("S3_REGION is 'eu-west-2'", {"LEDGER_BUCKET": "ledger", "S3_REGION": "eu-west-2"}),
    _apart("SESV2", "email.us-east-1.amazonaws.com"),
    _apart("SNS", "sns.eu-west-2.amazonaws.com"),
    _apart("SQS", "sqs.eu-central-2.amazonaws.com"),
    _apart("S3", "s3.us-west-2.amazonaws.com"),
    _apart("STS", "sts.amazonaws.com"),
    _apart("CLOUDWATCH", "monitoring.us-east-1.amazonaws.com"),
    _apart("EVENTS", "events.us-east-1.amazonaws.com"),
    _apart("EVENTBRIDGE", "events.us-east-1.amazonaws.com"),
    _apart("SCHEDULER", "scheduler.ap-south-1.amazonaws.com"),
    ("AWS_ENDPOINT_URL points to", {"AWS_ENDPOINT_URL": "https://stand-in.example.com"}),
    _apart("SESV2", "abcd1234.endpoints.email.global.api.aws"),
    _apart("EVENTS", "abcd1234.veo.endpoint.events.amazonaws.com"),
    _apart("S3", "mfzwi23gnjvgw.mrap.accesspoint.s3-global.amazonaws.com"),
    ("AWS_STS_REGIONAL_ENDPOINTS is 'legacy'", {"AWS_STS_REGIONAL_ENDPOINTS": "legacy"}),
]


class TestRegions:
    """Personal data stays in the European Economic Area, whatever the service."""

    def test_every_service_is_named(self, settings: Settings) -> None:
        wire(settings, cloudwatch="https://monitoring.us-east-1.amazonaws.com")
        settings.AWS_REGION = "us-east-1"
        assert [text.split()[0] for text in checks.region_errors()] == [
            "AWS_REGION",
            "AWS_ENDPOINT_URL_CLOUDWATCH",
        ]
        with pytest.raises(ImproperlyConfigured, match="us-east-1"):
            checks.refuse_regions()
        assert "mailplatform.E002" in {found.id for found in checks.check_configuration()}

    @pytest.mark.parametrize(
        ("region", "endpoint", "words"),
        [
            ("", "", ["S3_BUCKET"]),
            ("us-east-1", "", ["S3_REGION"]),
            ("eu-west-1", "", []),
            ("", "http://minio:9000", []),
        ],
    )
    def test_the_bucket_of_uploads(
        self, settings: Settings, region: str, endpoint: str, words: list[str]
    ) -> None:
        wire(settings, **({"s3": endpoint} if endpoint else {}))
        settings.S3_BUCKET, settings.LEDGER_BUCKET, settings.S3_REGION = "uploads", "uploads", region
        assert [text.split()[0] for text in checks.region_errors()] == words

    def test_a_bucket_is_a_name(self, settings: Settings) -> None:
        wire(settings)
        elsewhere = "arn:aws:s3:us-east-1:123456789012:accesspoint/foo"
        settings.S3_REGION = "eu-central-1"
        for uploads, ledger, said in (
            (elsewhere, elsewhere, ["S3_BUCKET"]),
            ("uploads", elsewhere, ["LEDGER_BUCKET"]),
            (elsewhere, "ledger", ["S3_BUCKET"]),
            ("uploads", "ledger", []),
        ):
            settings.S3_BUCKET, settings.LEDGER_BUCKET = uploads, ledger
            assert [text.split()[0] for text in checks.region_errors()] == said

    def test_a_bucket_for_checkpoints_alone(self, settings: Settings) -> None:
        wire(settings)
        settings.S3_BUCKET, settings.LEDGER_BUCKET, settings.S3_REGION = "", "ledger", ""
        assert checks.region_errors()[0].startswith("LEDGER_BUCKET is set, but not where")
        settings.S3_REGION = "us-east-1"
        assert checks.region_errors()[0].startswith("S3_REGION is 'us-east-1'")

    @pytest.mark.parametrize(
        ("said", "environment"),
        [
            ("AWS_REGION is 'us-east-1'", {"AWS_REGION": "us-east-1"}),
            *(pytest.param(*case, marks=pytest.mark.drill) for case in ELSEWHERE),
        ],
        ids=lambda value: value.split()[0] if isinstance(value, str) else "",
    )
    def test_the_command_line_ends_with_one_sentence(self, said: str, environment: dict[str, str]) -> None:
        """`manage.py check` as a person types it, for each service that is set apart."""
        found = _checked(environment)
        assert found.returncode == 1
        assert found.stdout == ""
        assert found.stderr.startswith(f"mailplatform does not start: {said}")
        assert found.stderr.rstrip().endswith("in EEA_EXCEPTIONS.")
        assert found.stderr.count("\n") == 1

    def test_the_command_line_says_what_stands_in_a_file_or_a_name(self, tmp_path: Path) -> None:
        (tmp_path / "config").write_text("[profile old]\nsts_regional_endpoints = legacy\n")
        profile = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_PROFILE": "old"}
        bucket = "arn:aws:s3:us-east-1:123456789012:accesspoint/foo"
        found = _checked({**profile, "LEDGER_BUCKET": bucket})
        assert found.returncode == 1
        assert found.stderr.startswith(f"mailplatform does not start: LEDGER_BUCKET is '{bucket}'")
        assert "sts_regional_endpoints in the AWS configuration file is 'legacy'" in found.stderr

"""What Docker Compose passes on to the site: every variable that it reads, as a value or as a file."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
PASSED: dict[str, str] = COMPOSE["services"]["web"]["environment"]
# Read by the site and not for an operator of Compose to choose.
NOT_PASSED: Final = {
    "DATABASE_OWNER_URL": "the service database alone knows it",
    "MAILPLATFORM_DATA_DIR": "the image sets it to where the volume is",
    "DEBUG": "never on a real site",
    "SENDING_TIME_SCALE": "refused outside of trials",
    "MAILPLATFORM_CLOCK_FILE": "refused outside of trials",
    "SETTLE_AFTER_SECONDS": "lowered in tests alone",
}
# Follows from the other services.
MADE_HERE: Final = {"ALLOWED_HOSTS", "BEHIND_PROXY", "DATABASE_URL", "REDIS_URL"}
SECRET: Final = re.compile(r"_KEY$|_KEY_ID$|PASSWORD|TOKEN|DSN|SMTP_URL")
NEEDED: Final = {
    "SITE_DOMAIN": "mail.example.eu",
    "PUBLIC_URL": "https://mail.example.eu",
    "DATABASE_APP_PASSWORD": "app",
}
KEYS: Final = {"SECRET_KEY": "s" * 40, "DATA_KEY": "d" * 40}
# Says which variables were asked for, and what the settings became.
PROBE: Final = """
import json, os
class Watched(dict):
    def get(self, name, default=None):
        asked.append(name)
        return super().get(name, default)
asked, os.environ = [], Watched(os.environ)
from mailplatform import settings
values = {name: value for name, value in vars(settings).items() if name.isupper()}
print(json.dumps([asked, values], default=lambda value: type(value).__name__))
"""


def interpolated(text: str, given: Mapping[str, str]) -> str:
    """Return a value as Compose fills it in (docs.docker.com/reference/compose-file/interpolation)."""
    found = re.fullmatch(r"(.*?)\$\{(\w+)(?:(:-|:\?)([^}]*))?\}(.*)", text, re.DOTALL)
    if found is None:
        return text
    before, name, form, words, after = found.groups()
    value = given.get(name, "") or (words if form == ":-" else "")
    assert value or form != ":?", f"{name}: {words}"
    return before + value + interpolated(after, given)


def container(env_file: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the web process with this .env."""
    given = {**NEEDED, **env_file}
    return {name: interpolated(value, given) for name, value in PASSED.items()}


def settings_of(environment: Mapping[str, str], data_dir: Path) -> tuple[set[str], dict[str, Any]]:
    """Return the variables that the settings ask for by this environment, and the settings."""
    plain = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", PROBE],
        env={**plain, "MAILPLATFORM_DATA_DIR": str(data_dir), **environment},
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    asked, values = json.loads(done.stdout)
    # `env` asks for the file of each; what libraries ask for by themselves has none.
    return {name for name in asked if f"{name}_FILE" in asked}, values


def read_elsewhere() -> Iterator[str]:
    """Yield the variables that `env` is asked for, by a literal or a constant of the same file."""
    for folder in ("mailplatform", "subscribers", "campaigns", "events"):
        for path in (ROOT / folder).rglob("*.py"):
            if "env." in (text := path.read_text()):
                yield from _asked(ast.parse(text))


def _asked(tree: ast.Module) -> Iterator[str]:
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign | ast.Assign) and isinstance(node.value, ast.Constant)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="env")), args=[ast.Constant(value=str(name)), *_]
            ):
                yield name
            case ast.Call(func=ast.Attribute(value=ast.Name(id="env")), args=[ast.Name(id=name), *_]):
                yield str(constants[name])


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    # The lock is asked for where there is a bucket alone.
    environment = {"LEDGER_BUCKET": "ledger"}
    return {*settings_of(environment, tmp_path_factory.mktemp("data"))[0], *read_elsewhere()}


def test_every_variable_that_the_site_reads_is_passed_on(read: set[str]) -> None:
    assert {"SMTP_RATE", "EEA_EXCEPTIONS", "AWS_ENDPOINT_URL_S3", "LEDGER_LOCK_DAYS"} <= read
    assert sorted(read - PASSED.keys()) == sorted(NOT_PASSED)


def test_each_is_passed_on_under_its_own_name(read: set[str]) -> None:
    own = {name for name, value in PASSED.items() if f"${{{name}" in value}
    assert read & PASSED.keys() == (read & own) | MADE_HERE


def test_each_secret_may_come_as_a_file(read: set[str]) -> None:
    secrets = {name for name in read & PASSED.keys() if SECRET.search(name)}
    assert len(secrets) >= 8
    assert [name for name in sorted(secrets) if f"{name}_FILE" not in PASSED] == []
    said = (ROOT / ".env.example").read_text().split("\n\n")[0]
    assert [name for name in sorted(secrets) if name not in said] == []


def test_what_the_example_leaves_out_counts_as_absent(tmp_path: Path) -> None:
    """Compose passes an empty text for each."""
    environment = container(KEYS)
    empty = {name for name, value in environment.items() if not value}
    assert len(empty) > 30
    filled = {name: value for name, value in environment.items() if value}
    assert settings_of(environment, tmp_path)[1] == settings_of(filled, tmp_path)[1]


def test_values_of_the_env_file_arrive(tmp_path: Path) -> None:
    found = settings_of(
        container(
            {
                **KEYS,
                "SMTP_URL": "smtps://news@mail.example.eu:465",
                "SMTP_PASSWORD": "wachtwoord",
                "SMTP_PER_DAY": "900",
                "LEDGER_BUCKET": "checkpoints",
                "LEDGER_LOCK_MODE": "COMPLIANCE",
                "AWS_ENDPOINT_URL_S3": "http://minio:9000",
                "SUPPRESSION_COPY": "addresses",
            }
        ),
        tmp_path,
    )[1]
    assert (found["SMTP_URL"], found["SMTP_PER_DAY"]) == ("smtps://news@mail.example.eu:465", 900)
    assert found["STORAGES"]["ledger"]["OPTIONS"]["bucket_name"] == "checkpoints"
    assert found["STORAGES"]["ledger"]["OPTIONS"]["lock_mode"] == "COMPLIANCE"
    assert found["AWS_ENDPOINT_URLS"] == {"s3": "http://minio:9000"}
    assert found["SUPPRESSION_COPY"] == "addresses"


def test_secrets_come_from_the_mounted_folder(tmp_path: Path) -> None:
    folder, mounted = next(
        volume.split(":")[:2] for volume in COMPOSE["services"]["web"]["volumes"] if volume.startswith("./")
    )
    assert (ROOT / folder / ".gitignore").read_text().split("\n")[1:] == ["*", "!.gitignore", ""]
    secrets = {
        **KEYS,
        "SMTP_PASSWORD": "wachtwoord",
        "METRICS_TOKEN": "token",
        "SENTRY_DSN": "https://k@s.eu/1",
    }
    for name, value in secrets.items():
        (tmp_path / name.lower()).write_text(f"{value}\n")
    environment = {
        name: value.replace(mounted, str(tmp_path), 1) if value.startswith(f"{mounted}/") else value
        for name, value in container(
            {f"{name}_FILE": f"{mounted}/{name.lower()}" for name in secrets}
        ).items()
    }
    found = settings_of(environment, tmp_path)[1]
    assert {name: found[name] for name in secrets} == secrets


def test_without_its_keys_a_site_does_not_start(tmp_path: Path) -> None:
    environment = container({"SECRET_KEY": KEYS["SECRET_KEY"]})
    with pytest.raises(AssertionError, match="DATA_KEY is required where PUBLIC_URL is https"):
        settings_of(environment, tmp_path)

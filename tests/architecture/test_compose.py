"""docker-compose.yml and Dockerfile against the demo and .env.example: no Docker engine is needed."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from campaigns.sending import timing
from mailplatform.management.commands.demo import Command

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]
LASTING = [name for name, service in SERVICES.items() if service.get("restart") != "no"]
# Where something listens, keeps a file or how much it says differs between a laptop and a container.
PLACES = {"--port", "--host", "-s", "--state-dir", "--verbosity"}


class RecordingSupervisor:
    """Takes the demo's orders and starts nothing."""

    def __init__(self) -> None:
        self.environment = {"PUBLIC_URL": "http://127.0.0.1:8000", "SANDBOX_URL": "http://127.0.0.1:4579"}
        self.commands: dict[str, list[str]] = {}

    def start(self, name: str, command: list[str]) -> None:
        self.commands[name] = command

    run = start

    def wait_for(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def demo_commands() -> dict[str, list[str]]:
    recorder = RecordingSupervisor()
    Command().start(recorder, Path("/data"))  # type: ignore[arg-type]
    return recorder.commands


def essence(command: list[str]) -> list[str]:
    """Return the command without its interpreter's path and without places."""
    words = [word for word in command if word != "-u"]
    words[0] = "python"
    kept, skip = [], False
    for word in words:
        if not skip and word not in PLACES:
            kept.append(word)
        skip = word in PLACES
    return kept


def env_example() -> set[str]:
    text = (ROOT / ".env.example").read_text()
    return set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", text, re.MULTILINE))


@pytest.mark.parametrize("name", ["web", "sender", "urgent", "worker", "beat", "database"])
def test_the_demo_starts_the_same_command(name: str, demo_commands: dict[str, list[str]]) -> None:
    assert essence(SERVICES[name]["command"]) == essence(demo_commands[name])


def test_every_queue_has_a_worker_and_drains_have_their_own() -> None:
    queues = [words[words.index("-Q") + 1] for s in OURS if "-Q" in (words := SERVICES[s].get("command", []))]
    routed = {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()}
    assert sorted(",".join(queues).split(",")) == sorted({*routed, settings.CELERY_TASK_DEFAULT_QUEUE})
    assert "sending" in queues


def test_a_stopped_worker_has_time_to_record_what_is_in_flight() -> None:
    for name in ("sender", "urgent", "worker"):
        seconds = int(SERVICES[name]["stop_grace_period"].removesuffix("s"))
        assert seconds > timing.CONNECT_TIMEOUT_S + timing.READ_TIMEOUT_S


def test_the_image_starts_the_web_process_by_default() -> None:
    command = re.search(r"^CMD (\[.*\])$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert command is not None
    assert yaml.safe_load(command[1]) == SERVICES["web"]["command"]


def test_nothing_that_a_site_needs_is_left_out() -> None:
    assert set(SERVICES) == {
        "database",
        "web",
        "sender",
        "urgent",
        "worker",
        "beat",
        "postgres",
        "redis",
        "caddy",
    }


@pytest.mark.parametrize("name", LASTING)
def test_each_lasting_service_has_a_health_check(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries"} <= set(check)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_each_variable_stands_in_the_example(name: str) -> None:
    service = SERVICES[name]
    used = set(re.findall(r"\$\{([A-Z0-9_]+)", yaml.safe_dump(service)))
    named = env_example()
    unnamed = (used | set(service.get("environment", {}))) - named
    # A secret's file is explained at the top, for all of them.
    assert sorted(name for name in unnamed if name.removesuffix("_FILE") not in named) == []


def test_each_variable_that_the_code_reads_stands_in_the_example() -> None:
    read: set[str] = set()
    for folder in ("mailplatform", "subscribers", "campaigns", "events"):
        for path in (ROOT / folder).rglob("*.py"):
            read |= set(
                re.findall(
                    r'env\.(?:str|bool|int|float|list|url|smtp|secret)\(\s*"([A-Z0-9_]+)"', path.read_text()
                )
            )
    assert read
    assert read <= env_example()


def test_each_variable_of_the_example_is_used() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "mailplatform").rglob("*.py"))
    sources += (ROOT / "docker-compose.yml").read_text()
    by_uvicorn_itself = {"FORWARDED_ALLOW_IPS"}
    names = {re.sub(r"^AWS_ENDPOINT_URL_.*", "AWS_ENDPOINT_URL_", name) for name in env_example()}
    assert sorted(name for name in names - by_uvicorn_itself if name not in sources) == []


@pytest.mark.parametrize("name", [name for name in OURS if name != "database"])
def test_only_the_set_up_knows_the_owners_password(name: str) -> None:
    assert "DATABASE_OWNER" not in yaml.safe_dump(SERVICES[name])


def test_only_the_proxy_is_reachable_from_outside() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["caddy"]


def test_every_file_that_is_mounted_or_copied_exists() -> None:
    mounted = re.findall(r"^\s+- \./(\S+?):", (ROOT / "docker-compose.yml").read_text(), re.MULTILINE)
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    names = mounted + [name for group in copied for name in group.split()]
    assert len(names) > 8
    assert [name for name in names if not (ROOT / name).exists()] == []


def test_the_proxy_passes_on_to_the_port_on_which_the_site_listens() -> None:
    port = SERVICES["web"]["command"][SERVICES["web"]["command"].index("--port") + 1]
    assert f"reverse_proxy web:{port}" in (ROOT / "Caddyfile").read_text()

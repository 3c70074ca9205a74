"""Who may import whom (pyproject.toml, [tool.importlinter]) and which way foreign keys point."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps
from django.db.models import Model

ROOT = Path(__file__).parents[2]
# From top to bottom; a foreign key points to its own app or to a lower one.
FLOORS = ["events", "campaigns", "subscribers", "accounts", "auth", "contenttypes", "sessions"]
OURS = ["events", "campaigns", "subscribers", "accounts"]
SEND_ACTIONS = {
    "send_email", "send_bulk_email", "send_raw_email", "send_templated_email", "send_bulk_templated_email",
    "send_custom_verification_email",
}  # fmt: skip


def sources(*folders: str) -> list[Path]:
    return sorted(
        path for folder in folders for path in (ROOT / folder).rglob("*.py") if "migrations" not in path.parts
    )


def test_imports_point_downwards() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    "model", [m for m in apps.get_models() if m._meta.app_label in OURS], ids=lambda m: m.__name__
)
def test_foreign_keys_point_downwards(model: type[Model]) -> None:
    floor = FLOORS.index(model._meta.app_label)
    for field in model._meta.get_fields():
        if field.is_relation and field.concrete and isinstance(field.related_model, type):
            target = field.related_model._meta.app_label
            assert FLOORS.index(target) >= floor, f"{model.__name__}.{field.name} points up to {target}"


def called_attributes(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }


def test_only_the_sender_calls_a_send_action_of_ses() -> None:
    callers = {
        str(path.relative_to(ROOT))
        for path in sources("mailplatform/aws")
        if called_attributes(path) & SEND_ACTIONS
    }
    assert callers <= {"mailplatform/aws/ses.py"}
    for path in sources(
        "campaigns", "events", "subscribers", "mailplatform/accounts", "mailplatform/management"
    ):
        relative = str(path.relative_to(ROOT))
        if called_attributes(path) & SEND_ACTIONS:
            assert relative.startswith("campaigns/sending"), f"{relative} sends past the sender"


def imported_modules(path: Path) -> set[str]:
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            modules.add("." * node.level + (node.module or ""))
        elif isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
    return modules


@pytest.mark.parametrize("app", ["campaigns", "events", "subscribers", "mailplatform/accounts"])
def test_migrations_import_no_code_of_the_apps(app: str) -> None:
    """What a migration imports must never change again; only the base (mailplatform.core) promises that."""
    for path in (ROOT / app / "migrations").glob("0*.py"):
        for module in imported_modules(path):
            ours = module.startswith((".", "campaigns", "events", "subscribers", "mailplatform"))
            assert not ours or module.startswith("mailplatform.core"), f"{path.name} imports {module}"


def test_settings_are_read_when_needed_not_when_imported() -> None:
    """A module that reads settings at import cannot be tested with others."""
    guilty = []
    for path in sources("campaigns", "events", "subscribers", "mailplatform/aws", "mailplatform/core"):
        top = [
            node for node in ast.parse(path.read_text()).body if isinstance(node, ast.Assign | ast.AnnAssign)
        ]
        guilty += [
            f"{path.relative_to(ROOT)}: {ast.unparse(node)}"
            for node in top
            if re.search(r"\bsettings\.[A-Z]", ast.unparse(node))
        ]
    assert guilty == []

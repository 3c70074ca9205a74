"""`manage.py papers DIR`."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from mailplatform.accounts.models import PaperVersion
from mailplatform.accounts.services import installation
from tests.factories.accounts import InstallationFactory

pytestmark = pytest.mark.django_db
ASKED = {"ropa", "dpia", "tia", "lia", "processors", "retention", "privacy-notice", "data-inventory"}


def run(directory: Path, *options: str) -> str:
    out = StringIO()
    call_command("papers", str(directory), *options, stdout=out)
    return out.getvalue()


def test_all_are_written_and_follow_the_settings(tmp_path: Path) -> None:
    InstallationFactory.create(company="Books")
    folder = tmp_path / "new" / "folder"
    said = run(folder)
    assert {f"{key}.{kind}" for key in ASKED for kind in ("md", "pdf")} <= {
        path.name for path in folder.iterdir()
    }
    assert all(path.stat().st_size > 1000 for path in folder.iterdir())
    assert "ropa            version 1" in said
    assert "lawyer" in said

    installation.update(actor=None, company="Other Books", track_opens=True)
    said = run(folder, "--only", "ropa")
    assert "moved since version 1: 2" in said
    assert "tia" not in said
    text = (folder / "ropa.md").read_text()
    assert "Controller: Other Books" in text
    assert "Measure opens: no → yes" in text
    assert "Controller: Books" in PaperVersion.objects.get(key="ropa", number=1).text


def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    InstallationFactory.create()
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(CommandError, match="cannot be written"):
        run(blocked)
    assert not PaperVersion.objects.exists()

"""`manage.py papers DIR`: writes every paper of data protection as Markdown and PDF."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mailplatform.accounts.models import PaperKind
from mailplatform.accounts.papers import markdown, pdf
from mailplatform.accounts.papers.catalogue import KINDS
from mailplatform.accounts.services import papers


class Command(BaseCommand):
    """Prints one line per paper: its gaps, and what moved since it was kept last. Each export is kept as a version."""

    help = "Write the papers of data protection (drafts for a lawyer) from the live configuration, as .md and .pdf."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the directory."""
        parser.add_argument(
            "directory",
            metavar="DIR",
            type=Path,
            help="made where it is missing; its papers are replaced",
        )

        parser.add_argument(
            "--only",
            metavar="PAPER",
            action="append",
            choices=sorted(KINDS),
            help="this one alone; may be repeated",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Write all; nothing is kept as exported before its files are there."""
        directory: Path = options["directory"]
        for made in papers.drafts(options["only"]):
            try:
                self.write(made, directory)
            except OSError as error:
                raise CommandError(f"{directory} cannot be written: {error}") from error
            version = papers.keep(made, kind=PaperKind.EXPORTED, actor=None)
            self.stdout.write(self.line(made, version.number))
        self.stdout.write("These are drafts: have a lawyer check them.")

    def write(self, made: papers.Draft, directory: Path) -> None:
        """Write both files of a paper."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"{made.kind.key}.md").write_text(markdown.render(made.paper), encoding="utf-8")
        (directory / f"{made.kind.key}.pdf").write_bytes(pdf.render(made.paper))

    def line(self, made: papers.Draft, number: int) -> str:
        """Return what to say of one paper."""
        moved = (
            f"; moved since version {made.last.number}: {len(made.moved)}" if made.last and made.moved else ""
        )
        gaps = len(made.paper.gaps)
        return f"{made.kind.key:15} version {number}, {gaps} gap{'' if gaps == 1 else 's'}{moved}"

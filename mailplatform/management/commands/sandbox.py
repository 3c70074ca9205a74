"""``python manage.py sandbox``: a local SES, SNS and mailbox, for evaluation, tests and demos."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from mailplatform.sandbox import cli


class Command(BaseCommand):
    help = "Run a local Amazon SES v2, SNS and mailbox on one port."
    # It touches neither database nor settings.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        cli.add_arguments(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        cli.run(argparse.Namespace(**options))

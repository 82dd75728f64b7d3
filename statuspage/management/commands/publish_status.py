from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from statuspage.operations import publish_site


class Command(BaseCommand):
    help = "Write the public status site as static files."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--out", type=Path, default=settings.STATUS_DIR, help="The folder; default STATUS_DIR."
        )

    def handle(self, *args: Any, out: Path, **options: Any) -> None:
        try:
            done = publish_site(out=out, now=timezone.now())
        except OSError as error:
            raise CommandError(f"{out} can't be written: {error}") from error
        self.stdout.write(
            f"{done.folder}: {done.written} files written, {done.unchanged} unchanged, "
            f"{done.removed} removed"
        )

"""Bill a made-up world: the functions of the real run, on a file, without a database."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.engine.errors import EngineError
from billing.engine.scenario import read_scenario
from billing.engine.simulation import simulate


class Command(BaseCommand):
    help = "Print the bases that a scenario gives. See docs/billing.md for the file's format."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("scenario", type=Path, help="a JSON file")
        parser.add_argument("--json", action="store_true", help="accepted; the output always is")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["scenario"]
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise CommandError(f"{path}: can't be read: {reason}", returncode=2) from error
        try:
            result = simulate(read_scenario(text))
        except EngineError as error:
            raise CommandError(str(error), returncode=2) from error
        self.stdout.write(json.dumps(result, indent=2, ensure_ascii=False))

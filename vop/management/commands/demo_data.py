"""`manage.py demo_data`: the demo world, made once, and what it consists of in var/demo.json."""

import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone, translation

from vop.demo import build, clients, erp, report, trial


class Command(BaseCommand):
    help = "Make the demo world (once) and write var/demo.json."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the world as JSON alone")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("demo_data only runs where DEMO=1 is set")
        now = timezone.now()
        with translation.override("sv"):
            if not build.is_built():
                build.build(now=now)
            clients.follow_addresses()
            trial.ensure_trial_clients(now)
            world = {**report.describe_world(now=now), "erp": erp.connect_accounts(now)}
        text = json.dumps(world, indent=2, ensure_ascii=False)
        target = settings.VAR / "demo.json"
        target.touch(mode=0o600)
        target.write_text(text + "\n", encoding="utf-8")
        self.stdout.write(text if options["json"] else f"The demo world stands in {target}")

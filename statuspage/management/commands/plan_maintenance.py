import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from auditlog.actors import Actor
from statuspage.operations import PLANNED_MONTHS, plan_ordinary_updates
from vop.lib.clock import STOCKHOLM

MOST = 120


class Command(BaseCommand):
    help = "Plan the ordinary updates of the coming months: the third Wednesday, 00:00-06:00."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--months", type=int, default=PLANNED_MONTHS, help="How many windows.")
        parser.add_argument("--json", action="store_true", help="Print JSON alone.")

    def handle(self, *args: Any, months: int, **options: Any) -> None:
        if not 1 <= months <= MOST:
            raise CommandError(f"--months must be 1 to {MOST}, not {months}")
        now = timezone.now()
        plan = plan_ordinary_updates(months=months, actor=Actor.system("plan_maintenance"), now=now)
        rows = [
            {
                "code": update.code,
                "date": update.window_start.astimezone(STOCKHOLM).date().isoformat(),
                "window_start": update.window_start.astimezone(STOCKHOLM).isoformat(),
                "window_end": update.window_end.astimezone(STOCKHOLM).isoformat(),
                "state": update.state,
                "is_new": update.created_at == now,
            }
            for update in plan
        ]
        if options["json"]:
            self.stdout.write(json.dumps({"updates": rows}))
            return
        for row in rows:
            self.stdout.write(f"{row['window_start']}  {row['window_end']}  {row['state']}")
        self.stdout.write(f"{sum(bool(row['is_new']) for row in rows)} new updates planned")

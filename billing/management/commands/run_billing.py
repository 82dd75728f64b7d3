"""The renewal run by hand; the same that beat starts every hour."""

import json
from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from auditlog.actors import Actor
from billing.operations import RunReport, run_billing
from billing.queries import CustomerPreview, list_parked, preview_run
from vop.lib.clock import local_date
from vop.lib.money import from_cents


class Command(BaseCommand):
    help = (
        "Renew every subscription that is due. Safe to stop, to repeat and to run twice at once; "
        "exit status 1 when a customer was parked."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--as-of", type=_day, metavar="DATE", help="the day; today by default")
        parser.add_argument("--preview", action="store_true", help="tell what it would do")
        parser.add_argument("--json", action="store_true", help="print JSON alone")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        as_of: date = options["as_of"] or local_date(now)
        if options["preview"]:
            result = describe_preview(as_of, list(preview_run(as_of)))
        else:
            actor = Actor.system("run_billing")
            result = describe_report(run_billing(as_of=as_of, actor=actor, now=now))
        if options["json"]:
            self.stdout.write(json.dumps(result, indent=2, ensure_ascii=False))
        else:
            self._print(result)
        if result["parked"]:
            raise CommandError(f"{len(result['parked'])} parked, see above or the admin")

    def _print(self, result: dict[str, Any]) -> None:
        what = "would be billed" if result["preview"] else "billed"
        self.stdout.write(
            f"{result['as_of']}: {result['customers']} customers {what}, "
            f"{result['lines']} lines, net {result['net']}"
        )
        for parked in result["parked"]:
            self.stdout.write(f"parked: {parked['company']} {parked['reason']}")


def describe_preview(as_of: date, customers: list[CustomerPreview]) -> dict[str, Any]:
    """Return what a run would do, as JSON."""
    good = [customer for customer in customers if not customer.error]
    return {
        "as_of": str(as_of),
        "preview": True,
        "run": None,
        "customers": len(good),
        "lines": sum(len(customer.lines) for customer in good),
        "net": str(from_cents(sum(customer.net_cents for customer in good))),
        "parked": [
            {"company": customer.company.org_number, "reason": customer.error}
            for customer in customers
            if customer.error
        ],
    }


def describe_report(report: RunReport) -> dict[str, Any]:
    """Return what this start of a run did, as JSON."""
    parked = [] if report.run is None else list_parked(report.run)
    return {
        "as_of": str(report.as_of),
        "preview": False,
        "run": str(report.run.pk) if report.run is not None else None,
        "customers": report.billed,
        "lines": report.lines,
        "net": str(from_cents(report.net_cents)),
        "parked": [{"company": item.company.org_number, "reason": item.error} for item in parked],
    }


def _day(text: str) -> date:
    return date.fromisoformat(text)

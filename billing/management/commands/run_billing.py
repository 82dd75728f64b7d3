"""The renewal run by hand; the same that beat starts every hour."""

import json
from argparse import ArgumentParser
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from auditlog.actors import Actor
from billing.models import BillingRunItem
from billing.operations import RunReport, run_billing, tell_renewals
from billing.queries import (
    CustomerWork,
    add_nets,
    count_waiting,
    list_exceptions,
    preview_run,
)
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
            result = describe_preview(as_of, preview_run(as_of, today=local_date(now)))
        else:
            actor = Actor.system("run_billing")
            tell_renewals(actor=actor, now=now, through=as_of)
            result = describe_report(run_billing(as_of=as_of, actor=actor, now=now))
        result["waiting"] = count_waiting(as_of, today=local_date(now))
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
            f"{result['lines']} lines, net "
            + (", ".join(f"{net} {currency}" for currency, net in result["nets"].items()) or "0")
        )
        if result["waiting"]:
            self.stdout.write(
                f"{result['waiting']} renewals wait: a notice must have been out for seven days"
            )
        for word in ("parked", "skipped"):
            for one in result[word]:
                self.stdout.write(f"{word}: {one['company']} {one['reason']}")


def describe_preview(as_of: date, customers: Iterable[CustomerWork]) -> dict[str, Any]:
    """Return what a run would do, as JSON."""
    nets: dict[str, int] = {}
    good = lines = 0
    parked = []
    for customer in customers:
        if customer.error:
            parked.append({"company": customer.company.org_number, "reason": customer.error})
            continue
        good += 1
        lines += len(customer.lines)
        add_nets(nets, customer.nets)
    return {
        "as_of": str(as_of),
        "preview": True,
        "run": None,
        "state": None,
        "customers": good,
        "lines": lines,
        **_describe_nets(nets),
        "parked": parked,
        "skipped": [],
    }


def describe_report(report: RunReport) -> dict[str, Any]:
    """Return what this start of a run did, as JSON."""
    exceptions = [] if report.run is None else list(list_exceptions(report.run))
    return {
        "as_of": str(report.as_of),
        "preview": False,
        "run": str(report.run.pk) if report.run is not None else None,
        "customers": report.billed,
        "lines": report.lines,
        "state": report.run.state if report.run is not None else None,
        **_describe_nets(report.nets),
        "parked": _describe_items(exceptions, BillingRunItem.State.PARKED),
        "skipped": _describe_items(exceptions, BillingRunItem.State.SKIPPED),
    }


def _describe_nets(nets: Mapping[str, int]) -> dict[str, Any]:
    """Tell the sum for each currency, and alone when there is only one."""
    alone = sum(nets.values()) if len(nets) <= 1 else None
    return {
        "net": None if alone is None else str(from_cents(alone)),
        "nets": {currency: str(from_cents(cents)) for currency, cents in sorted(nets.items())},
    }


def _describe_items(items: Iterable[BillingRunItem], state: str) -> list[dict[str, str]]:
    return [
        {"company": item.company.org_number, "reason": item.error}
        for item in items
        if item.state == state
    ]


def _day(text: str) -> date:
    return date.fromisoformat(text)

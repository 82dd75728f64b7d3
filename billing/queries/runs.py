"""The renewal runs: what is due, what a run would do, how one went."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Count, Q, QuerySet, Sum

from billing import engine
from billing.models import BillingRun, BillingRunItem, Subscription
from billing.queries.catalogue import load_catalogue
from billing.queries.subscriptions import list_due_subscriptions, load_state
from companies.models import Company


@dataclass(frozen=True, slots=True)
class CustomerPreview:
    """What a run would bill a customer, or why it couldn't."""

    company: Company
    lines: tuple[engine.Line, ...]
    error: str = ""

    @property
    def net_cents(self) -> int:
        """The sum of the lines."""
        return sum(line.net_cents for line in self.lines)


@dataclass(frozen=True, slots=True)
class RunTotals:
    """How a run went."""

    customers: int
    parked: int
    lines: int
    ended: int
    net_cents: int


def list_due_payers(as_of: date) -> Sequence[uuid.UUID]:
    """List the companies with something to renew or end by a day, by id."""
    return list(
        Subscription.objects.due(as_of)
        .values_list("payer_id", flat=True)
        .order_by("payer_id")
        .distinct()
    )


def preview_run(as_of: date) -> Iterator[CustomerPreview]:
    """Work out a run with the functions of the real one, customer by customer."""
    catalogue = load_catalogue()
    for payer_id in list_due_payers(as_of):
        payer = Company.objects.get(pk=payer_id)
        lines: list[engine.Line] = []
        error = ""
        for row in list_due_subscriptions(payer, as_of=as_of):
            try:
                lines += engine.renew(catalogue, load_state(row, payer=payer), as_of=as_of).lines
            except engine.EngineError as fault:
                error = str(fault)
        yield CustomerPreview(payer, () if error else tuple(lines), error)


def get_run_totals(run: BillingRun) -> RunTotals:
    """Sum the customers of a run."""
    sums = BillingRunItem.objects.filter(run=run).aggregate(
        customers=Count("pk"),
        parked=Count("pk", filter=Q(state=BillingRunItem.State.PARKED)),
        lines=Sum("line_count", default=0),
        ended=Sum("ended_count", default=0),
        net_cents=Sum("net_cents", default=0),
    )
    return RunTotals(**sums)


def list_parked(run: BillingRun) -> QuerySet[BillingRunItem]:
    """List the customers that a run couldn't bill, with the reasons."""
    return (
        BillingRunItem.objects.filter(run=run, state=BillingRunItem.State.PARKED)
        .select_related("company")
        .order_by("company__name", "pk")
    )

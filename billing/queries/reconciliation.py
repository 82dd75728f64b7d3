"""Whether a run adds up: figures that must agree, each counted in two ways that share nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Count, Exists, Max, OuterRef, Q, Sum
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from billing import engine
from billing.models import (
    BasisLine,
    BillingBatch,
    BillingRun,
    BillingRunItem,
    InvoiceBasis,
    RenewalNotice,
    Subscription,
    VatTotal,
)
from billing.queries.exports import count_exports, list_run_bases
from billing.queries.runs import add_nets, get_run_totals

PREVIEWED = frozenset({BillingRun.State.PREVIEW, BillingRun.State.APPROVED})


@dataclass(frozen=True, slots=True)
class Check:
    """A figure that was expected, and the same as it was found otherwise."""

    label: str | Promise
    expected: int
    found: int
    waits: bool = False  # what isn't done yet needn't agree
    is_amount: bool = False  # in the minor unit, all currencies together

    @property
    def holds(self) -> bool:
        """Whether the two agree."""
        return self.expected == self.found


@dataclass(frozen=True, slots=True)
class MonthNet:
    """What runs billed in a currency this month so far, and in the last one by the same day."""

    currency: str
    this_month: int
    last_month: int

    @property
    def change_per_cent(self) -> int | None:
        """How much more or less it is, rounded; None when there was nothing last month."""
        if not self.last_month:
            return None
        return round(Decimal(100 * (self.this_month - self.last_month)) / self.last_month)


def reconcile(run: BillingRun) -> Sequence[Check]:
    """Check a run that has billed: everybody due is accounted for, and all sums agree."""
    if run.state in PREVIEWED:
        return []
    return [
        *_check_customers(run),
        *_check_sums(run),
        *_check_issued(run),
    ]


def compare_with_last_month(run: BillingRun) -> Sequence[MonthNet]:
    """Compare what runs billed this month up to a run's day with the month before."""
    start = run.as_of.replace(day=1)
    before = engine.boundary(start, 1, -1)
    until = engine.boundary(run.as_of, 1, -1)
    this_month = _sum_nets(start, run.as_of, run)
    last_month = _sum_nets(before, until, None)
    return [
        MonthNet(currency, this_month.get(currency, 0), last_month.get(currency, 0))
        for currency in sorted({*this_month, *last_month})
    ]


def _check_customers(run: BillingRun) -> list[Check]:
    totals = get_run_totals(run)
    accounted = totals.billed + totals.skipped + totals.parked
    excused = BillingRunItem.objects.filter(run=run).exclude(state=BillingRunItem.State.DONE)
    left = (
        Subscription.objects.due(run.as_of)
        .exclude(payer__in=excused.values("company"))
        .values("payer")
        .distinct()
        .count()
    )
    told = RenewalNotice.objects.filter(
        subscription=OuterRef("subscription"), renews_on=OuterRef("period_start")
    )
    untold = BasisLine.objects.filter(~Exists(told), run=run, reason=BasisLine.Reason.RENEWAL)
    return [
        Check(_("Customers due = billed + skipped + parked"), totals.due, accounted),
        Check(_("Customers still due without a reason"), 0, left),
        Check(_("Renewals that nobody was told of"), 0, untold.count()),
    ]


def _check_sums(run: BillingRun) -> list[Check]:
    lines = BasisLine.objects.filter(run=run).aggregate(
        count=Count("pk"), net=Sum("net_cents", default=0)
    )
    batches = BillingBatch.objects.filter(run=run).aggregate(lines=Sum("line_count", default=0))
    on_bases = BasisLine.objects.filter(basis__run=run).aggregate(net=Sum("net_cents", default=0))
    bases = InvoiceBasis.objects.filter(run=run).aggregate(
        net=Sum("net_cents", default=0), vat=Sum("vat_cents", default=0)
    )
    vat = VatTotal.objects.filter(basis__run=run).aggregate(
        base=Sum("base_cents", default=0), vat=Sum("vat_cents", default=0)
    )
    nets = sum(get_run_totals(run).nets.values())
    return [
        Check(
            _("Lines that the run counted = lines that stand on bases"),
            batches["lines"],
            lines["count"],
        ),
        Check(_("Net that the run counted = net of its lines"), nets, lines["net"], is_amount=True),
        Check(_("Net of lines = net of bases"), on_bases["net"], bases["net"], is_amount=True),
        Check(_("Net of bases = VAT bases"), bases["net"], vat["base"], is_amount=True),
        Check(_("VAT of bases = VAT per rate"), bases["vat"], vat["vat"], is_amount=True),
    ]


def _check_issued(run: BillingRun) -> list[Check]:
    issued = InvoiceBasis.objects.filter(run=run).exclude(number=None)
    drafts = InvoiceBasis.objects.drafts().filter(run=run).count()
    is_issued = run.issued_at is not None
    checks = [Check(_("Bases of the run that aren't issued"), 0, drafts, waits=not is_issued)]
    for code in issued.values_list("series", flat=True).order_by("series").distinct():
        series = InvoiceBasis.objects.filter(series=code).aggregate(
            last=Max("number"), count=Count("pk")
        )
        label = format_lazy(_("Last number of series {code} = its bases"), code=code)
        checks.append(Check(label, series["last"], series["count"]))
    counts = count_exports(list_run_bases(run))
    return [
        *checks,
        Check(_("Issued bases that have arrived"), counts.approved, counts.exported, waits=True),
        Check(_("Issued bases with a receipt"), counts.approved, counts.acknowledged, waits=True),
    ]


def _sum_nets(start: date, until: date, run: BillingRun | None) -> dict[str, int]:
    """Sum what runs of days in [start, until] billed, a preview counting as what it would."""
    nets: dict[str, int] = {}
    done = ~Q(run__state__in=list(PREVIEWED))
    batches = BillingBatch.objects.filter(done, run__as_of__gte=start, run__as_of__lte=until)
    for one in batches.order_by("run", "number").values_list("nets", flat=True):
        add_nets(nets, one)
    if run is not None and run.state in PREVIEWED:
        add_nets(nets, get_run_totals(run).nets)
    return nets

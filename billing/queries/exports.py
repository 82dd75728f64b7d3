"""What leaves billing, and what became of it."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Exists, OuterRef, Prefetch, Q, QuerySet

from billing.models import (
    BAS_ACCOUNTS,
    Account,
    AccountPurpose,
    BasisDelivery,
    BasisLine,
    BillingRun,
    ErpConnection,
    ErpKey,
    ErpReceipt,
    InvoiceBasis,
    LedgerAccount,
    VatKey,
    VatTotal,
)
from billing.queries.bases import BasisPage

# An approval writes its instant when it begins, and may commit this much later.
LONGEST_APPROVAL = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ExportCounts:
    """How far the bases of a run have come: each count is part of the one before."""

    approved: int
    exported: int
    acknowledged: int

    @property
    def is_exported(self) -> bool:
        """Whether all that is approved has arrived."""
        return self.approved == self.exported

    @property
    def is_acknowledged(self) -> bool:
        """Whether there is a receipt for all that is approved."""
        return self.approved == self.acknowledged


@dataclass(frozen=True, slots=True)
class Accounts:
    """Where everything is booked: by purpose, VAT and, for revenue, perhaps the service."""

    rows: Mapping[tuple[AccountPurpose, VatKey, uuid.UUID | None], Account]

    def find(
        self, purpose: AccountPurpose, vat: VatKey = VatKey.NONE, service: uuid.UUID | None = None
    ) -> Account | None:
        """Return an account, the service's own before that of all."""
        return self.rows.get((purpose, vat, service)) or self.rows.get((purpose, vat, None))

    def list_all(self) -> Sequence[Account]:
        """List the accounts by number, each once."""
        return sorted(set(self.rows.values()))


def count_given_up() -> int:
    """Count deliveries that were given up, of connections that are still wanted."""
    given_up = BasisDelivery.objects.filter(given_up_at__isnull=False)
    return given_up.filter(connection__disabled_at=None).count()


def find_erp_key(digest: str, *, at: datetime) -> ErpKey | None:
    """Return a key in force of an active connection."""
    return (
        ErpKey.objects.in_force(at)
        .filter(digest=digest, connection__disabled_at=None)
        .select_related("connection")
        .first()
    )


def get_receipt(basis: InvoiceBasis) -> ErpReceipt | None:
    """Return what the accounts said of a basis."""
    return ErpReceipt.objects.filter(basis=basis).first()


def list_credited(basis: InvoiceBasis) -> Sequence[InvoiceBasis]:
    """List the approved bases whose lines a basis credits, by their numbers."""
    return list(
        InvoiceBasis.objects.filter(
            lines__credited_by__basis=basis, state=InvoiceBasis.State.APPROVED
        )
        .exclude(pk=basis.pk)
        .order_by("series", "number", "pk")
        .distinct()
    )


def list_approved(
    *, series: str = "", after: tuple[str, int] | None = None, only_unacknowledged: bool = False
) -> QuerySet[InvoiceBasis]:
    """List approved bases by series and number, after one of them.

    Within a series a later number is never committed before an earlier one, since the series' row
    is locked until the commit. A series of last year can still grow this year.
    """
    bases = InvoiceBasis.objects.filter(number__isnull=False)
    if series:
        bases = bases.filter(series=series)
    if after is not None:
        code, number = after
        bases = bases.filter(Q(series__gt=code) | Q(series=code, number__gt=number))
    if only_unacknowledged:
        bases = bases.filter(receipt=None)
    return bases.select_related("receipt").order_by("series", "number", "pk")


def list_untold(connection: ErpConnection, *, limit: int) -> Sequence[InvoiceBasis]:
    """List approved bases that a connection has no delivery of, by their numbers."""
    told = BasisDelivery.objects.filter(connection=connection, basis=OuterRef("pk"))
    return list(
        InvoiceBasis.objects.filter(
            ~Exists(told), number__isnull=False, approved_at__gte=connection.told_through
        ).order_by("series", "number", "pk")[:limit]
    )


def list_run_bases(run: BillingRun) -> QuerySet[InvoiceBasis]:
    """List the bases with a line of a run, drafts last."""
    lines = BasisLine.objects.filter(run=run, basis=OuterRef("pk"))
    return InvoiceBasis.objects.filter(Exists(lines)).order_by("series", "number", "pk")


def iterate_lines(bases: QuerySet[InvoiceBasis]) -> Iterator[BasisLine]:
    """Go through the lines of bases in their order, without keeping them."""
    return (
        BasisLine.objects.filter(basis__in=bases.order_by().values("pk"))
        .select_related("basis")
        .order_by("basis__series", "basis__number", "basis_id", "position", "pk")
        .iterator(chunk_size=2000)
    )


def load_accounts() -> Accounts:
    """Return where everything is booked: the seller's own accounts before those of BAS."""
    rows: dict[tuple[AccountPurpose, VatKey, uuid.UUID | None], Account] = {
        (purpose, vat, None): account for (purpose, vat), account in BAS_ACCOUNTS.items()
    }
    for row in LedgerAccount.objects.order_by("pk"):
        key = (AccountPurpose(row.purpose), VatKey(row.vat), row.service_id)
        rows[key] = Account(row.number, row.name)
    return Accounts(rows)


def iterate_documents(bases: QuerySet[InvoiceBasis]) -> Iterator[BasisPage]:
    """Go through bases with what their documents need, some hundred at a time."""
    lines = BasisLine.objects.select_related("plan__service", "subscription").in_order()
    parts = VatTotal.objects.order_by("-rate", "category", "pk")
    whole = bases.prefetch_related(Prefetch("lines", lines), Prefetch("vat_totals", parts))
    for basis in whole.iterator(chunk_size=500):
        yield BasisPage(basis, list(basis.lines.all()), list(basis.vat_totals.all()))


def count_lines(bases: QuerySet[InvoiceBasis]) -> int:
    """Count the lines of bases."""
    return BasisLine.objects.filter(basis__in=bases.order_by().values("pk")).count()


def count_exports(bases: QuerySet[InvoiceBasis]) -> ExportCounts:
    """Count how far bases have come."""
    arrived = BasisDelivery.objects.filter(basis=OuterRef("pk"), exported_at__isnull=False)
    has_arrived = Q(Exists(arrived)) | Q(receipt__isnull=False)
    approved = Q(number__isnull=False)
    counts = bases.order_by().aggregate(
        approved=Count("pk", filter=approved),
        exported=Count("pk", filter=approved & has_arrived),
        acknowledged=Count("pk", filter=approved & Q(receipt__isnull=False)),
    )
    return ExportCounts(**counts)

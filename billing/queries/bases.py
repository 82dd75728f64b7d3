"""Bases and their lines."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import Final, NamedTuple

from django.db.models import Exists, Min, OuterRef, QuerySet
from django.db.models.expressions import Combinable
from django.db.models.fields.json import KT

from billing import engine
from billing.models import (
    BasisLine,
    BillingRun,
    ExchangeRate,
    InvoiceBasis,
    Plan,
    Seller,
    VatNumberCheck,
    VatTotal,
)
from companies.models import Company

OLDEST_RATE: Final = timedelta(days=7)  # banks close for a long weekend, not for longer
_UNISSUED_COLUMNS: Final[Sequence[str | Combinable]] = [
    "id", "company_id", "billing_date", KT("seller_snapshot__series_prefix"), "body_sha256",
]  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class LineContent:
    """What a basis line says, beside whose it is: one for all lines of a run that say the same.

    So its text is written once; two are the same only when they are one.
    """

    term: int
    plan_id: uuid.UUID
    price_id: uuid.UUID
    reason: str
    period_start: date
    period_end: date
    anchored_start: date
    anchored_end: date
    quantity: int
    unit_price: Decimal
    net_cents: int
    vat_category: str
    vat_rate: Decimal
    text: str
    cause: str
    cause_on: date
    seats: int | None
    discount_id: uuid.UUID | None
    discount_cents: int | None
    lowered: Decimal | None

    @classmethod
    def of(cls, line: engine.Line, plan: Plan) -> "LineContent":
        """Return what a line of the engine says; `plan` is its own.

        Raises: LookupError when its price is none of ours.
        """
        if line.price.ref is None:
            raise LookupError(line.price)
        return cls(
            term=line.term,
            plan_id=plan.pk,
            price_id=line.price.ref,
            reason=line.reason.value,
            period_start=line.period.start,
            period_end=line.period.end,
            anchored_start=line.anchored.start,
            anchored_end=line.anchored.end,
            quantity=line.quantity,
            unit_price=line.price.unit_price,
            net_cents=line.net_cents,
            vat_category=line.vat.category.value,
            vat_rate=line.vat.rate,
            text=f"{plan.service.name}, {plan.name}",
            cause=line.cause.kind,
            cause_on=line.cause.on,
            seats=line.seats,
            discount_id=None if line.discount is None else line.discount.ref,
            discount_cents=None if line.discount is None else line.discount_cents,
            lowered=line.lowered,
        )


CONTENT_COLUMNS: Final = tuple(one.name for one in fields(LineContent))


class LineRow(NamedTuple):
    """A basis line as a run writes it by the thousand: whose it is, and what it says."""

    id: uuid.UUID
    basis_id: uuid.UUID
    position: int
    subscription_id: uuid.UUID
    change_id: uuid.UUID | None
    run_id: uuid.UUID | None
    credits_id: uuid.UUID | None
    content: LineContent

    @classmethod
    def read(cls, line: BasisLine) -> "LineRow":
        """Return a line of the database as a row."""
        return cls._make((*_read_own(line), LineContent(*_read_content(line))))


OWN_COLUMNS: Final = LineRow._fields[:-1]
_read_own = attrgetter(*OWN_COLUMNS)
_read_content = attrgetter(*CONTENT_COLUMNS)


class VatRow(NamedTuple):
    """The columns of a basis's sum at one VAT rate, as a run writes them."""

    basis_id: uuid.UUID
    category: str
    rate: Decimal
    base_cents: int
    vat_cents: int


class Unissued(NamedTuple):
    """What the number of a basis needs to know of it."""

    id: uuid.UUID
    company_id: uuid.UUID
    billing_date: date
    series_prefix: str
    body_sha256: str


@dataclass(frozen=True, slots=True)
class BasisPage:
    """A basis with everything that its page, its PDF and its hash need.

    Its page shows some of the lines at a time, the others all of them.
    """

    basis: InvoiceBasis
    lines: Sequence[BasisLine]
    vat_totals: Sequence[VatTotal]

    @property
    def is_reverse_charged(self) -> bool:
        """Whether the buyer accounts for VAT on any of it."""
        return any(
            part.category == engine.VatCategory.REVERSE_CHARGE.value for part in self.vat_totals
        )


def get_basis_page(basis: InvoiceBasis, lines: Sequence[BasisLine] | None = None) -> BasisPage:
    """Load a basis's lines and sums, or its sums beside these of its lines."""
    vat_totals = VatTotal.objects.filter(basis=basis).order_by("-rate", "category", "pk")
    shown = list(list_lines(basis)) if lines is None else lines
    return BasisPage(basis, shown, list(vat_totals))


def list_lines(basis: InvoiceBasis) -> QuerySet[BasisLine]:
    """List the lines of a basis with what their texts need."""
    return (
        BasisLine.objects.filter(basis=basis)
        .select_related("plan__service", "subscription__company", "change", "run", "discount")
        .select_related("price")  # how the seats of a tiered line fall on its tiers
        .in_order()
    )


def list_credits_of(basis: InvoiceBasis) -> Sequence[InvoiceBasis]:
    """List the bases that credit what another said, drafts too, in the order of their days."""
    return list(basis.credited_by.order_by("billing_date", "number", "pk"))


def list_bases(company: Company) -> QuerySet[InvoiceBasis]:
    """List what a company is to pay, newest first."""
    return InvoiceBasis.objects.for_company(company.pk).newest_first()


def list_bases_of_day(
    company_ids: Collection[uuid.UUID], billing_date: date
) -> Sequence[InvoiceBasis]:
    """List what companies have from a day already: drafts that gather, and what was issued."""
    return list(
        InvoiceBasis.objects.filter(
            company_id__in=company_ids, billing_date=billing_date, credits=None
        ).order_by("pk")
    )


def list_unissued(run: BillingRun, *, after: uuid.UUID, limit: int) -> Sequence[Unissued]:
    """List a run's next drafts to number, by customer from one on.

    What waits for an answer, and what has a line that the run's approver caused, stays a draft.
    """
    own = BasisLine.objects.filter(
        basis=OuterRef("pk"), change__isnull=False, change__actor_id=run.approved_by
    )
    rows = (
        InvoiceBasis.objects.drafts()
        .filter(~Exists(own), run=run, held_for="", company_id__gte=after)
        .order_by("company_id", "currency", "split_by", "po_number", "pk")
        .values_list(*_UNISSUED_COLUMNS)[:limit]
    )
    return [Unissued._make(row) for row in rows]


def list_standing_charges(
    basis: InvoiceBasis,
) -> Sequence[tuple[BasisLine, engine.Standing]]:
    """List what was charged on a basis and isn't credited in full, with how far it stands."""
    credited = dict(
        BasisLine.objects.filter(credits__basis=basis)
        .values_list("credits_id")
        .annotate(since=Min("period_start"))
        .order_by("credits_id")
    )
    lines = (
        BasisLine.objects.filter(basis=basis, credits=None)
        .select_related("plan__service", "subscription", "discount")
        .in_order()
    )
    charges = [
        (line, engine.Standing(line.as_terms(), credited.get(line.pk, line.period_end)))
        for line in lines
    ]
    return [(line, one) for line, one in charges if one.until > one.line.period.start]


def list_held() -> Sequence[InvoiceBasis]:
    """List drafts that wait for an answer from outside."""
    return list(InvoiceBasis.objects.drafts().exclude(held_for="").order_by("billing_date", "pk"))


def list_numbers_to_check(*, asked_before: datetime) -> Sequence[str]:
    """List the VAT numbers that drafts wait for and that nobody was asked about lately."""
    waiting = InvoiceBasis.objects.drafts().filter(held_for=InvoiceBasis.Hold.VAT_NUMBER)
    numbers = set(
        waiting.values_list("company__vat_number", flat=True).order_by("company").distinct()
    )
    recent = VatNumberCheck.objects.filter(vat_number__in=numbers, asked_at__gte=asked_before)
    return sorted(numbers - set(recent.values_list("vat_number", flat=True)) - {""})


def list_line_rows(basis_ids: Collection[uuid.UUID]) -> Sequence[LineRow]:
    """List the lines of bases as rows, in order."""
    rows = BasisLine.objects.filter(basis_id__in=basis_ids).order_by("basis_id", "position", "pk")
    return [LineRow.read(line) for line in rows]


def get_exchange_rate(currency: str, day: date) -> ExchangeRate | None:
    """Return the rate of a day, or the latest before it that isn't too old."""
    return (
        ExchangeRate.objects.filter(currency=currency, on__lte=day, on__gte=day - OLDEST_RATE)
        .order_by("-on")
        .first()
    )


def load_vat_checks(vat_numbers: Collection[str]) -> Mapping[str, bool | None]:
    """Return what VIES has said of VAT numbers; those that it wasn't asked about are missing."""
    checks = VatNumberCheck.objects.filter(vat_number__in=vat_numbers)
    return dict(checks.values_list("vat_number", "is_valid").order_by("pk"))


def is_number_refused(basis: InvoiceBasis) -> bool:
    """Tell whether a basis waits because VIES called its customer's VAT number invalid."""
    if not basis.waits_for_vat_number:
        return False
    number = basis.customer_snapshot["vat_number"]
    return load_vat_checks([number]).get(number) is False


def get_current_seller() -> Seller | None:
    """Return who sells today."""
    return Seller.objects.filter(is_current=True).first()

"""The renewal runs: what is due, what a run would do, how one went."""

import hashlib
import itertools
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, NamedTuple

from django.db.models import Exists, Min, OuterRef, Q, QuerySet, Sum

from accounts.models import User
from billing import engine
from billing.models import (
    TOLD_AHEAD,
    BillingBatch,
    BillingRun,
    BillingRunItem,
    Subscription,
)
from billing.queries.bases import LineContent
from billing.queries.catalogue import PriceBook, load_price_book
from billing.queries.subscriptions import (
    DueRow,
    Situation,
    get_tax_place,
    list_due_discounts,
    list_due_rows,
)
from companies.models import Company

BATCH_SIZE: Final = 500  # customers in a transaction
_DIGEST_LENGTH: Final = 16
# What a basis copies of a customer, and the log says of it: the others stay where they are.
_CUSTOMER_COLUMNS: Final = [
    "name", "country", "org_number", "vat_number", "invoice_recipient", "invoice_street",
    "invoice_postcode", "invoice_city", "invoice_country", "invoice_email", "invoice_reference",
    "invoice_delivery", "e_invoice_address",
]  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """What becomes of every subscription with the same terms: worked out once, shared by all.

    The engine's state and lines in it name no subscription. `told` is each line, and `through` how
    far it is billed then, as an approval binds to them.
    """

    outcome: engine.Outcome
    currency: str
    contents: tuple[LineContent, ...]
    net_cents: int
    told: tuple[str, ...]
    through: str

    @classmethod
    def of(cls, outcome: engine.Outcome, book: PriceBook) -> "Course":
        """Return an outcome with what a run writes of it."""
        lines = outcome.lines
        return cls(
            outcome,
            currency=book.by_code[outcome.subscription.plan].currency,
            contents=tuple(LineContent.of(line, book.by_code[line.plan]) for line in lines),
            net_cents=sum(line.net_cents for line in lines),
            told=tuple(
                f"{line.period.start} {line.period.end} {line.quantity} {line.price.unit_price}"
                f" {line.net_cents} {line.vat.rate} {line.vat.category}"
                for line in lines
            ),
            through=str(outcome.subscription.billed_through),
        )


class Renewal(NamedTuple):
    """A subscription that is due, its key as text, and what becomes of it."""

    row: DueRow
    ref: str
    course: Course


@dataclass(frozen=True, slots=True)
class CustomerWork:
    """What a run bills a customer, or why it can't."""

    company: Company
    renewals: tuple[Renewal, ...] = ()
    error: str = ""

    @property
    def key(self) -> str:
        """What the customer is called among a batch's digests."""
        return self.company.pk.hex

    @property
    def lines(self) -> list[engine.Line]:
        """All lines, by subscription."""
        return [line for renewal in self.renewals for line in renewal.course.outcome.lines]

    @property
    def nets(self) -> dict[str, int]:
        """The sum of the lines in each currency."""
        nets: dict[str, int] = {}
        for _row, _ref, course in self.renewals:
            nets[course.currency] = nets.get(course.currency, 0) + course.net_cents
        return nets

    @property
    def digest(self) -> str:
        """A short hash of what is billed: an approval holds for exactly this."""
        told = [f"{ref} {line}" for _row, ref, course in self.renewals for line in course.told]
        told += [f"{ref} through {course.through}" for _row, ref, course in self.renewals]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:_DIGEST_LENGTH]


@dataclass(frozen=True, slots=True)
class RunTotals:
    """How a run went, or would go: `due` customers are billed, skipped or parked."""

    due: int = 0
    billed: int = 0
    skipped: int = 0
    parked: int = 0
    lines: int = 0
    ended: int = 0
    nets: Mapping[str, int] = field(default_factory=dict)

    @property
    def amounts(self) -> list[tuple[str, int]]:
        """The net sums, by currency."""
        return sorted(self.nets.items())


def list_due_payers(
    as_of: date,
    *,
    first: uuid.UUID | None = None,
    until: uuid.UUID | None = None,
    today: date | None = None,
) -> Sequence[uuid.UUID]:
    """List the companies with something to renew or end by a day, by id, within [first, until)."""
    due = Subscription.objects.due(as_of, today=today)
    if first is not None:
        due = due.filter(payer_id__gte=first)
    if until is not None:
        due = due.filter(payer_id__lt=until)
    return list(due.values_list("payer_id", flat=True).order_by("payer_id").distinct())


def find_payers(
    as_of: date, *, first: uuid.UUID, until: uuid.UUID | None = None
) -> QuerySet[Company]:
    """Find the companies, within [first, until), that something may be due for by a day.

    It looks at the cursors alone: whoever bills locks these and then reads what is due, by the
    one condition that says so.
    """
    has_begun = Q(billed_through__lte=as_of) | Q(cancel_on__lte=as_of)
    begun = Subscription.objects.running().filter(has_begun, payer=OuterRef("pk"))
    found = Company.objects.filter(Exists(begun), pk__gte=first)
    if until is not None:
        found = found.filter(pk__lt=until)
    return found.only(*_CUSTOMER_COLUMNS).order_by("pk")


def is_anything_due(as_of: date) -> bool:
    """Tell whether a run would have something to do."""
    return Subscription.objects.due(as_of).exists()


def find_oldest_due(as_of: date) -> date | None:
    """Return the day of the oldest period that should have been billed by a day."""
    oldest: date | None = Subscription.objects.due(as_of).aggregate(day=Min("billed_through"))[
        "day"
    ]
    return oldest


def find_oldest_unexplained(as_of: date) -> date | None:
    """Return the day of the oldest period due by a day whose payer is no exception of a run.

    A renewal that nobody was told of isn't due; it is late once a notice would have been out.
    """
    excused = BillingRunItem.objects.exclude(state=BillingRunItem.State.DONE)
    late = Subscription.objects.due(as_of) | Subscription.objects.waiting(as_of - TOLD_AHEAD)
    unexplained = late.exclude(payer__in=excused.values("company"))
    oldest: date | None = unexplained.aggregate(day=Min("billed_through"))["day"]
    return oldest


def is_waiting(subscription: Subscription, as_of: date) -> bool:
    """Tell whether a renewal that has begun waits for a notice to have been out long enough."""
    return Subscription.objects.waiting(as_of).filter(pk=subscription.pk).exists()


def count_waiting(as_of: date, *, today: date | None = None) -> int:
    """Count renewals that wait for a notice to have been out long enough.

    By a day that is far enough from `today`, everybody can still be told.
    """
    if today is not None and as_of - today >= TOLD_AHEAD:
        return 0
    return Subscription.objects.waiting(as_of).count()


def list_billing_staff() -> Sequence[User]:
    """List the people who work with billing."""
    staff = User.objects.filter(is_staff=True, is_active=True, groups__name="billing_ops")
    return list(staff.order_by("email", "pk"))


def work_out(
    payers: Mapping[uuid.UUID, Company],
    *,
    as_of: date,
    book: PriceBook,
    today: date | None = None,
) -> list[CustomerWork]:
    """Work out what each payer is billed by a day: preview and run alike, writing nothing.

    `today` is given by who looks ahead, as `SubscriptionQuerySet.due` tells.
    """
    rows = list_due_rows(payers.keys(), as_of=as_of, today=today)
    if today is not None and as_of - today >= TOLD_AHEAD:
        rows = [row._replace(told_through=as_of) for row in rows]
    own = list_due_discounts(payers.keys())
    return [
        _work_out(payers[payer_id], mine, as_of=as_of, book=book, discounts=own)
        for payer_id, mine in itertools.groupby(rows, key=attrgetter("payer_id"))
    ]


def preview_run(as_of: date, *, today: date | None = None) -> Iterator[CustomerWork]:
    """Work out a run with the function of the real one, a batch of customers at a time.

    `today` is given by who looks ahead: notices can still go out before a later day.
    """
    book = load_price_book()
    due = list_due_payers(as_of, today=today)
    for first in range(0, len(due), BATCH_SIZE):
        ids = due[first : first + BATCH_SIZE]
        payers = {company.pk: company for company in Company.objects.filter(pk__in=ids)}
        yield from work_out(payers, as_of=as_of, book=book, today=today)


def get_run(run_id: uuid.UUID) -> BillingRun:
    """Return a run.

    Raises: BillingRun.DoesNotExist.
    """
    return BillingRun.objects.get(pk=run_id)


def get_open_run(as_of: date) -> BillingRun | None:
    """Return the run of a day that isn't issued yet."""
    return BillingRun.objects.open().filter(as_of=as_of).first()


def list_runs_to_go_on_with() -> QuerySet[BillingRun]:
    """List runs that were approved or begun, and stopped before they were issued."""
    return BillingRun.objects.unfinished().order_by("as_of", "pk")


def list_runs_on_their_way() -> QuerySet[BillingRun]:
    """List issued runs that the accounts haven't acknowledged in full."""
    states = [BillingRun.State.ISSUED, BillingRun.State.EXPORTED]
    return BillingRun.objects.filter(state__in=states).order_by("as_of", "pk")


def get_run_totals(run: BillingRun) -> RunTotals:
    """Sum the batches of a run: what they did, or would do while it is a preview."""
    batches = BillingBatch.objects.filter(run=run)
    if run.state in {BillingRun.State.PREVIEW, BillingRun.State.APPROVED}:
        return _sum_previews(batches.order_by("number").values_list("preview", flat=True))
    sums = batches.aggregate(
        due=Sum("due_count", default=0),
        billed=Sum("billed_count", default=0),
        skipped=Sum("skipped_count", default=0),
        parked=Sum("parked_count", default=0),
        lines=Sum("line_count", default=0),
        ended=Sum("ended_count", default=0),
    )
    nets: dict[str, int] = {}
    for one in batches.order_by("number").values_list("nets", flat=True):
        add_nets(nets, one)
    return RunTotals(**sums, nets=nets)


def list_exceptions(run: BillingRun) -> QuerySet[BillingRunItem]:
    """List the customers that a run couldn't bill, or didn't, with the reasons."""
    return (
        BillingRunItem.objects.filter(run=run)
        .exclude(state=BillingRunItem.State.DONE)
        .select_related("company")
        .order_by("state", "company__name", "pk")
    )


def list_parked(run: BillingRun) -> QuerySet[BillingRunItem]:
    """List the customers that a run couldn't bill, with the reasons."""
    return list_exceptions(run).filter(state=BillingRunItem.State.PARKED)


def hash_batches(run: BillingRun) -> str:
    """Return the SHA-256 over every customer's digest: what an approval binds to."""
    whole = hashlib.sha256()
    batches = BillingBatch.objects.filter(run=run).order_by("number")
    for digests in batches.values_list("digests", flat=True).iterator(chunk_size=50):
        for payer in sorted(digests):
            whole.update(f"{payer} {digests[payer]}\n".encode())
    return whole.hexdigest()


def add_nets(nets: dict[str, int], more: Mapping[str, int]) -> None:
    """Add amounts to amounts, by currency."""
    for currency, cents in more.items():
        nets[currency] = nets.get(currency, 0) + cents


def describe_preview(works: Iterable[CustomerWork]) -> dict[str, Any]:
    """Return what customers would be billed, as a batch keeps it."""
    nets: dict[str, int] = {}
    reasons: dict[str, str] = {}
    due = lines = 0
    for work in works:
        due += 1
        if work.error:
            reasons[str(work.company.pk)] = work.error
        lines += len(work.lines)
        add_nets(nets, work.nets)
    parked = len(reasons)
    return {
        "due": due,
        "billed": due - parked,
        "parked": parked,
        "reasons": reasons,
        "lines": lines,
        "nets": nets,
    }


def _work_out(
    payer: Company,
    rows: Iterable[DueRow],
    *,
    as_of: date,
    book: PriceBook,
    discounts: Mapping[uuid.UUID, tuple[engine.Discount, ...]],
) -> CustomerWork:
    buyer = get_tax_place(payer.country, payer.vat_number)
    renewals: list[Renewal] = []
    try:
        for row in rows:
            own = discounts.get(row.id, ())
            situation = Situation(row.terms, row.valid_until is not None, buyer, own)
            course = _find_course(book, situation, _renew_by(row, as_of))
            renewals.append(Renewal(row, str(row.id), course))
    except engine.EngineError as error:
        return CustomerWork(payer, error=f"{type(error).__name__}: {error}")
    return CustomerWork(payer, tuple(renewals))


@lru_cache(maxsize=8192)  # a run meets the same plans, seats and days again and again
def _find_course(book: PriceBook, situation: Situation, until: date) -> Course:
    """Work out what becomes of the subscriptions in a situation by a day.

    Raises: engine.EngineError.
    """
    return Course.of(engine.renew(book.catalogue, situation.state(book), as_of=until), book)


def _renew_by(row: DueRow, as_of: date) -> date:
    """Return the day by which periods are billed: the first is due, the next must be told of."""
    return min(as_of, max(row.terms.billed_through, row.told_through or date.min))


def _sum_previews(previews: Iterable[Mapping[str, Any]]) -> RunTotals:
    nets: dict[str, int] = {}
    counts = dict.fromkeys(["due", "billed", "parked", "lines"], 0)
    for preview in previews:
        for name in counts:
            counts[name] += preview.get(name, 0)
        add_nets(nets, preview.get("nets", {}))
    return RunTotals(**counts, nets=nets)

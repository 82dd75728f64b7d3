"""A batch of a run: up to a few hundred customers in one transaction."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from django.db.models import Count, F, QuerySet
from django.utils.translation import gettext as _

from auditlog.actors import Actor, Ref
from auditlog.operations import Entry, audit_each
from billing import engine
from billing.events import SubscriptionEvent
from billing.models import BillingBatch, BillingRun, BillingRunItem, InvoiceBasis, Subscription
from billing.operations.gathering import BasisKey, Charge, gather
from billing.operations.renewals import end_subscription
from billing.operations.state import follow_seats, lock_companies
from billing.queries import (
    CustomerWork,
    DueRow,
    PriceBook,
    Renewal,
    add_nets,
    describe_preview,
    find_payers,
    work_out,
)
from companies.models import Company
from vop.lib.bulk import update_rows
from vop.lib.clock import local_date
from vop.lib.db import step, use_case
from vop.lib.statements import fetch

_MOVED_COLUMNS: Final = ["id", "billed_through", "paid_quantity", "price_id", "cancel_on"]
_CHANGED_COLUMNS: Final = [
    "id", "plan_id", "term", "bought_on", "next_plan_id", "next_plan_ordered_on",
]  # fmt: skip
State = BillingRunItem.State


@dataclass(slots=True)
class Done:
    """What a batch came to."""

    billed: int = 0
    parked: int = 0
    lines: int = 0
    ended: int = 0
    nets: dict[str, int] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    def add(self, other: "Done") -> None:
        """Count another part of the batch."""
        self.billed += other.billed
        self.parked += other.parked
        self.lines += other.lines
        self.ended += other.ended
        add_nets(self.nets, other.nets)
        self.digests.update(other.digests)


@use_case
def preview_batch(*, run: BillingRun, book: PriceBook) -> BillingBatch | None:
    """Work out the next batch of a preview that nobody has; None when there is none."""
    waiting = BillingBatch.objects.filter(
        run=run, run__state=BillingRun.State.PREVIEW, state=BillingBatch.State.PLANNED
    )
    batch = _claim(waiting)
    if batch is None:
        return None
    found = fetch(find_payers(run.as_of, first=batch.first_payer, until=batch.until_payer))
    works = work_out({company.pk: company for company in found}, as_of=run.as_of, book=book)
    batch.preview = describe_preview(works)
    batch.digests = _digests(works)
    batch.state = BillingBatch.State.PREVIEWED
    batch.save(update_fields=["preview", "digests", "state"])
    return batch


@use_case
def bill_batch(
    *,
    run: BillingRun,
    book: PriceBook,
    actor: Actor,
    now: datetime,
    claimed: list[uuid.UUID],
) -> Done | None:
    """Bill the next batch that nobody has; None when there is none.

    `claimed` learns which batch it was, also when billing it fails.

    Raises: NoSellerError.
    """
    waiting = BillingBatch.objects.filter(run=run, run__state=BillingRun.State.RUNNING)
    batch = _claim(waiting.exclude(state=BillingBatch.State.DONE))
    if batch is None:
        return None
    claimed.append(batch.pk)
    found = find_payers(run.as_of, first=batch.first_payer, until=batch.until_payer)
    locked = fetch(found.select_for_update(of=("self",), no_key=True))
    works = work_out({company.pk: company for company in locked}, as_of=run.as_of, book=book)
    batch.due_count = max(batch.due_count, batch.billed_count + len(works))
    gone = batch.due_count - batch.billed_count - len(works)
    done = _bill(run, batch, works, book=book, actor=actor, now=now)
    _close(batch, gone=gone)
    return done


@use_case
def bill_one_customer(
    *, batch: BillingBatch, payer_id: uuid.UUID, book: PriceBook, actor: Actor, now: datetime
) -> Done:
    """Bill one customer of a batch that the database refused as a whole.

    Raises: whatever is wrong with that customer.
    """
    locked = BillingBatch.objects.select_for_update(of=("self",), no_key=True).get(pk=batch.pk)
    run = BillingRun.objects.get(pk=locked.run_id)
    works = work_out(lock_companies(payer_id), as_of=run.as_of, book=book)
    done = _bill(run, locked, works, book=book, actor=actor, now=now)
    locked.save(update_fields=_COUNTS)
    return done


@use_case
def close_batch(*, batch: BillingBatch) -> BillingBatch:
    """Mark a batch done that was billed customer by customer."""
    locked = BillingBatch.objects.select_for_update(of=("self",), no_key=True).get(pk=batch.pk)
    found = locked.billed_count + sum(_count_exceptions(locked).values())
    locked.due_count = max(locked.due_count, found)
    _close(locked, gone=locked.due_count - found)
    return locked


@use_case
def park_customer(
    *, batch: BillingBatch, payer_id: uuid.UUID, error: Exception, now: datetime
) -> None:
    """Write down why a customer couldn't be billed; the next run tries again."""
    payer = lock_companies(payer_id)[payer_id]
    reason = f"{type(error).__name__}: {getattr(error, 'message', error)}"
    _note(batch.run_id, payer, State.PARKED, reason, now)


_COUNTS: Final = ["billed_count", "line_count", "ended_count", "nets", "digests"]


@step
def _bill(
    run: BillingRun,
    batch: BillingBatch,
    works: Sequence[CustomerWork],
    *,
    book: PriceBook,
    actor: Actor,
    now: datetime,
) -> Done:
    """Bill the customers that can be billed and were agreed to; note why the others can't."""
    agreed = batch.digests if run.is_approved else None
    digests = _digests(works)
    done = Done()
    good: list[CustomerWork] = []
    for work in works:
        if work.error:
            _note(run.pk, work.company, State.PARKED, work.error, now)
            done.parked += 1
        elif agreed is not None and agreed.get(work.key) != digests[work.key]:
            reason = _("It has changed since the run was approved. The next run takes it up.")
            _note(run.pk, work.company, State.SKIPPED, reason, now)
        else:
            good.append(work)
    done.billed = len(good)
    done.digests = {work.key: digests[work.key] for work in good}
    _renew(run, good, book=book, actor=actor, now=now, done=done)
    _clear(batch, good, now)
    batch.billed_count += done.billed
    batch.line_count += done.lines
    batch.ended_count += done.ended
    add_nets(batch.nets, done.nets)
    is_first = agreed is not None or batch.state == BillingBatch.State.PREVIEWED
    batch.digests = done.digests if is_first else {**batch.digests, **done.digests}
    return done


@step
def _renew(
    run: BillingRun,
    works: Sequence[CustomerWork],
    *,
    book: PriceBook,
    actor: Actor,
    now: datetime,
    done: Done,
) -> None:
    """Move the cursors, put the lines on bases, carry out ends, and tell the companies."""
    renewals = [renewal for work in works for renewal in work.renewals]
    charges = [
        Charge.of(
            renewal.row,
            payer=work.company,
            currency=renewal.course.currency,
            lines=renewal.course.outcome.lines,
            run_id=run.pk,
            contents=renewal.course.contents,
        )
        for work in works
        for renewal in work.renewals
    ]
    _move_cursors(renewals, book)
    billing_date = max(run.as_of, local_date(now))
    bases = gather(charges, plans=book.by_code, billing_date=billing_date, now=now)
    for work in works:
        done.lines += sum(len(renewal.course.contents) for renewal in work.renewals)
        add_nets(done.nets, work.nets)
        for renewal in work.renewals:
            _follow(renewal, book, actor=actor, now=now)
            done.ended += _end(renewal, run.as_of, actor=actor, now=now)
    _tell(works, list(zip(renewals, charges, strict=True)), bases, actor=actor, now=now)


def _move_cursors(renewals: Sequence[Renewal], book: PriceBook) -> None:
    """Write what the engine decided; only where a new plan began is there more than a cursor."""
    moved: list[tuple[object, ...]] = []
    changed: list[tuple[object, ...]] = []
    for renewal in renewals:
        row, outcome = renewal.row, renewal.course.outcome
        state = outcome.subscription
        if not outcome.lines and state.cancel_on == row.terms.cancel_on:
            continue
        price = None if state.price is None else state.price.ref
        moved.append((row.id, state.billed_through, state.paid_quantity, price, state.cancel_on))
        if row.terms.next_plan_id is not None and state.next_plan is None:
            plan = book.by_code[state.plan].pk
            changed.append((row.id, plan, state.term, state.bought_on, None, None))
    update_rows(Subscription, _MOVED_COLUMNS, moved)
    update_rows(Subscription, _CHANGED_COLUMNS, changed)


def _follow(renewal: Renewal, book: PriceBook, *, actor: Actor, now: datetime) -> None:
    """Let the service's seat limit follow what is paid, where it doesn't already."""
    outcome = renewal.course.outcome
    state = outcome.subscription
    limit = state.quantity if book.by_code[state.plan].is_per_seat else None
    if outcome.lines and renewal.row.seat_limit != limit:
        subscription = _load(renewal.row)
        follow_seats(subscription=subscription, state=state, actor=actor, now=now)


def _end(renewal: Renewal, as_of: date, *, actor: Actor, now: datetime) -> bool:
    is_over = renewal.course.outcome.subscription.status_on(as_of) is engine.Status.ENDED
    if is_over:
        end_subscription(subscription=_load(renewal.row), actor=actor, now=now)
    return is_over


def _load(row: DueRow) -> Subscription:
    return (
        Subscription.objects.select_for_update(of=("self",), no_key=True)
        .select_related("company", "payer", "plan__service")
        .select_related("entitlement__service", "entitlement__company")
        .get(pk=row.id)
    )


@step
def _tell(
    works: Sequence[CustomerWork],
    charged: Iterable[tuple[Renewal, Charge]],
    bases: dict[BasisKey, InvoiceBasis],
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Write one event for each company and basis: what was renewed for whom, and until when.

    A company whose firm pays reads of its own subscriptions only.
    """
    groups: dict[tuple[uuid.UUID, BasisKey], list[Renewal]] = {}
    for renewal, charge in charged:
        if charge.lines:
            groups.setdefault((renewal.row.company_id, charge.key), []).append(renewal)
    names = {work.company.pk: work.company.ref for work in works}
    names |= _name_others({company_id for company_id, _key in groups} - set(names))
    entries = [
        Entry(
            company=names[company_id],
            target=names[company_id],
            data={
                "basis": str(bases[key].pk),
                "net_cents": sum(course.net_cents for _row, _ref, course in renewals),
                "periods": sum(len(course.contents) for _row, _ref, course in renewals),
                "through": {ref: course.through for _row, ref, course in renewals},
            },
            also_visible_to=(key.payer_id,),
        )
        for (company_id, key), renewals in groups.items()
    ]
    audit_each(SubscriptionEvent.RENEWED, entries, actor=actor, now=now)


def _name_others(company_ids: set[uuid.UUID]) -> dict[uuid.UUID, Ref]:
    if not company_ids:
        return {}
    rows = Company.objects.filter(pk__in=company_ids).only("name").order_by("pk")
    return {company.pk: company.ref for company in rows}


def _claim(waiting: QuerySet[BillingBatch]) -> BillingBatch | None:
    rows = waiting.select_for_update(of=("self",), no_key=True, skip_locked=True)
    return rows.order_by("number").first()


def _digests(works: Sequence[CustomerWork]) -> dict[str, str]:
    return {work.key: work.digest for work in works if not work.error}


def _close(batch: BillingBatch, *, gone: int) -> None:
    """Mark a batch done; who was due and is so no more was billed by a change meanwhile."""
    exceptions = _count_exceptions(batch)
    batch.parked_count = exceptions.get(State.PARKED, 0)
    batch.skipped_count = exceptions.get(State.SKIPPED, 0) + gone
    batch.state = BillingBatch.State.DONE
    batch.save(update_fields=[*_COUNTS, "due_count", "parked_count", "skipped_count", "state"])


def _count_exceptions(batch: BillingBatch) -> dict[str, int]:
    rows = _list_exceptions(batch).values_list("state").annotate(count=Count("pk"))
    return dict(rows.order_by("state"))


def _list_exceptions(batch: BillingBatch) -> QuerySet[BillingRunItem]:
    items = BillingRunItem.objects.filter(run=batch.run_id, company_id__gte=batch.first_payer)
    if batch.until_payer is not None:
        items = items.filter(company_id__lt=batch.until_payer)
    return items.exclude(state=State.DONE)


def _note(run_id: uuid.UUID, payer: Company, state: str, reason: str, now: datetime) -> None:
    """Keep why a customer isn't billed; the payer must be locked."""
    values = {"state": state, "error": reason[:2000], "updated_at": now}
    item, created = BillingRunItem.objects.get_or_create(
        run_id=run_id, company=payer, defaults=values
    )
    if not created:
        BillingRunItem.objects.filter(pk=item.pk).update(attempts=F("attempts") + 1, **values)


def _clear(batch: BillingBatch, works: Sequence[CustomerWork], now: datetime) -> None:
    """Note that customers who were parked earlier in the run are billed after all."""
    billed = {work.company.pk for work in works}
    items = dict(_list_exceptions(batch).values_list("company_id", "pk").order_by("pk"))
    BillingRunItem.objects.filter(pk__in=[items[key] for key in billed & set(items)]).update(
        state=State.DONE, error="", attempts=F("attempts") + 1, updated_at=now
    )

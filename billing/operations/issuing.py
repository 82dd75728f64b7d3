"""Issuing bases: the number, taken last, and the hash; and putting right what was issued."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.utils.translation import gettext_lazy as _

from auditlog.actors import Actor
from auditlog.models import Event
from auditlog.operations import audit
from billing import engine
from billing.events import BasisEvent, SubscriptionEvent
from billing.models import BasisLine, BillingRun, InvoiceBasis, NumberSeries, SubscriptionChange
from billing.operations.gathering import (
    NAMESPACE,
    BasisKey,
    Charge,
    load_seller,
    start_basis,
    sum_up_again,
    take_snapshots,
)
from billing.operations.state import lock_companies, record_change
from billing.queries import Unissued, list_standing_charges, list_unissued
from billing.rendering import seal
from companies.models import Company
from vop.lib.bulk import update_rows
from vop.lib.clock import local_date
from vop.lib.db import step, use_case
from vop.lib.errors import DomainError

BLOCK: Final = 5_000  # numbers taken in one transaction
_ISSUED_COLUMNS: Final = ["id", "series", "number", "state", "approved_at", "content_sha256"]


class AlreadyApprovedError(DomainError):
    message = _("This basis is approved already.")


class MakerApprovesError(DomainError):
    message = _("You caused a line on this basis. Somebody else must approve it.")


class BasisHeldError(DomainError):
    """A basis that waits for an answer from outside."""

    def __init__(self, basis: InvoiceBasis) -> None:
        text = _("This basis waits for %(what)s. It can be approved once that is there.")
        super().__init__(text % {"what": basis.get_held_for_display()})


class NotIssuedError(DomainError):
    message = _("Only an issued basis can be credited. A draft still changes.")


class NothingToCreditError(DomainError):
    message = _("Everything on this basis has been credited already.")


@use_case
def approve_basis(*, basis: InvoiceBasis, actor: Actor, now: datetime) -> InvoiceBasis:
    """Approve a draft by itself: it gets its number and its hash, and never changes again.

    The number is taken from the series' row, locked last, so that none is ever missing.

    Raises: AlreadyApprovedError, MakerApprovesError, BasisHeldError, NoSellerError.
    """
    company = lock_companies(basis.company_id)[basis.company_id]
    locked = InvoiceBasis.objects.select_for_update(of=("self",), no_key=True).get(pk=basis.pk)
    if not locked.is_draft:
        raise AlreadyApprovedError
    if has_made_a_line(actor, locked):
        raise MakerApprovesError
    take_snapshots(locked, company, load_seller())
    locked.save(update_fields=["seller_snapshot", "customer_snapshot"])
    sum_up_again(locked)
    if locked.held_for:
        raise BasisHeldError(locked)
    issue_alone(locked, now=now)
    audit(
        BasisEvent.APPROVED,
        actor=actor,
        now=now,
        company=company.ref,
        target=locked.ref,
        data={"payable_cents": locked.payable_cents, "sha256": locked.content_sha256},
    )
    return locked


@use_case
def issue_block(*, run: BillingRun, after: uuid.UUID, now: datetime) -> Sequence[Unissued]:
    """Give the next bases of an approved run their numbers; empty when there are no more.

    One transaction takes a whole block of numbers: the series' row stays locked until they stand
    on bases, so that a block that is rolled back leaves no gap.
    """
    locked = BillingRun.objects.select_for_update(of=("self",), no_key=True).get(pk=run.pk)
    if not locked.is_approved:
        return []
    bases = list_unissued(locked, after=after, limit=BLOCK)
    issue(bases, now=now)
    return bases


@step
def issue(bases: Sequence[Unissued], *, now: datetime) -> None:
    """Give drafts their numbers, in the order they come in, and their hashes."""
    rows: list[tuple[object, ...]] = []
    for code in sorted({_series_of(basis) for basis in bases}):
        mine = [basis for basis in bases if _series_of(basis) == code]
        for number, basis in enumerate(mine, start=_take_numbers(code, len(mine))):
            sealed = seal(basis.body_sha256, code, number)
            rows.append((basis.id, code, number, InvoiceBasis.State.APPROVED, now, sealed))
    update_rows(InvoiceBasis, _ISSUED_COLUMNS, rows)


@step
def issue_alone(basis: InvoiceBasis, *, now: datetime) -> None:
    """Give one draft its number and its hash; it must be locked."""
    prefix = basis.seller_snapshot["series_prefix"]
    row = Unissued(basis.pk, basis.company_id, basis.billing_date, prefix, basis.body_sha256)
    issue([row], now=now)
    basis.refresh_from_db(fields=_ISSUED_COLUMNS)


@use_case
def credit_basis(*, basis: InvoiceBasis, actor: Actor, now: datetime) -> InvoiceBasis:
    """Make a draft that gives back what remains of an issued basis, line by line.

    It refers to what it credits (ML 17 kap. 22 §), keeps its VAT rates and is approved like any
    other. What is paid for goes on; what is to end is cancelled by itself.

    Raises: NotIssuedError, NothingToCreditError.
    """
    company = lock_companies(basis.company_id)[basis.company_id]
    locked = InvoiceBasis.objects.select_for_update(of=("self",), no_key=True).get(pk=basis.pk)
    if locked.is_draft:
        raise NotIssuedError
    draft = locked.credited_by.filter(state=InvoiceBasis.State.DRAFT).first()
    if draft is not None:
        return draft
    standing = list_standing_charges(locked)
    if not standing:
        raise NothingToCreditError
    today = local_date(now)
    serial = locked.credited_by.count()
    credit = InvoiceBasis(
        id=uuid.uuid5(NAMESPACE, f"credit {locked.pk} {serial}"),
        company=company,
        credits=locked,
        billing_date=today,
        currency=locked.currency,
        split_by=locked.split_by,
        po_number=locked.po_number,
        created_at=now,
    )
    take_snapshots(credit, company, load_seller())
    charges = [
        _credit(row, charge, company, credit, actor=actor, now=now) for row, charge in standing
    ]
    start_basis(credit, charges, {row.plan.code: row.plan for row, _charge in standing})
    audit(
        BasisEvent.CREDITED,
        actor=actor,
        now=now,
        company=company.ref,
        target=locked.ref,
        data={"credit": str(credit.pk), "net_cents": credit.net_cents},
    )
    return credit


def has_made_a_line(actor: Actor, basis: InvoiceBasis) -> bool:
    """Tell whether a change, a run or a renewal on the basis was this actor's.

    A day has one open run, whoever starts it again, so the log says who renewed what.
    """
    made = BasisLine.objects.filter(basis=basis)
    renewed = Event.objects.filter(
        action=SubscriptionEvent.RENEWED, actor_id=actor.id, data__basis=str(basis.pk)
    )
    return bool(actor.id) and (
        made.filter(change__actor_id=actor.id).exists()
        or made.filter(run__started_by=actor.id).exists()
        or made.filter(run__made_by=actor.id).exists()
        or renewed.exists()
    )


def _credit(
    row: BasisLine,
    charge: engine.Standing,
    payer: Company,
    credit: InvoiceBasis,
    *,
    actor: Actor,
    now: datetime,
) -> Charge:
    """Return the credit of one line, with the decision that it comes from."""
    change = record_change(
        subscription=row.subscription,
        kind=SubscriptionChange.Kind.CREDIT,
        on=credit.billing_date,
        payload={"line": str(row.pk), "credit": str(credit.pk)},
        request_key=None,
        actor=actor,
        now=now,
    )
    cause = engine.Cause("credit", credit.billing_date)
    line = charge.credit_from(charge.line.period.start, cause)
    key = BasisKey(payer.pk, credit.currency, credit.split_by, credit.po_number)
    return Charge(payer, row.subscription_id, key, [line], change_id=change.pk)


def _series_of(basis: Unissued) -> str:
    return f"{basis.series_prefix}{basis.billing_date.year}"


def _take_numbers(code: str, count: int) -> int:
    """Take numbers from a series, whose row stays locked until the commit; return the first."""
    NumberSeries.objects.get_or_create(code=code)
    series = NumberSeries.objects.select_for_update().get(code=code)
    first = series.last + 1
    series.last += count
    series.save(update_fields=["last"])
    return first

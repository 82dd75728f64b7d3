"""Gathering lines on the basis of a day, and approving it."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import date, datetime

from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from auditlog.actors import Actor
from auditlog.models import Event
from auditlog.operations import audit
from billing import engine
from billing.events import BasisEvent, SubscriptionEvent
from billing.models import (
    BasisLine,
    BillingRun,
    InvoiceBasis,
    NumberSeries,
    Plan,
    Subscription,
    SubscriptionChange,
    VatTotal,
)
from billing.queries import get_basis_page, get_current_seller, get_draft, list_lines
from billing.rendering import describe_customer, describe_seller, hash_content
from companies.models import Company
from vop.lib.db import step, use_case
from vop.lib.errors import DomainError


class NoSellerError(DomainError):
    message = _("No seller is registered. Enter one in the admin first.")


class AlreadyApprovedError(DomainError):
    message = _("This basis is approved already.")


class MakerApprovesError(DomainError):
    message = _("You caused a line on this basis. Somebody else must approve it.")


@step
def gather_lines(
    *,
    payer: Company,
    subscription: Subscription,
    lines: Sequence[engine.Line],
    plans: Mapping[str, Plan],
    billing_date: date,
    actor: Actor,
    now: datetime,
    change: SubscriptionChange | None = None,
    run: BillingRun | None = None,
) -> InvoiceBasis | None:
    """Put lines on the payer's basis of a day; the payer's row must be locked.

    One basis per company, day and currency, or one per subscription that is kept apart. With no
    lines there is nothing to put.
    """
    if not lines:
        return None
    currency = subscription.plan.currency
    split_by = "" if subscription.consolidate else str(subscription.pk)
    basis = get_draft(payer, billing_date, currency, split_by)
    if basis is None:
        basis = _open_basis(payer, billing_date, currency, split_by, actor=actor, now=now)
    last = BasisLine.objects.filter(basis=basis).aggregate(last=Max("position"))["last"] or 0
    BasisLine.objects.bulk_create(
        [
            _to_row(
                line,
                basis=basis,
                position=position,
                subscription=subscription,
                plan=plans[line.plan],
                change=change,
                run=run,
            )
            for position, line in enumerate(lines, start=last + 1)
        ]
    )
    _sum_up(basis)
    return basis


@use_case
def approve_basis(*, basis: InvoiceBasis, actor: Actor, now: datetime) -> InvoiceBasis:
    """Approve a draft: it gets its number and its hash, and never changes again.

    The number is taken from the series' row, locked last, so that none is ever missing.

    Raises: AlreadyApprovedError, MakerApprovesError, NoSellerError.
    """
    company = _lock_company(basis.company_id)
    locked = InvoiceBasis.objects.select_for_update(of=("self",), no_key=True).get(pk=basis.pk)
    if not locked.is_draft:
        raise AlreadyApprovedError
    if _has_made_a_line(actor, locked):
        raise MakerApprovesError
    _take_snapshots(locked, company)
    _sum_up(locked)
    _take_number(locked)
    locked.state = InvoiceBasis.State.APPROVED
    locked.approved_at = now
    locked.content_sha256 = hash_content(get_basis_page(locked))
    locked.save()
    audit(
        BasisEvent.APPROVED,
        actor=actor,
        now=now,
        company=company.ref,
        target=locked.ref,
        data={"payable_cents": locked.payable_cents, "sha256": locked.content_sha256},
    )
    return locked


def _open_basis(
    payer: Company, billing_date: date, currency: str, split_by: str, *, actor: Actor, now: datetime
) -> InvoiceBasis:
    basis = InvoiceBasis(
        company=payer,
        billing_date=billing_date,
        currency=currency,
        split_by=split_by,
        created_at=now,
    )
    _take_snapshots(basis, payer)
    basis.save(force_insert=True)
    audit(BasisEvent.CREATED, actor=actor, now=now, company=payer.ref, target=basis.ref)
    return basis


def _take_snapshots(basis: InvoiceBasis, company: Company) -> None:
    seller = get_current_seller()
    if seller is None:
        raise NoSellerError
    basis.seller_snapshot = describe_seller(seller)
    basis.customer_snapshot = describe_customer(company)


def _to_row(
    line: engine.Line,
    *,
    basis: InvoiceBasis,
    position: int,
    subscription: Subscription,
    plan: Plan,
    change: SubscriptionChange | None,
    run: BillingRun | None,
) -> BasisLine:
    return BasisLine(
        basis=basis,
        position=position,
        subscription=subscription,
        plan=plan,
        price_id=_key_of(line.price),
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
        change=change,
        run=run,
        credits_id=line.credits.ref if line.credits is not None else None,
    )


def _key_of(price: engine.Price) -> uuid.UUID:
    if price.ref is None:
        raise LookupError(price)
    return price.ref


def _sum_up(basis: InvoiceBasis) -> None:
    totals = engine.total([line.as_terms() for line in list_lines(basis)], basis.currency)
    for part in totals.vat:
        VatTotal.objects.update_or_create(
            basis=basis,
            category=part.category.value,
            rate=part.rate,
            defaults={"base_cents": part.base_cents, "vat_cents": part.vat_cents},
        )
    basis.kind = totals.kind
    basis.net_cents = totals.net_cents
    basis.vat_cents = totals.vat_cents
    basis.rounding_cents = totals.rounding_cents
    basis.payable_cents = totals.payable_cents
    basis.save(update_fields=["kind", "net_cents", "vat_cents", "rounding_cents", "payable_cents"])


def _take_number(basis: InvoiceBasis) -> None:
    code = f"{basis.seller_snapshot['series_prefix']}{basis.billing_date.year}"
    NumberSeries.objects.get_or_create(code=code)
    series = NumberSeries.objects.select_for_update().get(code=code)
    series.last += 1
    series.save(update_fields=["last"])
    basis.series, basis.number = code, series.last


def _has_made_a_line(actor: Actor, basis: InvoiceBasis) -> bool:
    """Tell whether a change, a run or a renewal on the basis was this actor's.

    A day has one run, whoever starts it again, so the log says who renewed what.
    """
    made = BasisLine.objects.filter(basis=basis)
    renewed = Event.objects.filter(
        action=SubscriptionEvent.RENEWED, actor_id=actor.id, data__basis=str(basis.pk)
    )
    return bool(actor.id) and (
        made.filter(change__actor_id=actor.id).exists()
        or made.filter(run__started_by=actor.id).exists()
        or renewed.exists()
    )


def _lock_company(company_id: uuid.UUID) -> Company:
    return Company.objects.select_for_update(of=("self",), no_key=True).get(pk=company_id)

"""Buying a plan."""

import uuid
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from auditlog.actors import Actor
from auditlog.operations import audit
from billing import engine
from billing.events import OrderEvent, SubscriptionEvent
from billing.models import Order, Plan, Subscription, SubscriptionChange
from billing.notifications import send_order_confirmation
from billing.operations.gathering import Charge, bill_change
from billing.operations.state import lock_companies, record_change
from billing.queries import OrderPreview, get_plan, preview_order
from companies.models import Company, Membership
from services.models import Entitlement
from services.operations import entitle_company, seat_member
from services.queries import list_roles
from vop.lib.clock import local_date
from vop.lib.db import use_case
from vop.lib.errors import DomainError


class NotForSaleError(DomainError):
    message = _("This plan can't be bought right now. Choose another, or contact us.")


class PreviewChangedError(DomainError):
    message = _("The price has changed since you saw it. Look at it again before you confirm.")


@use_case
def buy_plan(
    *,
    company: Company,
    plan: Plan,
    quantity: int,
    buyer: User,
    preview_sha256: str,
    request_key: uuid.UUID,
    actor: Actor,
    now: datetime,
    seat_for: Membership | None = None,
    po_number: str = "",
    reference: str = "",
) -> Order:
    """Buy what was previewed: subscription, access, basis line and confirmation in one.

    The same `request_key` again returns the first order, so that a double click buys once.
    `seat_for` gives the buyer a seat at once.

    Raises: NotForSaleError, PreviewChangedError, services.operations.AlreadyEntitledError,
    NoSellerError.
    """
    company = lock_companies(company.pk)[company.pk]
    placed = Order.objects.filter(request_key=request_key, company=company).first()
    if placed is not None:
        return placed
    if company.closed_at is not None:  # while the preview was open
        raise NotForSaleError
    preview = _preview_again(company, plan, quantity, now)
    if preview.sha256 != preview_sha256:
        raise PreviewChangedError
    entitlement = _give_access(company, preview, seat_for, actor=actor, now=now)
    subscription = _start_subscription(company, preview, entitlement, po_number, reference)
    order = Order.objects.create(
        company=company,
        placed_by=buyer,
        plan=preview.plan,
        subscription=subscription,
        quantity=preview.quantity,
        preview=preview.facts,
        preview_sha256=preview.sha256,
        terms_version=preview.terms.version,
        terms=preview.terms,
        request_key=request_key,
        placed_at=now,
    )
    _tell_of_order(order, preview, actor=actor, now=now)
    _bill(order, preview, actor=actor, now=now)
    send_order_confirmation(order, preview)
    return order


def _preview_again(company: Company, plan: Plan, quantity: int, now: datetime) -> OrderPreview:
    offered = get_plan(plan.code)
    if offered is None:
        raise NotForSaleError
    try:
        return preview_order(company, offered, quantity, at=now)
    except engine.EngineError as error:
        raise NotForSaleError from error


def _give_access(
    company: Company,
    preview: OrderPreview,
    seat_for: Membership | None,
    *,
    actor: Actor,
    now: datetime,
) -> Entitlement:
    plan = preview.plan
    entitlement = entitle_company(
        company=company,
        service=plan.service,
        seat_limit=preview.quantity if plan.is_per_seat else None,
        actor=actor,
        now=now,
    )
    role = list_roles(plan.service).filter(is_default=True).first()
    if seat_for is not None and role is not None:
        seat_member(entitlement=entitlement, membership=seat_for, role=role, actor=actor, now=now)
    return entitlement


def _start_subscription(
    company: Company,
    preview: OrderPreview,
    entitlement: Entitlement,
    po_number: str,
    reference: str,
) -> Subscription:
    state = preview.outcome.subscription
    return Subscription.objects.create(
        company=company,
        payer=company,
        plan=preview.plan,
        entitlement=entitlement,
        quantity=state.quantity,
        paid_quantity=state.paid_quantity,
        anchor=state.anchor,
        bought_on=state.bought_on,
        billed_through=state.billed_through,
        trial_until=state.trial_until,
        price_id=state.price.ref if state.price is not None else None,
        po_number=po_number,
        reference=reference,
    )


def _bill(order: Order, preview: OrderPreview, *, actor: Actor, now: datetime) -> None:
    change = record_change(
        subscription=order.subscription,
        kind=SubscriptionChange.Kind.SUBSCRIBE,
        on=local_date(now),
        payload={"order": str(order.pk), "quantity": order.quantity},
        request_key=None,
        actor=actor,
        now=now,
    )
    charge = Charge.of(
        order.subscription,
        payer=order.company,
        currency=preview.plan.currency,
        lines=preview.outcome.lines,
        change_id=change.pk,
    )
    bill_change(charge, plans={preview.plan.code: preview.plan}, actor=actor, now=now)


def _tell_of_order(order: Order, preview: OrderPreview, *, actor: Actor, now: datetime) -> None:
    data = {
        "plan": order.plan.code,
        "quantity": order.quantity,
        "currency": order.plan.currency,
        "net_cents": preview.now.net_cents,
    }
    audit(
        OrderEvent.PLACED,
        actor=actor,
        now=now,
        company=order.company.ref,
        target=order.ref,
        data=data,
    )
    audit(
        SubscriptionEvent.CREATED,
        actor=actor,
        now=now,
        company=order.company.ref,
        target=order.subscription.ref,
        data=data,
    )

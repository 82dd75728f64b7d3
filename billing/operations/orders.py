"""Buying a plan."""

import uuid
from datetime import date, datetime

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from auditlog.actors import Actor
from auditlog.operations import audit
from billing import engine
from billing.events import OrderEvent, SubscriptionEvent
from billing.models import (
    Order,
    PayerConsent,
    Plan,
    Subscription,
    SubscriptionChange,
    SubscriptionPayer,
)
from billing.notifications import send_order_confirmation
from billing.operations.gathering import Charge, bill_change
from billing.operations.state import lock_companies, record_change
from billing.queries import (
    OrderPreview,
    find_consent_of,
    get_plan,
    list_readers_of_change,
    preview_order,
)
from companies.models import Company, Membership
from services.models import Entitlement
from services.operations import entitle_company, seat_member
from services.queries import list_roles
from vop.lib.clock import local_date
from vop.lib.db import use_case
from vop.lib.errors import DomainError


class NotForSaleError(DomainError):
    message = _("This plan can't be bought right now. Choose another, or contact us.")


class NotAgreedError(DomainError):
    message = _("The firm hasn't agreed to pay for the company. Ask it to, then try again.")


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
    payer: Company | None = None,
    seat_for: Membership | None = None,
    po_number: str = "",
    reference: str = "",
    has_own_basis: bool = False,
) -> Order:
    """Buy what was previewed: subscription, access, basis line and confirmation in one.

    The same `request_key` again returns the first order, so that a double click buys once.
    `seat_for` gives the buyer a seat at once. A firm that has agreed to can be the `payer`: it
    pays from the first line on. With `has_own_basis` the subscription shares none with others.

    Raises: NotForSaleError, NotAgreedError, PreviewChangedError,
    services.operations.AlreadyEntitledError, NoSellerError.
    """
    payer_id = company.pk if payer is None else payer.pk
    locked = lock_companies(company.pk, payer_id)
    company, payer = locked[company.pk], locked[payer_id]
    placed = Order.objects.filter(request_key=request_key, company=company).first()
    if placed is not None:
        return placed
    if company.closed_at is not None:  # while the preview was open
        raise NotForSaleError
    consent = _find_consent(company, payer, at=now)
    preview = _preview_again(company, plan, quantity, payer, now)
    if preview.sha256 != preview_sha256:
        raise PreviewChangedError
    entitlement = _give_access(company, preview, seat_for, actor=actor, now=now)
    subscription = _start_subscription(
        company,
        preview,
        entitlement,
        po_number=po_number,
        reference=reference,
        has_own_basis=has_own_basis,
    )
    _let_pay(subscription, consent, on=local_date(now))
    order = _place_order(subscription, preview, buyer, request_key, now)
    _tell_of_order(order, preview, actor=actor, now=now)
    _bill(order, preview, actor=actor, now=now)
    readers = list_readers_of_change(subscription, buyer, at=now)
    send_order_confirmation(order, preview, readers)
    return order


def _place_order(
    subscription: Subscription,
    preview: OrderPreview,
    buyer: User,
    request_key: uuid.UUID,
    now: datetime,
) -> Order:
    return Order.objects.create(
        company=subscription.company,
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


def _find_consent(company: Company, payer: Company, *, at: datetime) -> PayerConsent | None:
    """Return what another payer has agreed to; a company pays for itself without."""
    if payer.pk == company.pk:
        return None
    consent = find_consent_of(payer, company, at=at)
    if consent is None:
        raise NotAgreedError
    return consent


def _preview_again(
    company: Company, plan: Plan, quantity: int, payer: Company, now: datetime
) -> OrderPreview:
    offered = get_plan(plan.code)
    if offered is None:
        raise NotForSaleError
    try:
        return preview_order(company, offered, quantity, payer=payer, at=now)
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
    *,
    po_number: str,
    reference: str,
    has_own_basis: bool,
) -> Subscription:
    state = preview.outcome.subscription
    return Subscription.objects.create(
        company=company,
        payer=preview.payer,
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
        consolidate=not has_own_basis,
    )


def _let_pay(subscription: Subscription, consent: PayerConsent | None, *, on: date) -> None:
    if consent is not None:
        SubscriptionPayer.objects.create(
            subscription=subscription, payer=subscription.payer, consent=consent, valid_from=on
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
        payer=preview.payer,
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
    others = [preview.payer.pk] if preview.is_paid_by_other else []
    if others:
        data["payer"] = preview.payer.name
    audit(
        OrderEvent.PLACED,
        actor=actor,
        now=now,
        company=order.company.ref,
        target=order.ref,
        data=data,
        also_visible_to=others,
    )
    audit(
        SubscriptionEvent.CREATED,
        actor=actor,
        now=now,
        company=order.company.ref,
        target=order.subscription.ref,
        data=data,
        also_visible_to=others,
    )

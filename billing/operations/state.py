"""Between the rows of a subscription and the engine that decides about it."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from auditlog.actors import Actor
from billing import engine
from billing.models import Plan, Price, Subscription, SubscriptionChange
from companies.models import Company
from services.operations import change_seat_limit
from vop.lib.db import step

STATE_FIELDS = [
    "plan",
    "term",
    "quantity",
    "paid_quantity",
    "bought_on",
    "billed_through",
    "price",
    "next_plan",
    "next_plan_ordered_on",
    "cancel_on",
]


def lock_companies(*company_ids: uuid.UUID) -> dict[uuid.UUID, Company]:
    """Lock companies by id: whoever buys, changes or bills for them waits here."""
    rows = (
        Company.objects.select_for_update(of=("self",), no_key=True)
        .filter(pk__in=company_ids)
        .order_by("pk")
    )
    return {company.pk: company for company in rows}


def lock_subscription(subscription: Subscription, *others: uuid.UUID) -> Subscription:
    """Lock a subscription, its payer and other companies first, and return it as it is now.

    Who pays may have changed while we waited: whoever changes it holds the company's lock.
    """
    companies = {subscription.company_id, *others}
    row = Subscription.objects.filter(pk=subscription.pk)
    lock_companies(*companies, row.values_list("payer_id", flat=True).get())
    locked = _lock_row(subscription)
    if locked.payer_id not in companies:
        lock_companies(locked.payer_id)
    return locked


def _lock_row(subscription: Subscription) -> Subscription:
    return (
        Subscription.objects.select_for_update(of=("self",), no_key=True)
        .select_related("company", "payer", "plan__service", "price", "next_plan__service")
        .select_related("entitlement__service", "entitlement__company")
        .get(pk=subscription.pk)
    )


def list_plans_of(subscriptions: Iterable[Subscription]) -> dict[str, Plan]:
    """Return the plans that subscriptions have or will have, by code."""
    plans: dict[str, Plan] = {}
    for row in subscriptions:
        plans[row.plan.code] = row.plan
        if row.next_plan is not None:
            plans[row.next_plan.code] = row.next_plan
    return plans


def apply_state(
    subscription: Subscription, state: engine.Subscription, plans: Mapping[str, Plan]
) -> None:
    """Write what the engine decided on the row, without saving it."""
    subscription.plan = plans[state.plan]
    subscription.term = state.term
    subscription.quantity = state.quantity
    subscription.paid_quantity = state.paid_quantity
    subscription.bought_on = state.bought_on
    subscription.billed_through = state.billed_through
    if state.price is not None and state.price.ref != subscription.price_id:
        subscription.price = Price.objects.get(pk=str(state.price.ref))
    subscription.next_plan = None if state.next_plan is None else plans[state.next_plan]
    subscription.next_plan_ordered_on = state.next_plan_ordered_on
    subscription.cancel_on = state.cancel_on


@step
def follow_seats(
    *, subscription: Subscription, state: engine.Subscription, actor: Actor, now: datetime
) -> None:
    """Give the service as many seats as were asked for last; a flat price has no limit.

    Fewer hold at once, though they are paid for until the renewal: seats taken in between would
    be used for nothing after it.
    """
    limit = state.quantity if subscription.plan.is_per_seat else None
    if subscription.entitlement.seat_limit != limit:
        subscription.entitlement = change_seat_limit(
            entitlement=subscription.entitlement, seat_limit=limit, actor=actor, now=now
        )


@step
def record_change(
    *,
    subscription: Subscription,
    kind: SubscriptionChange.Kind,
    on: date,
    payload: Mapping[str, Any],
    request_key: uuid.UUID | None,
    actor: Actor,
    now: datetime,
) -> SubscriptionChange:
    """Keep what was decided, by whom and when: the cause of its lines."""
    return SubscriptionChange.objects.create(
        subscription=subscription,
        kind=kind,
        effective_on=on,
        recorded_at=now,
        payload=dict(payload),
        actor_kind=actor.kind,
        actor_id=actor.id,
        request_key=request_key,
    )

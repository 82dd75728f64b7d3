"""Changing how a company pays for a service: another plan, and what its bases refer to."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from auditlog.actors import Actor
from auditlog.operations import audit
from billing import engine
from billing.events import SubscriptionEvent
from billing.models import Plan, Subscription, SubscriptionChange
from billing.notifications import send_plan_changed
from billing.operations.gathering import Charge, bill_change
from billing.operations.orders import NotForSaleError, PreviewChangedError
from billing.operations.renewals import catch_up
from billing.operations.state import (
    STATE_FIELDS,
    apply_state,
    follow_seats,
    list_plans_of,
    lock_subscription,
    record_change,
)
from billing.operations.subscriptions import CannotBePricedError, check_running
from billing.queries import (
    decide_plan,
    find_doer,
    list_other_plans,
    list_readers_of_change,
    load_catalogue,
    preview_plan,
)
from vop.lib.clock import local_date
from vop.lib.db import step, use_case
from vop.lib.errors import DomainError


class SamePlanError(DomainError):
    message = _("The subscription has this plan already. Choose another.")


class CancelledPlanError(DomainError):
    message = _("The subscription is cancelled. Undo the cancellation first, then change the plan.")


def check_plan(subscription: Subscription, plan: Plan, *, at: datetime) -> None:
    """Refuse a plan that the subscription can't get, before anything is shown or done.

    The plan that it has takes back a change that waits for the renewal.

    Raises: SubscriptionOverError, CancelledPlanError, SamePlanError, NotForSaleError.
    """
    check_running(subscription, at)
    if subscription.cancel_on is not None:
        raise CancelledPlanError
    if plan.pk == subscription.plan_id and subscription.next_plan_id is None:
        raise SamePlanError
    if plan.pk not in {other.pk for other in list_other_plans(subscription)}:
        raise NotForSaleError


@use_case
def change_plan(
    *,
    subscription: Subscription,
    plan: Plan,
    wait: bool,
    preview_sha256: str,
    request_key: uuid.UUID,
    actor: Actor,
    now: datetime,
) -> Subscription:
    """Change to another plan of the service as previewed: a dearer one today, others at renewal.

    `wait` lets a dearer one wait too. Today: the rest of what is paid is credited, and charged
    anew at the new plan. Sending the same form again changes nothing more.

    Raises: SubscriptionOverError, CancelledPlanError, SamePlanError, NotForSaleError,
    PreviewChangedError, CannotBePricedError.
    """
    locked = lock_subscription(subscription)
    if SubscriptionChange.objects.filter(request_key=request_key, subscription=locked).exists():
        return locked
    check_plan(locked, plan, at=now)
    today, before = local_date(now), locked.plan
    plans = {**list_plans_of([locked]), plan.code: plan}
    catalogue = load_catalogue(list(plans.values()))
    try:
        preview = preview_plan(locked, plan, wait=wait, at=now)
        if preview.sha256 != preview_sha256:
            raise PreviewChangedError
        caught = catch_up(locked, catalogue, on=today)
        outcome = decide_plan(locked, caught.subscription, catalogue, plan=plan, wait=wait, at=now)
    except engine.EngineError as error:
        raise CannotBePricedError from error
    lines = [*caught.lines, *outcome.lines]
    facts = {"from": before.code, "to": plan.code, "at_once": preview.is_at_once}
    apply_state(locked, outcome.subscription, plans)
    locked.save(update_fields=STATE_FIELDS)
    change = _bill(locked, lines, plans, facts, request_key, actor=actor, now=now)
    follow_seats(subscription=locked, state=outcome.subscription, actor=actor, now=now)
    audit(
        SubscriptionEvent.PLAN_CHANGED,
        actor=actor,
        now=now,
        company=locked.company.ref,
        target=locked.ref,
        data={
            "changes": {"plan": [before.name, plan.name]},
            "change": str(change.pk),
            "net_cents": preview.now.net_cents,
        },
        also_visible_to=[locked.payer_id],
    )
    readers = list_readers_of_change(locked, find_doer(actor), at=now)
    send_plan_changed(change, before, preview, readers, doer=actor.label)
    return locked


@step
def _bill(
    subscription: Subscription,
    lines: Sequence[engine.Line],
    plans: Mapping[str, Plan],
    facts: Mapping[str, Any],
    request_key: uuid.UUID,
    *,
    actor: Actor,
    now: datetime,
) -> SubscriptionChange:
    """Keep what was decided, and put what it makes on the basis of its day."""
    change = record_change(
        subscription=subscription,
        kind=SubscriptionChange.Kind.CHANGE_PLAN,
        on=local_date(now),
        payload=facts,
        request_key=request_key,
        actor=actor,
        now=now,
    )
    charge = Charge.of(
        subscription,
        payer=subscription.payer,
        currency=subscription.plan.currency,
        lines=lines,
        change_id=change.pk,
    )
    bill_change(charge, plans=plans, actor=actor, now=now)
    return change


@use_case
def change_references(
    *,
    subscription: Subscription,
    po_number: str,
    reference: str,
    actor: Actor,
    now: datetime,
    has_own_basis: bool | None = None,
) -> Subscription:
    """Set what coming bases of a subscription refer to; those that exist keep what they say.

    With `has_own_basis` it shares none with the company's other subscriptions; None leaves that.

    Raises: SubscriptionOverError.
    """
    locked = lock_subscription(subscription)
    check_running(locked, now)
    after: dict[str, Any] = {"po_number": po_number, "reference": reference}
    if has_own_basis is not None:
        after["consolidate"] = not has_own_basis
    before = {name: getattr(locked, name) for name in after}
    changes = {name: [before[name], new] for name, new in after.items() if before[name] != new}
    if not changes:
        return locked
    for name, value in after.items():
        setattr(locked, name, value)
    locked.save(update_fields=list(after))
    audit(
        SubscriptionEvent.REFERENCES_CHANGED,
        actor=actor,
        now=now,
        company=locked.company.ref,
        target=locked.ref,
        data={"fields": sorted(changes), "changes": changes},
        also_visible_to=[locked.payer_id],
    )
    return locked

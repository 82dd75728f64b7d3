"""Changing what a company subscribes to: more or fewer seats, cancel, undo."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from auditlog.actors import Actor
from auditlog.operations import audit
from billing import engine
from billing.events import SubscriptionEvent
from billing.models import Plan, Subscription, SubscriptionChange
from billing.notifications import (
    send_cancellation_undone,
    send_cancelled,
    send_seats_changed,
)
from billing.operations.gathering import Charge, bill_change
from billing.operations.orders import PreviewChangedError
from billing.operations.renewals import catch_up, end_subscription
from billing.operations.state import (
    STATE_FIELDS,
    apply_state,
    follow_seats,
    list_plans_of,
    lock_subscription,
    record_change,
)
from billing.queries import (
    Reader,
    count_taken_seats,
    find_doer,
    is_waiting,
    list_readers_of_change,
    load_catalogue,
    load_state,
    preview_seats,
)
from vop.lib.clock import local_date
from vop.lib.db import use_case
from vop.lib.errors import DomainError

Kind = SubscriptionChange.Kind


class SubscriptionOverError(DomainError):
    message = _("This subscription has ended. Buy the service again to go on using it.")


class CancelledAlreadyError(DomainError):
    message = _("This subscription is cancelled already.")


class NotCancelledYetError(DomainError):
    message = _("This subscription isn't cancelled.")


class SeatsUnchangedError(DomainError):
    message = _("This is the number of seats that you have. Choose another number.")


class SeatsTakenError(DomainError):
    """Fewer seats than people who have one."""

    def __init__(self, taken: int) -> None:
        text = ngettext(
            "%(taken)s person has a seat. Release it first, then lower the number.",
            "%(taken)s people have a seat. Release seats first, then lower the number.",
            taken,
        )
        super().__init__(text % {"taken": taken})


class CannotBePricedError(DomainError):
    message = _("The price can't be worked out right now. Contact us and we will help you.")


def check_seats(
    subscription: Subscription, quantity: int, *, at: datetime, taken: int | None = None
) -> None:
    """Refuse a number of seats that can't be, before anything is shown or done.

    `taken` is how many people have one, where it was counted just now.

    Raises: SubscriptionOverError, SeatsUnchangedError, SeatsTakenError.
    """
    check_running(subscription, at)
    if quantity == subscription.quantity:
        raise SeatsUnchangedError
    taken = count_taken_seats(subscription, at=at) if taken is None else taken
    if quantity < taken:
        raise SeatsTakenError(taken)


@use_case
def change_seats(
    *,
    subscription: Subscription,
    quantity: int,
    preview_sha256: str,
    request_key: uuid.UUID,
    actor: Actor,
    now: datetime,
) -> Subscription:
    """Set the number of seats as previewed: more cost from today, fewer from the next renewal.

    The new number holds at once: nobody can be seated beyond it.

    Sending the same form again changes nothing more.

    Raises: SubscriptionOverError, SeatsUnchangedError, SeatsTakenError, PreviewChangedError,
    CannotBePricedError.
    """
    locked = lock_subscription(subscription)
    if SubscriptionChange.objects.filter(request_key=request_key, subscription=locked).exists():
        return locked
    check_seats(locked, quantity, at=now)
    before, today = locked.quantity, local_date(now)
    plans = list_plans_of([locked])
    catalogue = load_catalogue(list(plans.values()))
    try:
        preview = preview_seats(locked, quantity, at=now)
        if preview.sha256 != preview_sha256:
            raise PreviewChangedError
        caught = catch_up(locked, catalogue, on=today)
        outcome = engine.change_quantity(
            catalogue, caught.subscription, quantity=quantity, on=today
        )
    except engine.EngineError as error:
        raise CannotBePricedError from error
    apply_state(locked, outcome.subscription, plans)
    locked.save(update_fields=STATE_FIELDS)
    change = record_change(
        subscription=locked,
        kind=Kind.CHANGE_QUANTITY,
        on=today,
        payload={"from": before, "to": quantity},
        request_key=request_key,
        actor=actor,
        now=now,
    )
    _bill(locked, [*caught.lines, *outcome.lines], change, plans, actor=actor, now=now)
    follow_seats(subscription=locked, state=outcome.subscription, actor=actor, now=now)
    facts = {"from": before, "to": quantity, "net_cents": sum(x.net_cents for x in outcome.lines)}
    _audit(SubscriptionEvent.QUANTITY_CHANGED, locked, change, facts, actor=actor, now=now)
    send_seats_changed(change, preview, _readers(locked, actor, now), doer=actor.label)
    return locked


@use_case
def cancel_subscription(*, subscription: Subscription, actor: Actor, now: datetime) -> Subscription:
    """Cancel at the end of what is paid; nothing more is billed.

    A renewal that the company wasn't told of in time is not billed either: what is paid has ended.

    Raises: SubscriptionOverError, CancelledAlreadyError, CannotBePricedError.
    """
    locked = lock_subscription(subscription)
    check_running(locked, now)
    if locked.cancel_on is not None:
        raise CancelledAlreadyError
    today = local_date(now)
    plans = list_plans_of([locked])
    catalogue = load_catalogue(list(plans.values()))
    untold = is_waiting(locked, today)
    try:
        caught = catch_up(locked, catalogue, on=locked.billed_through if untold else today)
    except engine.EngineError as error:
        raise CannotBePricedError from error
    outcome = engine.cancel(caught.subscription, on=locked.billed_through if untold else today)
    apply_state(locked, outcome.subscription, plans)
    locked.save(update_fields=STATE_FIELDS)
    change = _record_and_audit(
        locked, Kind.CANCEL, SubscriptionEvent.CANCEL_SCHEDULED, actor=actor, now=now
    )
    _bill(locked, caught.lines, change, plans, actor=actor, now=now)
    if locked.status_on(today) is engine.Status.ENDED:  # what is paid ended yesterday
        end_subscription(subscription=locked, actor=actor, now=now)
    send_cancelled(change, _readers(locked, actor, now), doer=actor.label)
    return locked


@use_case
def undo_cancellation(*, subscription: Subscription, actor: Actor, now: datetime) -> Subscription:
    """Take a cancellation back before it takes effect.

    Raises: SubscriptionOverError, NotCancelledYetError.
    """
    locked = lock_subscription(subscription)
    check_running(locked, now)
    if locked.cancel_on is None:
        raise NotCancelledYetError
    state = load_state(locked, payer=locked.payer)
    outcome = engine.undo_cancel(state, on=local_date(now))
    apply_state(locked, outcome.subscription, list_plans_of([locked]))
    locked.save(update_fields=STATE_FIELDS)
    change = _record_and_audit(
        locked, Kind.UNDO_CANCEL, SubscriptionEvent.CANCEL_UNDONE, actor=actor, now=now
    )
    send_cancellation_undone(change, _readers(locked, actor, now), doer=actor.label)
    return locked


def check_running(subscription: Subscription, now: datetime) -> None:
    """Refuse to change a subscription that is over.

    Raises: SubscriptionOverError.
    """
    is_over = subscription.status_on(local_date(now)) is engine.Status.ENDED
    if is_over or subscription.entitlement.has_ended(now):  # staff can withdraw a service
        raise SubscriptionOverError


def _readers(subscription: Subscription, actor: Actor, now: datetime) -> Sequence[Reader]:
    return list_readers_of_change(subscription, find_doer(actor), at=now)


def _record_and_audit(
    subscription: Subscription,
    kind: SubscriptionChange.Kind,
    event: SubscriptionEvent,
    *,
    actor: Actor,
    now: datetime,
) -> SubscriptionChange:
    ends = str(subscription.cancel_on or "")
    change = record_change(
        subscription=subscription,
        kind=kind,
        on=local_date(now),
        payload={"cancel_on": ends},
        request_key=None,
        actor=actor,
        now=now,
    )
    _audit(event, subscription, change, {"ends": ends}, actor=actor, now=now)
    return change


def _bill(
    subscription: Subscription,
    lines: Sequence[engine.Line],
    change: SubscriptionChange,
    plans: Mapping[str, Plan],
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Put what a change makes on the basis of its day, with what the run hasn't reached."""
    charge = Charge.of(
        subscription,
        payer=subscription.payer,
        currency=subscription.plan.currency,
        lines=lines,
        change_id=change.pk,
    )
    bill_change(charge, plans=plans, actor=actor, now=now)


def _audit(
    event: SubscriptionEvent,
    subscription: Subscription,
    change: SubscriptionChange,
    facts: Mapping[str, Any],
    *,
    actor: Actor,
    now: datetime,
) -> None:
    audit(
        event,
        actor=actor,
        now=now,
        company=subscription.company.ref,
        target=subscription.ref,
        data={**facts, "change": str(change.pk)},
        also_visible_to=[subscription.payer_id],
    )
